//! The Java daemon's configuration files: what of them is understood, noted and
//! refused.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tidegate_mad::config::{
    CertificatePaths, ClientTls, Daemon, HttpInput, Input, LoadError, Loaded, Note, Parser, Pipeline, SinkKind,
    TimestampUnit, Transform, load_daemon, load_pipeline,
};
use tidegate_mad::{JavaReplacement, Statistic};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/config").join(name)
}

fn environment(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn pipeline(name: &str) -> Loaded<Pipeline> {
    load_pipeline(&data(name), &HashMap::new()).expect("a valid file")
}

/// Loads `text` as a pipeline of that file name.
fn written(name: &str, text: &str) -> Result<Loaded<Pipeline>, LoadError> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    fs::write(&path, text).expect("writes");
    load_pipeline(&path, &environment(&[("HOME", "/home/of")]))
}

fn hocon(text: &str) -> Result<Loaded<Pipeline>, LoadError> {
    written("pipeline.conf", text)
}

/// What is wrong, each with its place.
fn problems(text: &str) -> Vec<String> {
    match hocon(text) {
        Err(LoadError::Invalid { problems, .. }) => problems.iter().map(ToString::to_string).collect(),
        other => panic!("{text}: {other:?}"),
    }
}

fn notes<T>(loaded: &Loaded<T>) -> Vec<String> {
    loaded.notes.iter().map(ToString::to_string).collect()
}

#[test]
fn a_daemon_in_hocon() {
    let loaded = load_daemon(&data("daemon.conf"), &environment(&[("AGENT_CLUSTER", "live")])).unwrap();
    let config = &loaded.config;
    assert_eq!(config.pipelines_directory, Path::new("/srv/agent/pipelines"));
    assert_eq!(config.log_directory, Path::new("/srv/agent/logs"));
    assert_eq!((config.http_host.as_str(), config.http_port), ("0.0.0.0", 7090));
    assert_eq!((config.https_host.as_str(), config.https_port), ("0.0.0.0", 7091));
    assert!(config.enable_https && config.log_dead_letters && config.open_telemetry_routes);
    assert_eq!(config.https_key_path, Path::new("/srv/agent/tls/key.pem"));
    assert_eq!(config.monitoring_cluster, "live", "the environment overrides");
    assert_eq!(config.monitoring_host.as_deref(), Some("host-7"));
    assert_eq!(config.monitoring_sinks[0].uri, "http://collector:7090/metrics/v3/application");
    assert_eq!(config.jvm_metrics_collection_interval, Duration::from_secs(10));
    assert_eq!(config.http_health_check_path, "/agent/healthy");
    assert_eq!(notes(&loaded), ["limiters: unknown key, ignored", "root: unknown key, ignored"]);
}

#[test]
fn a_daemon_in_json_has_the_defaults() {
    let Loaded { config, notes } = load_daemon(&data("daemon.json"), &HashMap::new()).unwrap();
    let expected = Daemon {
        monitoring_service: "mad".into(),
        https_key_path: "/opt/mad/tls/key.pem".into(),
        https_certificate_path: "/opt/mad/tls/cert.pem".into(),
        http_health_check_path: "/ping".into(),
        http_status_path: "/status".into(),
        enable_https: false,
        open_telemetry_routes: false,
        monitoring_host: None,
        otlp_grpc_port: 4317,
        ..config.clone()
    };
    assert_eq!(config, expected);
    assert_eq!(config.monitoring_sinks[0].uri, "http://localhost:7090/metrics/v3/application");
    assert!(notes.is_empty(), "{notes:?}");
}

#[test]
fn an_included_daemon_can_be_overridden() {
    let folder = tempfile::tempdir().unwrap();
    let (base, path) = (data("daemon.conf"), folder.path().join("experimental.conf"));
    let text = format!("include required(file({:?}))\nhttpPort = 8080\nmonitoringSinks = []\n", base.display());
    fs::write(&path, text).unwrap();
    let config = load_daemon(&path, &HashMap::new()).unwrap().config;
    assert_eq!((config.http_port, config.https_port), (8080, 7091));
    assert_eq!(config.pipelines_directory, Path::new("/srv/agent/pipelines"));
    assert!(config.monitoring_sinks.is_empty());

    fs::write(&path, "include \"beside.conf\"\nhttpPort = 8080").unwrap();
    fs::copy(&base, folder.path().join("beside.conf")).unwrap();
    assert_eq!(load_daemon(&path, &HashMap::new()).unwrap().config.http_port, 8080);

    fs::write(&path, "include required(file(\"/no/such/file.conf\"))").unwrap();
    assert!(matches!(load_daemon(&path, &HashMap::new()), Err(LoadError::Syntax { .. })));
}

#[test]
fn what_a_daemon_cannot_do_without() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    let valid = fs::read_to_string(data("daemon.json")).unwrap();
    let refused = |from: &str, to: &str| {
        assert!(valid.contains(from), "{from}");
        fs::write(&path, valid.replace(from, to)).unwrap();
        match load_daemon(&path, &HashMap::new()) {
            Err(LoadError::Invalid { problems, .. }) => problems[0].to_string(),
            other => panic!("{to}: {other:?}"),
        }
    };
    assert_eq!(refused("\"httpHost\"", "\"http\""), "httpHost: is required");
    assert_eq!(refused("\"httpPort\": 7090", "\"httpPort\": 0"), "httpPort: 0 is not a port, 1 to 65535");
    assert_eq!(refused("\"httpsPort\": 7091,", ""), "httpsPort: is required");
    assert_eq!(refused("\"production\"", "\"\""), "monitoringCluster: must not be empty");
    assert_eq!(refused("\"production\"", "null"), "monitoringCluster: must not be null");
    let error = refused("\"PT1S\"", "\"5m\"");
    assert!(error.starts_with("jvmMetricsCollectionInterval: \"5m\": not an ISO-8601 duration"), "{error}");
    let error =
        refused("\"httpPort\": 7090", "\"httpPort\": 7090, \"supplementalHttpRoutesClass\": \"com.example.Mine\"");
    assert!(error.starts_with("supplementalHttpRoutesClass: com.example.Mine is unknown"), "{error}");
}

#[test]
fn a_file_that_cannot_be_read_says_where() {
    let told = |text: &str| match hocon(text) {
        Err(error @ LoadError::Syntax { .. }) => {
            let told = error.to_string();
            let (file, place) = told.split_once("/pipeline.conf: ").expect("the file is named");
            assert!(file.starts_with('/'), "{told}");
            place.to_owned()
        }
        other => panic!("{text}: {other:?}"),
    };
    let missing = "before `sources` a comma or the end of the line is missing";
    assert_eq!(told("\nname = one sources = []"), format!("line 2, column 20: `=` within a value: {missing}"));
    assert_eq!(told("name =\nsources = []"), format!("line 2, column 9: `=` within a value: {missing}"));
    assert_eq!(told("name = one\n}\nsources = []"), "line 2, column 1: `}` without a `{` before it");
    assert_eq!(told("name = one\nsources = [{"), "line 2, column 13: expected }");
    assert_eq!(told("name = \"one\nsources = []"), "line 1, column 8: unterminated string");
    assert_eq!(told("name = ${NO_SUCH}"), "line 1, column 8: could not resolve substitution: ${NO_SUCH}");
    assert!(told("sources = [] {}").starts_with("line 1, column 11: "));
    assert!(hocon("name = one\nsources = []\nsinks = []").is_ok(), "a line's end is enough");
    let Err(error) = written("pipeline.json", "{\"name\": \"one\"\n\"sources\": []}") else { panic!() };
    assert!(error.to_string().ends_with("/pipeline.json: expected `,` or `}` at line 2 column 1"), "{error}");
}

#[test]
fn metrics_client_host_and_port_stand_before_monitoring_sinks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.conf");
    let uri = |more: &str| {
        let text = format!("include file({:?})\n{more}", data("daemon.conf").display());
        fs::write(&path, text).unwrap();
        load_daemon(&path, &HashMap::new()).unwrap().config.monitoring_sinks[0].uri.clone()
    };
    assert_eq!(uri("metricsClientHost = other"), "http://other:7090/metrics/v3/application");
    assert_eq!(uri("metricsClientPort = 1234"), "http://localhost:1234/metrics/v3/application");
}

#[test]
fn every_source() {
    let loaded = load_pipeline(&data("every-source.conf"), &environment(&[("KAFKA_HOST", "broker")])).unwrap();
    let sources = &loaded.config.sources;
    let by_name = |name: &str| sources.iter().find(|source| source.name == name).expect(name);
    let path = |name: &str| match &by_name(name).input {
        Input::Http(input) => input.path(),
        other => panic!("{other:?}"),
    };
    assert_eq!(path("v1"), Some("/metrics/v1/application"));
    assert_eq!(path("v2"), Some("/metrics/v2/application"));
    assert_eq!(path("v3"), None, "another actor is not found by its route");
    assert_eq!(path("collectd"), Some("/metrics/v1/collectd"));
    assert_eq!(path("prometheus"), Some("/metrics/prometheus"));
    let Input::Http(HttpInput { parser: Parser::Prometheus(parser), .. }) = &by_name("prometheus").input else {
        panic!()
    };
    assert!(parser.interpret_units);
    assert_eq!(parser.reserved_name_whitelist, ["jobs_total", "up_count"]);

    let statsd = |host: &str, port| Input::Statsd { host: host.into(), port };
    assert_eq!(by_name("statsd").input, statsd("localhost", 8125));
    assert_eq!(by_name("statsd_elsewhere").input, statsd("0.0.0.0", 9125));

    let Input::TcpLine(graphite) = &by_name("graphite").input else { panic!() };
    assert_eq!((graphite.host.as_str(), graphite.port, graphite.accept_queue), ("0.0.0.0", 2003, 100));
    let Parser::GraphitePlaintext(parser) = &graphite.parser else { panic!() };
    assert!(parser.parse_carbon_tags);
    assert_eq!(parser.global_tags.len(), 2);

    let mapped = by_name("mapped");
    let Input::TcpLine(telegraf) = &mapped.input else { panic!() };
    assert_eq!((telegraf.host.as_str(), telegraf.port, telegraf.accept_queue), ("localhost", 8094, 0));
    let Parser::TelegrafJson(parser) = telegraf.parser else { panic!() };
    assert_eq!(parser.timestamp_unit, TimestampUnit::Nanoseconds);
    let [Transform::TimeStamping, Transform::Mapping(rules)] = mapped.transforms.as_slice() else {
        panic!("the inner one comes first: {:?}", mapped.transforms)
    };
    let patterns: Vec<_> = rules.iter().map(|(pattern, _)| pattern.pattern()).collect();
    assert_eq!(patterns, ["\\.", "^cpu/([\\d]+)/(cpu|percent)/([^/]+)(/value)?", "^drop/.*"]);
    assert_eq!(rules[0].1, [JavaReplacement::new("/", &rules[0].0).unwrap()]);
    assert!(rules[2].1.is_empty());

    let Input::Kafka(kafka) = &by_name("kafka").input else { panic!() };
    assert_eq!(kafka.topics, ["metrics", "more"]);
    assert_eq!(kafka.configs.get("bootstrap.servers"), Some("broker:9092"));
    assert!(!format!("{kafka:?}").contains("user and password"));
    assert_eq!(kafka.configs.get("client.id"), Some("default"), "the dot is no path here");
    assert_eq!((kafka.worker_threads, kafka.buffer_size), (2, 1000));
    assert_eq!((kafka.poll_time, kafka.shutdown_await_time), (Duration::from_secs(1), Duration::from_secs(10)));

    let transformed = by_name("transformed");
    assert!(matches!(transformed.input, Input::OpenTelemetryGrpc { .. }));
    let [Transform::Transforming(sets)] = transformed.transforms.as_slice() else { panic!() };
    assert_eq!(sets[0].transform_metrics.len(), 2);
    assert!(!sets[0].inject_dimensions[0].1.overwrite && sets[0].inject_dimensions[1].1.overwrite);
    let [Transform::TagDropping(sets)] = by_name("dropping").transforms.as_slice() else { panic!() };
    assert_eq!(sets[0].remove_dimensions, ["pod", "node"]);

    let Input::Scrape(scrape) = &by_name("scrape").input else { panic!() };
    assert_eq!((scrape.interval, scrape.targets.len(), scrape.relabel.len()), (Duration::from_secs(5), 1, 1));

    assert_eq!(sources.len(), 13, "all but the one of a file");
    let noted = |note: &Note| matches!(note, Note::Excluded { name, .. } if name == "query_log");
    assert_eq!(loaded.notes.iter().filter(|note| noted(note)).count(), 1);
    let unknown: Vec<_> = notes(&loaded).into_iter().filter(|note| note.ends_with("unknown key, ignored")).collect();
    assert_eq!(unknown.len(), 4, "the file's own variables: {unknown:?}");
}

#[test]
fn every_sink() {
    let loaded = pipeline("every-sink.conf");
    let config = &loaded.config;
    assert_eq!(config.periods_ms, [1000, 60_000]);
    assert_eq!(config.idle_timeout, Duration::from_secs(90));
    assert_eq!((config.limits.series, config.limits.open), (1_000, 2_500_000));
    assert_eq!(config.timer_statistics, [Statistic::Median, Statistic::Tp99_9, Statistic::Count]);
    assert_eq!(config.gauge_statistics, [Statistic::Histogram, Statistic::Min, Statistic::Max]);
    let patterns: Vec<_> = config.statistics.iter().map(|(pattern, _)| pattern.pattern()).collect();
    assert_eq!(patterns, ["9", "10", "a.*", "b.*"], "as Java renders an object");

    let kinds: Vec<_> = config.sinks.iter().map(|sink| &sink.kind).collect();
    let SinkKind::PeriodicStatistics(statistics) = kinds[0] else { panic!() };
    assert_eq!(statistics.interval_ms, 1000);
    assert_eq!(statistics.period_dimension_name, "_period");
    let SinkKind::PeriodFiltering(filter) = kinds[1] else { panic!() };
    assert_eq!((filter.exclude_less_than, filter.exclude_greater_than), (None, Some(Duration::from_secs(1))));
    assert_eq!(
        (filter.include.as_slice(), filter.exclude.as_slice()),
        ([Duration::from_secs(5)].as_slice(), [Duration::from_secs(2)].as_slice())
    );
    assert_eq!(filter.sink.kind, SinkKind::Telemetry);
    let SinkKind::AggregationServerHttp(post) = kinds[2] else { panic!() };
    assert_eq!(post.uri, "http://localhost:7066/metrics/v1/data/persist");
    assert_eq!((post.maximum_concurrency, post.maximum_queue_size, post.spread_period), (1, 25_000, Duration::ZERO));
    assert_eq!(post.accepted_status_codes, [200, 201, 202, 204]);
    let SinkKind::AggregationServerHttp(post) = kinds[3] else { panic!() };
    assert_eq!((post.maximum_concurrency, post.maximum_queue_size), (4, 10));
    assert_eq!(post.accepted_status_codes, [200, 202]);
    let SinkKind::AggregationServer(server) = kinds[4] else { panic!() };
    assert_eq!((server.server_port, server.max_queue_size, server.exponential_backoff_base_ms), (7065, 10_000, 500));
    let SinkKind::TimeThreshold(threshold) = kinds[5] else { panic!() };
    assert!(threshold.log_only);
    let SinkKind::DimensionInjecting(inject) = &threshold.sink.kind else { panic!() };
    let SinkKind::Multi(several) = &inject.sink.kind else { panic!() };
    assert!(matches!(several[0].kind, SinkKind::Tracing(_)));
    assert_eq!(several[1].kind, SinkKind::MetricSeriesLogging);
    assert!(matches!(kinds[6], SinkKind::Kafka(_)));
    assert!(matches!(kinds[7], SinkKind::HttpJson(_)));
    assert!(matches!(kinds[8], SinkKind::GatewayPush(_)));
    assert!(!format!("{config:?}").contains("hidden"), "secrets are no part of what is printed");
    assert!(notes(&loaded).contains(&"sinks[1].sink.histogramStatistics: unknown key, ignored".to_owned()));
}

#[test]
fn what_was_understood_can_be_printed() {
    let shown = pipeline("every-source.conf").config.to_string() + &pipeline("every-sink.conf").config.to_string();
    for line in [
        "pipeline \"every_source\"",
        "  periods: PT1S, PT1M",
        "  timers: median, tp90, tp99, mean, count",
        "  source \"v2\": POST /metrics/v2/application, ProtobufV2ToRecordParser",
        "  source \"v3\": nothing reaches it, no route looks for \"another\"",
        "  source \"statsd_elsewhere\": StatsD at 0.0.0.0:9125/udp",
        "    /^drop\\/.*/ is dropped",
        "    dimension \"cluster\" is set to \"inj\" where it is absent",
        "  metrics that match /a.*/: mean, sum",
        "    sink \"telemetry\": telemetry streams",
        "        sink \"trace\": counts metrics that match loads=/load\\/.*/",
        "  sink \"gateway\": sketches to the gateway http://localhost:4317, keeps PT5M on disk",
    ] {
        let plain = |text: &str| text.replace("\\/", "/");
        assert!(plain(&shown).lines().any(|shown| shown == plain(line)), "{line}\nin\n{shown}");
    }
    assert!(!shown.contains("user and password") && !shown.contains("hidden") && !shown.contains("pass@"));
    let daemon = load_daemon(&data("daemon.conf"), &HashMap::new()).unwrap().config.to_string();
    assert!(daemon.contains("listens on https://0.0.0.0:7091, key /srv/agent/tls/key.pem"), "{daemon}");
}

#[test]
fn json_keeps_the_order_of_its_file_and_stops_at_its_end() {
    let text = r#"{"name": "p", "statistics": {"b": ["sum"], "a": ["count"]}, "name": "last"} and more"#;
    let config = written("pipeline.json", text).unwrap().config;
    assert_eq!(config.name, "last");
    let patterns: Vec<_> = config.statistics.iter().map(|(pattern, _)| pattern.pattern()).collect();
    assert_eq!(patterns, ["b", "a"]);
    assert!(matches!(written("pipeline", "name = p"), Err(LoadError::Syntax { .. })), "no .conf, no HOCON");
    assert!(written("PIPELINE.CONF", "name = p").is_ok());
}

#[test]
fn substitutions() {
    let name = |text: &str| hocon(text).unwrap().config.name;
    assert_eq!(name("a { b = x }\nname = ${a.b}-${HOME}"), "x-/home/of");
    assert_eq!(name("name = one, name = two, name = ${?UNSET}"), "two");
    assert_eq!(name("name = \"a\" b  c"), "a b  c");
    assert_eq!(name("name = 1.50"), "1.50", "a number is text as it is written");
    assert!(matches!(hocon("name = ${UNSET}"), Err(LoadError::Syntax { .. })));
    assert!(matches!(hocon("name = [1"), Err(LoadError::Syntax { .. })));
}

#[test]
fn all_that_is_wrong_is_told_with_its_place() {
    let source = |text: &str| problems(&format!("name = p, sources = [{{ {text} }}]")).remove(0);
    let common = "com.arpnetworking.metrics.common.sources.";
    assert_eq!(source("name = x"), "sources[0].type: is required");
    let error = source("type = \"com.arpnetworking.metrics.common.sources.StatsDSource\", name = x");
    assert!(error.ends_with(&format!("is unknown; the nearest is {common}StatsdSource")), "{error}");
    assert_eq!(source(&format!("type = {common}StatsdSource")), "sources[0].name: is required");
    assert_eq!(
        source(&format!("type = {common}StatsdSource, name = x, port = \"eight\"")),
        "sources[0].port: \"eight\" is not a whole number"
    );
    let tcp = format!("type = {common}TcpLineSource, name = x, actorName = a, port = 1");
    assert_eq!(source(&tcp), "sources[0].parser: is required");
    let parser = "parser { type = com.arpnetworking.metrics.mad.parsers.ProtobufV3ToRecordParser }";
    let error = source(&format!("{tcp}, {parser}"));
    assert_eq!(error, "sources[0].parser: ProtobufV3ToRecordParser does not read lines");
    let mapping = "type = com.arpnetworking.metrics.mad.sources.MappingSource, name = x";
    let inner = format!("source {{ type = {common}ClientHttpSourceV3, name = y }}");
    let error = source(&format!("{mapping}, {inner}, findAndReplace {{ \"a(\" = [b] }}"));
    assert!(error.starts_with("sources[0].findAndReplace.\"a(\": the pattern \"a(\" cannot be used"), "{error}");
    let error = source(&format!("{mapping}, {inner}, findAndReplace {{ \"a\" = [\"$1\"] }}"));
    assert!(error.contains("there is no group 1"), "{error}");

    let all =
        problems("periods = [], sources = [{ type = a, name = b }], sinks = [{ type = c, name = d }, { name = e }, 5]");
    let places: Vec<_> = all.iter().map(|problem| problem.split(": ").next().unwrap()).collect();
    assert_eq!(places, ["periods", "sources[0].type", "sinks[0].type", "sinks[1].type", "sinks[2]"]);

    assert_eq!(problems("name = p, gaugeStatistics = [tp65]"), ["gaugeStatistics[0]: \"tp65\" is not a statistic"]);
    assert_eq!(problems("name = p, periods = [\"PT0.0005S\"]"), ["periods: a period must be of whole milliseconds"]);
    assert_eq!(problems("name = p, timerStatistics = null"), ["timerStatistics: must not be null"]);
    assert_eq!(problems("sources = []"), ["name: is required"]);
}

#[test]
fn whom_a_client_trusts_is_told_by_its_sink() {
    let post = |more: &str| {
        let class = "com.arpnetworking.tsdcore.sinks.AggregationServerHttpSink";
        format!("name = p, sinks = [{{ type = {class}, name = x, {more} }}]")
    };
    let tls =
        "tls { caPath = \"/etc/ca.pem\", certificatePath = c.pem, keyPath = c.key, serverName = inner, more = 1 }";
    let loaded = hocon(&post(&format!("uri = \"https://a/\", {tls}"))).unwrap();
    let SinkKind::AggregationServerHttp(http) = &loaded.config.sinks[0].kind else { panic!() };
    let paths = CertificatePaths { certificate_path: "c.pem".into(), key_path: "c.key".into() };
    let expected =
        ClientTls { ca_path: Some("/etc/ca.pem".into()), certificate: Some(paths), server_name: Some("inner".into()) };
    assert_eq!(http.tls, expected);
    assert_eq!(notes(&loaded), ["sinks[0].tls.more: unknown key, ignored"]);
    let shown = loaded.config.to_string();
    let line = "accepted: 200, 201, 202, 204, trusts /etc/ca.pem, shows c.pem with the key c.key, expects \"inner\"\n";
    assert!(shown.ends_with(line), "{shown}");

    let refused = |more: &str| problems(&post(more)).remove(0);
    let error = refused("uri = \"http://a/\", tls { caPath = x }");
    assert_eq!(error, "sinks[0].tls: is of no use with \"http://a/\", which is not https");
    let error = refused("uri = \"https://a/\", tls { certificatePath = x }");
    assert_eq!(error, "sinks[0].tls.keyPath: is required with certificatePath");
    assert_eq!(refused("uri = \"https://a/\", tls = \"yes\""), "sinks[0].tls: a string where an object is expected");
    assert!(hocon(&post("uri = \"http://a/\", tls = null")).is_ok());
    let gateway = "name = p, sinks = [{ type = tidegate.GatewayPushSink, name = g, endpoint = \"http://a\", tls { caPath = x } }]";
    assert_eq!(problems(gateway), ["sinks[0].tls: is of no use with \"http://a\", which is not https"]);
}

#[test]
fn dimensions_of_periodic_statistics_have_one_origin() {
    let sink = |text: &str| {
        let class = "com.arpnetworking.tsdcore.sinks.PeriodicStatisticsSink";
        problems(&format!("name = p, sinks = [{{ type = {class}, name = s, {text} }}]")).remove(0)
    };
    assert!(sink("dimensions = [a], mappedDimensions { b = a }").starts_with("sinks[0].mappedDimensions: \"a\""));
    assert!(sink("mappedDimensions { a = c, b = c }").starts_with("sinks[0].mappedDimensions: \"c\""));
    assert!(sink("dimensions = [_period]").starts_with("sinks[0].dimensions: \"_period\""));
    assert!(sink("mappedDimensions { a = _period }").starts_with("sinks[0].mappedDimensions: \"_period\""));
    assert!(sink("defaultDimensionsValues { a = b }").starts_with("sinks[0].defaultDimensionsValues: \"a\""));
    assert!(sink("intervalInMilliseconds = 0").starts_with("sinks[0].intervalInMilliseconds: must be 1"));
}

/// The blocks of HOCON in a page.
fn recipes(page: &str) -> Vec<&str> {
    let blocks = page.split("```hocon\n").skip(1);
    blocks.map(|rest| rest.split("```").next().expect("splitting gives a part")).collect()
}

#[test]
fn every_recipe_of_the_documentation_is_understood() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/agent.md");
    let page = fs::read_to_string(page).unwrap();
    let recipes = recipes(&page);
    assert!(recipes.len() >= 10, "{}", recipes.len());
    for recipe in recipes {
        let text = recipe.trim_start();
        if text.starts_with("# config.conf") {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("config.conf");
            fs::write(&path, text).unwrap();
            let loaded = load_daemon(&path, &HashMap::new()).unwrap_or_else(|error| panic!("{error}\nin\n{text}"));
            assert!(loaded.notes.is_empty(), "{:?}\nin\n{text}", loaded.notes);
            continue;
        }
        let is_sink = text
            .lines()
            .any(|line| line.trim_start().trim_start_matches("{ ").starts_with("type") && line.contains("Sink"));
        let pipeline = match (text.starts_with('{'), is_sink) {
            (true, true) => format!("name = p, sinks = [\n{text}\n]"),
            (true, false) => format!("name = p, sources = [\n{text}\n]"),
            (false, _) if text.contains("name =") => text.to_owned(),
            (false, _) => format!("name = p\n{text}"),
        };
        let loaded = hocon(&pipeline).unwrap_or_else(|error| panic!("{error}\nin\n{pipeline}"));
        assert!(loaded.notes.is_empty(), "{:?}\nin\n{pipeline}", loaded.notes);
    }
}
