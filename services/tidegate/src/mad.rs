//! The agent with the file of a Metrics Aggregator Daemon and nothing else: no
//! other target, a few threads, ready in milliseconds.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use anyhow::Context;
use prometheus_client::registry::Registry;
use tidegate_agent::mad::{self, daemon};
use tidegate_kafka::KafkaTopics;
use tidegate_runtime::server::ServerMetrics;
use tidegate_runtime::shutdown::Signals;
use tidegate_runtime::telemetry::{self, LogConfig};
use tidegate_runtime::{Tasks, file_handles, process_metrics};
use tokio::sync::mpsc;

use crate::small::{self, Small};
use crate::{cli, process};

/// More threads take more memory and serve no host of one.
const MAX_THREADS: usize = 4;
/// Open buckets are flushed and handed on by then.
const STOP: Duration = Duration::from_secs(5);

/// Runs until a signal or the failure of a task.
///
/// # Errors
/// When the file cannot be used.
pub fn run(file: PathBuf) -> anyhow::Result<ExitCode> {
    let small = small::begin();
    telemetry::start(&LogConfig::default(), std::env::var("RUST_LOG").ok().as_deref())?;
    if let Err(error) = file_handles::raise() {
        tracing::warn!(%error, "the number of open files stays as it was");
    }
    let threads = available_parallelism().map_or(1, |threads| threads.get().min(MAX_THREADS));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    let runtime = runtime.context("starting threads")?;
    let ended = runtime.block_on(serve(file, small));
    runtime.shutdown_background();
    ended
}

async fn serve(file: PathBuf, small: Small) -> anyhow::Result<ExitCode> {
    let signals = Signals::new().context("installing signal handlers")?;
    let (failures, mut failed) = mpsc::channel(16);
    let mut registry = Registry::default();
    process_metrics::register(&mut registry);
    let server = ServerMetrics::register(&mut registry);
    let metrics = mad::Metrics::register(&mut registry, server);
    let options = daemon::Options {
        file,
        environment: mad::environment(),
        version: process::VERSION,
        metrics,
        page: Some(Arc::new(registry)),
        topics: Some(Arc::new(KafkaTopics)),
    };
    let mut tasks = Tasks::new(failures.clone());
    daemon::start(options, failures, &mut tasks).await?;
    tasks.spawn("small", |cancel| small.keep(cancel));
    let failure = process::until_the_end(signals, &mut failed).await;
    let stopped = tasks.stop(STOP).await;
    if let Err(error) = &stopped {
        tracing::error!(%error, "did not stop in time");
    }
    Ok(if failure.is_none() && stopped.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Listens to two daemons, or reads what they have sent, and prints what differs.
///
/// # Errors
/// When an address cannot be listened on or a file cannot be read.
pub async fn diff(sides: cli::Diff) -> anyhow::Result<ExitCode> {
    telemetry::start(&LogConfig::default(), std::env::var("RUST_LOG").ok().as_deref())?;
    let report = mad::diff::run(mad::diff::Options {
        left: sides.left,
        right: sides.right,
        length: Duration::from_secs(sides.seconds),
        edge: Duration::from_secs(sides.edge_seconds),
        tolerance: sides.tolerance,
    });
    let report = report.await?;
    cli::answer(&report.to_string())?;
    Ok(if report.is_same() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints what is understood, and on standard error what is not.
///
/// # Errors
/// When standard output cannot be written.
pub fn check(file: &Path) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting threads")?;
    let report = {
        let _within = runtime.enter();
        mad::check(file, &mad::environment())
    };
    cli::answer(&report.understood)?;
    if report.wrong.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    cli::complain(&anyhow::anyhow!(report.wrong.join("\n")));
    Ok(ExitCode::FAILURE)
}
