//! The agent inside `all` reads this host, under node exporter's names.

use std::time::Duration;

use anyhow::ensure;
use tidegate_testkit::{Options, eventually};

#[tokio::test]
async fn this_host_is_seen_within_a_minute() -> anyhow::Result<()> {
    let server = Options::default().set("agent.interval_seconds", 5).start().await?;
    let api = server.api();
    let names = [
        "node_cpu_seconds_total",
        "node_memory_MemTotal_bytes",
        "node_memory_MemAvailable_bytes",
        "node_disk_read_bytes_total",
        "node_filesystem_avail_bytes",
        "node_network_receive_bytes_total",
    ];
    eventually("all kinds of host metrics are there", Duration::from_secs(60), Duration::from_secs(1), async || {
        for name in names {
            ensure!(api.number(&format!("count({name})")).await? >= 1.0, "no {name}");
        }
        Ok(Some(()))
    })
    .await?;
    let total = std::fs::read_to_string("/proc/meminfo")?;
    let kib: f64 = total.split_whitespace().nth(1).unwrap_or("0").parse()?;
    ensure!(api.number("node_memory_MemTotal_bytes").await? == kib * 1024.0);
    Ok(())
}
