//! What a gRPC status means for the batch, and the wait that comes with it
//! (`google.rpc.RetryInfo` in the details).

use prost::Message;
use tonic::{Code, Status};

use super::{Outcome, innermost};

/// `google.rpc.Status`, as far as it is read here.
#[derive(Clone, PartialEq, prost::Message)]
struct RichStatus {
    #[prost(int32, tag = "1")]
    pub code: i32,
    #[prost(string, tag = "2")]
    pub message: String,
    #[prost(message, repeated, tag = "3")]
    pub details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, prost::Message)]
struct Any {
    #[prost(string, tag = "1")]
    pub type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, prost::Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    pub retry_delay: Option<Delay>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, Copy, PartialEq, prost::Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

pub fn outcome(status: &Status) -> Outcome {
    let retry_after_ms = retry_after_ms(status.details());
    let cause = std::error::Error::source(status).map(innermost);
    let message = match cause {
        Some(cause) if !status.message().contains(&cause) => format!("{}: {cause}", status.message()),
        _ => status.message().to_owned(),
    };
    match status.code() {
        // The batch itself is wrong, or this is no gateway that takes it.
        Code::InvalidArgument | Code::OutOfRange => Outcome::Refused(message),
        Code::ResourceExhausted => Outcome::Limited { message, retry_after_ms },
        // Rights and addresses get repaired; the batch waits as long as it may.
        _ => Outcome::Failed { message: format!("{:?}: {message}", status.code()), retry_after_ms },
    }
}

fn retry_after_ms(details: &[u8]) -> Option<u64> {
    let details = RichStatus::decode(details).ok()?.details;
    let info = details.iter().find(|detail| detail.type_url == RETRY_INFO)?;
    let delay = RetryInfo::decode(&info.value[..]).ok()?.retry_delay?;
    let millis = delay.seconds.checked_mul(1_000)?.checked_add(i64::from(delay.nanos) / 1_000_000)?;
    u64::try_from(millis).ok()
}

/// Status details that ask to wait; what gateways send, for tests.
#[cfg(test)]
pub fn details(retry_after_ms: u64) -> Vec<u8> {
    let seconds = (retry_after_ms / 1_000) as i64;
    with_delay(Delay { seconds, nanos: (retry_after_ms % 1_000) as i32 * 1_000_000 })
}

#[cfg(test)]
fn with_delay(delay: Delay) -> Vec<u8> {
    let info = RetryInfo { retry_delay: Some(delay) }.encode_to_vec();
    let details = vec![Any { type_url: RETRY_INFO.into(), value: info }];
    RichStatus { code: 14, message: String::new(), details }.encode_to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_decide_the_fate_of_a_batch() {
        let refused = |code| matches!(outcome(&Status::new(code, "why")), Outcome::Refused(text) if text == "why");
        assert!(refused(Code::InvalidArgument));
        for code in [Code::Unavailable, Code::Unauthenticated, Code::Internal, Code::Unimplemented, Code::Cancelled] {
            assert!(matches!(outcome(&Status::new(code, "")), Outcome::Failed { .. }), "{code:?}");
        }
        assert!(matches!(outcome(&Status::resource_exhausted("")), Outcome::Limited { retry_after_ms: None, .. }));
    }

    #[test]
    fn the_wait_asked_for_is_read() {
        let details = details(2_500);
        let status = Status::with_details(Code::Unavailable, "busy", details.into());
        let expected = Outcome::Failed { message: "Unavailable: busy".into(), retry_after_ms: Some(2_500) };
        assert_eq!(outcome(&status), expected);
    }

    #[test]
    fn details_that_make_no_sense_ask_for_nothing() {
        assert_eq!(retry_after_ms(b"\xff\xff"), None);
        assert_eq!(retry_after_ms(b""), None);
        for seconds in [-5, i64::MAX] {
            assert_eq!(retry_after_ms(&with_delay(Delay { seconds, nanos: 0 })), None, "{seconds}");
        }
    }
}
