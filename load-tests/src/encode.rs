//! Whole requests, encoded before anything is measured.

use bytes::{BufMut, Bytes, BytesMut};
use clap::ValueEnum;
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, header};
use prost::Message;
use tidegate_testkit::remote_write::{self, Version};
use tidegate_testkit::{Series, json, push};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// Prometheus remote write 1.0: protobuf in snappy, over HTTP/1.1.
    RemoteWrite,
    /// Prometheus remote write 2.0.
    #[value(name = "remote-write-2")]
    RemoteWrite2,
    /// The native push: protobuf in zstd, over gRPC.
    Grpc,
    /// `POST /metrics`.
    Json,
}

impl Protocol {
    pub fn name(self) -> &'static str {
        match self {
            Self::RemoteWrite => "remote write 1.0",
            Self::RemoteWrite2 => "remote write 2.0",
            Self::Grpc => "native gRPC",
            Self::Json => "JSON",
        }
    }

    pub fn path(self) -> &'static str {
        match self {
            Self::RemoteWrite | Self::RemoteWrite2 => "/api/v1/write",
            Self::Grpc => "/tidegate.v1.Ingest/Push",
            Self::Json => "/metrics",
        }
    }

    pub fn is_grpc(self) -> bool {
        self == Self::Grpc
    }

    /// The headers of every request.
    pub fn headers(self) -> HeaderMap {
        let version = HeaderName::from_static("x-prometheus-remote-write-version");
        let encoding = HeaderName::from_static("grpc-encoding");
        let pairs = match self {
            Self::RemoteWrite | Self::RemoteWrite2 => {
                let protocol = self.version();
                vec![
                    (header::CONTENT_TYPE, protocol.content_type()),
                    (header::CONTENT_ENCODING, "snappy"),
                    (version, protocol.header()),
                ]
            }
            Self::Grpc => {
                vec![(header::CONTENT_TYPE, "application/grpc"), (header::TE, "trailers"), (encoding, "zstd")]
            }
            Self::Json => vec![(header::CONTENT_TYPE, "application/json")],
        };
        pairs.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect()
    }

    fn version(self) -> Version {
        if self == Self::RemoteWrite2 { Version::V2 } else { Version::V1 }
    }

    /// The body of a request. `session` and `sequence` are for those protocols that have them.
    pub fn body(self, series: &[Series], session: u64, sequence: u64) -> anyhow::Result<Bytes> {
        match self {
            Self::RemoteWrite | Self::RemoteWrite2 => Ok(remote_write::snappy(&self.version().encode(series))?.into()),
            Self::Grpc => {
                let mut id = [0; 16];
                id[..8].copy_from_slice(&session.to_be_bytes());
                let request = push::request(id, sequence, &format!("load-{session:x}"), series);
                grpc_frame(&zstd::bulk::compress(&request.encode_to_vec(), 1)?)
            }
            Self::Json => Ok(json::body(series).into()),
        }
    }
}

/// gRPC's length-prefixed message, marked as compressed.
fn grpc_frame(message: &[u8]) -> anyhow::Result<Bytes> {
    let mut framed = BytesMut::with_capacity(5 + message.len());
    framed.put_u8(1);
    framed.put_u32(u32::try_from(message.len())?);
    framed.put_slice(message);
    Ok(framed.freeze())
}
