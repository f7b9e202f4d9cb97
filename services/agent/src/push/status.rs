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
#[derive(Clone, Copy, PartialEq, prost::Message)]
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
    let retry = retry_info(status.details());
    let retry_after_ms = retry.and_then(delay_ms);
    let cause = std::error::Error::source(status).map(innermost);
    let message = match cause {
        Some(cause) if !status.message().contains(&cause) => format!("{}: {cause}", status.message()),
        _ => status.message().to_owned(),
    };
    match status.code() {
        // The batch itself is wrong, or this is no gateway that takes it.
        Code::InvalidArgument | Code::OutOfRange => Outcome::Refused(message),
        // A limit says when to come back; a batch that is too large is told
        // so with the same code and never fits.
        Code::ResourceExhausted if retry.is_none() => Outcome::Refused(message),
        Code::ResourceExhausted => Outcome::Limited { message, retry_after_ms },
        // Rights and addresses get repaired; the batch waits as long as it may.
        _ => Outcome::Failed { message: format!("{:?}: {message}", status.code()), retry_after_ms },
    }
}

fn retry_info(details: &[u8]) -> Option<RetryInfo> {
    let details = RichStatus::decode(details).ok()?.details;
    let info = details.iter().find(|detail| detail.type_url == RETRY_INFO)?;
    RetryInfo::decode(&info.value[..]).ok()
}

fn delay_ms(info: RetryInfo) -> Option<u64> {
    let delay = info.retry_delay?;
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
        for code in [Code::InvalidArgument, Code::OutOfRange, Code::ResourceExhausted] {
            assert!(refused(code), "{code:?}");
        }
        for code in [Code::Unavailable, Code::Unauthenticated, Code::Internal, Code::Unimplemented, Code::Cancelled] {
            assert!(matches!(outcome(&Status::new(code, "")), Outcome::Failed { .. }), "{code:?}");
        }
    }

    #[test]
    fn the_wait_asked_for_is_read() {
        let details = details(2_500);
        let status = Status::with_details(Code::Unavailable, "busy", details.into());
        let expected = Outcome::Failed { message: "Unavailable: busy".into(), retry_after_ms: Some(2_500) };
        assert_eq!(outcome(&status), expected);
    }

    /// The code of a limit and of a batch that is too large is the same.
    #[test]
    fn a_limit_is_told_by_the_wait_that_it_asks_for() {
        let exhausted = |details: Vec<u8>| outcome(&Status::with_details(Code::ResourceExhausted, "", details.into()));
        assert!(matches!(exhausted(details(1_500)), Outcome::Limited { retry_after_ms: Some(1_500), .. }));
        let no_sense = with_delay(Delay { seconds: -5, nanos: 0 });
        assert!(matches!(exhausted(no_sense), Outcome::Limited { retry_after_ms: None, .. }));
        assert!(matches!(exhausted(Vec::new()), Outcome::Refused(_)));
    }

    #[test]
    fn details_that_make_no_sense_ask_for_nothing() {
        assert_eq!(retry_info(b"\xff\xff"), None);
        assert_eq!(retry_info(b""), None);
        for seconds in [-5, i64::MAX] {
            let info = retry_info(&with_delay(Delay { seconds, nanos: 0 }));
            assert_eq!(info.map(delay_ms), Some(None), "{seconds}");
        }
    }
}
