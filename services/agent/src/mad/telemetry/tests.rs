use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use futures::{SinkExt, StreamExt};
use http::StatusCode;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tokio_util::task::AbortOnDropHandle;

use super::*;
use crate::mad::sink::testing::{all, periodic, until};
use tidegate_mad::{Computed, Quantity, Unit};

struct Server {
    address: SocketAddr,
    telemetry: Telemetry,
    _running: AbortOnDropHandle<()>,
}

impl Server {
    async fn start() -> Self {
        let telemetry = Telemetry::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
        let address = listener.local_addr().expect("an address");
        let mut router = axum::Router::new();
        for (path, version) in [("/telemetry/v1/stream", Version::V1), ("/telemetry/v2/stream", Version::V2)] {
            let telemetry = telemetry.clone();
            let answer = move |request: Request| async move { telemetry.answer(version, request).await };
            router = router.route(path, axum::routing::get(answer));
        }
        let running = tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") });
        Self { address, telemetry, _running: AbortOnDropHandle::new(running) }
    }

    async fn connect(&self, version: &str) -> Client {
        let url = format!("ws://{}/telemetry/{version}/stream", self.address);
        Client(connect_async(url).await.expect("connects").0)
    }
}

struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    async fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.expect("sends");
    }

    /// The next text; `None` when the stream ends.
    async fn hear(&mut self) -> Option<String> {
        let next = tokio::time::timeout(Duration::from_secs(30), self.0.next()).await.expect("in time");
        match next {
            Some(Ok(Message::Text(text))) => Some(text.to_string()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => None,
            Some(Ok(other)) => panic!("{other:?}"),
        }
    }

    /// All that comes until a heartbeat, asked for now, is answered.
    async fn hear_all(&mut self) -> Vec<String> {
        self.say(r#"{"command":"heartbeat"}"#).await;
        let mut heard = Vec::new();
        loop {
            match self.hear().await.expect("an answer") {
                ok if ok == r#"{"response":"ok"}"# => return heard,
                text => heard.push(text),
            }
        }
    }
}

fn result(metric: &str, value: f64, unit: Option<Unit>) -> Periodic {
    let mut result = periodic(metric, &[("service", "s"), ("cluster", "c"), ("host", "h")]);
    result.start_ms = 1_795_262_470_000;
    let computed = |statistic, value, unit| Computed { statistic, value: Quantity { value, unit }, asked_for: true };
    result.statistics = vec![computed(Statistic::Count, 1.0, None), computed(Statistic::Mean, value, unit)];
    result
}

/// The texts are those of the Java daemon.
#[tokio::test]
async fn the_first_version() {
    let server = Server::start().await;
    let mut client = server.connect("v1").await;
    for command in ["getLogs", "nosuch", "subscribeMetric"] {
        client.say(&format!(r#"{{"command":"{command}"}}"#)).await;
    }
    client.say(r#"{"command":"getMetrics"}"#).await;
    assert_eq!(client.hear_all().await, [r#"{"command":"metricsList","data":{"metrics":[]}}"#]);
    for metric in ["tm", "big", "nan"] {
        client.say(&format!(r#"{{"command":"subscribe","service":"s","metric":"{metric}","statistic":"mean"}}"#)).await;
    }
    assert!(client.hear_all().await.is_empty());
    let second = Some(Unit::Second);
    server.telemetry.publish(&all([
        result("tm", 4.5, second),
        result("big", 4.5e15, None),
        result("nan", f64::NAN, None),
    ]));
    let expected = [
        r#"{"command":"newMetric","data":{"service":"s","metric":"tm","statistic":"count"}}"#,
        r#"{"command":"newMetric","data":{"service":"s","metric":"tm","statistic":"mean"}}"#,
        r#"{"command":"newMetric","data":{"service":"s","metric":"big","statistic":"count"}}"#,
        r#"{"command":"newMetric","data":{"service":"s","metric":"big","statistic":"mean"}}"#,
        r#"{"command":"newMetric","data":{"service":"s","metric":"nan","statistic":"count"}}"#,
        r#"{"command":"newMetric","data":{"service":"s","metric":"nan","statistic":"mean"}}"#,
        r#"{"command":"report","data":{"server":"h","service":"s","metric":"tm","timestamp":1795262470000,"statistic":"mean","data":4.5}}"#,
        r#"{"command":"report","data":{"server":"h","service":"s","metric":"big","timestamp":1795262470000,"statistic":"mean","data":4.5E15}}"#,
        r#"{"command":"report","data":{"server":"h","service":"s","metric":"nan","timestamp":1795262470000,"statistic":"mean","data":"NaN"}}"#,
    ];
    for text in expected {
        assert_eq!(client.hear().await.as_deref(), Some(text));
    }
    client.say(r#"{"command":"unsubscribe","service":"s","metric":"tm","statistic":"mean"}"#).await;
    assert!(client.hear_all().await.is_empty());
    server.telemetry.publish(&all([result("tm", 1.0, second), result("big", 1.0, None)]));
    let text = client.hear().await.expect("a report");
    assert!(text.contains("\"big\""), "{text}: known metrics are not new, and who unsubscribed is not told");
}

#[tokio::test]
async fn the_second_version() {
    let server = Server::start().await;
    server.telemetry.publish(&all([result("tm", 4.5, Some(Unit::Second))]));
    let mut client = server.connect("v2").await;
    client.say(r#"{"command":"getMetrics"}"#).await;
    client.say(r#"{"command":"getLogs"}"#).await;
    client.say(r#"{"command":"subscribeLog","log":"/a","regexes":["["]}"#).await;
    client.say(r#"{"command":"subscribe","service":"s","metric":"tm","statistic":"count"}"#).await;
    let expected = [
        r#"{"command":"metricsList","data":{"metrics":[{"name":"s","children":[{"name":"tm","children":[{"name":"count","children":[]},{"name":"mean","children":[]}]}]}]}}"#,
        r#"{"command":"logsList","data":{"logs":[]}}"#,
    ];
    assert_eq!(client.hear_all().await, expected);
    client.say(r#"{"command":"subscribeMetric","service":"s","metric":"tm","statistic":"mean"}"#).await;
    client.say(r#"{"command":"subscribeMetric","service":"s","metric":"homeless","statistic":"count"}"#).await;
    assert!(client.hear_all().await.is_empty());
    let mut homeless = result("homeless", 1.0, None);
    homeless.dimensions = [("service", "s")].into_iter().collect();
    server.telemetry.publish(&all([result("tm", 4.5, Some(Unit::Second)), periodic("no service", &[]), homeless]));
    let expected = [
        r#"{"command":"newMetric","data":{"service":"s","metric":"homeless","statistic":"count"}}"#,
        r#"{"command":"newMetric","data":{"service":"s","metric":"homeless","statistic":"mean"}}"#,
        r#"{"command":"reportMetric","data":{"server":"h","service":"s","metric":"tm","timestamp":1795262470000,"statistic":"mean","data":4.5,"numeratorUnits":["SECOND"],"denominatorUnits":[]}}"#,
        r#"{"command":"reportMetric","data":{"server":null,"service":"s","metric":"homeless","timestamp":1795262470000,"statistic":"count","data":1.0,"numeratorUnits":[],"denominatorUnits":[]}}"#,
    ];
    for text in expected {
        assert_eq!(client.hear().await.as_deref(), Some(text));
    }
    assert_eq!(server.telemetry.shared.metrics.unserved_results.get(), 1);
}

#[tokio::test]
async fn what_is_no_command_is_counted_and_the_stream_goes_on() {
    let server = Server::start().await;
    let mut client = server.connect("v1").await;
    for text in ["garbage", "", "[]", "{}", r#"{"command":"subscribe"}"#] {
        client.say(text).await;
    }
    client.0.send(Message::binary(r#"{"command":"heartbeat"}"#.as_bytes().to_vec())).await.expect("sends");
    assert!(client.hear_all().await.is_empty());
    assert_eq!(server.telemetry.shared.metrics.bad_commands.get(), 6);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off_and_the_others_go_on() {
    let server = Server::start().await;
    let mut slow = server.connect("v1").await;
    let mut quick = server.connect("v1").await;
    let name = "m".repeat(10_000);
    for client in [&mut slow, &mut quick] {
        client.say(&format!(r#"{{"command":"subscribe","service":"s","metric":"{name}","statistic":"mean"}}"#)).await;
        client.hear_all().await;
    }
    let heard = Arc::new(AtomicUsize::new(0));
    let counting = heard.clone();
    let reading = tokio::spawn(async move {
        while quick.hear().await.is_some_and(|text| !text.contains("\"end\"")) {
            counting.fetch_add(1, Ordering::Relaxed);
        }
        quick
    });
    let metrics = &server.telemetry.shared.metrics;
    let results = all((0..10).map(|_| result(&name, 1.0, None)));
    let mut published = 0;
    while metrics.slow_clients.get() == 0 {
        server.telemetry.publish(&results);
        published += 10;
        until("the quick one", || heard.load(Ordering::Relaxed) >= published).await;
    }
    until("the last", || metrics.clients.get() == 1).await;
    server.telemetry.publish(&all([result("end", 1.0, None)]));
    drop(reading.await.expect("reads"));
    // And two that the metric is new.
    assert_eq!(heard.load(Ordering::Relaxed), published + 2);
    assert_eq!(metrics.slow_clients.get(), 1);
}

#[tokio::test]
async fn streams_end_when_the_agent_stops() {
    let server = Server::start().await;
    let mut client = server.connect("v1").await;
    client.hear_all().await;
    server.telemetry.close();
    assert_eq!(client.hear().await, None);
    until("the seat", || server.telemetry.state().clients.is_empty()).await;
    let url = format!("ws://{}/telemetry/v1/stream", server.address);
    assert!(connect_async(url).await.is_err());
}

#[tokio::test]
async fn a_request_that_is_no_upgrade_is_400_with_nothing_in_it() {
    let telemetry = Telemetry::default();
    let plain = http::Request::get("/telemetry/v1/stream").body(Body::empty()).expect("a request");
    let old = http::Request::get("/telemetry/v1/stream")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "12")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .body(Body::empty())
        .expect("a request");
    for request in [plain, old] {
        let answer = telemetry.answer(Version::V1, request).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        assert!(axum::body::to_bytes(answer.into_body(), 100).await.expect("a body").is_empty());
    }
}

#[tokio::test]
async fn too_many_streams_are_refused() {
    let server = Server::start().await;
    let seats: Vec<_> = (0..MAX_CLIENTS).map(|_| server.telemetry.take_seat().expect("a seat")).collect();
    let url = format!("ws://{}/telemetry/v2/stream", server.address);
    assert!(connect_async(&url).await.is_err());
    assert_eq!(server.telemetry.shared.metrics.refused_clients.get(), 1);
    drop(seats);
    server.connect("v2").await.hear_all().await;
}

#[test]
fn a_flood_of_names_is_bounded() {
    let telemetry = Telemetry::default();
    let results = all((0..MAX_KNOWN + 10).map(|number| result(&format!("m{number}"), 1.0, None)));
    telemetry.publish(&results);
    assert_eq!(telemetry.state().known["s"].len(), MAX_KNOWN);
    assert_eq!(telemetry.shared.metrics.unlisted_metrics.get(), 10);
}
