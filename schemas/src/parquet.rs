//! The Parquet schema of the archive, the same at every resolution.
//!
//! One row is one window of one series and kind. A file is sorted by (name,
//! labels, window_start, kind) and uses only types and encodings that DuckDB,
//! Spark and pyarrow read without settings.
//!
//! What can be derived exactly from other columns is null, because filled
//! columns would cost four times the bytes. `sql/archive.sql` has a DuckDB
//! macro that fills them in.
//!
//! | column | null when |
//! |---|---|
//! | sum_digits | the sum is not a decimal number of up to 9 places |
//! | min_digits, max_digits, first_digits, last_digits, increase_digits | likewise; where the column without `_digits` is null anyway |
//! | sum_scale | the row has no digits |
//! | sum | `sum_digits` is not: the sum is `sum_digits / 10^sum_scale`, to the bit |
//! | sum, sum_digits, sum_scale | a window of stale markers only; cumulative histograms |
//! | min, max | their digits are not; with one sample: both are the sum |
//! | first, last | likewise; deltas |
//! | last_offset_ms | with one sample: it is `first_offset_ms` |
//! | increase, resets, changes | with up to two samples: they follow from first and last; increase also where its digits are not |
//! | stale_count, stale_offset_ms | there is no stale marker |
//! | p50 … p999, sketch | not a delta distribution |
//! | histogram | not a cumulative histogram |
//!
//! A window of one or two samples whose other fields do not follow from them
//! (two samples of the same millisecond that came through different fragments)
//! is written out in full; `increase` is then not null. The archive is thereby
//! lossless.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

/// Version of the meaning of the columns, kept in the file's metadata. Version
/// 1 has no digits but those of the sum.
pub const FORMAT_VERSION: u32 = 2;

/// Names of the columns, in the order of the file.
pub mod column {
    /// The metric's name, `__name__` of the labels.
    pub const NAME: &str = "name";
    /// The other labels: map of text to text.
    pub const LABELS: &str = "labels";
    /// 32 hex digits: the hash of tenant, name and labels.
    pub const METRIC_ID: &str = "metric_id";
    /// `float`, `histogram`, `delta` or `distribution`.
    pub const KIND: &str = "kind";
    pub const WINDOW_START: &str = "window_start";
    /// Values that `sum` adds up; of distributions, the values in them.
    pub const COUNT: &str = "count";
    /// Samples as they were received, stale markers included.
    pub const SAMPLES: &str = "samples";
    pub const SUM: &str = "sum";
    /// The sum as a whole number: a decimal number as a double has 52 bits that
    /// look random, as digits it takes two to four times fewer bytes.
    pub const SUM_DIGITS: &str = "sum_digits";
    /// Decimal places of `sum_digits` and of the other digits.
    pub const SUM_SCALE: &str = "sum_scale";
    pub const MIN: &str = "min";
    pub const MAX: &str = "max";
    pub const MIN_DIGITS: &str = "min_digits";
    pub const MAX_DIGITS: &str = "max_digits";
    pub const FIRST_DIGITS: &str = "first_digits";
    pub const LAST_DIGITS: &str = "last_digits";
    pub const INCREASE_DIGITS: &str = "increase_digits";
    pub const FIRST: &str = "first";
    pub const LAST: &str = "last";
    /// Milliseconds from `window_start`; likewise the other offsets.
    pub const FIRST_OFFSET_MS: &str = "first_offset_ms";
    pub const LAST_OFFSET_MS: &str = "last_offset_ms";
    pub const INCREASE: &str = "increase";
    pub const RESETS: &str = "resets";
    pub const CHANGES: &str = "changes";
    pub const STALE_COUNT: &str = "stale_count";
    pub const STALE_OFFSET_MS: &str = "stale_offset_ms";
    pub const P50: &str = "p50";
    pub const P90: &str = "p90";
    pub const P95: &str = "p95";
    pub const P99: &str = "p99";
    pub const P999: &str = "p999";
    /// Buckets and counts of a distribution, mergeable.
    pub const SKETCH: &str = "sketch";
    /// First and last cumulative histogram of the window.
    pub const HISTOGRAM: &str = "histogram";
}

/// The columns of percentiles and the quantile of each.
pub const PERCENTILES: [(&str, f64); 5] =
    [(column::P50, 0.5), (column::P90, 0.9), (column::P95, 0.95), (column::P99, 0.99), (column::P999, 0.999)];

/// Columns that version 1 did not have.
pub const DIGITS: [&str; 5] =
    [column::MIN_DIGITS, column::MAX_DIGITS, column::FIRST_DIGITS, column::LAST_DIGITS, column::INCREASE_DIGITS];

/// Most decimal places of `sum_digits`. Ten to this power, and to every
/// smaller one, is exact as a double.
pub const MAX_SUM_SCALE: usize = 9;

/// A DuckDB macro `tidegate(files)` that gives every row its sum, min, max,
/// first and last.
pub const DUCKDB_MACRO: &str = include_str!("../sql/archive.sql");

/// How to read the columns, for the metadata of every file: what `SUM(sum)`
/// leaves out must not be a secret of the documentation.
pub const READING: &str = "\
One row is a window of one series, as long as resolution= of the path says. SUM(sum) IS NOT ENOUGH: where a value is a \
decimal number it is in sum_digits / 10^sum_scale, and sum is null; likewise min, max, first, last and increase, with the \
same sum_scale. Fill in sum = coalesce(sum, sum_digits / pow(10, sum_scale)) and so on; where count = 1, min = max = sum, \
for kind float also first = last = sum; last_offset_ms = coalesce(last_offset_ms, first_offset_ms). \
increase, resets and changes are null with up to two samples; p50 to p999 and sketch are of kind distribution only. \
Offsets are ms from window_start, which is UTC. All columns: docs/archive.md of Tidegate.";

/// Keys of the file's own metadata.
pub mod metadata {
    /// [`FORMAT_VERSION`](super::FORMAT_VERSION) in decimal.
    pub const FORMAT: &str = "tidegate.format";
    /// [`READING`](super::READING).
    pub const COLUMNS: &str = "tidegate.columns";
    /// What the file covers, per source.
    pub const COVERAGE: &str = "tidegate.coverage";
    /// What a day or month is made of: number, content and coverage of each
    /// finer object.
    pub const PARTS: &str = "tidegate.parts";
    /// XXH3-128 of everything before the footer, in hex.
    pub const CONTENT: &str = "tidegate.content_xxh3";
}

/// The columns as version 1 had them.
pub fn archive_schema_v1() -> SchemaRef {
    let schema = archive_schema();
    let fields = schema.fields().iter().filter(|field| !DIGITS.contains(&field.name().as_str()));
    Arc::new(Schema::new(fields.cloned().collect::<Fields>()))
}

/// Physical types of the leaf columns are those of this schema; dictionaries
/// are only how rows are handed to the writer and are not part of the file.
pub fn archive_schema() -> SchemaRef {
    let required = |name: &str, data_type| Field::new(name, data_type, false);
    let optional = |name: &str, data_type| Field::new(name, data_type, true);
    let mut fields = vec![
        required(column::NAME, dictionary()),
        Field::new_map(column::LABELS, "key_value", label_field("key"), label_field("value"), false, false),
        required(column::METRIC_ID, dictionary()),
        required(column::KIND, dictionary()),
        required(column::WINDOW_START, timestamp()),
        required(column::COUNT, DataType::Int64),
        required(column::SAMPLES, DataType::Int64),
    ];
    fields.push(optional(column::SUM, DataType::Float64));
    fields.push(optional(column::SUM_DIGITS, DataType::Int64));
    fields.push(optional(column::SUM_SCALE, DataType::Int32));
    for name in [column::MIN, column::MAX, column::FIRST, column::LAST] {
        fields.push(optional(name, DataType::Float64));
    }
    for name in DIGITS {
        fields.push(optional(name, DataType::Int64));
    }
    for name in [column::FIRST_OFFSET_MS, column::LAST_OFFSET_MS] {
        fields.push(optional(name, DataType::Int32));
    }
    fields.push(optional(column::INCREASE, DataType::Float64));
    for name in [column::RESETS, column::CHANGES, column::STALE_COUNT] {
        fields.push(optional(name, DataType::Int64));
    }
    fields.push(optional(column::STALE_OFFSET_MS, DataType::Int32));
    for (name, _) in PERCENTILES {
        fields.push(optional(name, DataType::Float64));
    }
    fields.push(optional(column::SKETCH, DataType::Binary));
    fields.push(optional(column::HISTOGRAM, DataType::Binary));
    Arc::new(Schema::new(fields))
}

/// The two fields of an entry of the labels map.
pub fn label_fields() -> Fields {
    Fields::from(vec![label_field("key"), label_field("value")])
}

fn label_field(name: &str) -> Field {
    Field::new(name, dictionary(), false)
}

/// Text of few distinct values.
pub fn dictionary() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}

#[cfg(test)]
mod tests;
