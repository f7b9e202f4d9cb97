//! The forms of good answers.

use serde_json::{Value, json};
use tidegate_hotstore::HotStore;
use tidegate_model::time::hour_of;
use tidegate_model::{Clock, LedgerEntry, LedgerKey, MetricMetadata, MetricType, Progress, TenantId, Touch};

use crate::Config;
use crate::testing::{BASE_MS, Server, World, series};

async fn small_world() -> (World, Server) {
    let world = World::new(BASE_MS + 60_000);
    let samples = |offset: f64| (0..12).map(|n| (BASE_MS + n * 5_000, n as f64 + offset)).collect();
    let data = [
        series(&[("__name__", "up"), ("job", "web"), ("host", "a")], samples(0.5)),
        series(&[("__name__", "up"), ("job", "db"), ("host", "b")], samples(1e21)),
        series(&[("__name__", "load"), ("host", "a")], samples(0.0)),
    ];
    world.store(&data).await;
    let server = world.start().await;
    (world, server)
}

async fn data_of(server: &Server, path: &str, parameters: &[(&str, &str)]) -> Value {
    data(&server.text(path, parameters).await)
}

fn data(answer: &str) -> Value {
    let answer: Value = serde_json::from_str(answer).unwrap();
    assert_eq!(answer["status"], "success");
    answer["data"].clone()
}

#[tokio::test]
async fn queries() {
    let (_world, server) = small_world().await;
    let time = format!("{}.5", BASE_MS / 1_000 + 30);
    let text = server.text("/api/v1/query", &[("query", "up{job=\"web\"}"), ("time", &time)]).await;
    let expected = format!(
        r#"{{"status":"success","data":{{"resultType":"vector","result":[{{"metric":{{"__name__":"up","host":"a","job":"web"}},"value":[{}00,"6.5"]}}]}}}}"#,
        time
    );
    assert_eq!(text, expected);
    let text = server.text("/api/v1/query", &[("query", "1 + 1"), ("time", "1.5")]).await;
    assert_eq!(data(&text), json!({"resultType": "scalar", "result": [1.5, "2"]}));
    let text = server.text("/api/v1/query", &[("query", "\"x\""), ("time", "2")]).await;
    assert_eq!(data(&text), json!({"resultType": "string", "result": [2, "x"]}));
    let text = server.text("/api/v1/query", &[("query", "load[10s]"), ("time", &time)]).await;
    let seconds = BASE_MS / 1_000;
    let values = json!([[seconds + 25, "5"], [seconds + 30, "6"]]);
    assert_eq!(data(&text)["result"][0]["values"], values);

    let start = (seconds + 10).to_string();
    let end = (seconds + 20).to_string();
    let range = [("start", start.as_str()), ("end", end.as_str()), ("step", "10s")];
    let text = server.text("/api/v1/query_range", &[&[("query", "load")], &range[..]].concat()).await;
    let values = json!([[seconds + 10, "2"], [seconds + 20, "4"]]);
    assert_eq!(data(&text)["result"], json!([{"metric": {"__name__": "load", "host": "a"}, "values": values}]));
    let text = server.text("/api/v1/query_range", &[&[("query", "42")], &range[..]].concat()).await;
    let values = json!([[seconds + 10, "42"], [seconds + 20, "42"]]);
    assert_eq!(data(&text), json!({"resultType": "matrix", "result": [{"metric": {}, "values": values}]}));
    // One step only is still a matrix.
    let one = [("query", "load"), ("start", start.as_str()), ("end", start.as_str()), ("step", "10s")];
    assert_eq!(data(&server.text("/api/v1/query_range", &one).await)["resultType"], "matrix");

    let form = [("query", "sum(up{job=\"web\"})"), ("time", time.as_str())];
    let posted = server.client.post(server.url("/api/v1/query")).form(&form).send().await.unwrap();
    assert_eq!(data(&posted.text().await.unwrap())["result"][0]["value"][1], "6.5");
    let limited = server.text("/api/v1/query", &[("query", "up"), ("time", &time), ("limit", "1")]).await;
    assert_eq!(data(&limited)["result"].as_array().unwrap().len(), 1);
    assert!(limited.contains("truncated"));
}

#[tokio::test]
async fn series_and_labels() {
    let (world, server) = small_world().await;
    let labels = data(&server.text("/api/v1/labels", &[]).await);
    assert_eq!(labels, json!(["__name__", "host", "job"]));
    let labels = data(&server.text("/api/v1/labels", &[("match[]", "load")]).await);
    assert_eq!(labels, json!(["__name__", "host"]));
    let hosts = data(&server.text("/api/v1/label/host/values", &[]).await);
    assert_eq!(hosts, json!(["a", "b"]));
    let hosts = server.text("/api/v1/label/host/values", &[("limit", "1")]).await;
    assert_eq!(data(&hosts), json!(["a"]));
    assert!(hosts.contains("warnings"));
    assert_eq!(data(&server.text("/api/v1/label/none/values", &[]).await), json!([]));
    let series = data(&server.text("/api/v1/series", &[("match[]", "load"), ("match[]", "up{job=\"db\"}")]).await);
    let expected = [json!({"__name__": "load", "host": "a"}), json!({"__name__": "up", "host": "b", "job": "db"})];
    assert_eq!(series, json!(&expected));
    let of_db = [("match[]", "up{job=\"db\"}"), ("match[]", "none")];
    assert_eq!(data(&server.text("/api/v1/label/host/values", &of_db).await), json!(["b"]));
    for (path, one) in [("/api/v1/labels", json!(["__name__"])), ("/api/v1/series?match[]=load", json!([expected[0]]))]
    {
        assert_eq!(data(&server.text(path, &[("limit", "1")]).await), one);
    }
    let escaped = data(&server.text("/api/v1/label/U__host/values", &[]).await);
    assert_eq!(escaped, json!(["a", "b"]));
    // Another day.
    let end = (BASE_MS / 1_000 - 2 * 86_400).to_string();
    let none = server.text("/api/v1/series", &[("match[]", "load"), ("start", "1"), ("end", &end)]).await;
    assert_eq!(data(&none), json!([]));
    for path in ["/api/v1/labels", "/api/v1/label/host/values"] {
        assert_eq!(data(&server.text(path, &[("start", "1"), ("end", &end)]).await), json!([]), "{path}");
    }
    // Another tenant.
    let other = server.client.get(server.url("/api/v1/labels")).header("X-Scope-OrgID", "other");
    assert_eq!(data(&other.send().await.unwrap().text().await.unwrap()), json!([]));

    let up = MetricMetadata { metric_type: MetricType::Gauge, unit: String::new(), help: "1: \"up\"".into() };
    let total = MetricMetadata { metric_type: MetricType::Counter, unit: "bytes".into(), help: String::new() };
    let metadata = vec![("up".to_owned(), up), ("total".to_owned(), total)];
    world.store.write_metadata(&TenantId::default(), metadata).await.unwrap();
    let all = data(&server.text("/api/v1/metadata", &[]).await);
    assert_eq!(all["up"], json!([{"type": "gauge", "help": "1: \"up\"", "unit": ""}]));
    assert_eq!(all["total"], json!([{"type": "counter", "help": "", "unit": "bytes"}]));
    let one = data(&server.text("/api/v1/metadata", &[("metric", "total")]).await);
    assert_eq!(one.as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn large_answers_are_compressed_when_asked_for_and_streams_are_not() {
    let (_world, server) = small_world().await;
    let ask = |path: &str| server.client.get(server.url(path)).header("Accept-Encoding", "gzip").send();
    let response = ask("/api/v1/series?match[]=up").await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let response = ask("/api/v1/stream?query=up").await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert!(!response.headers().contains_key("content-encoding"));
}

#[tokio::test]
async fn it_tells_of_itself() {
    let (_world, server) = small_world().await;
    let info = data(&server.text("/api/v1/status/buildinfo", &[]).await);
    assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));
    assert!(info.get("features").is_none(), "it makes Grafana expect Mimir: {info}");
    server.text("/api/v1/query", &[("query", "up")]).await;
    server.get("/api/v1/query", &[("query", "(")]).await;
    let metrics = server.metrics();
    for line in [
        "tidegate_query_index_series 3",
        "tidegate_query_requests_total{endpoint=\"query\",outcome=\"success\"} 1",
        "tidegate_query_requests_total{endpoint=\"query\",outcome=\"bad_data\"} 1",
        "tidegate_query_running 0",
    ] {
        assert!(metrics.contains(line), "{line} not in {metrics}");
    }
}

#[tokio::test]
async fn what_grafana_asks_besides() {
    let (_world, server) = small_world().await;
    assert_eq!(data(&server.text("/api/v1/rules", &[]).await), json!({"groups": []}));
    assert_eq!(data(&server.text("/api/v1/alerts", &[]).await), json!({"alerts": []}));
    assert_eq!(data(&server.text("/api/v1/query_exemplars", &[("query", "up")]).await), json!([]));
    let formatted = server.text("/api/v1/format_query", &[("query", "sum by(host)(  up{job='web'}/2 )")]).await;
    assert_eq!(data(&formatted), json!("sum by (host) (up{job=\"web\"} / 2)"));
    let (status, _) = server.get("/api/v1/format_query", &[("query", "sum(")]).await;
    assert_eq!(status, 400);
    // An escaped name is the label it stands for.
    assert_eq!(data(&server.text("/api/v1/label/U__ho_73_t/values", &[]).await), json!(["a", "b"]));
}

#[tokio::test]
async fn cardinality() {
    let (_world, server) = small_world().await;
    let counted = data(&server.text("/api/v1/status/tsdb", &[]).await);
    assert_eq!(counted["headStats"], json!({"numSeries": 3, "numLabelPairs": 6}));
    let metrics = json!([{"name": "up", "value": 2}, {"name": "load", "value": 1}]);
    assert_eq!(counted["seriesCountByMetricName"], metrics);
    assert_eq!(counted["seriesCountByLabelValuePair"][1], json!({"name": "host=a", "value": 2}));
    let counted = data(&server.text("/api/v1/status/tsdb", &[("limit", "1"), ("match[]", "load")]).await);
    assert_eq!(counted["headStats"]["numSeries"], 1);
    assert_eq!(counted["labelValueCountByLabelName"], json!([{"name": "__name__", "value": 1}]));
    let other = server.client.get(server.url("/api/v1/status/tsdb")).header("X-Scope-OrgID", "other");
    let counted = data(&other.send().await.unwrap().text().await.unwrap());
    assert_eq!(counted["headStats"]["numSeries"], 0, "another tenant's series are not counted");
}

#[tokio::test]
async fn the_pipelines_ledger_and_what_is_archived() {
    let world = World::new(BASE_MS + 60_000);
    let samples = (0..12).map(|n| (BASE_MS + n * 5_000, n as f64)).collect();
    let data = [series(&[("__name__", "up")], samples)];
    world.store(&data).await;
    let source = world.source(data[0].id(&world.tenant));
    let hour = hour_of(BASE_MS);
    let clock = |effective_ms| Clock { era: 0, effective_ms };
    let entry = |counted| LedgerEntry { counted, duplicate: 2, poison: 1, gap: 0 };
    // An hour that is final, and one that may still change and is in both.
    let key = |hour| LedgerKey { era: 0, hour };
    world.store.write_ledger(source, vec![(key(hour - 1), entry(7)), (key(hour), entry(5))]).await.unwrap();
    let progress = Progress {
        source,
        resume_offset: 3,
        resume_clock: clock(BASE_MS),
        closed_through: clock(BASE_MS + 50_000),
        position: 9,
        ledger: [(key(hour), entry(12))].into(),
    };
    world.store.save_progress(progress).await.unwrap();
    world
        .store
        .touch_hours(source, vec![Touch::on_time(hour, clock(BASE_MS)), Touch::on_time(hour - 1, clock(BASE_MS))])
        .await
        .unwrap();
    world.store.ship_hour(source, hour - 1, clock(BASE_MS)).await.unwrap();
    let server = world.start().await;
    world.publish(&[], BASE_MS + 61_000).await;
    let answer = async || data_of(&server, "/api/v1/status/pipeline", &[]).await;
    for _ in 0..6_000 {
        if answer().await["partitions"][0]["watermark"].is_number() {
            break;
        }
        server.text("/api/v1/query", &[("query", "1")]).await;
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let state = answer().await;
    let partition = usize::from(source.partition);
    let expected = json!({
        "partition": partition, "watermark": BASE_MS / 1_000 + 61, "stored": BASE_MS / 1_000 + 50, "position": 9,
    });
    assert_eq!(state["partitions"][partition], expected);
    let line = |hour: u32, counted: u64, shipped: u32| {
        let hour = u64::from(hour) * 3_600;
        json!({
            "hour": hour, "counted": counted, "duplicate": 2, "poison": 1, "gap": 0,
            "shards": 1, "shipped": shipped, "changed": 0,
        })
    };
    assert_eq!(state["hours"], json!([line(hour, 12, 0), line(hour - 1, 7, 1)]));
    let tenants = data_of(&server, "/api/v1/status/tenants", &[]).await;
    assert_eq!(tenants, json!([{"name": "default", "series": 1}]));
    let one = data_of(&server, "/api/v1/status/pipeline", &[("limit", "1")]).await;
    assert_eq!(one["hours"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn pages_of_configured_origins_may_ask() {
    let world = World::new(BASE_MS);
    let allowed = |config: Config| async {
        let server = world.start_with(config).await;
        let ask = server.client.get(server.url("/api/v1/labels")).header("Origin", "https://grafana.example.org");
        let headers = ask.send().await.unwrap().headers().clone();
        headers.get("access-control-allow-origin").map(|origin| origin.to_str().unwrap().to_owned())
    };
    let with = |origins: &[&str]| Config {
        cors_origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
        ..Config::default()
    };
    assert_eq!(allowed(with(&[])).await, None);
    assert_eq!(allowed(with(&["https://other.example.org"])).await, None);
    let one = allowed(with(&["https://other.example.org", "https://grafana.example.org"])).await;
    assert_eq!(one.as_deref(), Some("https://grafana.example.org"));
    assert_eq!(allowed(with(&["*"])).await.as_deref(), Some("*"));
    assert!(with(&["grafana.example.org"]).cors().is_err());
    assert!(with(&["https://grafana.example.org/"]).cors().is_err());
}

#[tokio::test]
async fn slow_queries_are_counted() {
    let world = World::new(BASE_MS);
    let server = world.start_with(Config { slow_query_ms: 1, ..Config::default() }).await;
    let steps = [("query", "sum_over_time(vector(1)[1h:1s])"), ("start", "0"), ("end", "300"), ("step", "1")];
    server.text("/api/v1/query_range", &steps).await;
    assert!(server.metrics().contains("tidegate_query_slow_total 1"));
}
