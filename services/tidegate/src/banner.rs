//! What a person at the terminal reads once everything runs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// Where this process is reached.
pub struct Places<'a> {
    pub scheme: &'static str,
    pub http: SocketAddr,
    pub grpc: SocketAddr,
    pub data_dir: &'a Path,
}

/// A few lines: where to look, where to push, what to try.
pub fn text(places: &Places<'_>, version: &str) -> String {
    let http = format!("{}://{}", places.scheme, reachable(places.http));
    let grpc = reachable(places.grpc);
    let data = places.data_dir.display();
    format!(
        "
  Tidegate {version} is running; data in {data}

    dashboard      {http}/
    queries        {http}/api/v1/query, /api/v1/query_range, …
    live stream    {http}/api/v1/stream?query=…
    push           {http}/api/v1/write (remote write), /v1/metrics (OTLP), /metrics (JSON)
                   {grpc} (gRPC: OTLP, agents)
    its own state  {http}/readyz, /metrics

  Try, after a few seconds:

    curl -G {http}/api/v1/query --data-urlencode 'query=node_load1'
    curl -N -G {http}/api/v1/stream --data-urlencode 'query=rate(node_cpu_seconds_total[1m])'

"
    )
}

/// "All addresses" is not one to connect to.
pub fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_can_be_connected_to() {
        let places = Places {
            scheme: "http",
            http: "0.0.0.0:9470".parse().expect("an address"),
            grpc: "[::]:4317".parse().expect("an address"),
            data_dir: Path::new("./data"),
        };
        let text = text(&places, "1.0.0");
        assert!(text.contains("dashboard      http://127.0.0.1:9470/\n"), "{text}");
        assert!(text.contains(" [::1]:4317 (gRPC"), "{text}");
        assert!(!text.contains("0.0.0.0") && text.contains("data in ./data"), "{text}");
    }
}
