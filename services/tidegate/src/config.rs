//! The whole configuration: a section a part, each with its own defaults.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tidegate_runtime::server::Limits;
use tidegate_runtime::telemetry;
use tidegate_runtime::tls::TlsServerConfig;

use crate::adapters::{ArchiveConfig, LogConfig, Place, QUIET, StoreConfig, place};
use crate::targets::Need;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Holds log, store and archive unless they are in servers, and the agent's buffer.
    pub data_dir: PathBuf,
    pub http: Http,
    pub grpc: Grpc,
    /// Who may do what.
    pub auth: tidegate_access::Config,
    pub log: telemetry::LogConfig,
    pub limits: tidegate_gateway::Limits,
    pub gateway: tidegate_gateway::Config,
    pub rollup: tidegate_rollup::Config,
    pub compactor: tidegate_compactor::Config,
    pub query: tidegate_query::Config,
    pub agent: tidegate_agent::Config,
    pub eventlog: LogConfig,
    pub store: StoreConfig,
    pub archive: ArchiveConfig,
    pub shutdown: Shutdown,
}

/// The HTTP port: pushes, queries, streams, the dashboard, the process's state.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    pub listen: SocketAddr,
    pub tls: TlsServerConfig,
    pub limits: Limits,
}

/// The gRPC port: pushes of agents and OTLP.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grpc {
    pub listen: SocketAddr,
    /// Where nothing is given, the HTTP port's.
    pub tls: TlsServerConfig,
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
            auth: tidegate_access::Config::default(),
            log: telemetry::LogConfig { level: format!("info,{QUIET}"), ..telemetry::LogConfig::default() },
            limits: tidegate_gateway::Limits::default(),
            gateway: tidegate_gateway::Config::default(),
            rollup: tidegate_rollup::Config::default(),
            compactor: tidegate_compactor::Config::default(),
            query: tidegate_query::Config::default(),
            agent: tidegate_agent::Config::default(),
            eventlog: LogConfig::default(),
            store: StoreConfig::default(),
            archive: ArchiveConfig::default(),
            shutdown: Shutdown::default(),
        }
    }
}

impl Config {
    /// Of the gRPC port.
    pub fn grpc_tls(&self) -> &TlsServerConfig {
        if self.grpc.tls.is_empty() { &self.http.tls } else { &self.grpc.tls }
    }

    /// Partitions of the log; those recorded in the store go before it.
    pub fn partitions(&self) -> u16 {
        match place(self, Need::Log) {
            Place::Folder => self.eventlog.embedded.partitions,
            Place::Shared => self.eventlog.kafka.partitions,
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9470)),
            tls: TlsServerConfig::default(),
            limits: Limits::default(),
        }
    }
}

impl Default for Grpc {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 4317)),
            tls: TlsServerConfig::default(),
            limits: Limits::default(),
        }
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { limit_seconds: 40 }
    }
}

#[cfg(test)]
mod tests;
