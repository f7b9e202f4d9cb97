//! The tables that a run ends with.

use std::time::Duration;

use crate::agents::{Crowd, Served, Step};
use crate::bounds::Observed;
use crate::latency::Answered;
use crate::push::Measured;
use crate::query;
use crate::stages::Stage;
use crate::streams::{Audience, Followed};

/// One column a server.
pub fn push(runs: &[Measured]) -> String {
    let row = |name: &str, value: &dyn Fn(&Measured) -> String| {
        let mut cells = vec![name.to_owned()];
        cells.extend(runs.iter().map(value));
        cells
    };
    let bytes_per_sample =
        |run: &Measured, bytes: u64| format!("{} ({:.3})", mib(bytes), bytes as f64 / run.samples as f64);
    let mut rows = vec![
        row("", &|run| run.name.clone()),
        row("samples", &|run| run.samples.to_string()),
        row("samples counted by a query", &|run| match &run.counted {
            Ok(counted) => counted.to_string(),
            Err(_) => "failed, see below".to_owned(),
        }),
        row("samples/s", &|run| format!("{:.0}", run.samples as f64 / run.wall.as_secs_f64())),
        row("server CPU s, pushing", &|run| format!("{:.2}", run.push_cpu_seconds)),
        row("server CPU s, until settled", &|run| format!("{:.2}", run.cpu_seconds)),
        row("samples per CPU second", &|run| format!("{:.0}", run.per_cpu_second())),
        row("answer p50 / p99, ms", &|run| quantiles(run.latencies.quantiles([0.5, 0.99]))),
        row("answers 429 or 503", &|run| run.busy_answers.to_string()),
        row("peak resident, MiB", &|run| mib(run.peak_resident_bytes)),
        row("disk, MiB (bytes a sample)", &|run| bytes_per_sample(run, run.disk.iter().map(|(_, bytes)| bytes).sum())),
    ];
    for (other, _) in runs.iter().flat_map(|run| &run.others_cpu_seconds) {
        rows.push(row(&format!("CPU s of the {other}"), &|run| {
            let found = run.others_cpu_seconds.iter().find(|(name, _)| name == other);
            found
                .map(|(_, seconds)| format!("{seconds:.2} ({:.0} samples/s)", run.samples as f64 / seconds))
                .unwrap_or_default()
        }));
    }
    for (folder, _) in runs.iter().flat_map(|run| &run.disk).filter(|(folder, _)| OURS.contains(&folder.as_str())) {
        let name = format!("  of it {folder}");
        if rows.iter().all(|cells| cells[0] != name) {
            rows.push(row(&name, &|run| {
                let found = run.disk.iter().find(|(other, _)| other == folder);
                found.map(|(_, bytes)| bytes_per_sample(run, *bytes)).unwrap_or_default()
            }));
        }
    }
    let failed = runs.iter().filter_map(|run| Some((&run.name, run.counted.as_ref().err()?)));
    let failed = failed.map(|(name, error)| format!("{name}: counting failed: {error}\n"));
    table(&rows) + &failed.collect::<String>()
}

/// Folders of a Tidegate data folder; those of the peers are their own business.
const OURS: [&str; 3] = ["archive", "log", "store"];

/// How the first runs (Tidegate's) compare with the others (the peers').
pub fn ratios(ours: &[Measured], peers: &[Measured]) -> String {
    let line = |our: &Measured, peer: &Measured| {
        let ratio = our.per_cpu_second() / peer.per_cpu_second();
        format!("{}: {ratio:.2} times the samples per CPU second of {}\n", our.name, peer.name)
    };
    ours.iter().flat_map(|our| peers.iter().map(move |peer| line(our, peer))).collect()
}

pub fn latency(name: &str, answered: &Answered) -> String {
    let requests = answered.latencies.len();
    let rate = requests as f64 / answered.wall.as_secs_f64();
    table(&[
        vec![String::new(), name.to_owned()],
        vec!["requests answered".to_owned(), requests.to_string()],
        vec!["requests/s".to_owned(), format!("{rate:.0}")],
        vec!["answers 429 or 503".to_owned(), answered.busy_answers.to_string()],
        vec![
            "answer p50 / p99 / p99.9 / max, ms".to_owned(),
            quantiles(answered.latencies.quantiles([0.5, 0.99, 0.999, 1.0])),
        ],
        vec![
            "of which before it left p50 / p99 / p99.9 / max, ms".to_owned(),
            quantiles(answered.lateness.quantiles([0.5, 0.99, 0.999, 1.0])),
        ],
        vec!["taken from the cores by the machine's host, s".to_owned(), format!("{:.1}", answered.stolen_seconds)],
    ])
}

/// What the processes say of the time that each stage took.
pub fn stages(stages: &[Stage]) -> String {
    let mut rows = vec![["stage", "of", "times", "p50, ms", "p99, ms"].map(str::to_owned).to_vec()];
    rows.extend(stages.iter().map(|stage| {
        let ms = |seconds: f64| format!("{:.1}", seconds * 1e3);
        let [p50, p99] = stage.buckets.quantiles([0.5, 0.99]).map(ms);
        vec![stage.metric.to_owned(), stage.process.to_owned(), stage.buckets.count().to_string(), p50, p99]
    }));
    table(&rows)
}

/// One row a case: p50 and p99 in ms, the first answer besides, and what an answer holds; the ratios are of the p50s, the first server's to the
/// others'.
pub fn queries(runs: &[(String, Vec<query::Answered>)]) -> String {
    let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
    let mut header = vec!["p50 / p99 / first, ms (series, kB)".to_owned()];
    header.extend(runs.iter().map(|(name, _)| name.clone()));
    header.extend(runs.iter().skip(1).map(|(name, _)| format!("ratio to {name}")));
    let mut rows = vec![header];
    let Some((_, ours)) = runs.first() else { return String::new() };
    for (index, first) in ours.iter().enumerate() {
        let answered: Vec<&query::Answered> = runs.iter().filter_map(|(_, cases)| cases.get(index)).collect();
        let mut cells = vec![first.case.clone()];
        cells.extend(answered.iter().map(|one| {
            let [p50, p99] = one.latencies.quantiles([0.5, 0.99]).map(ms);
            format!("{p50:.1} / {p99:.1} / {:.1} ({}, {})", ms(one.first), one.series, one.bytes / 1_000)
        }));
        let p50 = |one: &query::Answered| ms(one.latencies.quantiles([0.5])[0]);
        cells.extend(answered.iter().skip(1).map(|other| format!("{:.2}", p50(first) / p50(other))));
        rows.push(cells);
    }
    table(&rows)
}

pub fn streams(audience: &Audience, followed: &Followed) -> String {
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let wall = followed.wall.as_secs_f64();
    table(&[
        row(
            "streams, expressions, series each",
            format!("{}, {}, {}", audience.streams, audience.expressions, audience.series),
        ),
        row("events", followed.latencies.len().to_string()),
        row("window's end to event p50 / p99 / max, ms", quantiles(followed.latencies.quantiles([0.5, 0.99, 1.0]))),
        row("events missed", followed.missed.to_string()),
        row("events without all series", followed.thin.to_string()),
        row("events without some partition", followed.incomplete.to_string()),
        row("corrections", followed.corrections.to_string()),
        row("evaluations", format!("{:.0}", followed.evaluations)),
        row("server CPU, cores", format!("{:.3}", followed.cpu_seconds / wall)),
        row("peak resident, MiB", mib(followed.peak_resident_bytes)),
    ])
}

/// One column a step.
pub fn agents(name: &str, crowd: &Crowd, served: &Served) -> String {
    let row = |name: &str, value: &dyn Fn(&Step) -> String| {
        let mut cells = vec![name.to_owned()];
        cells.extend(served.steps.iter().map(value));
        cells
    };
    let cores = |seconds: f64, step: &Step| format!("{:.3}", seconds / step.wall.as_secs_f64());
    let mut rows = vec![
        row("a push every", &|step| format!("{:?}", step.interval)),
        row("requests/s due", &|step| format!("{:.0}", step.offered)),
        row("requests/s accepted", &|step| format!("{:.0}", step.latencies.len() as f64 / step.wall.as_secs_f64())),
        row("due to answer p50 / p99 / max, ms", &|step| quantiles(step.latencies.quantiles([0.5, 0.99, 1.0]))),
        row("answers 429 or 503", &|step| step.busy.to_string()),
        row("failed, no answer in 30 s", &|step| step.failed.to_string()),
        row("left out, 10 s late", &|step| step.left_out.to_string()),
        row("process CPU, cores", &|step| cores(step.cpu_seconds, step)),
        row("process CPU, µs a request", &|step| {
            format!("{:.0}", step.cpu_seconds * 1e6 / step.latencies.len().max(1) as f64)
        }),
        row("client CPU, cores", &|step| cores(step.client_cpu_seconds, step)),
    ];
    for (index, (other, _)) in served.steps.first().iter().flat_map(|step| step.others_cpu_seconds.iter().enumerate()) {
        rows.push(row(&format!("{other} CPU, cores"), &|step| cores(step.others_cpu_seconds[index].1, step)));
    }
    let memory = [served.before_bytes, served.connected_bytes, served.peak_bytes].map(mib).join(" / ");
    let (agents, samples) = (crowd.agents, crowd.samples);
    format!(
        "{name}: {agents} connections, {samples} samples a push; resident before, connected, peak: {memory} MiB\n{}",
        table(&rows)
    )
}

pub fn bounds(all: &[Observed]) -> String {
    let header = ["", "process", "before", "peak", "after, MiB"].map(str::to_owned).to_vec();
    let mut memory = vec![header];
    let mut answers =
        vec![["pushes answered", "accepted", "429", "503", "failed", "accepted after"].map(str::to_owned).to_vec()];
    let mut notes = String::new();
    for Observed { fault, memory: of_processes, during, after, notes: more } in all {
        for one in of_processes {
            let [before, peak, after] = [one.before, one.peak, one.after].map(mib);
            memory.push(vec![fault.name().to_owned(), one.target.clone(), before, peak, after]);
        }
        let counts = [during.accepted, during.too_many, during.unavailable, during.failed, after.accepted];
        let mut row = vec![fault.name().to_owned()];
        row.extend(counts.map(|count| count.to_string()));
        answers.push(row);
        notes.extend(more.iter().map(|note| format!("{}: {note}\n", fault.name())));
    }
    format!("{}\n{}\n{notes}", table(&memory), table(&answers))
}

pub fn quantiles<const N: usize>(values: [Duration; N]) -> String {
    values.map(|value| format!("{:.2}", value.as_secs_f64() * 1000.0)).join(" / ")
}

pub fn mib(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / f64::from(1 << 20))
}

/// Columns as wide as their widest cell; the first to the left, the others to the right.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("  {cell:>width$}"),
        });
        let line: String = cells.collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
