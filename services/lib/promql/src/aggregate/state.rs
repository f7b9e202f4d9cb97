//! What an aggregation has gathered at one step.

use crate::histogram::{HistogramValue, Incompatible};
use crate::kahan::{self, KahanMean, KahanSum};
use crate::notes::{Note, NoteSet};
use crate::{AggregateOp, SampleValue};

pub(super) enum State {
    Sum { sum: KahanSum, histograms: Histograms, floats: u64 },
    Avg { mean: KahanMean, histograms: Histograms, floats: u64 },
    Extreme { best: Option<f64>, is_better: fn(f64, f64) -> bool },
    Count(u64),
    Group(bool),
    Spread { count: f64, mean: f64, squares: f64, root: Root },
    Quantile(Vec<f64>),
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Root {
    /// Standard deviation.
    Taken,
    /// Variance.
    NotTaken,
}

/// A sum of histograms.
#[derive(Default)]
pub(super) struct Histograms {
    /// Boxed: mostly there is none, and a state a step has to be small.
    sum: Option<Box<HistogramValue>>,
    count: f64,
    incompatible: bool,
}

impl Histograms {
    fn add(&mut self, value: &HistogramValue, noted: &mut NoteSet) {
        self.count += 1.0;
        match &self.sum {
            None => self.sum = Some(Box::new(value.clone())),
            Some(sum) => match sum.add(value, noted) {
                Ok(sum) => self.sum = Some(Box::new(sum)),
                Err(Incompatible) => self.incompatible = true,
            },
        }
    }

    /// The sum, unless floats came as well or the kinds did not fit.
    fn finish(self, floats: u64, noted: &mut NoteSet) -> Result<Option<(HistogramValue, f64)>, ()> {
        let Some(sum) = self.sum else { return Ok(None) };
        if floats > 0 {
            noted.add(Note::MixedKinds);
            return Err(());
        }
        if self.incompatible {
            noted.add(Note::IncompatibleHistograms);
            return Err(());
        }
        Ok(Some((*sum, self.count)))
    }
}

impl State {
    pub fn new(op: AggregateOp) -> Self {
        let spread = |root| Self::Spread { count: 0.0, mean: 0.0, squares: 0.0, root };
        match op {
            AggregateOp::Sum => Self::Sum { sum: KahanSum::default(), histograms: Histograms::default(), floats: 0 },
            AggregateOp::Avg => Self::Avg { mean: KahanMean::default(), histograms: Histograms::default(), floats: 0 },
            AggregateOp::Min => Self::Extreme { best: None, is_better: |new, old| new < old },
            AggregateOp::Max => Self::Extreme { best: None, is_better: |new, old| new > old },
            AggregateOp::Group => Self::Group(false),
            AggregateOp::Stddev => spread(Root::Taken),
            AggregateOp::Stdvar => spread(Root::NotTaken),
            AggregateOp::Quantile => Self::Quantile(Vec::new()),
            // The ranked and counting ones have their own ways.
            AggregateOp::Count | AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::CountValues => Self::Count(0),
        }
    }

    pub fn add(&mut self, value: &SampleValue, noted: &mut NoteSet) {
        match (self, value) {
            (Self::Count(count), _) => *count += 1,
            (Self::Group(seen), _) => *seen = true,
            (Self::Sum { histograms, .. } | Self::Avg { histograms, .. }, SampleValue::Histogram(value)) => {
                histograms.add(value, noted);
            }
            (_, SampleValue::Histogram(_)) => noted.add(Note::HistogramIgnored),
            (Self::Sum { sum, floats, .. }, SampleValue::Float(value)) => {
                sum.add(*value);
                *floats += 1;
            }
            (Self::Avg { mean, floats, .. }, SampleValue::Float(value)) => {
                mean.add(*value);
                *floats += 1;
            }
            (Self::Extreme { best, is_better }, SampleValue::Float(value)) => {
                if best.is_none_or(|old| is_better(*value, old) || old.is_nan()) {
                    *best = Some(*value);
                }
            }
            (Self::Spread { count, mean, squares, .. }, SampleValue::Float(value)) => {
                *count += 1.0;
                let delta = value - *mean;
                *mean += delta / *count;
                *squares += delta * (value - *mean);
            }
            (Self::Quantile(values), SampleValue::Float(value)) => values.push(*value),
        }
    }

    pub fn finish(self, param: Option<f64>, noted: &mut NoteSet) -> Option<SampleValue> {
        let float = match self {
            Self::Sum { sum, histograms, floats } => match histograms.finish(floats, noted).ok()? {
                Some((sum, _)) => return Some(SampleValue::histogram(sum)),
                None => (floats > 0).then(|| sum.value()),
            },
            Self::Avg { mean, histograms, floats } => match histograms.finish(floats, noted).ok()? {
                Some((sum, count)) => return Some(SampleValue::histogram(sum.divided(count))),
                None => (floats > 0).then(|| mean.value()),
            },
            Self::Extreme { best, .. } => best,
            Self::Count(count) => (count > 0).then_some(count as f64),
            Self::Group(seen) => seen.then_some(1.0),
            Self::Spread { count, squares, root, .. } => (count > 0.0).then(|| match root {
                Root::Taken => (squares / count).sqrt(),
                Root::NotTaken => squares / count,
            }),
            Self::Quantile(mut values) => {
                let phi = param.unwrap_or(f64::NAN);
                (!values.is_empty()).then(|| kahan::quantile(phi, &mut values))
            }
        };
        float.map(SampleValue::Float)
    }
}
