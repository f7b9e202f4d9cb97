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
    /// Every name that a configuration may call it by.
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
}
