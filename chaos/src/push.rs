//! A batch, encoded once and sent again byte for byte until it is answered for good, in each protocol that has an
//! identity to know it by.

use std::time::Duration;

use prost::Message;
use tidegate_proto::v1::PushRequest;
use tidegate_proto::v1::ingest_client::IngestClient;
use tidegate_testkit::remote_write::{self, Version};
use tidegate_testkit::{Series, json, push};
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// Longer than a gateway waits for its log.
const ANSWER_LIMIT: Duration = Duration::from_secs(40);
/// A wait that is asked for, at most; a run must end.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// gRPC with session and sequence.
    Native,
    /// HTTP with an `Idempotency-Key`.
    Json,
    /// Known by its content.
    RemoteWrite,
}

/// What is sent.
#[derive(Clone)]
pub enum Batch {
    Native(PushRequest),
    Json { key: String, body: String },
    RemoteWrite(Vec<u8>),
}

/// What an answer says of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Stored but for the series at these places.
    Taken { refused: Vec<usize> },
    /// None of it ever will be.
    Refused(String),
    /// Nothing is known; to be sent again after the wait.
    Again { why: String, wait: Option<Duration> },
}

impl Batch {
    pub fn new(protocol: Protocol, session: [u8; 16], sequence: u64, series: &[Series]) -> anyhow::Result<Self> {
        let client = session.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        Ok(match protocol {
            Protocol::Native => Batch::Native(push::request(session, sequence, &client, series)),
            Protocol::Json => Batch::Json { key: format!("{client}-{sequence}"), body: json::body(series) },
            Protocol::RemoteWrite => Batch::RemoteWrite(remote_write::snappy(&Version::V1.encode(series))?),
        })
    }
}

/// Connections to one gateway.
#[derive(Clone)]
pub struct Gateway {
    grpc: IngestClient<Channel>,
    http: reqwest::Client,
    http_url: String,
}

impl Gateway {
    /// Connects when first used, so the gateway may be down.
    pub fn new(grpc_url: &str, http_url: &str) -> anyhow::Result<Self> {
        let endpoint = Endpoint::from_shared(grpc_url.to_owned())?.connect_timeout(CONNECT_LIMIT).timeout(ANSWER_LIMIT);
        let http =
            reqwest::Client::builder().connect_timeout(CONNECT_LIMIT).timeout(ANSWER_LIMIT).no_proxy().build()?;
        Ok(Self { grpc: IngestClient::new(endpoint.connect_lazy()), http, http_url: http_url.to_owned() })
    }

    pub async fn send(&self, batch: &Batch) -> Answer {
        match batch {
            Batch::Native(request) => match self.grpc.clone().push(request.clone()).await {
                Ok(answer) => {
                    let rejected = answer.into_inner().rejected;
                    Answer::Taken { refused: rejected.iter().map(|one| one.series as usize).collect() }
                }
                Err(status) => of_status(&status),
            },
            Batch::Json { key, body } => {
                let request = self.http.post(format!("{}/metrics", self.http_url)).header("idempotency-key", key);
                of_response(request.header("content-type", "application/json").body(body.clone()).send().await).await
            }
            Batch::RemoteWrite(body) => {
                let request = self.http.post(format!("{}/api/v1/write", self.http_url));
                let request = request.header("content-type", Version::V1.content_type());
                let request = request.header("content-encoding", "snappy").body(body.clone());
                of_response(request.send().await).await
            }
        }
    }
}

/// As the agent reads it: what is wrong with the batch itself is final, all else passes.
fn of_status(status: &tonic::Status) -> Answer {
    let wait = retry_after(status.details());
    let why = format!("{:?}: {}", status.code(), status.message());
    match status.code() {
        Code::InvalidArgument | Code::OutOfRange => Answer::Refused(why),
        Code::ResourceExhausted if wait.is_none() => Answer::Refused(why),
        _ => Answer::Again { why, wait },
    }
}

async fn of_response(response: reqwest::Result<reqwest::Response>) -> Answer {
    let again = |error: reqwest::Error| Answer::Again { why: error.to_string(), wait: None };
    let response = match response {
        Ok(response) => response,
        Err(error) => return again(error),
    };
    let status = response.status();
    let seconds = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    let wait = seconds.map(|seconds: u64| Duration::from_secs(seconds).min(LONGEST_WAIT));
    let text = match response.text().await {
        Ok(text) => text,
        // The head alone is no answer.
        Err(error) => return again(error),
    };
    let why = format!("{status}: {}", text.trim());
    match status.as_u16() {
        200 => Answer::Taken { refused: refused_of_json(&text) },
        204 => Answer::Taken { refused: Vec::new() },
        400 if text.contains("samples stored") => Answer::Taken { refused: refused_of_remote_write(&text) },
        400 | 413 | 415 => Answer::Refused(why),
        _ => Answer::Again { why, wait },
    }
}

/// `{"accepted":1,"rejected":[{"index":0,"reason":"…"}]}`
fn refused_of_json(text: &str) -> Vec<usize> {
    let json: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let rejected = json["rejected"].as_array().cloned().unwrap_or_default();
    rejected.iter().filter_map(|one| usize::try_from(one["index"].as_u64()?).ok()).collect()
}

/// Lines `series INDEX: REASON (N samples)`.
fn refused_of_remote_write(text: &str) -> Vec<usize> {
    let index = |line: &str| line.strip_prefix("series ")?.split_once(':')?.0.parse().ok();
    text.lines().filter_map(index).collect()
}

#[derive(Clone, PartialEq, Message)]
struct RichStatus {
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    delay: Option<Delay>,
}

#[derive(Clone, PartialEq, Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

fn retry_after(details: &[u8]) -> Option<Duration> {
    let details = RichStatus::decode(details).ok()?.details;
    let info = details.iter().find(|detail| detail.type_url.ends_with("google.rpc.RetryInfo"))?;
    let delay = RetryInfo::decode(info.value.as_slice()).ok()?.delay?;
    let millis =
        delay.seconds.max(0).cast_unsigned() * 1_000 + u64::from(delay.nanos.max(0).cast_unsigned()) / 1_000_000;
    Some(Duration::from_millis(millis).min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_refusals_are_read() {
        assert_eq!(refused_of_json(r#"{"accepted":2,"rejected":[{"index":3,"reason":"too old"}]}"#), [3]);
        let text = "4 samples stored, 2 refused in 2 series:\nseries 1: too old (1 samples)\nseries 7: x (1 samples)\n";
        assert_eq!(refused_of_remote_write(text), [1, 7]);
    }

    #[test]
    fn only_what_is_wrong_with_the_batch_is_final() {
        let answer = |code| of_status(&tonic::Status::new(code, "x"));
        assert!(matches!(answer(Code::InvalidArgument), Answer::Refused(_)));
        assert!(matches!(answer(Code::ResourceExhausted), Answer::Refused(_)));
        for code in [Code::Unavailable, Code::Cancelled, Code::Unknown, Code::DeadlineExceeded, Code::Internal] {
            assert!(matches!(answer(code), Answer::Again { wait: None, .. }), "{code:?}");
        }
    }
}
