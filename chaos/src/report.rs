//! Lines that accumulate in a file, one a session, and the table that they add up to.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::cluster::Topology;

/// What one session found. Counts are samples.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Line {
    pub scenario: String,
    pub topology: Topology,
    pub seed: u64,
    pub runs: u32,
    pub acknowledged: u64,
    pub counted: u64,
    /// Of those, found in the archive's files.
    pub archived: u64,
    pub refused: u64,
    /// Of those, so many should have been taken.
    #[serde(default)]
    pub wrongly_refused: u64,
    pub lost: u64,
    /// Missing, as the ledger says: of records that the log itself has lost.
    #[serde(default)]
    pub gone: u64,
    pub twice: u64,
    /// Windows with as many samples as they should have, but others.
    pub wrong_sums: u64,
    /// What `tidegate verify` says.
    pub verified: bool,
    pub batches: u64,
    pub retries: u64,
    /// From each fault to whole live windows.
    pub recovery_ms: Vec<u64>,
    pub seconds: u64,
    /// Windows that differ.
    pub examples: Vec<String>,
    /// What was done exactly, such as the failpoints' names.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Why the session could not be brought to its end.
    pub error: Option<String>,
}

impl Line {
    /// A session that failed.
    pub fn failed(scenario: &str, topology: Topology, seed: u64, error: &anyhow::Error) -> Self {
        Self {
            scenario: scenario.to_owned(),
            topology,
            seed,
            runs: 0,
            acknowledged: 0,
            counted: 0,
            archived: 0,
            refused: 0,
            wrongly_refused: 0,
            lost: 0,
            gone: 0,
            twice: 0,
            wrong_sums: 0,
            verified: false,
            batches: 0,
            retries: 0,
            recovery_ms: Vec::new(),
            seconds: 0,
            examples: Vec::new(),
            notes: Vec::new(),
            error: Some(format!("{error:#}")),
        }
    }

    pub fn holds(&self) -> bool {
        let wrong = [self.lost, self.twice, self.wrong_sums, self.wrongly_refused];
        wrong.iter().all(|count| *count == 0) && self.verified && self.error.is_none()
    }
}

/// All lines of the file; none when there is no file.
pub fn read(path: &Path) -> anyhow::Result<Vec<Line>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    text.lines().map(|line| serde_json::from_str(line).with_context(|| path.display().to_string())).collect()
}

pub fn append(path: &Path, line: &Line) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
    Ok(file.write_all(format!("{}\n", serde_json::to_string(line)?).as_bytes())?)
}

const HEAD: [&str; 12] = [
    "where",
    "fault",
    "runs",
    "acknowledged",
    "counted",
    "refused",
    "lost",
    "twice",
    "gone",
    "verify",
    "failed",
    "live again, s: median, worst",
];

/// A row for each fault, all its sessions added up.
pub fn table(lines: &[Line]) -> String {
    let mut by_fault: BTreeMap<(Topology, &str), Vec<&Line>> = BTreeMap::new();
    for line in lines {
        by_fault.entry((line.topology, &line.scenario)).or_default().push(line);
    }
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(by_fault.iter().map(|((topology, scenario), lines)| row(*topology, scenario, lines)));
    let widths: [usize; HEAD.len()] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    let mut text = String::new();
    for (number, row) in rows.into_iter().enumerate() {
        let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| match column {
            0 | 1 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        // Writing to a string does not fail.
        writeln!(text, "| {} |", cells.collect::<Vec<_>>().join(" | ")).ok();
        if number == 0 {
            // As Markdown has it: text to the left, numbers to the right.
            let line =
                |column: usize| format!("{}{}", "-".repeat(widths[column] + 1), if column < 2 { "-" } else { ":" });
            writeln!(text, "|{}|", (0..HEAD.len()).map(line).collect::<Vec<_>>().join("|")).ok();
        }
    }
    text
}

fn row(topology: Topology, scenario: &str, lines: &[&Line]) -> [String; HEAD.len()] {
    let sum = |of: fn(&Line) -> u64| lines.iter().map(|line| of(line)).sum::<u64>().to_string();
    let where_ = match topology {
        Topology::Embedded => "embedded",
        Topology::Fleet => "fleet",
    };
    let finished = || lines.iter().filter(|line| line.error.is_none());
    let verified = finished().filter(|line| line.verified).count();
    let mut recoveries: Vec<u64> = lines.iter().flat_map(|line| line.recovery_ms.iter().copied()).collect();
    recoveries.sort_unstable();
    let seconds = |ms: u64| format!("{:.1}", ms as f64 / 1_000.0);
    let recovery = match (recoveries.get(recoveries.len() / 2), recoveries.last()) {
        (Some(median), Some(worst)) => format!("{}, {}", seconds(*median), seconds(*worst)),
        _ => "-".to_owned(),
    };
    [
        where_.to_owned(),
        scenario.to_owned(),
        sum(|line| u64::from(line.runs)),
        sum(|line| line.acknowledged),
        sum(|line| line.counted),
        sum(|line| line.refused),
        // A window with others than acknowledged has lost some and has some too many.
        sum(|line| line.lost + line.wrong_sums),
        sum(|line| line.twice + line.wrong_sums),
        sum(|line| line.gone),
        format!("{verified}/{}", finished().count()),
        (lines.len() - finished().count()).to_string(),
        recovery,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(scenario: &str, lost: u64, recovery_ms: &[u64]) -> Line {
        let mut line = Line::failed(scenario, Topology::Embedded, 1, &anyhow::anyhow!("x"));
        (line.error, line.verified, line.runs, line.acknowledged) = (None, true, 2, 100);
        (line.counted, line.lost, line.recovery_ms) = (100 - lost, lost, recovery_ms.to_vec());
        line
    }

    #[test]
    fn sessions_add_up() {
        let lines = [line("kill", 0, &[1_000, 9_000]), line("kill", 3, &[2_000]), line("late", 0, &[])];
        assert!(lines[0].holds() && !lines[1].holds());
        let table = table(&lines);
        let rows: Vec<Vec<&str>> =
            table.lines().map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect();
        assert_eq!(rows[2], ["embedded", "kill", "4", "200", "197", "0", "3", "0", "0", "2/2", "0", "2.0, 9.0"]);
        assert_eq!(rows[3][11], "-");
    }

    #[test]
    fn lines_survive_the_file() {
        let folder = std::env::temp_dir().join(format!("tidegate-chaos-{}", std::process::id()));
        let path = folder.join("table.jsonl");
        assert!(read(&path).unwrap().is_empty());
        append(&path, &line("a", 1, &[5])).unwrap();
        append(&path, &line("b", 0, &[])).unwrap();
        let read = read(&path).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!((read.len(), read[0].lost, read[1].scenario.as_str()), (2, 1, "b"));
    }
}
