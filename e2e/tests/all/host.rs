//! The agent inside `all` reads this host, under node exporter's names, and what
//! the process says of itself; and it scrapes what it is told to.

use std::time::Duration;

use anyhow::ensure;
use tidegate_testkit::{Options, eventually};

const LIMIT: Duration = Duration::from_secs(120);

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
    eventually("all kinds of host metrics are there", LIMIT, Duration::from_secs(1), async || {
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

#[tokio::test]
async fn the_process_and_what_it_scrapes_are_seen() -> anyhow::Result<()> {
    // The process's own page, found by a file that is written when its port is known.
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("targets.json");
    let scrape = serde_json::json!({
        "interval_seconds": 1, "timeout_seconds": 1, "discovery_interval_seconds": 1,
        "jobs": [{ "name": "self", "target_files": [file] }],
    });
    let options = Options::default().set("agent.enabled", true).set("agent.interval_seconds", 1);
    let server = options.set("agent.scrape", scrape).start().await?;
    let address = server.http_url().trim_start_matches("http://").to_owned();
    std::fs::write(&file, serde_json::json!([{ "targets": [address] }]).to_string())?;
    let api = server.api();
    let seen = [
        format!("up{{job=\"self\",instance=\"{address}\"}} == 1"),
        "scrape_samples_scraped{job=\"self\"} > 100".to_owned(),
        "increase(tidegate_agent_scrape_pages_total{job=\"self\"}[1m]) > 0".to_owned(),
        "tidegate_agent_scrape_targets{job=\"tidegate\"} == 1".to_owned(),
    ];
    eventually("own metrics and scraped ones are there", LIMIT, Duration::from_secs(1), async || {
        for query in &seen {
            ensure!(api.number(&format!("count({query})")).await? == 1.0, "not so: {query}");
        }
        Ok(Some(()))
    })
    .await
}
