//! Which statistics a metric gets.

use super::Histograms;
use crate::{JavaRegex, Kind, Statistic};

/// The statistics of a pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    pub counter: Vec<Statistic>,
    pub timer: Vec<Statistic>,
    pub gauge: Vec<Statistic>,
    /// The first pattern that matches a whole name decides, whatever the kind.
    pub by_name: Vec<(JavaRegex, Vec<Statistic>)>,
}

/// What is computed for a metric and what of it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub statistics: Vec<(Statistic, bool)>,
    pub needs_histogram: bool,
    /// Whether anything looks at values; a mere count does not.
    pub needs_values: bool,
}

impl Plan {
    /// Those asked for, then those that they depend on; a count always.
    pub fn new(asked: &[Statistic], histograms: Histograms) -> Self {
        let mut statistics: Vec<(Statistic, bool)> = Vec::new();
        let mut add = |statistic: Statistic, asked_for: bool| {
            if !statistics.iter().any(|(known, _)| *known == statistic) {
                statistics.push((statistic, asked_for));
            }
        };
        for statistic in asked {
            add(*statistic, true);
        }
        for statistic in asked {
            for dependency in statistic.dependencies() {
                add(*dependency, false);
            }
        }
        add(Statistic::Count, false);
        let needs_histogram = histograms == Histograms::Always
            || statistics.iter().any(|(statistic, _)| *statistic == Statistic::Histogram);
        let needs_values = needs_histogram || statistics.iter().any(|(statistic, _)| *statistic != Statistic::Count);
        Self { statistics, needs_histogram, needs_values }
    }
}

/// Index of a plan in [`Plans`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanId(u32);

/// How a metric's statistics are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// By its name: all kinds are aggregated together.
    Name(PlanId),
    /// By its kind: each kind is aggregated for itself.
    Kind,
}

pub struct Plans {
    plans: Vec<Plan>,
    patterns: Vec<JavaRegex>,
}

const KINDS: usize = 3;

impl Plans {
    pub fn new(statistics: Statistics, histograms: Histograms) -> Self {
        // In the order of `by_kind`.
        let mut plans = [statistics.counter, statistics.timer, statistics.gauge]
            .map(|asked| Plan::new(&asked, histograms))
            .to_vec();
        let mut patterns = Vec::new();
        for (pattern, asked) in statistics.by_name {
            patterns.push(pattern);
            plans.push(Plan::new(&asked, histograms));
        }
        Self { plans, patterns }
    }

    pub fn get(&self, id: PlanId) -> &Plan {
        &self.plans[id.0 as usize]
    }

    /// Looked up once for a name, which then remembers it.
    pub fn choose(&self, name: &str) -> Choice {
        match self.patterns.iter().position(|pattern| pattern.matches(name)) {
            Some(index) => Choice::Name(PlanId((KINDS + index) as u32)),
            None => Choice::Kind,
        }
    }

    pub fn by_kind(kind: Kind) -> PlanId {
        PlanId(match kind {
            Kind::Counter => 0,
            Kind::Timer => 1,
            Kind::Gauge => 2,
        })
    }
}

#[cfg(test)]
mod tests;
