//! What one metric has in one open bucket.

use crate::aggregate::buckets::Buckets;
use crate::aggregate::plan::Plan;
use crate::{Computed, Histogram, Metric, Quantity, Statistic, Unit};

/// Running statistics: nothing is kept by sample but what the histogram counts.
#[derive(Debug, Default)]
pub struct Cell {
    count: i64,
    sum: f64,
    min: f64,
    max: f64,
    unit: Option<Unit>,
    /// Of what is in the buckets: a client's have none, whatever its sum has.
    bucket_unit: Option<Unit>,
    /// Whether `sum`, `min` and `max` have begun: the first value is taken as it is.
    begun: bool,
    buckets: Option<Box<Buckets>>,
}

/// A cell's results.
#[derive(Debug)]
pub struct Results {
    pub statistics: Vec<Computed>,
    pub unit: Option<Unit>,
    pub histogram: Option<Histogram>,
}

impl Cell {
    pub fn new(plan: &Plan) -> Self {
        Self { buckets: plan.needs_histogram.then(Box::default), ..Self::default() }
    }

    /// Adds samples, then what the client has aggregated. Returns how many
    /// samples are refused since their unit is not that of the first one.
    pub fn add(&mut self, metric: &Metric, plan: &Plan) -> u64 {
        let mut refused = 0;
        for sample in &metric.samples {
            if self.accepts(sample.unit, plan) {
                self.count = self.count.wrapping_add(1);
                self.take(sample.value, sample.value, sample.value);
                if let Some(buckets) = &mut self.buckets {
                    buckets.record(sample.value);
                    self.bucket_unit = self.bucket_unit.or(sample.unit);
                }
            } else {
                refused += 1;
            }
        }
        for histogram in &metric.histograms {
            let count = histogram.entries.values().fold(0u64, |sum, count| sum.wrapping_add(*count));
            if self.accepts(histogram.unit, plan) {
                // The client's count passes through a double.
                self.count = self.count.wrapping_add(count as i64 as f64 as i64);
                self.take(histogram.sum, histogram.min, histogram.max);
                if let Some(buckets) = &mut self.buckets {
                    buckets.add(&histogram.entries);
                }
            } else {
                refused += count;
            }
        }
        refused
    }

    fn accepts(&mut self, unit: Option<Unit>, plan: &Plan) -> bool {
        if !self.begun {
            self.unit = unit;
            return true;
        }
        self.unit == unit || !plan.needs_values
    }

    fn take(&mut self, sum: f64, min: f64, max: f64) {
        if !self.begun {
            (self.sum, self.min, self.max, self.begun) = (sum, min, max, true);
            return;
        }
        self.sum += sum;
        // A NaN that comes first stays, a later one changes nothing.
        if min < self.min {
            self.min = min;
        }
        if max > self.max {
            self.max = max;
        }
    }

    pub fn finish(self, plan: &Plan) -> Results {
        let Self { count, sum, min, max, unit, bucket_unit, buckets, .. } = self;
        let finished = buckets.map(|buckets| buckets.finish());
        let count = count as f64;
        let compute = |statistic: Statistic| {
            let value = match statistic {
                Statistic::Count => return Quantity::plain(count),
                Statistic::Histogram => return Quantity::plain(1.0),
                Statistic::Sum => sum,
                Statistic::Mean => sum / count,
                Statistic::Min => min,
                Statistic::Max => max,
                _ => match (statistic.percentile(), &finished) {
                    (Some(percentile), Some(finished)) => {
                        return Quantity { value: finished.percentile(percentile), unit: bucket_unit };
                    }
                    // A percentile depends on the histogram, so the plan has it.
                    _ => 0.0,
                },
            };
            Quantity { value, unit }
        };
        let statistics = plan
            .statistics
            .iter()
            .map(|(statistic, asked_for)| Computed {
                statistic: *statistic,
                value: compute(*statistic),
                asked_for: *asked_for,
            })
            .collect();
        let histogram = finished.map(|finished| Histogram { entries: finished.into_entries(), min, max, sum, unit });
        let unit = if histogram.is_some() { bucket_unit } else { unit };
        Results { statistics, unit, histogram }
    }
}

#[cfg(test)]
mod tests;
