//! Prometheus remote write 1.0 and 2.0, and the request that carries them.

use std::collections::HashMap;

use anyhow::Context;

use crate::{Series, wire};

/// Which of the two protocols a body is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V1,
    V2,
}

impl Version {
    /// The media type of a body.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::V1 => "application/x-protobuf",
            Self::V2 => "application/x-protobuf;proto=io.prometheus.write.v2.Request",
        }
    }

    /// The value of `X-Prometheus-Remote-Write-Version`.
    pub fn header(self) -> &'static str {
        match self {
            Self::V1 => "0.1.0",
            Self::V2 => "2.0.0",
        }
    }

    /// The body of a request before compression.
    pub fn encode(self, series: &[Series]) -> Vec<u8> {
        match self {
            Self::V1 => encode_v1(series),
            Self::V2 => encode_v2(series),
        }
    }
}

/// `prometheus.WriteRequest`.
pub fn encode_v1(series: &[Series]) -> Vec<u8> {
    let (mut out, mut message, mut part) = (Vec::new(), Vec::new(), Vec::new());
    for one in series {
        message.clear();
        for (name, value) in &one.labels {
            part.clear();
            wire::bytes(&mut part, 1, name.as_bytes());
            wire::bytes(&mut part, 2, value.as_bytes());
            wire::bytes(&mut message, 1, &part);
        }
        push_samples(&mut message, &mut part, &one.samples);
        wire::bytes(&mut out, 1, &message);
    }
    out
}

/// `io.prometheus.write.v2.Request`.
pub fn encode_v2(series: &[Series]) -> Vec<u8> {
    let mut symbols = Symbols::default();
    symbols.get("");
    let (mut all, mut message, mut part) = (Vec::new(), Vec::new(), Vec::new());
    for one in series {
        message.clear();
        part.clear();
        for (name, value) in &one.labels {
            wire::varint(&mut part, symbols.get(name));
            wire::varint(&mut part, symbols.get(value));
        }
        wire::bytes(&mut message, 1, &part);
        push_samples(&mut message, &mut part, &one.samples);
        wire::bytes(&mut all, 5, &message);
    }
    let mut out = Vec::with_capacity(all.len() * 2);
    for symbol in &symbols.list {
        wire::bytes(&mut out, 4, symbol.as_bytes());
    }
    out.extend_from_slice(&all);
    out
}

fn push_samples(message: &mut Vec<u8>, part: &mut Vec<u8>, samples: &[(i64, f64)]) {
    for (time_ms, value) in samples {
        part.clear();
        wire::double(part, 1, *value);
        wire::uint(part, 2, time_ms.cast_unsigned());
        wire::bytes(message, 2, part);
    }
}

#[derive(Default)]
struct Symbols<'a> {
    list: Vec<&'a str>,
    refs: HashMap<&'a str, u64>,
}

impl<'a> Symbols<'a> {
    fn get(&mut self, text: &'a str) -> u64 {
        *self.refs.entry(text).or_insert_with(|| {
            self.list.push(text);
            self.list.len() as u64 - 1
        })
    }
}

/// Snappy's block format, which remote write asks for.
pub fn snappy(body: &[u8]) -> anyhow::Result<Vec<u8>> {
    snap::raw::Encoder::new().compress_vec(body).context("snappy")
}

/// Sends series to `http_url` and returns the answer, whatever it is.
pub async fn send(http_url: &str, version: Version, series: &[Series]) -> anyhow::Result<reqwest::Response> {
    send_body(http_url, version, snappy(&version.encode(series))?).await
}

/// Sends a body as it is, good or bad.
pub async fn send_body(http_url: &str, version: Version, body: Vec<u8>) -> anyhow::Result<reqwest::Response> {
    let request = reqwest::Client::new()
        .post(format!("{http_url}/api/v1/write"))
        .header("content-type", version.content_type())
        .header("content-encoding", "snappy")
        .header("x-prometheus-remote-write-version", version.header())
        .body(body);
    Ok(request.send().await?)
}

#[cfg(test)]
mod tests;
