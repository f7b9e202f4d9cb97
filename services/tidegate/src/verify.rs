//! `tidegate verify`: recounts what is stored. On a folder that a process
//! uses, that process is asked to do it; servers are asked at once.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use prometheus_client::registry::Registry;
use tidegate_access::Secret;
use tidegate_coldstore::Archive;
use tidegate_compactor::verify::{Report, VerifyRange, verify_since};
use tidegate_eventlog::wall_clock;
use tidegate_hotstore::HotStore;
use tokio::sync::Semaphore;

use crate::adapters::{self, Place, place};
use crate::banner::reachable;
use crate::cli::{self, ReportFormat};
use crate::config::Config;
use crate::data_dir::{DataDir, DataDirError};
use crate::targets::Need;

const ROUTE: &str = "/admin/verify";

/// Recounts, prints the report, and succeeds only if it holds.
///
/// # Errors
/// When the folder cannot be read, or its process cannot be asked.
pub async fn run(config: &Config, format: ReportFormat) -> anyhow::Result<ExitCode> {
    let is_shared = [Need::Store, Need::Archive].into_iter().all(|need| place(config, need) == Place::Shared);
    let report = match is_shared {
        true => open_and_recount(config, None).await?,
        false => match DataDir::open(&config.data_dir) {
            Ok(data_dir) => open_and_recount(config, Some(&data_dir)).await?,
            Err(DataDirError::InUse { path, address }) => {
                let Some(address) = address else {
                    bail!("{} is in use by a process that does not say where to ask it", path.display());
                };
                ask(address, config).await?
            }
            Err(error) => return Err(error.into()),
        },
    };
    match format {
        ReportFormat::Table => cli::answer(&report.to_string())?,
        ReportFormat::Json => cli::answer(&format!("{}\n", serde_json::to_string_pretty(&report)?))?,
    };
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn open_and_recount(config: &Config, data_dir: Option<&DataDir>) -> anyhow::Result<Report> {
    let store = adapters::open_store(config, data_dir, &mut Registry::default()).await?;
    let archive = adapters::open_archive(config, data_dir).await?;
    recount(&*store, &archive, config.partitions(), config.compactor.gone_before_hour(wall_clock()())).await
}

async fn recount(
    store: &dyn HotStore,
    archive: &Archive,
    partitions: u16,
    gone_before_hour: u32,
) -> anyhow::Result<Report> {
    let partitions = store.partition_count(partitions).await?;
    Ok(verify_since(store, archive, partitions, VerifyRange::All, gone_before_hour).await?)
}

/// A recount takes as long as there is data; only the connection has a limit.
async fn ask(address: SocketAddr, config: &Config) -> anyhow::Result<Report> {
    if !config.http.tls.is_empty() {
        bail!(
            "the folder is in use by a process whose port has TLS: POST https://{}{ROUTE} recounts",
            reachable(address)
        );
    }
    let client = reqwest::Client::builder().connect_timeout(Duration::from_secs(5)).no_proxy().build()?;
    let url = format!("http://{}{ROUTE}", reachable(address));
    let asking = || format!("asking the process that uses the folder, at {url}");
    let mut request = client.post(&url);
    if let Some(path) = &config.auth.command_token_file {
        request = request.bearer_auth(Secret::from_file(path).context("auth.command_token_file")?.reveal());
    }
    let response = request.send().await.with_context(asking)?;
    let status = response.status();
    let body = response.text().await.with_context(asking)?;
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        bail!(
            "{}: {status}: {}; auth.command_token_file names a file with a token of role admin",
            asking(),
            body.trim()
        );
    }
    if !status.is_success() {
        bail!("{}: {status}: {}", asking(), body.trim());
    }
    serde_json::from_str(&body).with_context(asking)
}

#[derive(Clone)]
struct Recounts {
    store: Arc<dyn HotStore>,
    archive: Arc<Archive>,
    partitions: u16,
    /// Says what retention may have deleted.
    compactor: tidegate_compactor::Config,
    /// One at a time: a recount reads everything there is.
    turn: Arc<Semaphore>,
}

/// The route on which a running process recounts.
pub fn router(store: Arc<dyn HotStore>, archive: Arc<Archive>, config: &Config) -> Router {
    let (partitions, compactor) = (config.partitions(), config.compactor.clone());
    let recounts = Recounts { store, archive, partitions, compactor, turn: Arc::new(Semaphore::new(1)) };
    Router::new().route(ROUTE, post(answer)).with_state(recounts)
}

async fn answer(State(recounts): State<Recounts>) -> Response {
    let Ok(_turn) = recounts.turn.try_acquire() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "another recount is under way\n").into_response();
    };
    let gone_before_hour = recounts.compactor.gone_before_hour(wall_clock()());
    match recount(&*recounts.store, &recounts.archive, recounts.partitions, gone_before_hour).await {
        Ok(report) => Json(report).into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error:#}\n")).into_response(),
    }
}
