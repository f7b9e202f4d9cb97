//! What the hot store holds.

use crate::{Labels, MetricId, TenantId, Window};

/// Where samples came through: one partition of one life of the log. A log
/// that is created anew has another epoch, so its offsets are never taken for
/// the old one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId {
    pub epoch: u64,
    pub partition: u16,
}

/// Names a fragment of a series: its samples of one minute that came through
/// one source in one era and belong together by their time of arrival.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowKey {
    pub tenant: TenantId,
    pub metric_id: MetricId,
    /// Minutes since the epoch.
    pub minute: u32,
    pub source: SourceId,
    pub era: u32,
    /// 0: samples that came in time; else minute of arrival + 1.
    pub fragment: u32,
}

/// A closed fragment of a series as stored. Of two versions under one key the
/// one with more samples is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub key: RowKey,
    pub samples: u32,
    /// A [`Chunk`], encoded.
    pub chunk: bytes::Bytes,
}

/// Up to 12 windows of 5 s (more where a series mixes kinds) and the minute's
/// totals, one per kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chunk {
    pub windows: Vec<Window>,
    pub totals: Vec<Window>,
}

/// The kind of a series' samples when it was first seen that day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SeriesKind {
    Float,
    Histogram,
    DeltaFloat,
    DeltaDistribution,
}

/// A series that had samples on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesRow {
    pub tenant: TenantId,
    /// The partition of the series.
    pub shard: u16,
    /// Days since the epoch.
    pub day: u32,
    pub metric_id: MetricId,
    pub labels: Labels,
    pub kind: SeriesKind,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MetricType {
    #[default]
    Unknown,
    Counter,
    Gauge,
    Histogram,
    GaugeHistogram,
    Summary,
    Info,
    StateSet,
}

/// What a metric's name stands for, as its source says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetricMetadata {
    pub metric_type: MetricType,
    pub unit: String,
    pub help: String,
}
