//! Whether two daemons have posted the same.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use bytes::Bytes;
use tidegate_testkit::aggregation_server::{Histogram, Statistic, decode};

use crate::cases::Message;

/// A bucket's results; late data posts them again, which is kept in order.
type Results = BTreeMap<Key, Vec<Posted>>;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    case: String,
    metric: String,
    period: String,
    /// Not of what counts by the time of receipt, which is not the same for both.
    start: Option<String>,
}

#[derive(Clone, Debug)]
struct Posted {
    /// Everything but statistics.
    frame: String,
    statistics: BTreeMap<String, Statistic>,
}

fn by_key(frames: &[Bytes]) -> anyhow::Result<Results> {
    let mut results = Results::new();
    for frame in frames {
        let one = decode(frame)?;
        let case = one.dimensions.get("case").context("a result of no case")?.clone();
        let by_receipt = case.starts_with("statsd") || case.starts_with("stamped");
        let key =
            Key { case, metric: one.metric, period: one.period, start: (!by_receipt).then_some(one.period_start) };
        let frame = format!(
            "service {:?} cluster {:?} request {:?} dimensions {:?}",
            one.service, one.cluster, one.client_minimum_request_time, one.dimensions
        );
        let count = one.statistics.len();
        let statistics: BTreeMap<_, _> = one.statistics.into_iter().collect();
        ensure!(statistics.len() == count, "{key:?} has a statistic twice");
        results.entry(key).or_default().push(Posted { frame, statistics });
    }
    Ok(results)
}

/// Tells what was compared, and fails with what differs.
#[expect(clippy::print_stdout, reason = "what was compared is a result of the test")]
pub fn report(
    cases: &BTreeMap<String, String>,
    theirs: &[Bytes],
    own: &[Bytes],
    mut differences: Vec<String>,
) -> anyhow::Result<()> {
    let (posts, theirs, own) = (theirs.len(), by_key(theirs)?, by_key(own)?);
    let (mut statistics, mut entries) = (0usize, 0usize);
    for posted in theirs.values().flatten() {
        statistics += posted.statistics.len();
        let histograms = posted.statistics.values().filter_map(|statistic| statistic.histogram.as_ref());
        entries += histograms.map(|histogram| histogram.entries.len()).sum::<usize>();
    }
    let keys: std::collections::BTreeSet<&Key> = theirs.keys().chain(own.keys()).collect();
    for key in &keys {
        let (java, ours) = (theirs.get(key), own.get(key));
        let what = || cases.get(&key.case).map_or("?", String::as_str);
        match (java, ours) {
            (Some(java), Some(ours)) if java.len() == ours.len() => {
                for (java, ours) in java.iter().zip(ours) {
                    for difference in differ(java, ours) {
                        differences.push(format!("{key:?} ({}): {difference}", what()));
                    }
                }
            }
            _ => {
                let count = |posted: Option<&Vec<Posted>>| posted.map_or(0, Vec::len);
                differences.push(format!("{key:?} ({}): Java posts {}, we {}", what(), count(java), count(ours)));
            }
        }
    }
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for case in cases.keys() {
        *kinds.entry(case.split('-').next().unwrap_or(case)).or_default() += 1;
    }
    println!(
        "compared {} cases {kinds:?}: {} buckets, {posts} posts, {statistics} statistics, {entries} histogram entries",
        cases.len(),
        keys.len()
    );
    let shown: Vec<&str> =
        differences.iter().filter(|d| !d.contains("\"prometheus-")).take(60).map(String::as_str).collect();
    ensure!(differences.is_empty(), "{} differences, such as\n{}", differences.len(), shown.join("\n"));
    Ok(())
}

/// HTTP requests that are answered otherwise.
pub fn answers(messages: &[&Message], java: &[Option<u16>], ours: &[Option<u16>]) -> Vec<String> {
    let statuses = java.iter().zip(ours);
    let differ = messages.iter().zip(statuses).filter(|(_, (java, ours))| java != ours);
    differ.map(|(message, (java, ours))| format!("{}: Java answers {java:?}, we {ours:?}", message.name)).collect()
}

fn differ(java: &Posted, ours: &Posted) -> Vec<String> {
    let mut differences = Vec::new();
    if java.frame != ours.frame {
        differences.push(format!("Java has {}, we {}", java.frame, ours.frame));
    }
    let names: std::collections::BTreeSet<&String> = java.statistics.keys().chain(ours.statistics.keys()).collect();
    for name in names {
        match (java.statistics.get(name), ours.statistics.get(name)) {
            (Some(java), Some(ours)) if same(java, ours) => {}
            (java, ours) => differences.push(format!("{name}: Java has {}, we {}", text(java), text(ours))),
        }
    }
    differences
}

fn same(java: &Statistic, ours: &Statistic) -> bool {
    let histograms = match (&java.histogram, &ours.histogram) {
        (None, None) => true,
        (Some(java), Some(ours)) => same_histogram(java, ours),
        _ => false,
    };
    same_bits(java.value, ours.value)
        && histograms
        && (&java.unit, java.user_specified) == (&ours.unit, ours.user_specified)
}

/// 1.20.1 does not say its precision, later versions do.
fn same_histogram(java: &Histogram, ours: &Histogram) -> bool {
    (java.precision, ours.precision) == (0, 8)
        && (&java.unit, java.entries.len()) == (&ours.unit, ours.entries.len())
        && java.entries.iter().zip(&ours.entries).all(|(java, ours)| same_bits(java.0, ours.0) && java.1 == ours.1)
}

/// The protobuf library of 1.20.1 leaves −0.0 out as if it were 0.0; later ones do not, nor do we. Which NaN a sum gives
/// is up to the processor and the order of its operands.
fn same_bits(java: Option<u64>, ours: Option<u64>) -> bool {
    const NEGATIVE_ZERO: u64 = 1 << 63;
    let is_nan = |bits: Option<u64>| f64::from_bits(bits.unwrap_or(0)).is_nan();
    java == ours || (java.is_none() && ours == Some(NEGATIVE_ZERO)) || (is_nan(java) && is_nan(ours))
}

fn text(statistic: Option<&Statistic>) -> String {
    let Some(statistic) = statistic else { return "none".into() };
    let value = f64::from_bits(statistic.value.unwrap_or(0));
    let entries = statistic.histogram.as_ref().map(|histogram| {
        let shown = histogram.entries.iter().take(8);
        let shown: Vec<_> = shown.map(|(bound, count)| (f64::from_bits(bound.unwrap_or(0)), count)).collect();
        let Histogram { unit, precision, entries } = histogram;
        format!(" {} entries {shown:?} unit {unit:?} precision {precision}", entries.len())
    });
    format!("{value:?} {:?} asked {}{}", statistic.unit, statistic.user_specified, entries.unwrap_or_default())
}
