//! Builds the selected targets on the adapters that they need.

use anyhow::Context;
use axum::Router;
use prometheus_client::registry::Registry;
use tidegate_runtime::{Health, Target, TaskError};
use tokio::sync::mpsc;
use tonic::service::Routes;

use crate::banner::reachable;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::targets::{Name, Selection, TABLE};

/// What all targets of a process share.
pub struct Shared {
    pub registry: Registry,
    pub health: Health,
    pub failures: mpsc::Sender<TaskError>,
}

/// Targets that run, and what the ports serve for them.
pub struct Assembly {
    /// In the order in which they stop.
    pub targets: Vec<Target>,
    pub http: Router,
    pub grpc: Option<Routes>,
}

/// Builds the targets of `selection` in the reverse order of [`TABLE`].
///
/// # Errors
/// When an adapter or a target cannot start, naming it.
pub async fn targets(
    selection: Selection,
    config: &Config,
    data_dir: &DataDir,
    shared: &mut Shared,
) -> anyhow::Result<Assembly> {
    let mut assembly = Assembly { targets: Vec::new(), http: Router::new(), grpc: None };
    for spec in TABLE.iter().rev().filter(|spec| selection.contains(spec.name)) {
        match spec.name {
            Name::Agent => {
                let Some(config) = agent_config(selection, config) else { continue };
                let Shared { registry, health, failures } = shared;
                let built = tidegate_agent::build(config, data_dir.path(), registry, health, failures.clone()).await;
                assembly.add(built.context("starting the agent")?);
            }
            Name::Gateway | Name::Rollup | Name::Compactor | Name::Query => {}
        }
    }
    assembly.targets.reverse();
    Ok(assembly)
}

impl Assembly {
    fn add(&mut self, mut target: Target) {
        self.http = std::mem::take(&mut self.http).merge(std::mem::take(&mut target.http));
        self.targets.push(target);
    }
}

/// The agent inside `all` pushes to the gateway beside it, over the same port
/// as any other.
fn agent_config(selection: Selection, config: &Config) -> Option<tidegate_agent::Config> {
    let mut agent = config.agent.clone();
    if selection == Selection::All {
        if !agent.enabled {
            return None;
        }
        agent.push.endpoint = format!("http://{}", reachable(config.grpc.listen));
    }
    Some(agent)
}
