//! What a span of time keeps of a series, and how two parts of it merge.
//!
//! A window of one or two samples keeps them exactly (`first`, `last`); of
//! more it keeps what `rate`, `increase`, `resets`, `changes` and the
//! `_over_time` family need.

use std::sync::Arc;

use crate::{Distribution, Histogram};

/// A window of a series: `[start_ms, start_ms + length)`, where the length
/// follows from the tier (5 s, or 1 min for totals).
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    pub start_ms: i64,
    pub value: WindowValue,
}

#[derive(Clone, Debug, PartialEq)]
pub enum WindowValue {
    Float(FloatWindow),
    Histogram(HistogramWindow),
    DeltaFloat(DeltaWindow),
    DeltaDistribution(DistributionWindow),
}

/// A value at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point<V = f64> {
    pub time_ms: i64,
    pub value: V,
}

/// Stale markers: outside count, sum, min, max, first and last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StaleMarks {
    pub count: u32,
    /// Time of the latest; meaningless when `count` is 0.
    pub last_ms: i64,
}

/// Gauge or cumulative counter. With `count` 0 (only stale markers) the other
/// fields are 0 and mean nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FloatWindow {
    pub count: u32,
    /// Of the samples in order of (time, arrival).
    pub sum: f64,
    /// NaN only when every sample is NaN; likewise `max`.
    pub min: f64,
    pub max: f64,
    pub first: Point,
    pub last: Point,
    /// Growth of a counter from `first` to `last`, resets allowed for.
    pub increase: f64,
    pub resets: u32,
    pub changes: u32,
    pub stale: StaleMarks,
}

/// Cumulative histograms: only the first and last of a window are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramWindow {
    pub count: u32,
    pub first: Point<Arc<Histogram>>,
    pub last: Point<Arc<Histogram>>,
}

/// Deltas: they add up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeltaWindow {
    pub count: u32,
    pub sum: f64,
    pub min: f64,
    pub max: f64,
    pub first_ms: i64,
    pub last_ms: i64,
}

/// Distributions: they merge exactly.
#[derive(Clone, Debug, PartialEq)]
pub struct DistributionWindow {
    /// Samples (pushes), not the values in them.
    pub count: u32,
    pub first_ms: i64,
    pub last_ms: i64,
    pub distribution: Distribution,
}

impl FloatWindow {
    /// A window of no samples; `push` fills it.
    pub fn empty() -> Self {
        let nothing = Point { time_ms: 0, value: 0.0 };
        Self {
            count: 0,
            sum: 0.0,
            min: 0.0,
            max: 0.0,
            first: nothing,
            last: nothing,
            increase: 0.0,
            resets: 0,
            changes: 0,
            stale: StaleMarks::default(),
        }
    }

    /// A window of one sample.
    pub fn one(time_ms: i64, value: f64) -> Self {
        let mut window = Self::empty();
        window.push(time_ms, value);
        window
    }

    /// The sample of a window that is nothing but that, to the bit: NaN
    /// payloads and the sign of zero included.
    pub fn as_one(&self) -> Option<Point> {
        if self.count != 1 {
            return None;
        }
        let rebuilt = Self::one(self.first.time_ms, self.first.value);
        let whole = |w: &Self| (w.resets, w.changes, w.stale, w.last.time_ms);
        let bits = |w: &Self| [w.sum, w.min, w.max, w.last.value, w.increase].map(f64::to_bits);
        (whole(self) == whole(&rebuilt) && bits(self) == bits(&rebuilt)).then_some(self.first)
    }

    /// Adds a sample no earlier than those before it. Stale markers go to
    /// [`FloatWindow::push_stale`].
    pub fn push(&mut self, time_ms: i64, value: f64) {
        let point = Point { time_ms, value };
        if self.count == 0 {
            (self.min, self.max, self.first) = (value, value, point);
        } else {
            self.min = min_number(self.min, value);
            self.max = max_number(self.max, value);
            let step = step(self.last.value, value);
            self.increase += step.increase;
            self.resets += step.resets;
            self.changes += step.changes;
        }
        self.count += 1;
        self.sum += value;
        self.last = point;
    }

    pub fn push_stale(&mut self, time_ms: i64) {
        self.stale.count += 1;
        self.stale.last_ms = self.stale.last_ms.max(time_ms);
    }

    /// Joins another part of the same window (another source, era or
    /// fragment). Exact when the parts hold at most two samples in all or do
    /// not overlap in time; where longer parts interleave, resets that fall
    /// between samples of different parts are not seen.
    pub fn merge(&mut self, other: &FloatWindow) {
        self.stale.count += other.stale.count;
        if other.stale.count > 0 {
            self.stale.last_ms = if self.stale.count == other.stale.count {
                other.stale.last_ms
            } else {
                self.stale.last_ms.max(other.stale.last_ms)
            };
        }
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = FloatWindow { stale: self.stale, ..*other };
            return;
        }
        let (early, late) = if other.first.time_ms < self.first.time_ms { (other, &*self) } else { (&*self, other) };
        let last = if other.last.time_ms > self.last.time_ms { other.last } else { self.last };
        let first = early.first;
        let (increase, resets, changes) = if early.last.time_ms <= late.first.time_ms {
            let step = step(early.last.value, late.first.value);
            (
                early.increase + step.increase + late.increase,
                early.resets + step.resets + late.resets,
                early.changes + step.changes + late.changes,
            )
        } else {
            let correction = |w: &FloatWindow| w.increase - (w.last.value - w.first.value);
            (
                last.value - first.value + correction(early) + correction(late),
                early.resets + late.resets,
                early.changes + late.changes,
            )
        };
        *self = FloatWindow {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            min: min_number(self.min, other.min),
            max: max_number(self.max, other.max),
            first,
            last,
            increase,
            resets,
            changes,
            stale: self.stale,
        };
    }
}

impl WindowValue {
    /// Number of samples in the window, stale markers included.
    pub fn samples(&self) -> u32 {
        match self {
            Self::Float(w) => w.count + w.stale.count,
            Self::Histogram(w) => w.count,
            Self::DeltaFloat(w) => w.count,
            Self::DeltaDistribution(w) => w.count,
        }
    }

    /// Joins another part of the same window; `Err` gives it back when it is
    /// of another kind, which stays beside this one.
    pub fn merge(&mut self, other: WindowValue) -> Result<(), WindowValue> {
        match (self, other) {
            (Self::Float(a), Self::Float(b)) => a.merge(&b),
            (Self::Histogram(a), Self::Histogram(b)) => a.merge(b),
            (Self::DeltaFloat(a), Self::DeltaFloat(b)) => a.merge(&b),
            (Self::DeltaDistribution(a), Self::DeltaDistribution(b)) => a.merge(&b),
            (_, other) => return Err(other),
        }
        Ok(())
    }
}

impl HistogramWindow {
    pub fn one(time_ms: i64, histogram: Arc<Histogram>) -> Self {
        let point = Point { time_ms, value: histogram };
        Self { count: 1, first: point.clone(), last: point }
    }

    /// Adds a sample no earlier than those before it.
    pub fn push(&mut self, time_ms: i64, histogram: Arc<Histogram>) {
        self.count += 1;
        self.last = Point { time_ms, value: histogram };
    }

    pub fn merge(&mut self, other: HistogramWindow) {
        self.count += other.count;
        if other.first.time_ms < self.first.time_ms {
            self.first = other.first;
        }
        if other.last.time_ms > self.last.time_ms {
            self.last = other.last;
        }
    }
}

impl DeltaWindow {
    pub fn one(time_ms: i64, value: f64) -> Self {
        Self { count: 1, sum: value, min: value, max: value, first_ms: time_ms, last_ms: time_ms }
    }

    pub fn merge(&mut self, other: &DeltaWindow) {
        self.count += other.count;
        self.sum += other.sum;
        self.min = min_number(self.min, other.min);
        self.max = max_number(self.max, other.max);
        self.first_ms = self.first_ms.min(other.first_ms);
        self.last_ms = self.last_ms.max(other.last_ms);
    }
}

impl DistributionWindow {
    pub fn one(time_ms: i64, distribution: Distribution) -> Self {
        Self { count: 1, first_ms: time_ms, last_ms: time_ms, distribution }
    }

    pub fn merge(&mut self, other: &DistributionWindow) {
        self.count += other.count;
        self.first_ms = self.first_ms.min(other.first_ms);
        self.last_ms = self.last_ms.max(other.last_ms);
        self.distribution.merge(&other.distribution);
    }
}

struct Step {
    increase: f64,
    resets: u32,
    changes: u32,
}

/// What lies between two neighbouring samples of a counter.
fn step(before: f64, after: f64) -> Step {
    let reset = after < before;
    let changed = after != before && !(after.is_nan() && before.is_nan());
    Step { increase: if reset { after } else { after - before }, resets: u32::from(reset), changes: u32::from(changed) }
}

fn min_number(a: f64, b: f64) -> f64 {
    if b < a || a.is_nan() { b } else { a }
}

fn max_number(a: f64, b: f64) -> f64 {
    if b > a || a.is_nan() { b } else { a }
}

#[cfg(test)]
mod tests;
