//! Series of an hour, day or month → the bytes of one object.

mod row_groups;

use std::cmp::Ordering;

use arrow::error::ArrowError;
use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use tidegate_model::{Labels, MetricId, Window};
use tidegate_schemas::parquet::{FORMAT_VERSION, READING, metadata};
use xxhash_rust::xxh3::xxh3_128;

use crate::rows::{RowBuffer, Scale, typical_value};
use crate::{ArchiveError, Coverage, ObjectKey, Parts};
use row_groups::RowGroups;

/// Rows handed to the Parquet encoder at once.
const BATCH_ROWS: usize = 8 * 1024;

/// Rows of a row group, at most: what a reader of one series reads at least.
const MAX_GROUP_ROWS: usize = 48 * 1024;

/// Row groups of this size end with the metric, so that a reader of the next
/// one need not read them, and what is in them is alike.
const GROUP_ROWS: usize = 32 * 1024;

/// Encodes one object. Its memory is that of the encoded bytes and one row
/// group.
pub struct ObjectWriter {
    key: ObjectKey,
    buffer: RowBuffer,
    groups: RowGroups,
    group_rows: usize,
    last: Option<Labels>,
    rows: u64,
    samples: u64,
    series: u64,
}

/// An object ready to be put.
#[derive(Clone, Debug)]
pub struct EncodedObject {
    pub key: ObjectKey,
    pub bytes: Bytes,
    pub coverage: Coverage,
    /// What it was made of; empty for an hour, which is made from the store.
    pub parts: Parts,
    pub rows: u64,
    pub samples: u64,
    pub series: u64,
    pub(crate) content: u128,
}

impl ObjectWriter {
    pub fn new(key: ObjectKey) -> Result<Self, ArchiveError> {
        Ok(Self {
            key,
            buffer: RowBuffer::new(),
            groups: RowGroups::new()?,
            group_rows: 0,
            last: None,
            rows: 0,
            samples: 0,
            series: 0,
        })
    }

    /// Adds the windows of a series, in ascending order of their starts. The
    /// series come once each, in the order of [`series_order`].
    pub fn series(&mut self, id: MetricId, labels: &Labels, windows: &[Window]) -> Result<(), ArchiveError> {
        if self.last.as_ref().is_some_and(|last| series_order(last, labels) != Ordering::Less) {
            return Err(ArchiveError::Unsorted(labels.to_string()));
        }
        let window_ms = self.key.period.tier().window_ms();
        let mut expected = self.key.period.times_ms();
        let period_start_ms = expected.start;
        self.end_group_before(labels, windows.len())?;
        let scale = Scale::of(windows.iter().filter_map(|window| typical_value(&window.value)));
        let mut keys = self.buffer.series(id, labels, scale);
        for window in windows {
            let start_ms = window.start_ms;
            if self.buffer.rows() == BATCH_ROWS {
                self.write_batch()?;
                keys = self.buffer.series(id, labels, scale);
            }
            let fits = expected.contains(&start_ms) && start_ms % window_ms == 0;
            if !fits || !self.buffer.push(&keys, window) {
                return Err(ArchiveError::Window { start_ms, period_start_ms });
            }
            expected.start = start_ms;
            self.samples += u64::from(window.value.samples());
        }
        self.rows += windows.len() as u64;
        self.group_rows += windows.len();
        self.series += 1;
        self.last = Some(labels.clone());
        Ok(())
    }

    /// The finished hour. Refuses a coverage that does not add up to the
    /// samples of the rows.
    pub fn finish(self, coverage: Coverage) -> Result<EncodedObject, ArchiveError> {
        self.finish_with(coverage, Parts::default())
    }

    /// Likewise a day or a month, which covers what its parts cover.
    pub fn finish_parts(self, parts: Parts) -> Result<EncodedObject, ArchiveError> {
        self.finish_with(parts.coverage(), parts)
    }

    fn finish_with(mut self, coverage: Coverage, parts: Parts) -> Result<EncodedObject, ArchiveError> {
        if coverage.samples() != self.samples {
            return Err(ArchiveError::Miscounted { rows: self.samples, coverage: coverage.samples() });
        }
        self.write_batch()?;
        self.groups.end_group()?;
        let content = xxh3_128(self.groups.written()?);
        let mut pairs = vec![
            (metadata::FORMAT, FORMAT_VERSION.to_string()),
            (metadata::COLUMNS, READING.to_owned()),
            (metadata::COVERAGE, coverage.to_text()),
            (metadata::CONTENT, format!("{content:032x}")),
        ];
        if !parts.is_empty() {
            pairs.push((metadata::PARTS, parts.to_text()));
        }
        let pairs = pairs.into_iter().map(|(key, value)| KeyValue::new(key.to_owned(), value)).collect();
        let bytes = self.groups.finish(pairs)?.into();
        let Self { key, rows, samples, series, .. } = self;
        Ok(EncodedObject { key, bytes, coverage, parts, rows, samples, series, content })
    }

    fn write_batch(&mut self) -> Result<(), ArchiveError> {
        if self.buffer.rows() > 0 {
            self.groups.write(&self.buffer.take()?)?;
        }
        Ok(())
    }

    fn end_group_before(&mut self, labels: &Labels, rows: usize) -> Result<(), ArchiveError> {
        let other_metric = || self.last.as_ref().is_some_and(|last| last.metric_name() != labels.metric_name());
        let full = self.group_rows + rows > MAX_GROUP_ROWS || (self.group_rows >= GROUP_ROWS && other_metric());
        if full && self.group_rows > 0 {
            self.write_batch()?;
            self.groups.end_group()?;
            self.group_rows = 0;
        }
        Ok(())
    }
}

/// The order of series in a file: by name, then by the canonical bytes of all
/// labels.
pub fn series_order(a: &Labels, b: &Labels) -> Ordering {
    a.metric_name().cmp(b.metric_name()).then_with(|| a.cmp(b))
}

impl From<ParquetError> for ArchiveError {
    fn from(error: ParquetError) -> Self {
        Self::Encode(error.to_string())
    }
}

impl From<ArrowError> for ArchiveError {
    fn from(error: ArrowError) -> Self {
        Self::Encode(error.to_string())
    }
}

#[cfg(test)]
mod tests;
