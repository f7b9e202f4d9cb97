//! Reads the host: one file a source, each a parser of the kernel's text that
//! is pure, and here what reads the text.

pub mod cpu;
pub mod disk;
pub mod filesystem;
pub mod load;
pub mod memory;
pub mod network;
mod uname;

pub use uname::host;

use std::path::PathBuf;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::CollectConfig;
use crate::metrics::{Collector as CollectorLabel, Metrics};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
}

/// A metric's name and what it means.
#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    pub name: &'static str,
    pub kind: Kind,
    pub help: &'static str,
}

impl Family {
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Counter, help }
    }

    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Gauge, help }
    }
}

/// One value of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    pub family: &'static Family,
    pub labels: Vec<(&'static str, String)>,
    pub value: f64,
}

impl Reading {
    pub fn plain(family: &'static Family, value: f64) -> Self {
        Self { family, labels: Vec::new(), value }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    #[error("{path}: {source}")]
    Read { path: String, source: std::io::Error },
    /// What was looked for in the text and is not there.
    #[error("{0}")]
    Format(&'static str),
    #[error("a file system has not answered for {} s", .0.as_secs())]
    Stuck(Duration),
}

/// A file system that does not answer (a dead NFS server) holds its own
/// reading up, not the others.
const FILESYSTEM_PATIENCE: Duration = Duration::from_secs(2);

pub struct Collectors {
    config: CollectConfig,
    metrics: Metrics,
    ticks_per_second: f64,
    filesystems: Option<JoinHandle<Result<Vec<Reading>, CollectError>>>,
}

impl Collectors {
    pub fn new(config: CollectConfig, metrics: Metrics) -> Self {
        let ticks_per_second = rustix::param::clock_ticks_per_second() as f64;
        Self { config, metrics, ticks_per_second, filesystems: None }
    }

    /// All readings that can be had now; what fails is counted and left out.
    pub async fn read(&mut self) -> Vec<Reading> {
        let mut readings = Vec::with_capacity(512);
        let ticks = self.ticks_per_second;
        let config = self.config.clone();
        let on = |enabled: bool, name: &'static str, parse: &dyn Fn(&str) -> Result<Vec<Reading>, CollectError>| {
            enabled.then(|| self.text(name).and_then(|text| parse(&text)))
        };
        // The kernel answers these from memory.
        let all = [
            ("cpu", on(config.cpu, "stat", &|text| cpu::parse(text, ticks))),
            ("memory", on(config.memory, "meminfo", &memory::parse)),
            ("disk", on(config.disk, "diskstats", &disk::parse)),
            ("network", on(config.network, "self/net/dev", &network::parse)),
            ("load", on(config.load, "loadavg", &load::parse)),
            ("uname", Some(Ok(uname::read()))),
            ("filesystem", if config.filesystem { Some(self.filesystems().await) } else { None }),
        ];
        for (collector, result) in all.into_iter().filter_map(|(name, result)| Some((name, result?))) {
            match result {
                Ok(more) => readings.extend(more),
                Err(error) => {
                    tracing::debug!(collector, %error, "reading failed");
                    self.metrics.collect_errors.get_or_create(&CollectorLabel { collector }).inc();
                }
            }
        }
        self.metrics.collected_samples.inc_by(readings.len() as u64);
        readings
    }

    fn text(&self, name: &str) -> Result<String, CollectError> {
        read(self.config.proc_path.join(name))
    }

    async fn filesystems(&mut self) -> Result<Vec<Reading>, CollectError> {
        let mounts = self.config.proc_path.join("self/mounts");
        let mut running = self.filesystems.take().unwrap_or_else(|| {
            tokio::task::spawn_blocking(move || Ok(filesystem::read(&filesystem::parse(&read(mounts)?))))
        });
        match tokio::time::timeout(FILESYSTEM_PATIENCE, &mut running).await {
            Ok(ended) => ended.unwrap_or(Err(CollectError::Format("the reading was interrupted"))),
            Err(_) => {
                // Asked for again next time instead of started twice.
                self.filesystems = Some(running);
                Err(CollectError::Stuck(FILESYSTEM_PATIENCE))
            }
        }
    }
}

fn read(path: PathBuf) -> Result<String, CollectError> {
    // Names of mount points need not be UTF-8.
    let bytes =
        std::fs::read(&path).map_err(|source| CollectError::Read { path: path.display().to_string(), source })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests;
