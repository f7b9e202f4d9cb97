//! What the processes themselves say of the time that a stage took: their histograms, between two looks.

use anyhow::ensure;
use tidegate_testkit::Api;

/// From the push to the store, in the order in which a sample passes.
const STAGES: [&str; 5] = [
    "tidegate_gateway_request_duration_seconds",
    "tidegate_gateway_append_duration_seconds",
    "tidegate_rollup_live_delay_seconds",
    "tidegate_cassandra_write_duration_seconds",
    "tidegate_rollup_flush_seconds",
];

/// All histograms of all processes at a moment.
pub struct Snapshot(Vec<Stage>);

pub struct Stage {
    pub metric: &'static str,
    pub process: &'static str,
    pub buckets: Buckets,
}

/// Upper bound in seconds, observations up to it; ascending.
#[derive(Debug, Default, PartialEq)]
pub struct Buckets(Vec<(f64, u64)>);

impl Snapshot {
    pub async fn read(processes: &[(&'static str, Api)]) -> anyhow::Result<Self> {
        let mut stages = Vec::new();
        for (process, api) in processes {
            let (status, text) = api.get("/metrics").await?;
            ensure!(status == 200, "{process}: metrics: {status}");
            let of = |metric| Stage { metric, process, buckets: Buckets::parse(&text, metric) };
            stages.extend(STAGES.into_iter().map(of));
        }
        Ok(Self(stages))
    }

    /// Stages that something passed since `before`, which was read of the same processes.
    pub fn since(self, before: &Self) -> Vec<Stage> {
        let mut stages: Vec<Stage> = self.0;
        for (stage, before) in stages.iter_mut().zip(&before.0) {
            stage.buckets.subtract(&before.buckets);
        }
        stages.retain(|stage| stage.buckets.count() > 0);
        stages.sort_by_key(|stage| STAGES.iter().position(|metric| *metric == stage.metric));
        stages
    }
}

impl Buckets {
    /// Series of one metric with other labels are added up.
    fn parse(text: &str, metric: &str) -> Self {
        let mut buckets = Self::default();
        for line in text.lines().filter_map(|line| line.strip_prefix(metric)?.strip_prefix("_bucket{")) {
            let bound = line.split_once("le=\"").and_then(|(_, rest)| rest.split_once('"'));
            let Some(bound) = bound.and_then(|(bound, _)| bound.replace("+Inf", "inf").parse().ok()) else { continue };
            let count = line.rsplit(' ').next().and_then(|count| count.parse().ok()).unwrap_or(0);
            match buckets.0.iter_mut().find(|(other, _)| *other == bound) {
                Some((_, sum)) => *sum += count,
                None => buckets.0.push((bound, count)),
            }
        }
        buckets
    }

    fn subtract(&mut self, before: &Self) {
        for ((_, count), (_, less)) in self.0.iter_mut().zip(&before.0) {
            *count -= less;
        }
    }

    pub fn count(&self) -> u64 {
        self.0.last().map_or(0, |(_, count)| *count)
    }

    /// In seconds, as `histogram_quantile` has it: evenly spread within a bucket, never more than the last bound.
    pub fn quantiles<const N: usize>(&self, shares: [f64; N]) -> [f64; N] {
        shares.map(|share| {
            let rank = share * self.count() as f64;
            let (mut lower, mut below) = (0.0, 0);
            for (upper, count) in &self.0 {
                if *count as f64 >= rank && *count > below {
                    let within = (rank - below as f64) / (*count - below) as f64;
                    return if upper.is_finite() { lower + (upper - lower) * within } else { lower };
                }
                (lower, below) = (*upper, *count);
            }
            lower
        })
    }
}

#[cfg(test)]
mod tests;
