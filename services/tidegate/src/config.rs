//! The whole configuration: a section a part, each with its own defaults.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tidegate_runtime::server::Limits;
use tidegate_runtime::telemetry::LogConfig;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Holds log, store, archive and the agent's buffer.
    pub data_dir: PathBuf,
    pub http: Http,
    pub grpc: Grpc,
    pub log: LogConfig,
    pub agent: tidegate_agent::Config,
    pub shutdown: Shutdown,
}

/// The HTTP port: pushes, queries, streams, the dashboard, the process's state.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    pub listen: SocketAddr,
    pub limits: Limits,
}

/// The gRPC port: pushes of agents and OTLP.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grpc {
    pub listen: SocketAddr,
    pub limits: Limits,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shutdown {
    /// Time for all parts together to finish what they have begun.
    pub limit_seconds: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("./data"),
            http: Http::default(),
            grpc: Grpc::default(),
            log: LogConfig::default(),
            agent: tidegate_agent::Config::default(),
            shutdown: Shutdown::default(),
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9470)), limits: Limits::default() }
    }
}

impl Default for Grpc {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 4317)), limits: Limits::default() }
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { limit_seconds: 40 }
    }
}

#[cfg(test)]
mod tests;
