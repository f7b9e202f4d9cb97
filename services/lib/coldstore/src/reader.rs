//! One object → series and their windows, reading no more than asked for:
//! row groups by the statistics of the name, labels once per series, values of
//! the series that are kept.

use std::ops::Range;

use arrow::array::{Array, AsArray, DictionaryArray, StringArray};
use arrow::datatypes::Int32Type;
use arrow::record_batch::RecordBatch;
use object_store::path::Path;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReaderBuilder, RowSelection};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;
use tidegate_model::{Labels, METRIC_NAME, Window};
use tidegate_schemas::parquet::column;

use crate::ArchiveError;
use crate::fetch::{FetchError, Held, Pinned};
use crate::rows::{VALUE_COLUMNS, WindowReader};

const BATCH_ROWS: usize = 16 * 1024;

/// The rows of one series.
pub struct Run {
    /// Counted from the file's first row.
    pub rows: Range<usize>,
    pub labels: Labels,
}

/// Decides by its labels whether a series is read.
pub type Keep<'a> = &'a (dyn Fn(&Labels) -> bool + Sync);

/// The series of the object that `keep` wants, in the file's order. `name`
/// says that only series of this metric can be wanted.
pub async fn read_object(
    object: &Pinned,
    name: Option<&str>,
    keep: Keep<'_>,
) -> Result<Vec<(Labels, Vec<Window>)>, FetchError> {
    let runs: Vec<Run> = read_runs(object, name).await?.into_iter().filter(|run| keep(&run.labels)).collect();
    let (rows, labels): (Vec<_>, Vec<_>) = runs.into_iter().map(|run| (run.rows, run.labels)).unzip();
    let windows = read_windows(object, rows).await?;
    Ok(labels.into_iter().zip(windows).collect())
}

/// The windows in each of these ranges of rows, which ascend.
pub async fn read_windows(object: &Pinned, wanted: Vec<Range<usize>>) -> Result<Vec<Vec<Window>>, FetchError> {
    read_windows_as(object, wanted, |windows| windows).await
}

/// Likewise, what `make` makes of them, one range after the other.
pub async fn read_windows_as<T: Send + 'static>(
    object: &Pinned,
    wanted: Vec<Range<usize>>,
    make: impl Fn(Vec<Window>) -> T + Send + 'static,
) -> Result<Vec<T>, FetchError> {
    let starts = row_group_starts(object.metadata());
    let holds = |row_group: &usize| {
        let rows = starts[*row_group]..starts[*row_group + 1];
        let next = wanted.partition_point(|wanted| wanted.end <= rows.start);
        wanted.get(next).is_some_and(|wanted| wanted.start < rows.end)
    };
    let row_groups: Vec<usize> = (0..starts.len() - 1).filter(holds).collect();
    if row_groups.is_empty() {
        return Ok(Vec::new());
    }
    let scan = Scan::fetch(object, row_groups, &VALUE_COLUMNS).await?;
    let path = object.path().clone();
    let made = object.decoding(move || {
        let mut made = Vec::with_capacity(wanted.len());
        let mut lengths = wanted.iter().map(|rows| rows.len());
        let mut length = lengths.next().unwrap_or(0);
        let mut windows = Vec::with_capacity(length);
        scan.each_batch(&path, Some(&wanted), |batch| {
            let reader = WindowReader::new(batch)?;
            for index in 0..reader.rows() {
                windows.push(reader.window(index)?);
                if windows.len() == length {
                    made.push(make(std::mem::take(&mut windows)));
                    length = lengths.next().unwrap_or(0);
                    windows.reserve_exact(length);
                }
            }
            Ok(())
        })?;
        if made.len() != wanted.len() {
            return Err(ArchiveError::corrupt(&path, "it has other rows than its footer says"));
        }
        Ok(made)
    });
    Ok(made.await?)
}

/// The labels of the object's series, in the file's order.
pub async fn read_labels(object: &Pinned, name: Option<&str>) -> Result<Vec<Labels>, FetchError> {
    Ok(read_runs(object, name).await?.into_iter().map(|run| run.labels).collect())
}

/// Rows of the object and the samples that they count, added up from the rows
/// themselves.
pub async fn count_samples(object: &Pinned) -> Result<(u64, u64), FetchError> {
    let row_groups = (0..object.metadata().num_row_groups()).collect();
    let scan = Scan::fetch(object, row_groups, &[column::SAMPLES]).await?;
    let path = object.path().clone();
    Ok(object
        .decoding(move || {
            let (mut rows, mut samples) = (0u64, 0u64);
            scan.each_batch(&path, None, |batch| {
                let column = batch.column_by_name(column::SAMPLES).ok_or("no samples")?;
                let column =
                    column.as_primitive_opt::<arrow::datatypes::Int64Type>().ok_or("samples of another type")?;
                rows += column.len() as u64;
                for counted in column.values() {
                    samples = samples.saturating_add(u64::try_from(*counted).map_err(|_| "samples below zero")?);
                }
                Ok(())
            })?;
            Ok((rows, samples))
        })
        .await?)
}

/// The rows of each series; with `name`, of that metric.
pub async fn read_runs(object: &Pinned, name: Option<&str>) -> Result<Vec<Run>, FetchError> {
    let runs = runs_of(object, row_groups_of(object, name)).await?.into_iter().flatten();
    Ok(runs.filter(|run| name.is_none_or(|name| run.labels.metric_name() == name)).collect())
}

/// The rows of each series of each of these row groups, which ascend. The
/// writer ends a row group between two series.
pub async fn runs_of(object: &Pinned, row_groups: Vec<usize>) -> Result<Vec<Vec<Run>>, FetchError> {
    if row_groups.is_empty() {
        return Ok(Vec::new());
    }
    let starts = row_group_starts(object.metadata());
    let scan = Scan::fetch(object, row_groups.clone(), &[column::METRIC_ID, column::NAME, column::LABELS]).await?;
    let path = object.path().clone();
    let runs = object.decoding(move || {
        let extents = scan.only(&[column::METRIC_ID]).series_extents(&path, &starts)?;
        let firsts: Vec<_> = extents.iter().map(|rows| rows.start..rows.start + 1).collect();
        let mut runs: Vec<Vec<Run>> = Vec::new();
        runs.resize_with(row_groups.len(), Vec::new);
        let mut group = 0;
        let mut extents = extents.into_iter();
        scan.only(&[column::NAME, column::LABELS]).each_batch(&path, Some(&firsts), |batch| {
            for labels in read_label_sets(batch)? {
                let rows = extents.next().ok_or("more rows than selected")?;
                while rows.start >= starts[row_groups[group] + 1] {
                    group += 1;
                }
                runs[group].push(Run { rows, labels });
            }
            Ok(())
        })?;
        Ok(runs)
    });
    Ok(runs.await?)
}

/// Row groups that can hold the metric.
pub fn row_groups_of(object: &Pinned, name: Option<&str>) -> Vec<usize> {
    let metadata = object.metadata();
    let all = 0..metadata.num_row_groups();
    let Some(name) = name else { return all.collect() };
    let leaf = metadata.file_metadata().schema_descr().columns().iter().position(|c| c.name() == column::NAME);
    let may_hold = |row_group: &usize| {
        let statistics = leaf.and_then(|leaf| metadata.row_group(*row_group).column(leaf).statistics());
        match statistics {
            Some(Statistics::ByteArray(names)) => {
                // Bounds may be cut short, but stay bounds.
                names.min_opt().is_none_or(|min| min.data() <= name.as_bytes())
                    && names.max_opt().is_none_or(|max| name.as_bytes() <= max.data())
            }
            _ => true,
        }
    };
    all.filter(may_hold).collect()
}

/// First row of each row group, and the row after the last.
fn row_group_starts(metadata: &ParquetMetaData) -> Vec<usize> {
    let mut next = 0;
    let mut starts = vec![0];
    for row_group in metadata.row_groups() {
        next += usize::try_from(row_group.num_rows()).unwrap_or(0);
        starts.push(next);
    }
    starts
}

/// Fetched columns of some row groups, ready to be decoded.
struct Scan {
    held: Held,
    footer: parquet::arrow::arrow_reader::ArrowReaderMetadata,
    row_groups: Vec<usize>,
    mask: ProjectionMask,
}

impl Scan {
    async fn fetch(object: &Pinned, row_groups: Vec<usize>, columns: &[&str]) -> Result<Self, FetchError> {
        let mask = ProjectionMask::columns(object.footer.parquet_schema(), columns.iter().copied());
        let held = object.columns(&row_groups, |leaf| mask.leaf_included(leaf)).await?;
        Ok(Self { held, footer: object.footer.clone(), row_groups, mask })
    }

    /// Some of the fetched columns.
    fn only(&self, columns: &[&str]) -> Self {
        let mask = ProjectionMask::columns(self.footer.parquet_schema(), columns.iter().copied());
        Self { held: self.held.clone(), footer: self.footer.clone(), row_groups: self.row_groups.clone(), mask }
    }

    /// Decodes the rows, `wanted` ones only (ascending, counted from the
    /// file's first row).
    fn each_batch(
        self,
        path: &Path,
        wanted: Option<&[Range<usize>]>,
        mut take: impl FnMut(&RecordBatch) -> Result<(), String>,
    ) -> Result<(), ArchiveError> {
        let corrupt = |reason: String| ArchiveError::corrupt(path, reason);
        let selection =
            wanted.map(|wanted| select(&row_group_starts(self.footer.metadata()), &self.row_groups, wanted));
        let mut reader = ParquetRecordBatchReaderBuilder::new_with_metadata(self.held, self.footer)
            .with_row_groups(self.row_groups)
            .with_projection(self.mask)
            .with_batch_size(BATCH_ROWS);
        if let Some(selection) = selection {
            reader = reader.with_row_selection(selection);
        }
        for batch in reader.build().map_err(|error| corrupt(error.to_string()))? {
            take(&batch.map_err(|error| corrupt(error.to_string()))?).map_err(corrupt)?;
        }
        Ok(())
    }

    /// The rows of each series, by the metric ids.
    fn series_extents(self, path: &Path, starts: &[usize]) -> Result<Vec<Range<usize>>, ArchiveError> {
        let mut rows = self.row_groups.clone().into_iter().flat_map(|group| starts[group]..starts[group + 1]);
        let mut extents: Vec<Range<usize>> = Vec::new();
        let mut last_id = String::new();
        self.each_batch(path, None, |batch| {
            let ids = Texts::of(batch.column(0).as_ref())?;
            let mut last_key = None;
            for index in 0..ids.len() {
                let row = rows.next().ok_or("more rows than the footer says")?;
                let key = ids.key(index);
                let same = last_key == Some(key) || (last_key.is_none() && ids.get(index)? == last_id);
                last_key = Some(key);
                match extents.last_mut() {
                    Some(extent) if same && extent.end == row => extent.end += 1,
                    _ => extents.push(row..row + 1),
                }
            }
            if let Some(last) = ids.len().checked_sub(1) {
                ids.get(last)?.clone_into(&mut last_id);
            }
            Ok(())
        })?;
        Ok(extents)
    }
}

/// Rows counted from the file's first row → a selection over `row_groups`.
fn select(starts: &[usize], row_groups: &[usize], wanted: &[Range<usize>]) -> RowSelection {
    let mut ranges: Vec<Range<usize>> = Vec::with_capacity(wanted.len());
    let mut before = 0;
    for row_group in row_groups {
        let group = starts[*row_group]..starts[*row_group + 1];
        let first = wanted.partition_point(|rows| rows.end <= group.start);
        for rows in wanted[first..].iter().take_while(|rows| rows.start < group.end) {
            let rows = rows.start.max(group.start)..rows.end.min(group.end);
            ranges.push(rows.start - group.start + before..rows.end - group.start + before);
        }
        before += group.len();
    }
    RowSelection::from_consecutive_ranges(ranges.into_iter(), before)
}

fn read_label_sets(batch: &RecordBatch) -> Result<Vec<Labels>, String> {
    let find = |name| batch.column_by_name(name).ok_or_else(|| format!("column {name} is missing"));
    let names = Texts::of(find(column::NAME)?.as_ref())?;
    let maps = find(column::LABELS)?.as_map_opt().ok_or("labels are no map")?;
    let (keys, values) = (Texts::of(maps.keys().as_ref())?, Texts::of(maps.values().as_ref())?);
    let offsets = maps.value_offsets();
    let label_set = |row: usize| {
        let entries = offsets[row] as usize..offsets[row + 1] as usize;
        let mut pairs = Vec::with_capacity(entries.len() + 1);
        pairs.push((METRIC_NAME, names.get(row)?));
        for entry in entries {
            pairs.push((keys.get(entry)?, values.get(entry)?));
        }
        Labels::from_pairs(pairs).map_err(|error| error.to_string())
    };
    (0..names.len()).map(label_set).collect()
}

/// Text in a dictionary.
struct Texts<'a> {
    keys: &'a DictionaryArray<Int32Type>,
    texts: &'a StringArray,
}

impl<'a> Texts<'a> {
    fn of(array: &'a dyn Array) -> Result<Self, String> {
        let keys = array.as_dictionary_opt::<Int32Type>().ok_or("text of another type")?;
        let texts = keys.values().as_string_opt().ok_or("text of another type")?;
        Ok(Self { keys, texts })
    }

    fn len(&self) -> usize {
        self.keys.len()
    }

    fn key(&self, row: usize) -> i32 {
        self.keys.keys().value(row)
    }

    fn get(&self, row: usize) -> Result<&'a str, String> {
        let key = usize::try_from(self.key(row)).ok().filter(|key| *key < self.texts.len());
        Ok(self.texts.value(key.ok_or("a text is not in its dictionary")?))
    }
}
