//! What both benchmarks measure with.

use tidegate_mad::Statistic;
use tidegate_mad::aggregate::{Aggregator, Config, Histograms, Limits, Statistics};

/// With the periods and statistics that a pipeline has by default.
pub fn aggregator() -> Aggregator {
    Aggregator::new(Config {
        periods_ms: vec![1_000, 60_000],
        idle_timeout_ms: 300_000,
        statistics: Statistics {
            counter: vec![Statistic::Mean, Statistic::Sum, Statistic::Count],
            timer: vec![Statistic::Median, Statistic::Tp90, Statistic::Tp99, Statistic::Mean, Statistic::Count],
            gauge: vec![Statistic::Min, Statistic::Max, Statistic::Mean],
            by_name: Vec::new(),
        },
        histograms: Histograms::default(),
        limits: Limits::default(),
    })
}
