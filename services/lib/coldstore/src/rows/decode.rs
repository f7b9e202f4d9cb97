//! Record batches → windows.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, Float64Array, Int32Array, Int64Array, StringArray, TimestampMillisecondArray,
};
use arrow::datatypes::{Float64Type, Int32Type, Int64Type, TimestampMillisecondType};
use arrow::record_batch::RecordBatch;
use tidegate_model::{
    DeltaWindow, Distribution, DistributionWindow, FloatWindow, HistogramWindow, Point, StaleMarks, Window, WindowValue,
};
use tidegate_schemas::parquet::column;

use super::decimal::Scale;
use super::{DELTA, DISTRIBUTION, FLOAT, HISTOGRAM};
use crate::blob::{get_histogram, get_sketch};

/// The columns that [`WindowReader`] needs.
pub const VALUE_COLUMNS: [&str; 25] = [
    column::KIND,
    column::WINDOW_START,
    column::COUNT,
    column::SAMPLES,
    column::SUM,
    column::SUM_DIGITS,
    column::SUM_SCALE,
    column::MIN,
    column::MAX,
    column::FIRST,
    column::LAST,
    column::MIN_DIGITS,
    column::MAX_DIGITS,
    column::FIRST_DIGITS,
    column::LAST_DIGITS,
    column::INCREASE_DIGITS,
    column::FIRST_OFFSET_MS,
    column::LAST_OFFSET_MS,
    column::INCREASE,
    column::RESETS,
    column::CHANGES,
    column::STALE_COUNT,
    column::STALE_OFFSET_MS,
    column::SKETCH,
    column::HISTOGRAM,
];

/// Reads the rows of one batch.
pub struct WindowReader<'a> {
    kind_keys: &'a Int32Array,
    kinds: Vec<&'a str>,
    window_start: &'a TimestampMillisecondArray,
    count: &'a Int64Array,
    samples: &'a Int64Array,
    sum: Number<'a>,
    sum_scale: &'a Int32Array,
    min: Number<'a>,
    max: Number<'a>,
    first: Number<'a>,
    last: Number<'a>,
    first_offset_ms: &'a Int32Array,
    last_offset_ms: &'a Int32Array,
    increase: Number<'a>,
    resets: &'a Int64Array,
    changes: &'a Int64Array,
    stale_count: &'a Int64Array,
    stale_offset_ms: &'a Int32Array,
    sketch: &'a BinaryArray,
    histogram: &'a BinaryArray,
}

/// A value as it is, or as digits.
struct Number<'a> {
    value: &'a Float64Array,
    /// `None`: the file's version has no such column.
    digits: Option<&'a Int64Array>,
}

impl<'a> Number<'a> {
    fn of(batch: &'a RecordBatch, name: &str, digits: &str) -> Result<Self, Reason> {
        let value = find(batch, name)?.as_primitive_opt::<Float64Type>().ok_or_else(|| wrong_type(name))?;
        let digits = match batch.column_by_name(digits) {
            None => None,
            Some(column) => Some(column.as_primitive_opt::<Int64Type>().ok_or_else(|| wrong_type(digits))?),
        };
        Ok(Self { value, digits })
    }
}

/// What is wrong with a row.
pub type Reason = String;

impl<'a> WindowReader<'a> {
    pub fn new(batch: &'a RecordBatch) -> Result<Self, Reason> {
        let kind = find(batch, column::KIND)?;
        let kind = kind.as_dictionary_opt::<Int32Type>().ok_or_else(|| wrong_type(column::KIND))?;
        let kinds: &StringArray = kind.values().as_string_opt().ok_or_else(|| wrong_type(column::KIND))?;
        let longs = |name| find(batch, name)?.as_primitive_opt::<Int64Type>().ok_or_else(|| wrong_type(name));
        let ints = |name| find(batch, name)?.as_primitive_opt::<Int32Type>().ok_or_else(|| wrong_type(name));
        let blobs = |name| find(batch, name)?.as_binary_opt::<i32>().ok_or_else(|| wrong_type(name));
        Ok(Self {
            kind_keys: kind.keys(),
            kinds: kinds.iter().map(Option::unwrap_or_default).collect(),
            window_start: find(batch, column::WINDOW_START)?
                .as_primitive_opt::<TimestampMillisecondType>()
                .ok_or_else(|| wrong_type(column::WINDOW_START))?,
            count: longs(column::COUNT)?,
            samples: longs(column::SAMPLES)?,
            sum: Number::of(batch, column::SUM, column::SUM_DIGITS)?,
            sum_scale: ints(column::SUM_SCALE)?,
            min: Number::of(batch, column::MIN, column::MIN_DIGITS)?,
            max: Number::of(batch, column::MAX, column::MAX_DIGITS)?,
            first: Number::of(batch, column::FIRST, column::FIRST_DIGITS)?,
            last: Number::of(batch, column::LAST, column::LAST_DIGITS)?,
            first_offset_ms: ints(column::FIRST_OFFSET_MS)?,
            last_offset_ms: ints(column::LAST_OFFSET_MS)?,
            increase: Number::of(batch, column::INCREASE, column::INCREASE_DIGITS)?,
            resets: longs(column::RESETS)?,
            changes: longs(column::CHANGES)?,
            stale_count: longs(column::STALE_COUNT)?,
            stale_offset_ms: ints(column::STALE_OFFSET_MS)?,
            sketch: blobs(column::SKETCH)?,
            histogram: blobs(column::HISTOGRAM)?,
        })
    }

    pub fn rows(&self) -> usize {
        self.count.len()
    }

    /// The window of a row below [`WindowReader::rows`].
    pub fn window(&self, row: usize) -> Result<Window, Reason> {
        let kind = usize::try_from(self.kind_keys.value(row)).ok().and_then(|key| self.kinds.get(key));
        let value = match kind.copied() {
            Some(FLOAT) => WindowValue::Float(self.float(row)?),
            Some(HISTOGRAM) => WindowValue::Histogram(self.histogram(row)?),
            Some(DELTA) => WindowValue::DeltaFloat(self.delta(row)?),
            Some(DISTRIBUTION) => WindowValue::DeltaDistribution(self.distribution(row)?),
            other => return Err(format!("kind {other:?} is not known")),
        };
        Ok(Window { start_ms: self.window_start.value(row), value })
    }

    fn float(&self, row: usize) -> Result<FloatWindow, Reason> {
        let mut window = FloatWindow::empty();
        if let Some(count) = long(self.stale_count, row) {
            let last_ms = self.time(self.stale_offset_ms, row).ok_or("a stale marker has no time")?;
            window.stale = StaleMarks { count: narrow(count)?, last_ms };
        }
        let count: u32 = narrow(self.count.value(row))?;
        if count == 0 {
            return Ok(window);
        }
        let sum = self.sum(row)?;
        let first_ms = self.time(self.first_offset_ms, row).ok_or("the first sample has no time")?;
        let Some(first) = self.number(&self.first, row)? else {
            window.push(first_ms, sum);
            return Ok(window);
        };
        let last_ms = self.time(self.last_offset_ms, row).ok_or("the last sample has no time")?;
        let last = self.number(&self.last, row)?.ok_or("last is missing")?;
        let Some(increase) = self.number(&self.increase, row)? else {
            window.push(first_ms, first);
            window.push(last_ms, last);
            return Ok(window);
        };
        Ok(FloatWindow {
            count,
            sum,
            min: self.number(&self.min, row)?.ok_or("min is missing")?,
            max: self.number(&self.max, row)?.ok_or("max is missing")?,
            first: Point { time_ms: first_ms, value: first },
            last: Point { time_ms: last_ms, value: last },
            increase,
            resets: narrow(long(self.resets, row).ok_or("resets are missing")?)?,
            changes: narrow(long(self.changes, row).ok_or("changes are missing")?)?,
            stale: window.stale,
        })
    }

    fn delta(&self, row: usize) -> Result<DeltaWindow, Reason> {
        let sum = self.sum(row)?;
        let first_ms = self.time(self.first_offset_ms, row).ok_or("the first sample has no time")?;
        let (Some(min), Some(max)) = (self.number(&self.min, row)?, self.number(&self.max, row)?) else {
            return Ok(DeltaWindow::one(first_ms, sum));
        };
        let last_ms = self.time(self.last_offset_ms, row).ok_or("the last sample has no time")?;
        Ok(DeltaWindow { count: narrow(self.count.value(row))?, sum, min, max, first_ms, last_ms })
    }

    fn histogram(&self, row: usize) -> Result<HistogramWindow, Reason> {
        let bytes = blob(self.histogram, row).ok_or("histogram is missing")?;
        let first_ms = self.time(self.first_offset_ms, row).ok_or("the first sample has no time")?;
        let (first, rest) = get_histogram(bytes).map_err(|error| format!("histogram: {error}"))?;
        let mut window = HistogramWindow::one(first_ms, Arc::new(first));
        if !rest.is_empty() {
            let (last, _) = get_histogram(rest).map_err(|error| format!("histogram: {error}"))?;
            let last_ms = self.time(self.last_offset_ms, row).ok_or("the last sample has no time")?;
            window.push(last_ms, Arc::new(last));
            window.count = narrow(self.count.value(row))?;
        }
        Ok(window)
    }

    fn distribution(&self, row: usize) -> Result<DistributionWindow, Reason> {
        let first_ms = self.time(self.first_offset_ms, row).ok_or("the first sample has no time")?;
        let bytes = blob(self.sketch, row).ok_or("sketch is missing")?;
        Ok(DistributionWindow {
            count: narrow(self.samples.value(row))?,
            first_ms,
            last_ms: self.time(self.last_offset_ms, row).unwrap_or(first_ms),
            distribution: Distribution {
                count: self.count.value(row) as u64,
                sum: self.sum(row)?,
                min: self.number(&self.min, row)?.ok_or("min is missing")?,
                max: self.number(&self.max, row)?.ok_or("max is missing")?,
                sketch: get_sketch(bytes).map_err(|error| format!("sketch: {error}"))?,
            },
        })
    }

    fn sum(&self, row: usize) -> Result<f64, Reason> {
        Ok(self.number(&self.sum, row)?.ok_or("sum is missing")?)
    }

    fn number(&self, number: &Number<'_>, row: usize) -> Result<Option<f64>, Reason> {
        if number.value.is_valid(row) {
            return Ok(Some(number.value.value(row)));
        }
        let Some(digits) = number.digits.and_then(|digits| long(digits, row)) else { return Ok(None) };
        let scale = self.sum_scale.is_valid(row).then(|| self.sum_scale.value(row)).and_then(Scale::of_places);
        Ok(Some(scale.ok_or("sum_scale is missing or out of range")?.value(digits)))
    }

    fn time(&self, offsets: &Int32Array, row: usize) -> Option<i64> {
        offsets.is_valid(row).then(|| self.window_start.value(row) + i64::from(offsets.value(row)))
    }
}

fn find<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, Reason> {
    batch.column_by_name(name).ok_or_else(|| format!("column {name} is missing"))
}

fn wrong_type(name: &str) -> Reason {
    format!("column {name} has another type")
}

fn long(array: &Int64Array, row: usize) -> Option<i64> {
    array.is_valid(row).then(|| array.value(row))
}

fn blob(array: &BinaryArray, row: usize) -> Option<&[u8]> {
    array.is_valid(row).then(|| array.value(row))
}

fn narrow(count: i64) -> Result<u32, Reason> {
    u32::try_from(count).map_err(|_| format!("count {count} is out of range"))
}
