use std::collections::HashMap;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tidegate_eventlog::topics::MemoryTopics;
use tidegate_mad::config::load_pipeline;

use super::*;
use crate::mad::sink::testing::{Server, all, policy, usual};

fn context(folder: &Path) -> (Context, Registry) {
    let mut registry = Registry::default();
    let topics = MemoryTopics::default();
    topics.create("results", 1);
    let context = Context {
        pipeline: "p".into(),
        periods_ms: vec![1_000, 60_000],
        metrics: Metrics::register(&mut registry),
        failures: mpsc::channel(1).0,
        telemetry: Telemetry::default(),
        own: OwnMetrics::default(),
        topics: Some(Arc::new(topics)),
        folder: folder.to_owned(),
        working_folder: folder.to_owned(),
        agent_id: "web-1".into(),
        backoff: policy(),
    };
    (context, registry)
}

/// The sinks of a pipeline's file.
fn sinks(folder: &Path, text: &str) -> Vec<config::Sink> {
    let path = folder.join("pipeline.conf");
    std::fs::write(&path, format!("name = p, sinks = {text}")).expect("writes");
    load_pipeline(&path, &HashMap::new()).expect("a pipeline").config.sinks
}

#[tokio::test]
async fn every_kind_of_sink_is_built_and_closed() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start([]).await;
    let text = format!(
        r#"[
        {{ type = com.arpnetworking.tsdcore.sinks.MultiSink, name = multi, sinks = [
          {{ type = com.arpnetworking.tsdcore.sinks.AggregationServerHttpSink, name = http, uri = "http://{0}/in" }}
          {{ type = com.arpnetworking.tsdcore.sinks.AggregationServerSink, name = tcp, serverAddress = localhost, serverPort = 1 }}
          {{ type = com.arpnetworking.tsdcore.sinks.TelemetrySink, name = telemetry }}
          {{ type = com.arpnetworking.tsdcore.sinks.PeriodicStatisticsSink, name = statistics }}
          {{ type = com.arpnetworking.tsdcore.sinks.TracingSink, name = tracing, patterns = {{ all = ".*" }} }}
          {{ type = com.arpnetworking.metrics.mad.experimental.sinks.MetricSeriesLoggingSink, name = series }}
        ] }}
        {{ type = com.arpnetworking.tsdcore.sinks.PeriodFilteringSink, name = filter, excludeLessThan = PT1M, sink =
          {{ type = com.arpnetworking.tsdcore.sinks.TimeThresholdSink, name = threshold, threshold = PT10M, sink =
            {{ type = com.arpnetworking.tsdcore.sinks.DimensionInjectingSink, name = inject, defaultDimensions = {{ a = b }}, sink =
              {{ type = tidegate.GatewayPushSink, name = gateway, endpoint = "http://127.0.0.1:1" }} }} }} }}
        {{ type = tidegate.KafkaSink, name = kafka, topic = results, configs = {{ "bootstrap.servers" = "a:1, b:2" }} }}
        {{ type = tidegate.HttpJsonSink, name = json, uri = "http://{0}/json" }}
        ]"#,
        server.address
    );
    let (context, registry) = context(folder.path());
    let sinks = sinks(folder.path(), &text);
    assert_eq!(sinks.iter().map(needs_histograms).collect::<Vec<_>>(), [false, true, false, false]);
    let mut built = Vec::new();
    for sink in &sinks {
        built.push(build(sink, &context).await.expect("builds"));
    }
    for sink in &mut built {
        sink.take(&all([usual("m")]));
    }
    let mut paths: Vec<_> = server.wait_for(2).await.into_iter().map(|post| post.path).collect();
    paths.sort();
    assert_eq!(paths, ["/in", "/json"]);
    for sink in built {
        let deadline = tokio::time::Instant::now() + Duration::from_millis(500);
        sink.close(deadline).await;
    }
    let mut text = String::new();
    encode(&mut text, &registry).expect("encodes");
    let has = |line: &str| assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    for sink in ["http", "tcp", "telemetry", "statistics", "tracing", "series", "filter", "kafka", "json"] {
        has(&format!("tidegate_agent_sink_results_total{{pipeline=\"p\",sink=\"{sink}\"}} 1"));
    }
    for sink in ["http", "kafka", "json"] {
        has(&format!("tidegate_agent_sink_sent_results_total{{pipeline=\"p\",sink=\"{sink}\"}} 1"));
    }
    has("tidegate_agent_sink_tracing_hits_total{pipeline=\"p\",sink=\"tracing\",pattern=\"all\"} 1");
    has("tidegate_agent_sink_dropped_results_total{pipeline=\"p\",sink=\"filter\",reason=\"filtered\"} 1");
    has("tidegate_agent_sink_dropped_results_total{pipeline=\"p\",sink=\"tcp\",reason=\"stopped\"} 1");
}

#[tokio::test]
async fn what_cannot_be_used_names_the_sink() {
    let folder = tempfile::tempdir().expect("a folder");
    let (with, _) = context(folder.path());
    let without = Context { topics: None, ..with.clone() };
    let inner =
        |inner: &str| format!("[{{ type = com.arpnetworking.tsdcore.sinks.MultiSink, name = m, sinks = [{inner}] }}]");
    for (text, message) in [
        (r#"{ type = tidegate.HttpJsonSink, name = j, uri = "http://" }"#, "sink \"j\": \"http://\" is no address"),
        (
            r#"{ type = tidegate.HttpJsonSink, name = j, uri = "http://a/ b" }"#,
            "sink \"j\": \"http://a/ b\" is no address",
        ),
        (
            r#"{ type = tidegate.HttpJsonSink, name = j, uri = "http://a", headers = { "a b" = c } }"#,
            "sink \"j\": header \"a b\"",
        ),
        (
            r#"{ type = tidegate.KafkaSink, name = k, topic = t, configs = { "bootstrap.servers" = "a" } }"#,
            "sink \"k\": there is no Kafka",
        ),
        (
            r#"{ type = tidegate.GatewayPushSink, name = g, endpoint = nonsense }"#,
            "sink \"g\": endpoint \"nonsense\": must be",
        ),
    ] {
        let sinks = sinks(folder.path(), &inner(text));
        let error = build(&sinks[0], &without).await.err().expect("is refused").to_string();
        assert!(error.starts_with(message), "{error}");
    }
    let sinks = sinks(
        folder.path(),
        r#"[{ type = tidegate.KafkaSink, name = k, topic = t, configs = { "bootstrap.servers" = "," } }]"#,
    );
    let error = build(&sinks[0], &with).await.err().expect("is refused").to_string();
    assert_eq!(error, "sink \"k\": a writer needs servers");
}

#[test]
fn a_gateway_behind_a_filter_gets_the_shortest_period_that_passes() {
    let folder = tempfile::tempdir().expect("a folder");
    let (context, _) = context(folder.path());
    let sinks = sinks(
        folder.path(),
        r#"[{ type = tidegate.GatewayPushSink, name = "a/b", endpoint = "http://gw:1", tenant = blue, bufferPeriod = PT1M }]"#,
    );
    let SinkKind::GatewayPush(push) = &sinks[0].kind else { panic!("another kind") };
    let options = gateway_options(push, &sinks[0].name, &context);
    assert_eq!(options.period_ms, 1_000);
    assert_eq!(options.folder, folder.path().join("gateway-push/p/a_b"));
    assert_eq!((options.push.tenant.as_str(), options.buffer.max_age_seconds), ("blue", 60));
    let filtered = Context { periods_ms: vec![60_000], ..context };
    assert_eq!(gateway_options(push, "g", &filtered).period_ms, 60_000);
}
