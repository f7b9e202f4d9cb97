//! A real Prometheus scrapes a real node exporter and forwards to Tidegate; then both answer the same.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use tidegate_testkit::api::Answer;
use tidegate_testkit::skipped::{NODE_EXPORTER, PROMETHEUS};
use tidegate_testkit::{Api, Server, eventually, now_ms, ports};

/// Shorter than the five minutes after which a series ends without a stale marker.
const LIMIT: Duration = Duration::from_secs(200);

const QUERIES: [&str; 8] = [
    "up",
    "node_load1",
    "node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes",
    "rate(node_cpu_seconds_total[30s])",
    "sum by (mode) (increase(node_cpu_seconds_total[30s]))",
    "max_over_time(node_memory_MemFree_bytes[20s])",
    "topk(2, sum by (mode) (node_cpu_seconds_total))",
    "quantile(0.9, node_filesystem_size_bytes)",
];

/// A child process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only when the process is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(program: &Path, arguments: &[String]) -> anyhow::Result<Running> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(Running(command.spawn().with_context(|| program.display().to_string())?))
}

#[tokio::test]
async fn a_prometheus_and_tidegate_behind_it_answer_the_same() -> anyhow::Result<()> {
    let test = "a_prometheus_and_tidegate_behind_it_answer_the_same";
    let (Some(prometheus), Some(exporter)) = (PROMETHEUS.or_skip(test), NODE_EXPORTER.or_skip(test)) else {
        return Ok(());
    };
    let server = Server::quiet().await?;
    let folder = tempfile::tempdir()?;
    let (exporter_port, port) = (ports::free_port()?, ports::free_port()?);
    let exporting = run(&exporter, &[format!("--web.listen-address=127.0.0.1:{exporter_port}")])?;
    let config = folder.path().join("prometheus.yml");
    let text = format!(
        "global: {{scrape_interval: 5s}}\n\
         scrape_configs: [{{job_name: node, static_configs: [{{targets: ['127.0.0.1:{exporter_port}']}}]}}]\n\
         remote_write: [{{url: '{}/api/v1/write', queue_config: {{retry_on_http_429: true}}}}]\n",
        server.http_url()
    );
    fs::write(&config, text)?;
    let _prometheus = run(
        &prometheus,
        &[
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", folder.path().join("data").display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
        ],
    )?;
    let (theirs, ours) = (Api::new(&format!("http://127.0.0.1:{port}")), server.api());

    eventually("a minute of scrapes has arrived", LIMIT, Duration::from_secs(2), async || {
        ensure!(ours.number("count_over_time(up[2m])").await? >= 9.0, "too few scrapes");
        Ok(Some(()))
    })
    .await?;
    // Some seconds back; what Prometheus has scraped by then it forwards, if not at once.
    let end = now_ms() - 12_000;
    for query in QUERIES {
        eventually("both answer the same", LIMIT, Duration::from_secs(1), async || {
            let expected = theirs.query_range(query, end - 15_000, end, 5_000).await?;
            ensure!(!expected.is_empty(), "Prometheus gives nothing for {query}");
            same(query, expected, ours.query_range(query, end - 15_000, end, 5_000).await?)?;
            Ok(Some(()))
        })
        .await?;
    }

    // The exporter goes: its series end at once, by stale markers, not after five minutes.
    drop(exporting);
    eventually("the series have ended", LIMIT, Duration::from_secs(1), async || {
        let up = ours.number("up").await?;
        ensure!(up == 0.0 && ours.query("node_load1").await?.is_empty(), "not yet");
        // `up` itself goes on.
        Ok((ours.query("up").await?.len() == 1).then_some(()))
    })
    .await
}

fn same(query: &str, mut expected: Answer, mut found: Answer) -> anyhow::Result<()> {
    expected.sort_by(|a, b| a.0.cmp(&b.0));
    found.sort_by(|a, b| a.0.cmp(&b.0));
    ensure!(expected.len() == found.len(), "{query}: {} series, Prometheus has {}", found.len(), expected.len());
    for ((labels, theirs), (our_labels, ours)) in expected.iter().zip(&found) {
        ensure!(labels == our_labels, "{query}: {our_labels:?}, Prometheus has {labels:?}");
        let close = |a: f64, b: f64| a == b || (a - b).abs() <= 1e-12 * a.abs().max(b.abs());
        let equal = theirs.len() == ours.len() && theirs.iter().zip(ours).all(|(a, b)| a.0 == b.0 && close(a.1, b.1));
        ensure!(equal, "{query} {labels:?}:\n{ours:?}, Prometheus has\n{theirs:?}");
    }
    Ok(())
}
