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
