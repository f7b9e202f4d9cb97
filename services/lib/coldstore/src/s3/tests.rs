use super::*;
use crate::conditional::conformance;

/// A bucket of its own on the S3 server of the test stack; `None` without one.
pub async fn bucket(test: &str) -> Option<S3Config> {
    let server = tidegate_testkit::stack::s3(test)?;
    let config = S3Config {
        endpoint: Some(server.endpoint),
        bucket: tidegate_testkit::stack::unique_name('-'),
        access_key_id: Some(server.access_key),
        secret_access_key: Some(Secret::new(server.secret_key)),
        ..S3Config::default()
    };
    create_bucket(&config).await.unwrap();
    Some(config)
}

fn usable() -> S3Config {
    S3Config {
        endpoint: Some("http://127.0.0.1:9".into()),
        bucket: "metrics".into(),
        access_key_id: Some("id".into()),
        secret_access_key: Some(Secret::new("hush")),
        ..S3Config::default()
    }
}

#[test]
fn a_secret_is_never_shown() {
    let config = usable();
    assert!(!format!("{config:?}").contains("hush"));
    assert!(!serde_json::to_string(&config).unwrap().contains("hush"));
    let read: S3Config = serde_json::from_str(r#"{"secret_access_key": "hush"}"#).unwrap();
    assert_eq!(read.secret_access_key, Some(Secret::new("hush")));
}

#[test]
fn what_makes_no_sense_is_refused_with_its_name() {
    let refused = |config: S3Config| connect(&config).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refused(S3Config { bucket: String::new(), ..usable() }).contains("bucket"));
    assert!(refused(S3Config { access_key_id: None, ..usable() }).contains("access_key_id"));
    assert!(refused(S3Config { request_timeout_ms: 0, ..usable() }).contains("request_timeout_ms"));
    assert!(refused(S3Config { endpoint: Some("ftp://host".into()), ..usable() }).contains("ftp://host"));
    assert!(matches!(Archive::s3(&S3Config { prefix: "a//b".into(), ..usable() }), Err(S3Error::Prefix(_))));
    assert!(serde_json::from_str::<S3Config>(r#"{"buckets": "a"}"#).is_err());
}

#[test]
fn only_this_machine_is_talked_to_in_the_clear_unless_allowed() {
    let at = |endpoint: &str, allow_http| transport_to(endpoint, allow_http);
    for loopback in ["http://127.0.0.1:7070", "http://localhost", "http://[::1]:80", "http://127.9.9.9"] {
        assert!(matches!(at(loopback, false), Ok(Transport::Plain)), "{loopback}");
    }
    assert!(matches!(at("http://10.0.0.1", false), Err(S3Error::Unencrypted(_))));
    assert!(matches!(at("http://10.0.0.1", true), Ok(Transport::Plain)));
    assert!(matches!(at("https://s3.example.org", false), Ok(Transport::Tls)));
}

#[tokio::test]
async fn a_real_server_conforms() {
    let Some(config) = bucket("coldstore::s3 a_real_server_conforms").await else { return };
    let store = Arc::new(connect(&config).unwrap());
    conformance::conditional_put(&StorePut(store.clone()), &*store).await;
    Archive::s3(&config).unwrap().check().await.unwrap();
    let wrong = S3Config { secret_access_key: Some(Secret::new("wrong")), ..config };
    assert!(Archive::s3(&wrong).unwrap().check().await.is_err());
}
