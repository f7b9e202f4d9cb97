//! The statistics that a period can be summed up in.

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Statistic {
    Count,
    Sum,
    Mean,
    Min,
    Max,
    Median,
    Tp75,
    Tp90,
    Tp95,
    Tp99,
    Tp99_9,
    Histogram,
}

impl Statistic {
    /// By its name or one of the aliases that the Java daemon knows.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "count" | "n" => Self::Count,
            "sum" => Self::Sum,
            "mean" => Self::Mean,
            "min" | "tp0" | "p0" => Self::Min,
            "max" | "tp100" | "p100" => Self::Max,
            "median" | "tp50" | "p50" => Self::Median,
            "tp75" | "p75" => Self::Tp75,
            "tp90" | "p90" => Self::Tp90,
            "tp95" | "p95" => Self::Tp95,
            "tp99" | "p99" => Self::Tp99,
            "tp99.9" | "p99.9" | "tp99p9" | "p99p9" => Self::Tp99_9,
            "histogram" => Self::Histogram,
            _ => return None,
        })
    }

    /// As it stands in what the sinks emit.
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Mean => "mean",
            Self::Min => "min",
            Self::Max => "max",
            Self::Median => "median",
            Self::Tp75 => "tp75",
            Self::Tp90 => "tp90",
            Self::Tp95 => "tp95",
            Self::Tp99 => "tp99",
            Self::Tp99_9 => "tp99.9",
            Self::Histogram => "histogram",
        }
    }

    /// Of 0 to 100, for those that are read off the histogram.
    pub fn percentile(self) -> Option<f64> {
        match self {
            Self::Median => Some(50.0),
            Self::Tp75 => Some(75.0),
            Self::Tp90 => Some(90.0),
            Self::Tp95 => Some(95.0),
            Self::Tp99 => Some(99.0),
            Self::Tp99_9 => Some(99.9),
            _ => None,
        }
    }

    /// What else is computed, and emitted, because this one is asked for.
    pub fn dependencies(self) -> &'static [Self] {
        match self {
            Self::Mean => &[Self::Sum, Self::Count],
            _ if self.percentile().is_some() => &[Self::Histogram],
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests;
