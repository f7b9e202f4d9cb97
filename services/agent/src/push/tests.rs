use tidegate_access::Secret;

use super::*;
use crate::test_gateway::{Answer, Gateway};

fn config(endpoint: String, compression: Compression) -> PushConfig {
    PushConfig { endpoint, compression, timeout_seconds: 1, tenant: "blue".into(), ..PushConfig::default() }
}

fn batch() -> Bytes {
    use prost::Message;
    let request = tidegate_proto::v1::PushRequest {
        session: Bytes::from_static(&[1; 16]),
        sequence: 9,
        symbols: vec![String::new(), "x".repeat(5_000)],
        ..Default::default()
    };
    request.encode_to_vec().into()
}

#[tokio::test]
async fn a_batch_arrives_whatever_the_compression() {
    for compression in [Compression::Zstd, Compression::Gzip, Compression::None] {
        let gateway = Gateway::start([]).await;
        let mut client = Client::new(&config(gateway.endpoint(), compression)).expect("a client");
        let stored = Outcome::Stored { rejected_samples: 0, reason: None };
        assert_eq!(client.push(batch()).await, stored, "{compression:?}");
        let received = gateway.received();
        assert_eq!(received.len(), 1);
        assert_eq!(received[0].bytes, batch());
        assert_eq!(received[0].tenant.as_deref(), Some("blue"));
    }
}

#[tokio::test]
async fn the_token_is_that_of_the_file_at_the_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    let [first, second] = [(); 2].map(|()| Secret::generate().expect("random"));
    std::fs::write(&path, first.reveal()).expect("writes");
    let gateway = Gateway::start([]).await;
    let config = PushConfig { token_file: Some(path.clone()), ..config(gateway.endpoint(), Compression::None) };
    let mut client = Client::new(&config).expect("a client");
    client.push(batch()).await;
    std::fs::write(&path, format!("{}\n", second.reveal())).expect("writes");
    client.push(batch()).await;
    std::fs::remove_file(&path).expect("removes");
    assert!(matches!(client.push(batch()).await, Outcome::Failed { .. }));
    let sent: Vec<_> =
        gateway.received().into_iter().map(|received| received.authorization.expect("a token")).collect();
    assert_eq!(sent, [format!("Bearer {}", first.reveal()), format!("Bearer {}", second.reveal())]);
    let fixed = PushConfig { token_file: None, token: Some(first.clone()), ..config };
    Client::new(&fixed).expect("a client").push(batch()).await;
    let sent = gateway.received().pop().and_then(|received| received.authorization);
    assert_eq!(sent, Some(format!("Bearer {}", first.reveal())));
}

#[tokio::test]
async fn answers_decide_the_outcome() {
    let answers = [Answer::RejectSamples(3), Answer::Refuse, Answer::Limit { retry_after_ms: 1_500 }, Answer::Lose];
    let gateway = Gateway::start(answers).await;
    let mut client = Client::new(&config(gateway.endpoint(), Compression::None)).expect("a client");
    let reason = Some("out of bounds".to_owned());
    assert_eq!(client.push(batch()).await, Outcome::Stored { rejected_samples: 3, reason });
    assert_eq!(client.push(batch()).await, Outcome::Refused("malformed".into()));
    let limited = Outcome::Limited { message: "slow down".into(), retry_after_ms: Some(1_500) };
    assert_eq!(client.push(batch()).await, limited);
    let failed = Outcome::Failed { message: "no answer within 1 s".into(), retry_after_ms: None };
    assert_eq!(client.push(batch()).await, failed);
}

#[tokio::test]
async fn a_gateway_that_is_not_there_is_a_failure_that_says_so() {
    let endpoint = {
        let gateway = Gateway::start([]).await;
        gateway.endpoint()
    };
    let mut client = Client::new(&config(endpoint, Compression::Zstd)).expect("a client");
    let Outcome::Failed { message, retry_after_ms: None } = client.push(batch()).await else { panic!("no failure") };
    assert!(message.contains("onnection refused"), "{message}");
}

#[tokio::test]
async fn endpoints_that_cannot_be_used_are_named() {
    for endpoint in ["ftp://127.0.0.1:1", "127.0.0.1:4317", "", "not an address"] {
        let Err(error) = Client::new(&config(endpoint.into(), Compression::None)) else {
            panic!("{endpoint} is taken")
        };
        assert!(error.to_string().starts_with(&format!("endpoint {endpoint:?}: ")), "{error}");
    }
    let ca_path = Some("/nowhere/ca.pem".into());
    let tls = tidegate_runtime::tls::TlsClientConfig { ca_path, ..Default::default() };
    let missing = PushConfig { endpoint: "https://127.0.0.1:1".into(), tls, ..PushConfig::default() };
    let error = Client::new(&missing).err().expect("no file").to_string();
    assert!(error.starts_with("tls: /nowhere/ca.pem: "), "{error}");
    let tenant = PushConfig { tenant: "a\nb".into(), ..PushConfig::default() };
    assert!(matches!(Client::new(&tenant), Err(PushError::Tenant(_))));
}
