//! The daemon: a configuration file, a folder of pipelines, and what runs as
//! they say. They are looked at several times a second; what has changed takes
//! the place of what was, and what cannot be used leaves it alone.

mod reload;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use prometheus_client::registry::Registry;
use tidegate_eventlog::topics::Topics;
use tidegate_mad::config::{self, LoadError, Loaded, load_daemon, load_pipeline};
use tidegate_runtime::backoff::Policy;
use tidegate_runtime::{TaskError, Tasks};
use tokio::sync::mpsc;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::certificate::Certificate;
use super::feed::Sockets;
use super::http::{MAX_BODY_BYTES, Routes, Table};
use super::metrics::Metrics;
use super::monitoring;
use super::ports::{Kind, Port, Ports};
use super::running::{Claim, Retired, Running, Shared};
use super::telemetry::Telemetry;
use super::watch::{Changes, Folder, Watched};
use super::{sink, source};
use crate::host::collect;

/// Between two looks at the files. One that has changed is read at the second
/// look that finds it as it is.
const LOOK: Duration = Duration::from_millis(200);
/// Time for pipelines to flush when the daemon stops; their sinks have a part of it.
const FLUSH: Duration = Duration::from_millis(3_500);
/// Time for sources to hand on what they have read by then.
const SOURCES: Duration = Duration::from_millis(500);

/// What a daemon needs besides its file.
pub struct Options {
    pub file: PathBuf,
    /// For substitutions in the files.
    pub environment: HashMap<String, String>,
    pub version: &'static str,
    pub metrics: Metrics,
    /// What `/metrics` shows, where nobody else does.
    pub page: Option<Arc<Registry>>,
    /// `None` where there is no adapter for topics.
    pub topics: Option<Arc<dyn Topics>>,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("{}: {error}", path.display())]
    Folder { path: PathBuf, error: std::io::Error },
}

/// Starts a daemon on `tasks`. It serves as soon as this returns, as far as its
/// ports can be had. When the tasks are cancelled it flushes and ends.
///
/// # Errors
/// When the daemon's own file cannot be used. A pipeline's that cannot is told
/// of in the log.
pub async fn start(options: Options, failures: mpsc::Sender<TaskError>, tasks: &mut Tasks) -> Result<(), StartError> {
    let daemon = begin(options, failures).await?;
    tasks.spawn("agent-daemon", |cancel| daemon.run(cancel));
    Ok(())
}

async fn begin(options: Options, failures: mpsc::Sender<TaskError>) -> Result<Daemon, StartError> {
    let loaded = load_daemon(&options.file, &options.environment)?;
    tell(&options.file, &loaded.notes);
    let config = loaded.config;
    for folder in [&config.log_directory, &config.pipelines_directory] {
        fs::create_dir_all(folder).map_err(|error| StartError::Folder { path: folder.clone(), error })?;
    }
    let telemetry = Telemetry::new(options.metrics.telemetry.clone());
    let routes = Routes::new(telemetry.clone(), options.version, options.page.clone(), options.metrics.http.clone());
    let mut monitoring_tasks = Tasks::new(failures.clone());
    let own = monitoring::start(&config, &routes, &options.metrics, &mut monitoring_tasks);
    let environment: BTreeMap<String, String> =
        options.environment.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let shared = Shared {
        pipelines: options.metrics.pipelines.clone(),
        sinks: sink::Context {
            pipeline: "".into(),
            periods_ms: Vec::new(),
            metrics: options.metrics.sinks.clone(),
            failures: failures.clone(),
            telemetry: telemetry.clone(),
            own,
            topics: options.topics.clone(),
            folder: config.log_directory.clone(),
            working_folder: PathBuf::from("."),
            agent_id: config.monitoring_host.clone().unwrap_or_else(collect::host),
            backoff: Policy::default(),
        },
        sources: source::Context {
            sockets: Arc::new(Sockets::default()),
            metrics: options.metrics.sources.clone(),
            topics: options.topics.clone(),
            max_body_bytes: MAX_BODY_BYTES,
        },
        environment,
        failures: failures.clone(),
    };
    let mut daemon = Daemon {
        file: Watched::new(vec![options.file.clone()]),
        folder: Folder::new(config.pipelines_directory.clone()),
        folder_is_missing: false,
        ports: Ports::new(options.metrics.server.clone(), failures),
        certificate: None,
        pipelines: BTreeMap::new(),
        retired: JoinSet::new(),
        config,
        options,
        shared,
        routes,
        telemetry,
        monitoring: monitoring_tasks,
    };
    daemon.load_certificate();
    daemon.routes.replace(daemon.table());
    let first = daemon.folder.first().unwrap_or_default();
    daemon.apply(first).await;
    Ok(daemon)
}

struct Daemon {
    options: Options,
    config: config::Daemon,
    file: Watched,
    folder: Folder,
    folder_is_missing: bool,
    shared: Shared,
    routes: Routes,
    telemetry: Telemetry,
    ports: Ports,
    certificate: Option<Certificate>,
    /// By file.
    pipelines: BTreeMap<PathBuf, Running>,
    /// Those that still end.
    retired: JoinSet<()>,
    monitoring: Tasks,
}

impl Daemon {
    async fn run(mut self, cancel: CancellationToken) -> Result<(), Infallible> {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                () = cancel.cancelled() => break,
                _ = looks.tick() => self.look().await,
                Some(_) = self.retired.join_next() => {}
            }
        }
        self.stop().await;
        Ok(())
    }

    async fn look(&mut self) {
        if self.file.changed() {
            self.reload().await;
        }
        if let Some(certificate) = &mut self.certificate {
            certificate.look();
        }
        let changes = self.changes();
        self.apply(changes).await;
        self.start_waiting().await;
    }

    /// Of the pipelines' folder; none as long as it cannot be read.
    fn changes(&mut self) -> Changes {
        match self.folder.changes() {
            Ok(changes) => {
                if std::mem::take(&mut self.folder_is_missing) {
                    tracing::info!(folder = %self.folder.path().display(), "the pipelines' folder is there again");
                }
                changes
            }
            Err(error) => {
                if !std::mem::replace(&mut self.folder_is_missing, true) {
                    let folder = self.folder.path().display();
                    tracing::error!(%folder, %error, "the pipelines' folder cannot be read; its pipelines go on");
                }
                Changes::default()
            }
        }
    }

    /// Tries sources again that could not start, as long as there are some.
    async fn start_waiting(&mut self) {
        if !self.pipelines.values().any(Running::waits) {
            return;
        }
        let mut claimed: HashSet<_> = self.pipelines.values().flat_map(Running::claims).collect();
        let mut started = false;
        for running in self.pipelines.values_mut() {
            started |= running.start_waiting(&mut claimed, &self.shared).await;
        }
        if started {
            self.routes.replace(self.table());
            self.open_ports().await;
        }
    }

    /// Starts, replaces and ends pipelines, and opens what they need.
    async fn apply(&mut self, changes: Changes) {
        let changed = changes != Changes::default();
        // New ones come first: a source that moves from one file to another keeps its socket.
        let goes = |file: &PathBuf| changes.appeared.contains(file) || changes.vanished.contains(file);
        let stay = self.pipelines.iter().filter(|(file, _)| !goes(file));
        let mut claimed: HashSet<_> = stay.flat_map(|(_, running)| running.claims()).collect();
        for file in &changes.appeared {
            self.take(file, &mut claimed).await;
        }
        for file in &changes.vanished {
            if let Some(running) = self.pipelines.remove(file) {
                tracing::info!(file = %file.display(), pipeline = running.name, "the pipeline ends, its file is gone");
                self.retire(running.retire());
            }
        }
        if changed {
            self.routes.replace(self.table());
        }
        self.open_ports().await;
    }

    async fn take(&mut self, file: &Path, claimed: &mut HashSet<Claim>) {
        let (path, environment) = (file.to_owned(), self.options.environment.clone());
        let loaded = spawn_blocking(move || load_pipeline(&path, &environment)).await;
        let Loaded { config, notes } = match loaded {
            Ok(Ok(loaded)) => loaded,
            Ok(Err(error)) => return self.reject(file, &error, claimed),
            Err(error) => return self.reject(file, &error, claimed),
        };
        tell(file, &notes);
        let before = self.pipelines.remove(file);
        let replaces = before.is_some();
        match Running::start(&config, before, claimed, &self.shared).await {
            Ok((running, retired)) => {
                let did = if replaces { "the pipeline has been read again" } else { "the pipeline runs" };
                tracing::info!(file = %file.display(), pipeline = running.name, "{did}");
                self.pipelines.insert(file.to_owned(), running);
                if let Some(retired) = retired {
                    self.retire(retired);
                }
            }
            Err((error, before)) => {
                if let Some(before) = before {
                    self.pipelines.insert(file.to_owned(), before);
                }
                self.reject(file, &error, claimed);
            }
        }
    }

    fn reject(&self, file: &Path, error: &dyn std::error::Error, claimed: &mut HashSet<Claim>) {
        self.options.metrics.rejected_files.inc();
        let file_name = file.display();
        if let Some(running) = self.pipelines.get(file) {
            claimed.extend(running.claims());
            tracing::error!(file = %file_name, %error, "the new version cannot be used, the old one runs on");
        } else {
            tracing::error!(file = %file_name, %error, "the pipeline cannot be used");
        }
    }

    fn retire(&mut self, retired: Retired) {
        self.retired.spawn(async move {
            if let Err(error) = retired.finish().await {
                tracing::error!(%error, "a pipeline did not end in time");
            }
        });
    }

    fn table(&self) -> Table {
        let mut sources: HashMap<_, Vec<_>> = HashMap::new();
        for (path, source) in self.pipelines.values().flat_map(Running::routes) {
            sources.entry(path).or_default().push(source.clone());
        }
        Table {
            health_path: self.config.http_health_check_path.clone(),
            status_path: self.config.http_status_path.clone(),
            sources,
            otlp: self.open_telemetry(),
            otlp_on_http: self.config.open_telemetry_routes,
        }
    }

    fn open_telemetry(&self) -> Option<Router> {
        self.pipelines.values().find_map(Running::open_telemetry).cloned()
    }

    async fn open_ports(&mut self) {
        let config = &self.config;
        let port = |kind, host: &str, port| Port { kind, host: host.to_owned(), port };
        let mut wanted = vec![port(Kind::Http, &config.http_host, config.http_port)];
        if config.enable_https {
            wanted.push(port(Kind::Https, &config.https_host, config.https_port));
        }
        if self.open_telemetry().is_some() {
            wanted.push(port(Kind::Otlp, &config.http_host, config.otlp_grpc_port));
        }
        let certificate = self.certificate.as_ref().map(Certificate::tls);
        self.ports.set(&wanted, &self.routes.router(), &self.routes.otlp_router(), certificate).await;
    }

    /// Sources first, then all pipelines at once, so that what has arrived is flushed.
    async fn stop(mut self) {
        let begun = Instant::now();
        self.ports.close().await;
        self.routes.replace(Table::default());
        let mut ending = std::mem::take(&mut self.retired);
        for running in std::mem::take(&mut self.pipelines).into_values() {
            let retired = running.retire();
            ending.spawn(async move {
                if let Err(error) = retired.finish_within(SOURCES, FLUSH).await {
                    tracing::error!(%error, "a pipeline did not end in time");
                }
            });
        }
        while ending.join_next().await.is_some() {}
        self.telemetry.close();
        // What the pipelines have told of their end.
        drop(self.shared);
        self.monitoring.finish(SOURCES).await.ok();
        tracing::info!(millis = begun.elapsed().as_millis() as u64, "all pipelines have ended");
    }
}

/// One line for each thing in a file that is not acted upon.
fn tell(file: &Path, notes: &[config::Note]) {
    let mut told = HashSet::new();
    for note in notes.iter().filter(|note| told.insert(note.to_string())) {
        tracing::warn!(file = %file.display(), "{note}");
    }
}

#[cfg(test)]
mod tests;
