//! What Metrics Aggregator Daemons are given, the Java one and ours alike.

use crate::wire;

/// An `Identifier` of version 3 of the client's protocol.
pub fn identifier(text: &str) -> Vec<u8> {
    wire::message(|out| wire::bytes(out, 1, text.as_bytes()))
}

/// The daemon's own file, on loopback; the rest is in the folder `pipelines`.
pub fn daemon_file(cluster: &str, http_port: u16, https_port: u16) -> String {
    format!(
        r#"pipelinesDirectory="pipelines"
logDirectory="logs"
monitoringCluster="{cluster}"
monitoringService="mad"
monitoringHost="here"
monitoringSinks=[]
httpHost="127.0.0.1"
httpPort={http_port}
httpsHost="127.0.0.1"
httpsPort={https_port}
akkaConfiguration {{ akka {{
  loglevel="WARNING"
  http.server.preview.enable-http2=on
  http.server.parsing.max-content-length="infinite"
}} }}
"#
    )
}
