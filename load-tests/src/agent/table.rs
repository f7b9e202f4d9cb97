//! One column a daemon, and what is asked of ours.

use super::Measured;
use super::statsd::Step;
use super::{http, memory};
use crate::report::{mib, quantiles, table};

pub fn report(all: &[Measured]) -> String {
    let mut rows = vec![Vec::new()];
    rows[0].push(String::new());
    rows[0].extend(all.iter().map(|one| one.name.to_owned()));
    rows[0].push("asked of ours".to_owned());
    let mut row = |name: String, asked: &str, value: &dyn Fn(&Measured) -> Option<String>| {
        let values: Vec<Option<String>> = all.iter().map(value).collect();
        if values.iter().all(Option::is_none) {
            return;
        }
        let mut cells = vec![name];
        cells.extend(values.into_iter().map(Option::unwrap_or_default));
        cells.push(asked.to_owned());
        rows.push(cells);
    };
    let ms = |duration: &std::time::Duration| format!("{:.0}", duration.as_secs_f64() * 1e3);
    row("start to answered /ping, ms (median, worst)".into(), "< 50", &|one| {
        let starts = &one.start.as_ref()?.starts;
        Some(format!("{} ({})", starts.get(starts.len() / 2).map(ms)?, starts.last().map(ms)?))
    });
    row("resident, idle, MiB".into(), "< 14.3", &|one| Some(mib(one.start.as_ref()?.idle_bytes)));
    row(format!("resident at {} series, MiB (peak)", memory::SERIES), "< 57.2", &|one| {
        let full = one.full.as_ref()?;
        Some(format!("{} ({})", mib(full.resident_bytes), mib(full.peak_bytes)))
    });
    row("  of its samples lost".into(), "0", &|one| {
        let full = one.full.as_ref()?;
        Some((full.sent.saturating_sub(full.counted)).to_string())
    });
    row("reading the host each 10 s, % of a core".into(), "< 1", &|one| {
        Some(format!("{:.2}", one.host.as_ref()?.share * 100.0))
    });
    row("  resident then, MiB".into(), "", &|one| Some(mib(one.host.as_ref()?.resident_bytes)));
    row("HTTP V3, records/s on a core".into(), "5 × Java", &|one| {
        Some(format!("{:.0}", one.http.as_ref()?.records_per_second()))
    });
    row("  records by CPU second".into(), "5 × Java", &|one| {
        Some(format!("{:.0}", one.http.as_ref()?.records_per_cpu_second()))
    });
    row("  of its samples lost".into(), "0", &|one| {
        let http = one.http.as_ref()?;
        Some(http.sent.saturating_sub(http.counted).to_string())
    });
    for one in all.iter().filter_map(|one| one.http.as_ref()).take(1) {
        let name = format!("answers at {} requests/s of {} records, p50 / p99 / p99.9, ms", one.rate, http::RECORDS);
        row(name, "", &|one| Some(quantiles(one.http.as_ref()?.latencies.quantiles([0.5, 0.99, 0.999]))));
    }
    for (index, of) in ["datagrams of 1,432 bytes", "a datagram each"].into_iter().enumerate() {
        let steps = move |one: &Measured| one.statsd.as_ref().map(|both| both[index].clone());
        row(format!("StatsD, lines/s on a core without loss, {of}"), ["≥ 500,000, 5 × Java", ""][index], &|one| {
            Some(format!("{:.0}", best(&steps(one)?)))
        });
        row("  CPU of the daemon then, cores".into(), "", &|one| {
            let steps = steps(one)?;
            let whole = steps.iter().take_while(|step| step.lost() == 0).last()?;
            Some(format!("{:.2}", whole.cpu_seconds / (whole.sent as f64 / whole.reached)))
        });
        row("  lost at the next rate".into(), "", &|one| {
            let steps = steps(one)?;
            let Some(step) = steps.iter().find(|step| step.lost() > 0) else { return Some("none tried".into()) };
            Some(format!("{:.2} % of {:.0}", step.lost() as f64 / step.sent as f64 * 100.0, step.reached))
        });
    }
    table(&rows) + &ratios(all)
}

/// The highest rate up to which nothing was lost.
fn best(steps: &[Step]) -> f64 {
    steps.iter().take_while(|step| step.lost() == 0).map(|step| step.reached).fold(0.0, f64::max)
}

fn ratios(all: &[Measured]) -> String {
    let [ours, java] = all else { return String::new() };
    let mut text = String::new();
    if let (Some(ours), Some(java)) = (&ours.http, &java.http) {
        text += &format!(
            "HTTP V3: {:.1} times Java's records/s, {:.1} times by CPU second\n",
            ours.records_per_second() / java.records_per_second(),
            ours.records_per_cpu_second() / java.records_per_cpu_second()
        );
    }
    if let (Some(ours), Some(java)) = (&ours.statsd, &java.statsd) {
        let ratio = |index: usize| best(&ours[index]) / best(&java[index]);
        text += &format!("StatsD: {:.1} times Java's lines/s, {:.1} times with a datagram each\n", ratio(0), ratio(1));
    }
    text
}
