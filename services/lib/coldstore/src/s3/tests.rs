use rcgen::{CertifiedKey, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

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
    let no_ca = refused(S3Config { endpoint: Some("https://s3".into()), ca_path: Some("/no.pem".into()), ..usable() });
    assert!(no_ca.starts_with("archive.s3.ca_path: /no.pem: "), "{no_ca}");
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

async fn list(store: AmazonS3) -> object_store::Result<()> {
    store.list_with_delimiter(None).await.map(drop)
}

/// Answers each request by its first line, one a connection; its address.
async fn answers(answer: impl Fn(&str) -> String + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            let (mut first, mut line) = (String::new(), String::new());
            stream.read_line(&mut first).await.unwrap();
            while stream.read_line(&mut line).await.unwrap() > 2 {
                line.clear();
            }
            let body = answer(&first);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream.write_all((head + &body).as_bytes()).await.unwrap();
        }
    });
    address
}

/// As the metadata service of a machine gives them for its role.
#[tokio::test]
async fn without_keys_the_machines_role_is_taken() {
    let Some(config) = bucket("coldstore::s3 without_keys_the_machines_role_is_taken").await else { return };
    let credentials = |secret: &str| {
        format!(
            r#"{{"Code": "Success", "AccessKeyId": "{}", "SecretAccessKey": "{secret}", "Token": "",
                "Expiration": "2126-01-01T00:00:00Z", "LastUpdated": "2026-01-01T00:00:00Z", "Type": "AWS-HMAC"}}"#,
            config.access_key_id.as_deref().unwrap()
        )
    };
    let secret = config.secret_access_key.clone().unwrap();
    for (secret, is_good) in [(secret.reveal(), true), ("wrong", false)] {
        let credentials = credentials(secret);
        let metadata = answers(move |request| match request.split(' ').nth(1) {
            Some("/latest/api/token") => "a-token".to_owned(),
            Some("/latest/meta-data/iam/security-credentials/") => "a-role".to_owned(),
            Some("/latest/meta-data/iam/security-credentials/a-role") => credentials.clone(),
            other => panic!("{other:?}"),
        });
        let machine = AmazonS3Builder::new().with_metadata_endpoint(metadata.await);
        let keyless = S3Config { access_key_id: None, secret_access_key: None, ..config.clone() };
        let listed = list(connect_with(&keyless, machine).unwrap()).await;
        assert_eq!(listed.is_ok(), is_good, "{listed:?}");
    }
}

/// A server of HTTPS before the S3 server of the stack; its address.
async fn tls_in_front_of(server: &str, certificate: &CertifiedKey<KeyPair>) -> String {
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.cert.der().clone()],
            PrivatePkcs8KeyDer::from(certificate.signing_key.serialize_der()).into(),
        )
        .unwrap();
    let (acceptor, server) = (TlsAcceptor::from(Arc::new(config)), server.trim_start_matches("http://").to_owned());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, server) = (acceptor.clone(), server.clone());
            tokio::spawn(async move {
                let Ok(mut client) = acceptor.accept(stream).await else { return };
                let mut server = TcpStream::connect(server).await.unwrap();
                tokio::io::copy_bidirectional(&mut client, &mut server).await.ok();
            });
        }
    });
    address
}

#[tokio::test]
async fn an_endpoint_of_ones_own_authority_is_trusted_and_no_other() {
    let Some(config) = bucket("coldstore::s3 an_endpoint_of_ones_own_authority_is_trusted").await else { return };
    let make = || rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let (shown, another) = (make(), make());
    let endpoint = Some(tls_in_front_of(config.endpoint.as_deref().unwrap(), &shown).await);
    let folder = tempfile::tempdir().unwrap();
    for (certificate, is_good) in [(&shown, true), (&another, false)] {
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, certificate.cert.pem()).unwrap();
        let (endpoint, ca_path) = (endpoint.clone(), Some(path));
        let listed = list(connect(&S3Config { endpoint, ca_path, max_retries: 0, ..config.clone() }).unwrap()).await;
        assert_eq!(listed.is_ok(), is_good, "{listed:?}");
        if let Err(error) = listed {
            assert!(format!("{error:?}").contains("InvalidCertificate"), "{error:?}");
        }
    }
}
