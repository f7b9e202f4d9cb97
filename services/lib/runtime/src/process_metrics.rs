//! The process as the kernel sees it, under the names that Prometheus clients
//! use: `process_cpu_seconds_total`, `process_resident_memory_bytes`, …

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use rustix::process::{Resource, getrlimit};

/// Reads `/proc/self` at each scrape; what cannot be read is left out.
#[derive(Debug)]
struct Process {
    ticks_per_second: f64,
    page_bytes: u64,
    boot_time_seconds: Option<f64>,
}

/// Adds the metrics of this process.
pub fn register(registry: &mut Registry) {
    let boot_time_seconds = fs::read_to_string("/proc/stat").ok().and_then(|text| boot_time(&text));
    registry.register_collector(Box::new(Process {
        ticks_per_second: rustix::param::clock_ticks_per_second() as f64,
        page_bytes: rustix::param::page_size() as u64,
        boot_time_seconds,
    }));
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().and_then(|text| Stat::parse(&text)) {
            let seconds = stat.cpu_ticks as f64 / self.ticks_per_second;
            counter(&mut encoder, "process_cpu_seconds", "CPU time spent, user and system", seconds)?;
            let resident = stat.resident_pages.saturating_mul(self.page_bytes) as f64;
            gauge(&mut encoder, "process_resident_memory_bytes", "Memory that is resident", resident)?;
            let all = stat.virtual_bytes as f64;
            gauge(&mut encoder, "process_virtual_memory_bytes", "Memory that is mapped", all)?;
            gauge(&mut encoder, "process_threads", "Threads", stat.threads as f64)?;
            if let Some(boot) = self.boot_time_seconds {
                let start = boot + stat.start_ticks as f64 / self.ticks_per_second;
                gauge(&mut encoder, "process_start_time_seconds", "Start, since the Unix epoch", start)?;
            }
        }
        if let Ok(entries) = fs::read_dir("/proc/self/fd") {
            // The handle that lists them is one of them.
            let open = entries.count().saturating_sub(1) as f64;
            gauge(&mut encoder, "process_open_fds", "File handles that are open", open)?;
        }
        if let Some(limit) = getrlimit(Resource::Nofile).current {
            gauge(&mut encoder, "process_max_fds", "File handles that may be open", limit as f64)?;
        }
        Ok(())
    }
}

fn counter(encoder: &mut DescriptorEncoder, name: &str, help: &str, value: f64) -> fmt::Result {
    let described: MetricEncoder = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    ConstCounter::new(value).encode(described)
}

fn gauge(encoder: &mut DescriptorEncoder, name: &str, help: &str, value: f64) -> fmt::Result {
    let described: MetricEncoder = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    ConstGauge::new(value).encode(described)
}

/// What is used of `/proc/PID/stat`; proc_pid_stat(5).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    /// User and system.
    pub(crate) cpu_ticks: u64,
    threads: u64,
    /// Since boot.
    start_ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Stat {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        // The command name is in parentheses and may hold any character.
        let (_, after_name) = text.rsplit_once(')')?;
        let fields: Vec<&str> = after_name.split_ascii_whitespace().collect();
        // Field 3 of the manual page is the first here.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            cpu_ticks: field(14)? + field(15)?,
            threads: field(20)?,
            start_ticks: field(22)?,
            virtual_bytes: field(23)?,
            resident_pages: field(24)?,
        })
    }
}

fn boot_time(proc_stat: &str) -> Option<f64> {
    proc_stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests;
