//! Servers that stand still: their connections stay, nothing comes any more.

use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// Continues them when it is dropped.
pub struct Paused {
    pids: Vec<Pid>,
}

impl Paused {
    /// Stops the servers of a kind, such as `kafka`, that run in this folder of `infra/stack`.
    pub fn all(folder: &Path, kind: &str) -> anyhow::Result<Self> {
        let mut paused = Self { pids: Vec::new() };
        for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
            let entry = entry?;
            let is_of_kind = entry.file_name().to_string_lossy().strip_prefix(kind).is_some_and(is_number);
            if is_of_kind && let Ok(text) = fs::read_to_string(entry.path().join("pid")) {
                let pid = text.split_whitespace().next().and_then(|pid| Pid::from_raw(pid.parse().ok()?));
                let pid = pid.with_context(|| format!("no process id: {text:?}"))?;
                kill_process(pid, Signal::STOP)?;
                paused.pids.push(pid);
            }
        }
        ensure!(!paused.pids.is_empty(), "no {kind} runs in {}", folder.display());
        Ok(paused)
    }
}

/// `-1`, say.
fn is_number(suffix: &str) -> bool {
    suffix.strip_prefix('-').is_some_and(|number| number.parse::<u16>().is_ok())
}

impl Drop for Paused {
    fn drop(&mut self) {
        for pid in &self.pids {
            // Fails only when the server is gone.
            let _ = kill_process(*pid, Signal::CONT);
        }
    }
}
