//! One process's life: ports, adapters, targets; then serving; then the end,
//! in order.

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::Router;
use prometheus_client::registry::Registry;
use tidegate_access::Guard;
use tidegate_agent::OwnRegistry;
use tidegate_runtime::failpoint::Failpoint;
use tidegate_runtime::server::{self, ListenError, Protocol, Security, Server, ServerMetrics};
use tidegate_runtime::shutdown::{self, Signals};
use tidegate_runtime::telemetry::{Logs, Shape};
use tidegate_runtime::tls::Tls;
use tidegate_runtime::{Health, Target, TaskError, Tasks, admin, process_metrics};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::access;
use crate::assemble::{self, Assembly, Shared};
use crate::banner::{self, Places};
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::small::Small;
use crate::targets::Selection;
use crate::unknown;

pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs the selected targets until a signal or the failure of a task; those
/// whose work nobody waits for on the threads of `background`.
///
/// # Errors
/// When the process cannot start.
pub async fn run(
    selection: Selection,
    mut config: Config,
    logs: Logs,
    background: &Handle,
    failpoint: Option<Arc<Failpoint>>,
    small: Option<Small>,
) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::new().context("installing signal handlers")?;
    let mut data_dir = if selection.needs_folder(&config) { Some(DataDir::create(&config.data_dir)?) } else { None };
    let ports = Ports::open(selection, &mut config).await?;
    if let Some(Err(error)) = data_dir.as_mut().map(|data_dir| data_dir.announce(ports.http_address)) {
        tracing::warn!(%error, "`tidegate verify` will not find this process");
    }

    let (failures, mut failed) = mpsc::channel(16);
    let mut shared = Shared {
        registry: Registry::default(),
        health: Health::new(),
        failures: failures.clone(),
        background: background.clone(),
        own: OwnRegistry::default(),
        failpoint,
    };
    let ending = shared.health.part("process");
    process_metrics::register(&mut shared.registry);
    let metrics = ServerMetrics::register(&mut shared.registry);
    let guard = access::guard(&config, &mut shared.registry)?;
    let doors = Doors::load(&config, guard.clone())?;
    let assembly = tokio::select! {
        built = assemble::targets(selection, &config, data_dir.as_ref(), guard.as_ref(), &mut shared) => built?,
        // Opening a large folder takes a while; nothing is served yet.
        name = signals.next() => bail!("{name} while starting"),
    };
    let Assembly { targets, http, grpc, adapters } = assembly;
    let registry = Arc::new(shared.registry);
    // Nobody else sets it.
    shared.own.set(Arc::clone(&registry)).ok();
    let http = http.merge(admin::router(registry, shared.health.clone(), VERSION));
    let http = http.merge(admin::control(logs.level, shared.health.clone()));
    let http = unknown::answered(http);
    let grpc = grpc.map(tonic::service::Routes::into_axum_router);
    announce(selection, &config, &ports, data_dir.as_ref(), logs.shape);
    let mut servers = serve(ports, http, grpc, &config, metrics, doors, failures);
    let lost = adapters.clone().failed();
    servers.spawn("adapters", |cancel| async move {
        tokio::select! {
            () = cancel.cancelled() => Ok(()),
            failed = lost => failed,
        }
    });
    ending.ready();
    if let Some(small) = small {
        servers.spawn("small", |cancel| small.keep(cancel));
    }

    let failure = until_the_end(signals, &mut failed).await;
    ending.not_ready("stopping");
    let stuck = stop(servers, targets, Duration::from_secs(config.shutdown.limit_seconds)).await;
    // Last, as the targets write until they have stopped.
    adapters.leave();
    drop(data_dir);
    tracing::info!("stopped");
    Ok(if failure.is_none() && stuck.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Waits for a signal or the failure of a task, which it gives back. From then on
/// the next signal ends the process at once.
pub async fn until_the_end(mut signals: Signals, failed: &mut mpsc::Receiver<TaskError>) -> Option<TaskError> {
    let failure = tokio::select! {
        name = signals.next() => {
            tracing::info!(signal = name, "stopping");
            None
        }
        failure = failed.recv() => failure,
    };
    signals.exit_on_next();
    if let Some(error) = &failure {
        tracing::error!(%error, "stopping, because a part of the process failed");
    }
    failure
}

/// The open ports. Only a gateway takes gRPC.
struct Ports {
    http: TcpListener,
    http_address: SocketAddr,
    grpc: Option<TcpListener>,
}

impl Ports {
    /// Opens what the targets need and notes in `config` which ports those
    /// are, as port 0 means any.
    async fn open(selection: Selection, config: &mut Config) -> Result<Self, ListenError> {
        let http = server::listen("http.listen", config.http.listen).await?;
        let http_address = http.local_addr().unwrap_or(config.http.listen);
        config.http.listen = http_address;
        let grpc = match selection.takes_grpc() {
            true => Some(server::listen("grpc.listen", config.grpc.listen).await?),
            false => None,
        };
        if let Some(address) = grpc.as_ref().and_then(|listener| listener.local_addr().ok()) {
            config.grpc.listen = address;
        }
        Ok(Self { http, http_address, grpc })
    }
}

/// Who may use the ports, and what these show.
struct Doors {
    guard: Option<Guard>,
    http: Option<Tls>,
    grpc: Option<Tls>,
}

impl Doors {
    fn load(config: &Config, guard: Option<Guard>) -> anyhow::Result<Self> {
        let http = Tls::load(&config.http.tls, Protocol::Http).context("http.tls")?;
        let grpc = Tls::load(config.grpc_tls(), Protocol::Grpc);
        Ok(Self { guard, http, grpc: grpc.context("grpc.tls, or http.tls where it says nothing")? })
    }

    fn security(&self, tls: &Option<Tls>) -> Security {
        Security { guard: self.guard.clone(), tls: tls.clone() }
    }

    /// Looks for changes of the files.
    fn watch(self, tasks: &mut Tasks) {
        if let Some(guard) = self.guard {
            tasks.spawn("tokens", |cancel| guard.keep_reading(cancel));
        }
        if let Some(tls) = self.http {
            tasks.spawn("http-certificates", |cancel| tls.keep_reading(cancel));
        }
        if let Some(tls) = self.grpc {
            tasks.spawn("grpc-certificates", |cancel| tls.keep_reading(cancel));
        }
    }
}

fn announce(selection: Selection, config: &Config, ports: &Ports, data_dir: Option<&DataDir>, logs: Shape) {
    let (http, grpc) = (config.http.listen, ports.grpc.as_ref().map(|_| config.grpc.listen));
    if logs == Shape::Text && selection == Selection::All {
        let scheme = if config.http.tls.is_empty() { "http" } else { "https" };
        let places = Places { scheme, http, grpc: config.grpc.listen, data_dir: &config.data_dir };
        // Who closed standard output does not want to read it.
        std::io::stdout().write_all(banner::text(&places, VERSION).as_bytes()).ok();
    } else {
        let grpc = grpc.map(tracing::field::display);
        let data_dir = data_dir.map(|data_dir| tracing::field::display(data_dir.path().display()));
        tracing::info!(version = VERSION, targets = %selection, %http, grpc, data_dir, "running");
    }
}

fn serve(
    ports: Ports,
    http: Router,
    grpc: Option<Router>,
    config: &Config,
    metrics: ServerMetrics,
    doors: Doors,
    failures: mpsc::Sender<TaskError>,
) -> Tasks {
    let mut servers = Tasks::new(failures);
    let server = Server {
        listener: ports.http,
        protocol: Protocol::Http,
        router: http,
        limits: config.http.limits.clone(),
        metrics: metrics.clone(),
    };
    let security = doors.security(&doors.http);
    servers.spawn("http", |cancel| server.serve_with(security, cancel));
    if let (Some(listener), Some(router)) = (ports.grpc, grpc) {
        let limits = config.grpc.limits.clone();
        let server = Server { listener, protocol: Protocol::Grpc, router, limits, metrics };
        let security = doors.security(&doors.grpc);
        servers.spawn("grpc", |cancel| server.serve_with(security, cancel));
    }
    doors.watch(&mut servers);
    servers
}

/// The agent first, so that its last batch still arrives; then the ports,
/// with the queries' streams, which would never end by themselves; then the
/// targets from the front of the path to its end.
async fn stop(servers: Tasks, targets: Vec<Target>, limit: Duration) -> Vec<TaskError> {
    let begun = tokio::time::Instant::now();
    let left = || limit.saturating_sub(begun.elapsed());
    let (agents, others): (Vec<_>, Vec<_>) = targets.into_iter().partition(|target| target.name == "agent");
    let mut stuck = shutdown::drain(agents, left()).await;
    servers.cancel();
    others.iter().filter(|target| target.name == "query").for_each(|target| target.tasks.cancel());
    if let Err(error) = servers.stop(left()).await {
        tracing::error!(%error, "ports did not close in time");
        stuck.push(error);
    }
    stuck.extend(shutdown::drain(others, left()).await);
    stuck
}
