//! Builds the selected targets on the adapters that they need.

use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use prometheus_client::registry::Registry;
use tidegate_access::{Guard, Role, login_router, usage_router};
use tidegate_agent::OwnRegistry;
use tidegate_eventlog::wall_clock;
use tidegate_kafka::KafkaTopics;
use tidegate_model::TenantId;
use tidegate_runtime::failpoint::Failpoint;
use tidegate_runtime::{Health, Target, TaskError};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tonic::service::Routes;

use crate::adapters::{self, Adapters};
use crate::background::starting_on;
use crate::banner::reachable;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::failpoints;
use crate::targets::{Name, Selection, TABLE};
use crate::verify;

/// What all targets of a process share.
pub struct Shared {
    pub registry: Registry,
    pub health: Health,
    pub failures: mpsc::Sender<TaskError>,
    /// Where targets run that no client waits for.
    pub background: Handle,
    /// The registry itself, once all have registered; for who pushes it.
    pub own: OwnRegistry,
    /// Where a test wants the process to die.
    pub failpoint: Option<Arc<Failpoint>>,
}

/// Targets that run, and what the ports serve for them.
pub struct Assembly {
    /// In the order in which they stop.
    pub targets: Vec<Target>,
    pub http: Router,
    pub grpc: Option<Routes>,
    /// Closed when the last of those who use them is gone.
    pub adapters: Adapters,
}

/// Builds the targets of `selection` in the reverse order of [`TABLE`].
///
/// # Errors
/// When an adapter or a target cannot start, naming it.
pub async fn targets(
    selection: Selection,
    config: &Config,
    data_dir: Option<&DataDir>,
    guard: Option<&Guard>,
    shared: &mut Shared,
) -> anyhow::Result<Assembly> {
    let adapters = adapters::open(selection, config, data_dir, &shared.health, &mut shared.registry).await?;
    let adapters = failpoints::around(adapters, shared.failpoint.as_ref());
    let mut assembly = Assembly { targets: Vec::new(), http: Router::new(), grpc: None, adapters: adapters.clone() };
    if let Adapters { store: Some(store), archive: Some(archive), .. } = &adapters {
        assembly.http = verify::router(store.clone(), archive.clone(), config);
    }
    if let Some(guard) = guard {
        let compactor = config.compactor.clone();
        let retention = move |tenant: &TenantId| compactor.retention_days(tenant).to_vec();
        assembly.http = std::mem::take(&mut assembly.http).merge(usage_router(guard.clone(), Arc::new(retention)));
    }
    for spec in TABLE.iter().rev().filter(|spec| selection.contains(spec.name) && !spec.needs.is_empty()) {
        on_adapters(spec.name, config, adapters.clone(), guard, shared, &mut assembly).await?;
    }
    if let Some(config) = agent_config(selection, config, guard)? {
        let Shared { registry, health, failures, background, own, .. } = shared;
        let folder = data_dir.context("the agent has no data folder")?.path();
        let topics = Some(Arc::new(KafkaTopics) as _);
        let built = tidegate_agent::build(config, folder, registry, own.clone(), health, failures.clone(), topics);
        let built = Box::pin(starting_on(background, built)).await;
        assembly.add(built.context("starting the agent")?);
    }
    assembly.targets.reverse();
    Ok(assembly)
}

async fn on_adapters(
    name: Name,
    config: &Config,
    adapters: Adapters,
    guard: Option<&Guard>,
    shared: &mut Shared,
    assembly: &mut Assembly,
) -> anyhow::Result<()> {
    let needs = "an adapter that the table of targets does not ask for";
    let log = || adapters.log.clone().context(needs);
    let store = || adapters.store.clone().context(needs);
    let archive = || adapters.archive.clone().context(needs);
    let Shared { registry, health, failures, background, .. } = shared;
    let failures = failures.clone();
    match name {
        Name::Gateway => {
            let (gateway, limits) = (config.gateway.clone(), config.limits.clone());
            let built =
                tidegate_gateway::build(gateway, limits, log()?, wall_clock(), registry, health, failures).await;
            let (target, routes) = built.context("starting the gateway")?;
            assembly.grpc = Some(routes);
            assembly.add(target);
        }
        Name::Query => {
            let built =
                tidegate_query::build(config.query.clone(), log()?, store()?, archive()?, registry, health, failures);
            let built = starting_on(background, built).await;
            assembly.add(built.context("starting query")?);
            assembly.http = std::mem::take(&mut assembly.http).merge(tidegate_dashboard::router());
            if let Some(guard) = guard {
                let login = login_router(guard.clone(), !config.http.tls.is_empty());
                assembly.http = std::mem::take(&mut assembly.http).merge(login);
            }
        }
        Name::Rollup => {
            let built = tidegate_rollup::build(config.rollup.clone(), log()?, store()?, registry, health, failures);
            let built = starting_on(background, built).await;
            assembly.add(built.context("starting the rollup")?);
        }
        Name::Compactor => {
            let compactor = config.compactor.clone();
            let built = tidegate_compactor::build(compactor, log()?, store()?, archive()?, registry, health, failures);
            let built = starting_on(background, built).await;
            assembly.add(built.context("starting the compactor")?);
        }
        // It needs none.
        Name::Agent => {}
    }
    Ok(())
}

impl Assembly {
    fn add(&mut self, mut target: Target) {
        self.http = std::mem::take(&mut self.http).merge(std::mem::take(&mut target.http));
        self.targets.push(target);
    }
}

/// The agent inside `all` pushes to the gateway beside it, over the same port
/// as any other. `None` when there shall be no agent.
fn agent_config(
    selection: Selection,
    config: &Config,
    guard: Option<&Guard>,
) -> anyhow::Result<Option<tidegate_agent::Config>> {
    let mut agent = config.agent.clone();
    Ok(match selection {
        Selection::One(Name::Agent) => Some(agent),
        Selection::All if agent.enabled => {
            // It reads its host only: ports of pipelines are for a process of their own.
            agent.pipelines = None;
            let address = reachable(config.grpc.listen);
            agent.push.endpoint = match &config.grpc_tls().certificate_path {
                None => format!("http://{address}"),
                Some(path) => {
                    // Itself, whatever the certificate calls it.
                    agent.push.tls.pinned_certificate_path = Some(path.clone());
                    format!("https://{address}")
                }
            };
            if let (Some(guard), None) = (guard, &agent.push.token_file) {
                let tenant = match agent.push.tenant.as_str() {
                    "" => TenantId::default(),
                    name => TenantId::new(name).context("agent.push.tenant")?,
                };
                agent.push.token = Some(guard.issue("the agent of this process", tenant, Role::Push)?);
            }
            Some(agent)
        }
        Selection::All | Selection::One(_) => None,
    })
}
