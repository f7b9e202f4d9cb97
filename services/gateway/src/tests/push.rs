use axum::body::Body;
use prost::Message;
use tidegate_eventlog::LogError;
use tidegate_model::{BatchId, Value};
use tidegate_proto::v1::{PushRequest, PushResponse};
use tidegate_testkit::{Series, push};
use tonic::{Code, Status};
use xxhash_rust::xxh3::xxh3_128;

use super::harness::{Harness, NOW_MS};
use crate::Limits;
use crate::grpc::status::{RetryInfo, RpcStatus};

pub const PATH: &str = "/tidegate.v1.Ingest/Push";

fn batch(sequence: u64) -> PushRequest {
    let series = Series::new("up", &[("job", "a")]).at(NOW_MS, 1.0);
    push::request([9; 16], sequence, "agent-1", &[series])
}

async fn send(harness: &Harness, request: &PushRequest) -> Result<PushResponse, Status> {
    let (answer, _) = harness.grpc(PATH, &[], &request.encode_to_vec()).await;
    answer.map(|bytes| PushResponse::decode(bytes).unwrap())
}

#[tokio::test]
async fn stores_under_the_session() {
    let harness = Harness::new().await;
    let answer = send(&harness, &batch(7)).await.unwrap();
    assert_eq!((answer.accepted_samples, answer.rejected.len()), (1, 0));
    let logged = harness.logged().await;
    let session = xxh3_128(&[b"session\0default\0", &[9; 16][..]].concat());
    assert_eq!(logged[0].batch, BatchId::Session { session, sequence: 7 });
    assert_eq!(logged[0].value, Value::Float(1.0));
}

#[tokio::test]
async fn a_session_is_its_tenants_own() {
    let harness = Harness::new().await;
    for tenant in ["a", "b", "a"] {
        let (answer, _) = harness.grpc(PATH, &[("x-scope-orgid", tenant)], &batch(7).encode_to_vec()).await;
        assert!(answer.is_ok(), "{answer:?}");
    }
    let mut sessions: Vec<_> = harness.logged().await.into_iter().map(|one| (one.tenant, one.batch)).collect();
    sessions.sort();
    sessions.dedup();
    assert_eq!(sessions.len(), 2, "the same batch of a tenant is the same");
    assert_ne!(sessions[0].1, sessions[1].1, "another tenant's is not");
}

#[tokio::test]
async fn refused_series_are_listed() {
    let harness = Harness::new().await;
    let series = [Series::new("old", &[]).at(1, 1.0).at(2, 1.0), Series::new("up", &[]).at(NOW_MS, 1.0)];
    let answer = send(&harness, &push::request([9; 16], 1, "a", &series)).await.unwrap();
    assert_eq!(answer.accepted_samples, 1);
    assert_eq!((answer.rejected[0].series, answer.rejected[0].samples), (0, 2));
}

#[tokio::test]
async fn compressed_messages_are_taken() {
    let harness = Harness::new().await;
    let zstd = zstd::encode_all(&batch(1).encode_to_vec()[..], 1).unwrap();
    let (answer, _) = harness.grpc(PATH, &[("grpc-encoding", "zstd")], &zstd).await;
    assert!(answer.is_ok(), "{answer:?}");
    assert_eq!(harness.logged().await.len(), 1);
}

#[tokio::test]
async fn garbage_is_invalid_argument_and_size_resource_exhausted() {
    let harness = Harness::with(Limits { max_body_bytes: 2_048, ..Limits::default() }).await;
    let code = async |headers: &[(&str, &str)], message: &[u8]| {
        harness.grpc(PATH, headers, message).await.0.unwrap_err().code()
    };
    assert_eq!(code(&[], b"\xff\xff\xff").await, Code::InvalidArgument);
    assert_eq!(code(&[("grpc-encoding", "gzip")], b"not gzip").await, Code::InvalidArgument);
    assert_eq!(code(&[], &[0; 4_096]).await, Code::ResourceExhausted);
    let bomb = zstd::encode_all(&[0; 1 << 20][..], 1).unwrap();
    assert_eq!(code(&[("grpc-encoding", "zstd")], &bomb).await, Code::ResourceExhausted);
    assert_eq!(code(&[("x-scope-orgid", "..")], b"").await, Code::InvalidArgument);
    assert_eq!(code(&[("grpc-encoding", "identity")], b"compressed, it says").await, Code::InvalidArgument);
    let (two, _) = harness.grpc_frames(PATH, &[], vec![0u8, 0, 0, 0, 0, 0, 0, 0, 0, 0].into()).await;
    assert_eq!(two.unwrap_err().code(), Code::InvalidArgument);
    let (nothing, _) = harness.grpc_frames(PATH, &[], Body::empty()).await;
    assert_eq!(nothing.unwrap_err().code(), Code::InvalidArgument);
    let (unfinished, _) = harness.grpc_frames(PATH, &[], vec![0u8, 0, 0, 1, 0, 1].into()).await;
    assert_eq!(unfinished.unwrap_err().code(), Code::InvalidArgument);
    assert!(harness.records().await.is_empty());
}

#[tokio::test]
async fn a_compression_that_is_not_known_is_unimplemented_and_those_that_are_stand_beside_it() {
    let harness = Harness::new().await;
    for name in ["br", "snappy"] {
        let (answer, headers) = harness.grpc(PATH, &[("grpc-encoding", name)], b"").await;
        assert_eq!(answer.unwrap_err().code(), Code::Unimplemented);
        assert_eq!(headers["grpc-accept-encoding"], "identity,gzip,zstd");
    }
}

#[tokio::test]
async fn limits_and_a_log_that_is_away_say_when_to_retry() {
    let harness = Harness::with(Limits { samples_per_second: 1, ..Limits::default() }).await;
    send(&harness, &batch(1)).await.unwrap();
    let limited = send(&harness, &batch(2)).await.unwrap_err();
    assert_eq!(limited.code(), Code::ResourceExhausted);
    assert!(retry_delay_seconds(&limited) <= 1.0);

    let harness = Harness::new().await;
    harness.log.fail_with(Some(LogError::Unavailable("no leader".into())));
    let away = send(&harness, &batch(1)).await.unwrap_err();
    assert_eq!(away.code(), Code::Unavailable);
    assert_eq!(retry_delay_seconds(&away), 1.0);
}

#[tokio::test]
async fn what_can_never_pass_says_not_when_to_retry() {
    let harness = Harness::with(Limits { samples_per_second: 1, max_body_bytes: 2_048, ..Limits::default() }).await;
    let series = [Series::new("up", &[]).at(NOW_MS, 1.0).at(NOW_MS + 1, 1.0)];
    let over_limit = send(&harness, &push::request([9; 16], 1, "a", &series)).await.unwrap_err();
    let too_large = harness.grpc(PATH, &[], &[0; 4_096]).await.0.unwrap_err();
    for status in [over_limit, too_large] {
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(status.details().is_empty(), "{status:?}");
    }
}

fn retry_delay_seconds(status: &Status) -> f64 {
    let details = RpcStatus::decode(status.details()).unwrap().details;
    assert_eq!(details[0].type_url, "type.googleapis.com/google.rpc.RetryInfo");
    let delay = RetryInfo::decode(&details[0].value[..]).unwrap().retry_delay.unwrap();
    delay.seconds as f64 + f64::from(delay.nanos) / 1e9
}

#[tokio::test]
async fn agents_have_limits_of_their_own() {
    let harness = Harness::with(Limits { samples_per_second: 1, ..Limits::default() }).await;
    for agent in ["one", "two"] {
        let request = PushRequest { agent_id: agent.into(), ..batch(1) };
        assert!(send(&harness, &request).await.is_ok());
    }
    assert!(send(&harness, &PushRequest { agent_id: "two".into(), ..batch(2) }).await.is_err());
}
