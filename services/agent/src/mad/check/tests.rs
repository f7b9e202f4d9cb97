use super::*;

const SINKS: &str = "com.arpnetworking.tsdcore.sinks";

/// What is wrong with a pipeline of these sources and sinks, without the name of its file.
async fn wrong(sources: &str, sinks: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("p.conf");
    fs::write(&file, format!("name = p, sources = [{sources}], sinks = [{sinks}]")).expect("writes");
    let report = check(&file, &HashMap::new());
    let prefix = format!("{}: ", file.display());
    report.wrong.iter().map(|text| text.strip_prefix(&prefix).expect("the file's name").to_owned()).collect()
}

#[tokio::test]
async fn what_a_daemon_would_only_find_when_it_starts_a_pipeline_is_told() {
    let post = |uri: &str, more: &str| {
        format!("{{ type = {SINKS}.AggregationServerHttpSink, name = post, uri = \"{uri}\"{more} }}")
    };
    assert_eq!(wrong("", &post("http://a/", "")).await, [""; 0]);
    let within = format!(
        "{{ type = {SINKS}.MultiSink, name = m, sinks = [ {{ type = {SINKS}.TimeThresholdSink, name = t, threshold = PT1M, sink = {} }} ] }}",
        post("http://a/ b", "")
    );
    let told = wrong("", &within).await;
    assert!(told.len() == 1 && told[0].starts_with("sink \"post\": \"http://a/ b\" is no address"), "{told:?}");
    let json = "{ type = tidegate.HttpJsonSink, name = j, uri = \"http://a\", headers { \"a b\" = c } }";
    assert_eq!(wrong("", json).await, ["sink \"j\": header \"a b\" has characters that a header cannot hold"]);
    let told = wrong("", &post("https://a/", ", tls { caPath = \"/no/such.pem\" }")).await;
    assert!(told.len() == 1 && told[0].starts_with("sink \"post\": tls: /no/such.pem: "), "{told:?}");
    let push =
        "{ type = tidegate.GatewayPushSink, name = g, endpoint = \"https://a:1\", tls { caPath = \"/no/such.pem\" } }";
    let told = wrong("", push).await;
    assert!(told.len() == 1 && told[0].contains("/no/such.pem"), "{told:?}");
    let told = wrong("", "{ type = tidegate.GatewayPushSink, name = g, endpoint = a }").await;
    assert!(told.len() == 1 && told[0].starts_with("sink \"g\": "), "{told:?}");

    let scrape = "{ type = tidegate.ScrapeSource, name = s, targets = [ { uri = \"a:1/metrics\" } ] }";
    let told = wrong(scrape, "").await;
    assert!(told.len() == 1 && told[0].starts_with("source \"s\": \"a:1/metrics\" is no address"), "{told:?}");
    let kafka = "{ type = com.arpnetworking.metrics.common.sources.KafkaSource, name = k, pollTime = PT1S, \
                 parser { type = com.arpnetworking.metrics.mad.parsers.ProtobufV2bytesToRecordParser }, \
                 consumer { topics = [t], configs { \"bootstrap.servers\" = a } } }";
    assert_eq!(wrong(kafka, "").await, ["source \"k\": the consumer's configuration lacks group.id"]);
}
