//! Record batches → row groups. Which encoding suits a column depends on the
//! data: a counter of constant rate wants differences, a random walk plain
//! numbers; times that all series of a host share are matched by zstd when
//! they are plain, times of their own want differences. Such columns are
//! encoded in several ways, and the shortest is kept.

use std::io::Write;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, ArrowWriterOptions, compute_leaves};
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use tidegate_schemas::parquet::{archive_schema, column};

const ZSTD_LEVEL: i32 = 6;

/// For columns whose dictionary codes only repeat: hardly slower there.
const ZSTD_LEVEL_OF_REPEATS: i32 = 15;
const REPEATING: [&[&str]; 3] =
    [&[column::METRIC_ID], &[column::LABELS, "key_value", "key"], &[column::LABELS, "key_value", "value"]];

/// Rows of a page of the larger columns, which a reader of few series skips.
const PAGE_ROWS: usize = 32 * 1024;

/// Most rows of a page of the others: zstd finds repeats within a page.
const MAX_PAGE_ROWS: usize = 1024 * 1024;

/// Series of a row group that the bloom filter is made for; it shrinks to
/// those that there are.
const MAX_SERIES: u64 = 16 * 1024;

/// Columns that are coded as differences in the first place, the contested
/// ones among them also in other ways.
const DELTA_CODED: [&str; 9] = [
    column::WINDOW_START,
    column::SUM_DIGITS,
    column::MIN_DIGITS,
    column::MAX_DIGITS,
    column::FIRST_DIGITS,
    column::LAST_DIGITS,
    column::INCREASE_DIGITS,
    column::FIRST_OFFSET_MS,
    column::LAST_OFFSET_MS,
];
const ALSO_PLAIN: [&str; 8] = [
    column::SUM,
    column::SUM_DIGITS,
    column::MIN_DIGITS,
    column::MAX_DIGITS,
    column::FIRST_DIGITS,
    column::LAST_DIGITS,
    column::INCREASE_DIGITS,
    column::FIRST_OFFSET_MS,
];
const ALSO_DICTIONARY: [&str; 1] = [column::FIRST_OFFSET_MS];

pub struct RowGroups {
    schema: SchemaRef,
    file: SerializedFileWriter<Vec<u8>>,
    first_way: ArrowRowGroupWriterFactory,
    other_ways: Vec<Way>,
    open: Option<Vec<Leaf>>,
}

/// Another encoding of some leaf columns.
struct Way {
    writers: ArrowRowGroupWriterFactory,
    /// By leaf column.
    wanted: Vec<bool>,
}

/// A leaf column of the open row group.
struct Leaf {
    first_way: ArrowColumnWriter,
    other_ways: Vec<ArrowColumnWriter>,
}

impl RowGroups {
    pub fn new() -> Result<Self, ParquetError> {
        let (file, first_way) = file_writer(Vec::new(), delta_coded(common()?).build())?;
        let dictionary = Way::new(common()?.build(), &ALSO_DICTIONARY)?;
        let plain = Way::new(without_dictionary(common()?).build(), &ALSO_PLAIN)?;
        Ok(Self { schema: archive_schema(), file, first_way, other_ways: vec![dictionary, plain], open: None })
    }

    /// Adds rows to the open row group.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), ParquetError> {
        let mut leaves = match self.open.take() {
            Some(leaves) => leaves,
            None => self.begin_group()?,
        };
        let mut writers = leaves.iter_mut();
        for (field, array) in self.schema.fields().iter().zip(batch.columns()) {
            for values in compute_leaves(field, array)? {
                let leaf = writers.next().ok_or_else(|| ParquetError::General("more leaves than columns".into()))?;
                leaf.first_way.write(&values)?;
                leaf.other_ways.iter_mut().try_for_each(|way| way.write(&values))?;
            }
        }
        self.open = Some(leaves);
        Ok(())
    }

    fn begin_group(&self) -> Result<Vec<Leaf>, ParquetError> {
        let index = self.file.flushed_row_groups().len();
        let first_way = self.first_way.create_column_writers(index)?.into_iter();
        let mut leaves: Vec<_> = first_way.map(|first_way| Leaf { first_way, other_ways: Vec::new() }).collect();
        for way in &self.other_ways {
            let writers = way.writers.create_column_writers(index)?;
            for ((leaf, writer), wanted) in leaves.iter_mut().zip(writers).zip(&way.wanted) {
                if *wanted {
                    leaf.other_ways.push(writer);
                }
            }
        }
        Ok(leaves)
    }

    /// Ends the open row group.
    pub fn end_group(&mut self) -> Result<(), ParquetError> {
        let Some(leaves) = self.open.take() else { return Ok(()) };
        let mut row_group = self.file.next_row_group()?;
        for leaf in leaves {
            let mut shortest = leaf.first_way.close()?;
            for way in leaf.other_ways {
                let chunk = way.close()?;
                if chunk.close().metadata.compressed_size() < shortest.close().metadata.compressed_size() {
                    shortest = chunk;
                }
            }
            shortest.append_to_row_group(&mut row_group)?;
        }
        row_group.close()?;
        Ok(())
    }

    /// Everything before the footer.
    pub fn written(&mut self) -> Result<&[u8], ParquetError> {
        self.file.flush().map_err(|error| ParquetError::External(error.into()))?;
        Ok(self.file.inner())
    }

    /// The file, with these pairs in its footer.
    pub fn finish(mut self, metadata: Vec<KeyValue>) -> Result<Vec<u8>, ParquetError> {
        for pair in metadata {
            self.file.append_key_value_metadata(pair);
        }
        self.file.into_inner()
    }
}

impl Way {
    fn new(properties: WriterProperties, columns: &[&str]) -> Result<Self, ParquetError> {
        let (_, writers) = file_writer(std::io::sink(), properties)?;
        let leaves = ArrowSchemaConverter::new().convert(&archive_schema())?;
        let wanted = leaves.columns().iter().map(|leaf| columns.contains(&leaf.path().string().as_str())).collect();
        Ok(Self { writers, wanted })
    }
}

type FileWriter<W> = (SerializedFileWriter<W>, ArrowRowGroupWriterFactory);

/// Plain Parquet types only: what readers see must not depend on whether they
/// know Arrow's.
fn file_writer<W: Write + Send>(sink: W, properties: WriterProperties) -> Result<FileWriter<W>, ParquetError> {
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    ArrowWriter::try_new_with_options(sink, archive_schema(), options)?.into_serialized_writer()
}

fn delta_coded(mut properties: WriterPropertiesBuilder) -> WriterPropertiesBuilder {
    for name in DELTA_CODED {
        let path = ColumnPath::from(name);
        properties = properties
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
    }
    properties
}

fn without_dictionary(mut properties: WriterPropertiesBuilder) -> WriterPropertiesBuilder {
    for name in ALSO_PLAIN {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(name), false);
    }
    properties
}

/// Data pages of version 1, whose levels are compressed too: the levels of the
/// labels repeat with every row. No BYTE_STREAM_SPLIT: Spark's vectorized
/// reader did not know it until 2026.
fn common() -> Result<WriterPropertiesBuilder, ParquetError> {
    let path = |name: &str| ColumnPath::from(name);
    // The order of series_order, as far as columns can say it.
    let sorting = vec![SortingColumn { column_idx: 0, descending: false, nulls_first: false }];
    let mut properties = WriterProperties::builder()
        .set_created_by("tidegate".into())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_data_page_row_count_limit(MAX_PAGE_ROWS)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_column_bloom_filter_fpp(path(column::METRIC_ID), 0.01)
        .set_column_bloom_filter_max_ndv(path(column::METRIC_ID), MAX_SERIES)
        .set_sorting_columns(Some(sorting));
    for name in [column::NAME, column::METRIC_ID, column::WINDOW_START] {
        properties = properties
            .set_column_data_page_row_count_limit(path(name), PAGE_ROWS)
            .set_column_statistics_enabled(path(name), EnabledStatistics::Page);
    }
    for names in REPEATING {
        let path = ColumnPath::new(names.iter().map(|name| (*name).to_owned()).collect());
        properties =
            properties.set_column_compression(path, Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL_OF_REPEATS)?));
    }
    for name in [column::SUM, column::SUM_DIGITS] {
        properties = properties.set_column_data_page_row_count_limit(path(name), PAGE_ROWS);
    }
    for name in [column::KIND, column::COUNT, column::SAMPLES, column::SUM, column::MIN, column::MAX] {
        properties = properties.set_column_statistics_enabled(path(name), EnabledStatistics::Chunk);
    }
    Ok(properties)
}
