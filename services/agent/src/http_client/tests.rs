use std::fs;
use std::path::Path;

use axum::Router;
use axum::routing::get;

use super::*;
use crate::test_tls::{Files, serve};

fn here() -> Router {
    Router::new().route("/", get(|| async { "here" }))
}

fn trusting(ca: &Path) -> TlsClientConfig {
    TlsClientConfig { ca_path: Some(ca.to_owned()), ..TlsClientConfig::default() }
}

fn client(tls: TlsClientConfig) -> HttpClient {
    HttpClient::new(tls, Duration::from_secs(60))
}

/// The status, or why there is none.
async fn ask(client: &HttpClient, host: &str, port: u16) -> Result<u16, String> {
    let request = Request::get(format!("https://{host}:{port}/")).body(Full::default()).expect("a request");
    client.request(request).await.map(|answer| answer.status().as_u16()).map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_server_of_an_own_authority_is_believed_where_its_file_is_named() {
    let files = Files::new();
    let (ours, ca) = files.authority("ours");
    let (_, other_ca) = files.authority("other");
    let (address, _running) = serve(files.signed("server", "localhost", &ours), None, here()).await;
    let port = address.port();
    assert_eq!(ask(&client(trusting(&ca)), "localhost", port).await, Ok(200));
    let error = ask(&client(trusting(&other_ca)), "localhost", port).await.expect_err("another authority");
    assert!(error.contains("UnknownIssuer"), "{error}");
    ask(&client(TlsClientConfig::default()), "localhost", port).await.expect_err("the system knows nothing of it");

    let error = ask(&client(trusting(&ca)), "127.0.0.1", port).await.expect_err("another name");
    assert!(error.contains("not valid for name"), "{error}");
    let named = TlsClientConfig { server_name: "localhost".into(), ..trusting(&ca) };
    assert_eq!(ask(&client(named), "127.0.0.1", port).await, Ok(200));
}

#[tokio::test]
async fn a_client_s_certificate_is_shown_where_it_is_named() {
    let files = Files::new();
    let (ours, ca) = files.authority("ours");
    let (address, _running) = serve(files.signed("server", "localhost", &ours), Some(&ca), here()).await;
    let (certificate_path, key_path) = files.signed("client", "agent", &ours);
    let shown = TlsClientConfig { certificate_path: Some(certificate_path), key_path: Some(key_path), ..trusting(&ca) };
    assert_eq!(ask(&client(shown), "localhost", address.port()).await, Ok(200));
    ask(&client(trusting(&ca)), "localhost", address.port()).await.expect_err("nothing is shown");
}

#[tokio::test]
async fn files_that_change_count_from_the_next_request_on() {
    let files = Files::new();
    let (ours, ours_path) = files.authority("ours");
    let (_, other_path) = files.authority("other");
    let (address, _running) = serve(files.signed("server", "localhost", &ours), None, here()).await;
    let ca = files.write("ca.pem", &fs::read_to_string(&other_path).expect("reads"));
    let past = SystemTime::now() - Duration::from_secs(60);
    fs::File::options().write(true).open(&ca).and_then(|file| file.set_modified(past)).expect("is dated back");
    let client = client(trusting(&ca));
    client.prepare().expect("a certificate");
    ask(&client, "localhost", address.port()).await.expect_err("another authority");
    files.write("ca.pem", &fs::read_to_string(&ours_path).expect("reads"));
    assert_eq!(ask(&client, "localhost", address.port()).await, Ok(200));

    files.write("ca.pem", "nonsense");
    fs::File::options().write(true).open(&ca).and_then(|file| file.set_modified(past)).expect("is dated back");
    assert_eq!(ask(&client, "localhost", address.port()).await, Ok(200), "the old ones stay");
}

#[tokio::test]
async fn what_cannot_be_used_is_told_before_the_first_request() {
    let files = Files::new();
    let refused = |tls| client(tls).prepare().expect_err("is refused").to_string();
    let missing = files.path("missing.pem");
    let error = refused(trusting(&missing));
    assert!(error.starts_with(&format!("tls: {}: ", missing.display())), "{error}");
    let (_, ca) = files.authority("ours");
    assert_eq!(
        refused(TlsClientConfig { server_name: "a b".into(), ..trusting(&ca) }),
        "tls: \"a b\" is no name of a server"
    );
    let address = "http://localhost/".parse().expect("an address");
    client(trusting(&missing)).prepare_for(&address).expect("no certificates are wanted");
}
