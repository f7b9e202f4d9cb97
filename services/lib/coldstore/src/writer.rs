//! Series of an hour → the bytes of one object.

use std::cmp::Ordering;

use arrow::error::ArrowError;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use tidegate_model::time::{HOUR_MS, hour_start_ms};
use tidegate_model::{Labels, MetricId, Window};
use tidegate_schemas::parquet::{FORMAT_VERSION, archive_schema, column, metadata};
use xxhash_rust::xxh3::xxh3_128;

use crate::rows::RowBuffer;
use crate::{ArchiveError, Coverage, HourKey};

/// Rows handed to the Parquet encoder at once.
const BATCH_ROWS: usize = 8 * 1024;

/// Rows of a row group: what a reader that looks for one metric reads at
/// least. Half of it costs 3 % more bytes, the double saves 1 %.
const ROW_GROUP_ROWS: usize = 128 * 1024;

const ZSTD_LEVEL: i32 = 6;

/// Dictionaries of values may grow to this size; beyond it a row group's
/// values are stored plainly.
const DICTIONARY_BYTES: usize = 1024 * 1024;

/// Encodes one object. Its memory is that of the encoded bytes and one row
/// group.
pub struct HourWriter {
    key: HourKey,
    buffer: RowBuffer,
    writer: ArrowWriter<Vec<u8>>,
    last: Option<Labels>,
    rows: u64,
    samples: u64,
    series: u64,
}

/// An object ready to be put.
#[derive(Clone, Debug)]
pub struct EncodedHour {
    pub key: HourKey,
    pub bytes: Bytes,
    pub coverage: Coverage,
    pub rows: u64,
    pub samples: u64,
    pub series: u64,
    pub(crate) content: u128,
}

impl HourWriter {
    pub fn new(key: HourKey) -> Result<Self, ArchiveError> {
        // Plain Parquet types only: what readers see must not depend on
        // whether they know Arrow's.
        let options = ArrowWriterOptions::new().with_properties(properties()?).with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(Vec::new(), archive_schema(), options)?;
        Ok(Self { key, buffer: RowBuffer::new(), writer, last: None, rows: 0, samples: 0, series: 0 })
    }

    /// Adds the windows of a series, in ascending order of their starts. The
    /// series come once each, in the order of [`series_order`].
    pub fn series(&mut self, id: MetricId, labels: &Labels, windows: &[Window]) -> Result<(), ArchiveError> {
        if self.last.as_ref().is_some_and(|last| series_order(last, labels) != Ordering::Less) {
            return Err(ArchiveError::Unsorted(labels.to_string()));
        }
        let hour_start_ms = hour_start_ms(self.key.hour);
        let mut expected = hour_start_ms..hour_start_ms + HOUR_MS;
        let mut keys = self.buffer.series(id, labels);
        for window in windows {
            let start_ms = window.start_ms;
            if self.buffer.rows() == BATCH_ROWS {
                self.write_batch()?;
                keys = self.buffer.series(id, labels);
            }
            if !expected.contains(&start_ms) || !self.buffer.push(&keys, window) {
                return Err(ArchiveError::Window { start_ms, hour_start_ms });
            }
            expected.start = start_ms;
            self.samples += u64::from(window.value.samples());
        }
        self.rows += windows.len() as u64;
        self.series += 1;
        self.last = Some(labels.clone());
        Ok(())
    }

    /// The finished object. Refuses a coverage that does not add up to the
    /// samples of the rows.
    pub fn finish(mut self, coverage: Coverage) -> Result<EncodedHour, ArchiveError> {
        if coverage.samples() != self.samples {
            return Err(ArchiveError::Miscounted { rows: self.samples, coverage: coverage.samples() });
        }
        self.write_batch()?;
        self.writer.flush()?;
        self.writer.sync().map_err(|error| ArchiveError::Encode(error.to_string()))?;
        let content = xxh3_128(self.writer.inner());
        for (key, value) in [
            (metadata::FORMAT, FORMAT_VERSION.to_string()),
            (metadata::COVERAGE, coverage.to_text()),
            (metadata::CONTENT, format!("{content:032x}")),
        ] {
            self.writer.append_key_value_metadata(KeyValue::new(key.to_owned(), value));
        }
        let bytes = self.writer.into_inner()?.into();
        let Self { key, rows, samples, series, .. } = self;
        Ok(EncodedHour { key, bytes, coverage, rows, samples, series, content })
    }

    fn write_batch(&mut self) -> Result<(), ArchiveError> {
        if self.buffer.rows() > 0 {
            self.writer.write(&self.buffer.take()?)?;
        }
        Ok(())
    }
}

/// The order of series in a file: by name, then by the canonical bytes of all
/// labels.
pub fn series_order(a: &Labels, b: &Labels) -> Ordering {
    a.metric_name().cmp(b.metric_name()).then_with(|| a.cmp(b))
}

/// Data pages of version 1, whose levels are compressed too: the levels of the
/// labels repeat with every row.
fn properties() -> Result<WriterProperties, ArchiveError> {
    let path = |name: &str| ColumnPath::from(name);
    let mut properties = WriterProperties::builder()
        .set_created_by("tidegate".into())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_column_bloom_filter_enabled(path(column::METRIC_ID), true)
        .set_column_bloom_filter_fpp(path(column::METRIC_ID), 0.01)
        .set_column_bloom_filter_max_ndv(path(column::METRIC_ID), (ROW_GROUP_ROWS / 16) as u64);
    for name in [column::NAME, column::METRIC_ID, column::WINDOW_START] {
        properties = properties.set_column_statistics_enabled(path(name), EnabledStatistics::Page);
    }
    for name in [column::WINDOW_START, column::FIRST_OFFSET_MS, column::LAST_OFFSET_MS] {
        properties = properties
            .set_column_dictionary_enabled(path(name), false)
            .set_column_encoding(path(name), Encoding::DELTA_BINARY_PACKED);
    }
    // The order of series_order, as far as columns can say it.
    let sorting = vec![SortingColumn { column_idx: 0, descending: false, nulls_first: false }];
    Ok(properties.set_sorting_columns(Some(sorting)).build())
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
