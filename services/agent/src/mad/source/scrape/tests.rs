use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tidegate_mad::Kind;
use tidegate_mad::config::{ClientTls, RelabelAction, RelabelRule};

use super::*;
use crate::mad::source::test_feed::{feed, metrics};
use crate::test_tls::{Files, serve};

fn input(uri: &str) -> ScrapeInput {
    ScrapeInput {
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        targets: vec![Target { uri: uri.into(), dimensions: vec![("service".into(), "s".into())] }],
        target_files: Vec::new(),
        metrics_path: "/metrics".into(),
        tls: ClientTls::default(),
        relabel: Vec::new(),
        metric_relabel: vec![RelabelRule {
            source_labels: vec!["__name__".into()],
            separator: ";".into(),
            regex: "scrape_.*".into(),
            modulus: 0,
            target_label: String::new(),
            replacement: String::new(),
            action: RelabelAction::Drop,
        }],
    }
}

#[tokio::test]
async fn a_page_becomes_gauges() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut request) = (stream.unwrap(), [0; 4_096]);
            let length = stream.read(&mut request).unwrap();
            assert!(request[..length].starts_with(b"GET /probe?x=1 HTTP/1.1"));
            let page = "a_total{k=\"v\"} 5\nb NaN\nscrape_x 1\n";
            write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{page}", page.len()).ok();
        }
    });
    let ((feed, mut taken), metrics, mut tasks) = (feed(), metrics(), Tasks::detached());
    start("j", &input(&format!("http://{address}/probe?x=1")), feed, &metrics, &mut tasks).unwrap();
    let records = taken.records(6).await;
    let (name, metric) = &records[0].metrics[0];
    assert_eq!((&**name, metric.kind, metric.samples[0].value), ("a_total", Kind::Gauge, 5.0));
    let instance = address.to_string();
    let expected = [("instance", instance.as_str()), ("job", "j"), ("k", "v"), ("service", "s")];
    assert_eq!(records[0].dimensions, expected.into_iter().collect());
    let names: Vec<&str> = records.iter().map(|record| &*record.metrics[0].0).collect();
    assert_eq!(names[..2], ["a_total", "up"], "what is no number and what relabelling drops are left out");
    assert!(metrics.received.get() >= 1);
    tasks.stop(Duration::from_secs(60)).await.unwrap();
}

#[tokio::test]
async fn a_target_of_an_own_authority_is_scraped_where_its_file_is_named() {
    let files = Files::new();
    let (ours, ca) = files.authority("ours");
    let router = Router::new().route("/metrics", get(|| async { "a 5\n" }));
    let (address, _running) = serve(files.signed("target", "localhost", &ours), None, router).await;
    let uri = format!("https://localhost:{}/metrics", address.port());
    let tls = ClientTls { ca_path: Some(ca), ..ClientTls::default() };
    for (tls, up) in [(tls, 1.0), (ClientTls::default(), 0.0)] {
        let ((feed, mut taken), metrics, mut tasks) = (feed(), metrics(), Tasks::detached());
        start("j", &ScrapeInput { tls, ..input(&uri) }, feed, &metrics, &mut tasks).unwrap();
        let records = taken.records(1 + up as usize).await;
        let value = records.iter().find_map(|record| {
            let (name, metric) = &record.metrics[0];
            (&**name == "up").then(|| metric.samples[0].value)
        });
        assert_eq!(value, Some(up));
        tasks.stop(Duration::from_secs(5)).await.unwrap();
    }
    let missing = ClientTls { ca_path: Some(files.path("missing.pem")), ..ClientTls::default() };
    let error = check("j", &ScrapeInput { tls: missing, ..input(&uri) }).unwrap_err().to_string();
    assert!(error.contains("missing.pem: "), "{error}");
}

#[test]
fn what_is_no_address_or_rule_is_refused() {
    for uri in ["", "host:9100/metrics", "/metrics", "http://"] {
        assert!(matches!(checked("j", &input(uri)), Err(StartError::Target { .. })), "{uri}");
    }
    let mut bad = input("http://h:1/");
    bad.metric_relabel[0].regex = "(".into();
    assert!(matches!(checked("j", &bad), Err(StartError::Scrape(_))));
}
