//! What two daemons that got the same samples make of them: which results
//! differ, and in what.

mod print;

use std::collections::{BTreeMap, BTreeSet};

use crate::emit::aggregation::read::{Identity, ReadError, StatisticSet, Value, statistic_sets};

/// Results that are kept of one daemon.
pub const MAX_RESULTS: usize = 2_000_000;

/// What one daemon has sent.
#[derive(Debug, Default)]
pub struct Capture {
    results: BTreeMap<Identity, Vec<Arrived>>,
    count: usize,
    /// Results that came when there were [`MAX_RESULTS`] already.
    pub left_out: u64,
}

#[derive(Debug)]
struct Arrived {
    set: StatisticSet,
    /// Since the capture began.
    after_ms: u64,
}

impl Capture {
    /// Takes frames that came so long after the capture began.
    ///
    /// # Errors
    /// When they cannot be read; then none is taken.
    pub fn add(&mut self, frames: &[u8], after_ms: u64) -> Result<(), ReadError> {
        for set in statistic_sets(frames)? {
            if self.count >= MAX_RESULTS {
                self.left_out += 1;
                continue;
            }
            self.count += 1;
            self.results.entry(set.identity.clone()).or_default().push(Arrived { set, after_ms });
        }
        Ok(())
    }

    pub fn results(&self) -> usize {
        self.count
    }
}

/// What counts as a difference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// By how much of the greater one numbers may differ; 0 for bit by bit.
    pub tolerance: f64,
    /// Results that only one has sent are no difference when they came within
    /// this time of the capture's begin or end.
    pub edge_ms: u64,
    /// How long the capture took.
    pub length_ms: u64,
}

/// Left and right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sides<T> {
    pub left: T,
    pub right: T,
}

/// What came of a comparison; `Display` prints it.
#[derive(Debug, Default)]
pub struct Report {
    pub results: Sides<usize>,
    pub left_out: Sides<u64>,
    pub equal: usize,
    /// Results that both have, and what differs in them.
    pub different: Vec<(Identity, Vec<Difference>)>,
    /// Results that one has and the other has not.
    pub missing: Sides<Vec<Identity>>,
    /// Such ones at the begin or the end of the capture.
    pub at_the_edges: usize,
    /// The greatest relative difference between two numbers of the same name,
    /// tolerated or not.
    pub greatest_difference: f64,
    /// Metrics whose samples were not equally many in all, at the edges and elsewhere.
    pub uneven: Vec<(String, Sides<f64>)>,
}

/// One thing in a result that is not the same; printed values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub what: String,
    pub sides: Sides<String>,
}

impl Report {
    pub fn is_same(&self) -> bool {
        self.different.is_empty() && self.missing.left.is_empty() && self.missing.right.is_empty()
    }
}

pub fn compare(left: &Capture, right: &Capture, rules: Rules) -> Report {
    let mut report = Report {
        results: Sides { left: left.count, right: right.count },
        left_out: Sides { left: left.left_out, right: right.left_out },
        uneven: uneven(left, right),
        ..Report::default()
    };
    for (identity, lefts) in &left.results {
        let rights = right.results.get(identity).map_or(&[][..], Vec::as_slice);
        report.pair(identity, lefts, rights, rules);
    }
    for (identity, rights) in &right.results {
        if !left.results.contains_key(identity) {
            report.pair(identity, &[], rights, rules);
        }
    }
    report
}

impl Report {
    /// A period can come more than once, with late samples: equal ones are
    /// paired first, then the others in their order.
    fn pair(&mut self, identity: &Identity, lefts: &[Arrived], rights: &[Arrived], rules: Rules) {
        let mut rights: Vec<&Arrived> = rights.iter().collect();
        let mut unequal = Vec::new();
        for left in lefts {
            let same = rights.iter().position(|right| self.differences(&left.set, &right.set, rules).is_empty());
            match same {
                Some(at) => {
                    rights.remove(at);
                    self.equal += 1;
                }
                None => unequal.push(left),
            }
        }
        let mut rights = rights.into_iter();
        for left in unequal {
            match rights.next() {
                Some(right) => {
                    let differences = self.differences(&left.set, &right.set, rules);
                    self.different.push((identity.clone(), differences));
                }
                None if rules.is_edge(left) => self.at_the_edges += 1,
                None => self.missing.right.push(identity.clone()),
            }
        }
        for right in rights {
            match rules.is_edge(right) {
                true => self.at_the_edges += 1,
                false => self.missing.left.push(identity.clone()),
            }
        }
    }

    fn differences(&mut self, left: &StatisticSet, right: &StatisticSet, rules: Rules) -> Vec<Difference> {
        let mut differences = Vec::new();
        let mut note = |what: String, left: String, right: String| {
            differences.push(Difference { what, sides: Sides { left, right } });
        };
        let names: BTreeSet<_> = left.statistics.keys().chain(right.statistics.keys()).collect();
        for name in names {
            match (left.statistics.get(name), right.statistics.get(name)) {
                (Some(left), Some(right)) => {
                    self.greatest_difference = self.greatest_difference.max(relative(left.value, right.value));
                    if !same(left, right, rules.tolerance) {
                        note(name.clone(), print::value(left), print::value(right));
                    }
                    if left.histogram != right.histogram {
                        let what = format!("{name}: buckets");
                        note(what, print::histogram(left, right), print::histogram(right, left));
                    }
                }
                (Some(left), None) => note(name.clone(), print::value(left), "none".into()),
                (None, Some(right)) => note(name.clone(), "none".into(), print::value(right)),
                (None, None) => {}
            }
        }
        let (left, right) = (&left.client_minimum_request_time, &right.client_minimum_request_time);
        if left != right {
            note("client minimum request time".into(), left.clone(), right.clone());
        }
        differences
    }
}

impl Rules {
    fn is_edge(self, arrived: &Arrived) -> bool {
        arrived.after_ms < self.edge_ms || arrived.after_ms.saturating_add(self.edge_ms) > self.length_ms
    }
}

fn same(left: &Value, right: &Value, tolerance: f64) -> bool {
    let same_bits = left.value.to_bits() == right.value.to_bits() || left.value.is_nan() && right.value.is_nan();
    let close = tolerance > 0.0 && relative(left.value, right.value) <= tolerance;
    (same_bits || close) && left.unit == right.unit && left.user_specified == right.user_specified
}

/// The difference as a part of the greater one; infinite where one is no number.
fn relative(left: f64, right: f64) -> f64 {
    if left.to_bits() == right.to_bits() || left == right || (left.is_nan() && right.is_nan()) {
        return 0.0;
    }
    let part = (left - right).abs() / left.abs().max(right.abs());
    if part.is_nan() { f64::INFINITY } else { part }
}

/// Samples by metric and period.
fn samples(capture: &Capture) -> BTreeMap<(&str, &str), f64> {
    let mut samples = BTreeMap::new();
    for arrived in capture.results.values().flatten() {
        let Identity { metric, period, .. } = &arrived.set.identity;
        let count = arrived.set.statistics.get("count").map_or(0.0, |count| count.value);
        *samples.entry((metric.as_str(), period.as_str())).or_insert(0.0) += count;
    }
    samples
}

fn uneven(left: &Capture, right: &Capture) -> Vec<(String, Sides<f64>)> {
    let (left, right) = (samples(left), samples(right));
    let names: BTreeSet<_> = left.keys().chain(right.keys()).collect();
    let of = |samples: &BTreeMap<(&str, &str), f64>, name| samples.get(name).copied().unwrap_or(0.0);
    let sides = names.into_iter().map(|name| {
        let (metric, period) = name;
        (format!("{metric} {period}"), Sides { left: of(&left, name), right: of(&right, name) })
    });
    sides.filter(|(_, sides)| sides.left != sides.right).collect()
}

#[cfg(test)]
mod tests;
