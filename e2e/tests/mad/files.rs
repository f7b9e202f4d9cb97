//! The configuration of both daemons.

use std::path::Path;

use tidegate_testkit::mad::daemon_file;

/// What differs between the two.
#[derive(Clone, Copy)]
pub struct Ports {
    pub http: u16,
    pub https: u16,
    pub statsd: u16,
    pub graphite: u16,
    pub telegraf: u16,
    pub mapped: u16,
    pub stamped: u16,
    /// Of the server that frames are sent to without HTTP.
    pub frames: u16,
}

/// # Errors
/// When the folder cannot be written.
pub fn write(folder: &Path, ports: Ports, uri: &str) -> anyhow::Result<()> {
    let pipelines = folder.join("pipelines");
    std::fs::create_dir_all(&pipelines)?;
    std::fs::create_dir_all(folder.join("logs"))?;
    std::fs::write(folder.join("config.conf"), daemon_file("parity", ports.http, ports.https))?;
    std::fs::write(pipelines.join("client.conf"), client_file(ports, uri))?;
    std::fs::write(pipelines.join("lines.conf"), lines_file(ports, uri))?;
    Ok(())
}

/// The last two patterns both match `cnt/few…`: which one counts depends on how the keys of an object are ordered.
const STATISTICS: &str = r#"statistics={
  "^all/.*$"=["count","sum","mean","min","max","median","tp75","tp90","tp95","tp99","tp99.9","histogram"]
  "tp/.*"=["p0","tp50","p75","tp90","p99","p99p9","tp100"]
  "cnt/.*"=["n"]
  "cnt/few.*"=["sum","n"]
}"#;

fn sinks(uri: &str, Ports { frames, .. }: Ports) -> String {
    format!(
        r#"sinks=[
  {{ type="com.arpnetworking.tsdcore.sinks.AggregationServerHttpSink", name="http", uri="{uri}", maximumConcurrency=4, maximumQueueSize=1000000 }}
  {{ type="com.arpnetworking.tsdcore.sinks.AggregationServerSink", name="tcp", serverAddress="127.0.0.1", serverPort={frames}, maxQueueSize=1000000 }}
]"#
    )
}

fn client_file(ports: Ports, uri: &str) -> String {
    let sinks = sinks(uri, ports);
    format!(
        r#"name="client"
periods=["PT1S","PT1M"]
{STATISTICS}
sources=[
  {{ type="com.arpnetworking.metrics.common.sources.ClientHttpSourceV1", name="v1" }}
  {{ type="com.arpnetworking.metrics.common.sources.ClientHttpSourceV2", name="v2" }}
  {{ type="com.arpnetworking.metrics.common.sources.ClientHttpSourceV3", name="v3" }}
  {{ type="com.arpnetworking.metrics.common.sources.PrometheusHttpSource", name="prometheus" }}
  {{ type="com.arpnetworking.metrics.common.sources.CollectdHttpSourceV1", name="collectd" }}
]
{sinks}
"#
    )
}

fn lines_file(ports: Ports, uri: &str) -> String {
    let Ports { statsd, graphite, telegraf, mapped, stamped, .. } = ports;
    let sinks = sinks(uri, ports);
    let parser = r#"{ type="com.arpnetworking.metrics.mad.parsers.GraphitePlaintextToRecordParser", parseCarbonTags=true, globalTags={service="g",cluster="c"} }"#;
    let telegraf_parser =
        r#"{ type="com.arpnetworking.metrics.mad.parsers.TelegrafJsonToRecordParser", timestampUnit="MILLISECONDS" }"#;
    format!(
        r#"name="lines"
periods=["PT1S","PT2S"]
timerStatistics=["tp50","tp90","tp99","min","max","sum"]
counterStatistics=["count","sum"]
gaugeStatistics=["mean","histogram"]
{STATISTICS}
sources=[
  {{ type="com.arpnetworking.metrics.common.sources.StatsdSource", name="statsd", host="127.0.0.1", port={statsd} }}
  {{ type="com.arpnetworking.metrics.common.sources.TcpLineSource", actorName="graphite", name="graphite", host="127.0.0.1", port="{graphite}", parser={parser} }}
  {{ type="com.arpnetworking.metrics.common.sources.TcpLineSource", actorName="telegraf", name="telegraf", host="127.0.0.1", port={telegraf}, parser={telegraf_parser} }}
  {{ type="com.arpnetworking.metrics.mad.sources.MappingSource", name="mapping",
    findAndReplace={{ "^(first|one)/([^/]+)/x"=["$2/$1","all/$2"], "/drop$"=[], "^(?<a>second)/"=["${{a}}/${{a}}/\\$"] }}
    source={{ type="com.arpnetworking.metrics.common.sources.TcpLineSource", actorName="mapped", name="mapped", host="127.0.0.1", port={mapped}, parser={parser} }} }}
  {{ type="com.arpnetworking.metrics.mad.sources.TimeStampingSource", name="stamping",
    source={{ type="com.arpnetworking.metrics.common.sources.TcpLineSource", actorName="stamped", name="stamped", host="127.0.0.1", port={stamped}, parser={parser} }} }}
]
{sinks}
"#
    )
}
