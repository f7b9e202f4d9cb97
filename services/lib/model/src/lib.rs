//! The values that every part of Tidegate speaks in: tenants, labels, samples,
//! windows, rows and positions. Pure: no I/O, no clock, no runtime.
//!
//! All times are milliseconds since the Unix epoch unless the name says
//! otherwise.

pub mod histogram;
pub mod labels;
pub mod progress;
pub mod row;
pub mod sample;
pub mod tenant;
pub mod time;
pub mod window;

pub use histogram::{Buckets, Distribution, Histogram, ResetHint, Span};
pub use labels::{Labels, LabelsError, METRIC_NAME, MetricId, MetricIds};
pub use progress::{
    Clock, HourState, LedgerEntry, LedgerKey, Progress, SessionsSnapshot, Sighting, SightingsChunk, Touch,
};
pub use row::{Chunk, MetricMetadata, MetricType, Row, RowKey, SeriesKind, SeriesRow, SourceId};
pub use sample::{BatchId, STALE_NAN_BITS, Sample, Value, is_stale, stale_nan};
pub use tenant::{TenantError, TenantId};
pub use window::{
    DeltaWindow, DistributionWindow, FloatWindow, HistogramWindow, Point, StaleMarks, Window, WindowValue,
};
