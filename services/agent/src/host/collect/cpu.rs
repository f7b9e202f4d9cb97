//! `/proc/stat`: time per CPU and mode, and the counters below it; proc_stat(5).

use super::{CollectError, Family, Reading};

static CPU: Family = Family::counter("node_cpu_seconds_total", "Seconds that each CPU spent in each mode.");
static GUEST: Family = Family::counter("node_cpu_guest_seconds_total", "Seconds that each CPU spent in guests.");
static INTERRUPTS: Family = Family::counter("node_intr_total", "Interrupts served.");
static SWITCHES: Family = Family::counter("node_context_switches_total", "Context switches.");
static FORKS: Family = Family::counter("node_forks_total", "Forks.");
static BOOT: Family = Family::gauge("node_boot_time_seconds", "Boot, in seconds since the Unix epoch.");
static RUNNING: Family = Family::gauge("node_procs_running", "Processes that can run.");
static BLOCKED: Family = Family::gauge("node_procs_blocked", "Processes that wait for I/O.");

/// In the order of the columns. The time of guests is in `user` and `nice`
/// already.
const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];
const GUEST_MODES: [&str; 2] = ["user", "nice"];

/// `ticks_per_second` is the unit of the columns. The line of all CPUs
/// together is left out: the sum over the label `cpu` is the same.
pub fn parse(text: &str, ticks_per_second: f64) -> Result<Vec<Reading>, CollectError> {
    let mut readings = Vec::new();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let Some(key) = words.next() else { continue };
        if let Some(cpu) = key.strip_prefix("cpu") {
            if cpu.is_empty() {
                continue;
            }
            let columns: Vec<f64> = words.map_while(|word| word.parse().ok()).collect();
            let mut add = |family, modes: &[&str], columns: &[f64]| {
                for (mode, ticks) in modes.iter().zip(columns) {
                    let labels = vec![("cpu", cpu.to_owned()), ("mode", (*mode).to_owned())];
                    readings.push(Reading { family, labels, value: ticks / ticks_per_second });
                }
            };
            add(&CPU, &MODES, &columns);
            add(&GUEST, &GUEST_MODES, columns.get(MODES.len()..).unwrap_or_default());
            continue;
        }
        let family = match key {
            "intr" => &INTERRUPTS,
            "ctxt" => &SWITCHES,
            "processes" => &FORKS,
            "btime" => &BOOT,
            "procs_running" => &RUNNING,
            "procs_blocked" => &BLOCKED,
            _ => continue,
        };
        if let Some(value) = words.next().and_then(|word| word.parse().ok()) {
            readings.push(Reading::plain(family, value));
        }
    }
    if readings.is_empty() {
        return Err(CollectError::Format("no CPU in /proc/stat"));
    }
    Ok(readings)
}

#[cfg(test)]
mod tests;
