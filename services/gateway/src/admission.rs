//! Which samples are let in, by their time and value. The fold refuses
//! nothing, so what it could not store is refused here, before the answer.

use std::fmt;

use hashbrown::HashMap;
use tidegate_model::Labels;

use crate::config::Limits;

/// Why a sample is refused.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Refused {
    TooOld { time_ms: i64, max_age_hours: u32 },
    TooFarAhead { time_ms: i64, max_ahead_seconds: u32 },
    Value { value: f64, min: f64, max: f64 },
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooOld { time_ms, max_age_hours } => {
                write!(f, "time {time_ms} ms is more than {max_age_hours} h in the past (times are milliseconds)")
            }
            Self::TooFarAhead { time_ms, max_ahead_seconds } => {
                write!(f, "time {time_ms} ms is more than {max_ahead_seconds} s in the future (times are milliseconds)")
            }
            Self::Value { value, min, max } => write!(f, "value {value} is outside {min} to {max}"),
        }
    }
}

/// Kinds of refusals, as the metric tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    TooOld,
    TooFarAhead,
    OutOfRange,
    /// Labels that no series can have.
    BadSeries,
    SeriesLimit,
    NewSeriesLimit,
    /// More or longer labels than are allowed.
    LabelLimit,
    /// A sample that makes no sense.
    Malformed,
}

impl Cause {
    pub const ALL: [Self; 8] = [
        Self::TooOld,
        Self::TooFarAhead,
        Self::OutOfRange,
        Self::BadSeries,
        Self::SeriesLimit,
        Self::NewSeriesLimit,
        Self::LabelLimit,
        Self::Malformed,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::TooOld => "too_old",
            Self::TooFarAhead => "too_far_ahead",
            Self::OutOfRange => "out_of_range",
            Self::BadSeries => "bad_series",
            Self::SeriesLimit => "series_limit",
            Self::NewSeriesLimit => "new_series_limit",
            Self::LabelLimit => "label_limit",
            Self::Malformed => "malformed",
        }
    }
}

impl Refused {
    pub fn cause(&self) -> Cause {
        match self {
            Self::TooOld { .. } => Cause::TooOld,
            Self::TooFarAhead { .. } => Cause::TooFarAhead,
            Self::Value { .. } => Cause::OutOfRange,
        }
    }
}

/// The rules, made ready once.
pub struct Admission {
    max_age_hours: u32,
    max_ahead_seconds: u32,
    ranges: HashMap<String, Range>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    min: f64,
    max: f64,
}

/// The times that one request may hold, by the clock at its arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    pub now_ms: i64,
    oldest_ms: i64,
    newest_ms: i64,
    max_age_hours: u32,
    max_ahead_seconds: u32,
}

impl Admission {
    pub fn new(limits: &Limits) -> Self {
        let range = |range: &crate::config::ValueRange| Range { min: range.min, max: range.max };
        Self {
            max_age_hours: limits.max_age_hours,
            max_ahead_seconds: limits.max_ahead_seconds,
            ranges: limits.value_ranges.iter().map(|entry| (entry.name.clone(), range(entry))).collect(),
        }
    }

    pub fn times(&self, now_ms: i64) -> Times {
        Times {
            now_ms,
            oldest_ms: now_ms.saturating_sub(i64::from(self.max_age_hours) * 3_600_000),
            newest_ms: now_ms.saturating_add(i64::from(self.max_ahead_seconds) * 1_000),
            max_age_hours: self.max_age_hours,
            max_ahead_seconds: self.max_ahead_seconds,
        }
    }

    /// The range of a series' values, where one is configured. `labels` are
    /// canonical bytes.
    pub fn range(&self, labels: &[u8]) -> Option<Range> {
        if self.ranges.is_empty() {
            return None;
        }
        let labels = Labels::from_bytes(labels).ok()?;
        self.ranges.get(labels.metric_name()).copied()
    }
}

impl Times {
    #[inline]
    pub fn is_too_old(&self, time_ms: i64) -> bool {
        time_ms < self.oldest_ms
    }

    #[inline]
    pub fn check(&self, time_ms: i64) -> Result<(), Refused> {
        if self.is_too_old(time_ms) {
            return Err(Refused::TooOld { time_ms, max_age_hours: self.max_age_hours });
        }
        if time_ms > self.newest_ms {
            return Err(Refused::TooFarAhead { time_ms, max_ahead_seconds: self.max_ahead_seconds });
        }
        Ok(())
    }
}

impl Range {
    /// NaN, stale markers among them, is neither below nor above.
    pub fn check(&self, value: f64) -> Result<(), Refused> {
        if value < self.min || value > self.max {
            return Err(Refused::Value { value, min: self.min, max: self.max });
        }
        Ok(())
    }
}
