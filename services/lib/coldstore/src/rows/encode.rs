//! Windows → record batches.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, DictionaryArray, Float64Builder, Int32Array, Int32Builder, Int64Builder, MapArray,
    StringArray, StructArray, TimestampMillisecondBuilder,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Int32Type, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use hashbrown::HashMap;
use tidegate_model::{
    DeltaWindow, DistributionWindow, FloatWindow, HistogramWindow, Labels, METRIC_NAME, MetricId, Window, WindowValue,
};
use tidegate_schemas::parquet::{PERCENTILES, archive_schema, label_fields};

use super::decimal::Scale;
use super::{follows_from_points, is_one_delta, is_one_histogram, kind_of};
use crate::blob::{put_histogram, put_sketch};

/// Gathers rows until the caller takes them as a batch.
pub struct RowBuffer {
    schema: SchemaRef,
    rows: usize,
    name: TextColumn,
    label_names: TextColumn,
    label_values: TextColumn,
    label_ends: Vec<i32>,
    metric_id: TextColumn,
    kind: TextColumn,
    window_start: TimestampMillisecondBuilder,
    count: Int64Builder,
    samples: Int64Builder,
    sum: Float64Builder,
    sum_digits: Int64Builder,
    sum_scale: Int32Builder,
    min: Float64Builder,
    max: Float64Builder,
    first: Float64Builder,
    last: Float64Builder,
    min_digits: Int64Builder,
    max_digits: Int64Builder,
    first_digits: Int64Builder,
    last_digits: Int64Builder,
    increase_digits: Int64Builder,
    first_offset_ms: Int32Builder,
    last_offset_ms: Int32Builder,
    increase: Float64Builder,
    resets: Int64Builder,
    changes: Int64Builder,
    stale_count: Int64Builder,
    stale_offset_ms: Int32Builder,
    percentiles: [Float64Builder; PERCENTILES.len()],
    sketch: BinaryBuilder,
    histogram: BinaryBuilder,
    scratch: Vec<u8>,
}

/// The values of a row that are doubles or digits.
#[derive(Default)]
struct Values {
    sum: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    first: Option<f64>,
    last: Option<f64>,
    increase: Option<f64>,
}

/// What is the same in all rows of a series, as keys into the buffer's
/// dictionaries. Holds until the next [`RowBuffer::take`].
pub struct SeriesKeys {
    name: i32,
    metric_id: i32,
    scale: Scale,
    label_names: Vec<i32>,
    label_values: Vec<i32>,
}

impl RowBuffer {
    pub fn new() -> Self {
        Self {
            schema: archive_schema(),
            rows: 0,
            name: TextColumn::default(),
            label_names: TextColumn::default(),
            label_values: TextColumn::default(),
            label_ends: Vec::new(),
            metric_id: TextColumn::default(),
            kind: TextColumn::default(),
            window_start: TimestampMillisecondBuilder::new(),
            count: Int64Builder::new(),
            samples: Int64Builder::new(),
            sum: Float64Builder::new(),
            sum_digits: Int64Builder::new(),
            sum_scale: Int32Builder::new(),
            min: Float64Builder::new(),
            max: Float64Builder::new(),
            first: Float64Builder::new(),
            last: Float64Builder::new(),
            min_digits: Int64Builder::new(),
            max_digits: Int64Builder::new(),
            first_digits: Int64Builder::new(),
            last_digits: Int64Builder::new(),
            increase_digits: Int64Builder::new(),
            first_offset_ms: Int32Builder::new(),
            last_offset_ms: Int32Builder::new(),
            increase: Float64Builder::new(),
            resets: Int64Builder::new(),
            changes: Int64Builder::new(),
            stale_count: Int64Builder::new(),
            stale_offset_ms: Int32Builder::new(),
            percentiles: Default::default(),
            sketch: BinaryBuilder::new(),
            histogram: BinaryBuilder::new(),
            scratch: Vec::new(),
        }
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// `scale` is that of the series' values.
    pub fn series(&mut self, id: MetricId, labels: &Labels, scale: Scale) -> SeriesKeys {
        let others = || labels.iter().filter(|(name, _)| *name != METRIC_NAME);
        SeriesKeys {
            name: self.name.key(labels.metric_name()),
            metric_id: self.metric_id.key(&id.to_string()),
            scale,
            label_names: others().map(|(name, _)| self.label_names.key(name)).collect(),
            label_values: others().map(|(_, value)| self.label_values.key(value)).collect(),
        }
    }

    /// Appends a row. A time more than 24 days from the window's start is not
    /// representable: `false`, and nothing is appended.
    #[must_use]
    pub fn push(&mut self, series: &SeriesKeys, window: &Window) -> bool {
        let Some(times) = Times::of(window) else { return false };
        self.rows += 1;
        self.name.keys.push(series.name);
        self.label_names.keys.extend_from_slice(&series.label_names);
        self.label_values.keys.extend_from_slice(&series.label_values);
        self.label_ends.push(self.label_names.keys.len() as i32);
        self.metric_id.keys.push(series.metric_id);
        let kind = self.kind.key(kind_of(&window.value));
        self.kind.keys.push(kind);
        self.window_start.append_value(window.start_ms);
        self.first_offset_ms.append_option(times.first);
        self.last_offset_ms.append_option(times.last);
        self.stale_offset_ms.append_option(times.stale);
        match &window.value {
            WindowValue::Float(w) => self.push_float(w, series.scale),
            WindowValue::Histogram(w) => self.push_histogram(w),
            WindowValue::DeltaFloat(w) => self.push_delta(w, series.scale),
            WindowValue::DeltaDistribution(w) => self.push_distribution(w),
        }
        true
    }

    fn push_float(&mut self, w: &FloatWindow, scale: Scale) {
        self.counts(i64::from(w.count), i64::from(w.count) + i64::from(w.stale.count));
        self.stale_count.append_option((w.stale.count > 0).then_some(i64::from(w.stale.count)));
        let follows = follows_from_points(w);
        if w.count == 0 {
            self.values(Values::default(), scale);
        } else if w.count == 1 && follows {
            // `first`, not `sum`: adding to zero makes −0.0 positive.
            self.values(Values { sum: Some(w.first.value), ..Values::default() }, scale);
        } else {
            let values = Values {
                sum: Some(w.sum),
                min: Some(w.min),
                max: Some(w.max),
                first: Some(w.first.value),
                last: Some(w.last.value),
                increase: (!follows).then_some(w.increase),
            };
            self.values(values, scale);
        }
        self.resets.append_option((!follows).then_some(i64::from(w.resets)));
        self.changes.append_option((!follows).then_some(i64::from(w.changes)));
        self.no_distribution();
        self.histogram.append_null();
    }

    fn push_delta(&mut self, w: &DeltaWindow, scale: Scale) {
        self.counts(i64::from(w.count), i64::from(w.count));
        let range = (!is_one_delta(w)).then_some((w.min, w.max));
        let (min, max) = range.unzip();
        self.values(Values { sum: Some(w.sum), min, max, ..Values::default() }, scale);
        self.no_float();
        self.no_distribution();
        self.histogram.append_null();
    }

    fn push_histogram(&mut self, w: &HistogramWindow) {
        self.counts(i64::from(w.count), i64::from(w.count));
        self.values(Values::default(), Scale::default());
        self.no_float();
        self.no_distribution();
        self.scratch.clear();
        put_histogram(&mut self.scratch, &w.first.value);
        if !is_one_histogram(w) {
            put_histogram(&mut self.scratch, &w.last.value);
        }
        self.histogram.append_value(&self.scratch);
    }

    fn push_distribution(&mut self, w: &DistributionWindow) {
        let d = &w.distribution;
        // Bits, so that a count beyond 2⁶³ comes back as it was.
        self.counts(d.count as i64, i64::from(w.count));
        self.doubles(&Values { sum: Some(d.sum), min: Some(d.min), max: Some(d.max), ..Values::default() });
        self.no_float();
        for (builder, (_, quantile)) in self.percentiles.iter_mut().zip(PERCENTILES) {
            builder.append_option(d.sketch.quantile(quantile));
        }
        self.scratch.clear();
        put_sketch(&mut self.scratch, &d.sketch);
        self.sketch.append_value(&self.scratch);
        self.histogram.append_null();
    }

    fn counts(&mut self, count: i64, samples: i64) {
        self.count.append_value(count);
        self.samples.append_value(samples);
    }

    /// Each value as digits if it has them, else as it is.
    fn values(&mut self, mut values: Values, scale: Scale) {
        let mut any = false;
        for (value, builder) in [
            (&mut values.sum, &mut self.sum_digits),
            (&mut values.min, &mut self.min_digits),
            (&mut values.max, &mut self.max_digits),
            (&mut values.first, &mut self.first_digits),
            (&mut values.last, &mut self.last_digits),
            (&mut values.increase, &mut self.increase_digits),
        ] {
            let digits = value.and_then(|value| scale.digits(value));
            builder.append_option(digits);
            if digits.is_some() {
                *value = None;
                any = true;
            }
        }
        self.sum_scale.append_option(any.then_some(scale.places()));
        self.as_they_are(&values);
    }

    /// Each value as it is.
    fn doubles(&mut self, values: &Values) {
        for builder in [
            &mut self.sum_digits,
            &mut self.min_digits,
            &mut self.max_digits,
            &mut self.first_digits,
            &mut self.last_digits,
            &mut self.increase_digits,
        ] {
            builder.append_null();
        }
        self.sum_scale.append_null();
        self.as_they_are(values);
    }

    fn as_they_are(&mut self, values: &Values) {
        self.sum.append_option(values.sum);
        self.min.append_option(values.min);
        self.max.append_option(values.max);
        self.first.append_option(values.first);
        self.last.append_option(values.last);
        self.increase.append_option(values.increase);
    }

    fn no_float(&mut self) {
        self.resets.append_null();
        self.changes.append_null();
        self.stale_count.append_null();
    }

    fn no_distribution(&mut self) {
        for builder in &mut self.percentiles {
            builder.append_null();
        }
        self.sketch.append_null();
    }

    /// The rows so far as a batch; the buffer is empty after.
    pub fn take(&mut self) -> Result<RecordBatch, ArrowError> {
        let mut columns: Vec<ArrayRef> = vec![
            self.name.take()?,
            self.take_labels()?,
            self.metric_id.take()?,
            self.kind.take()?,
            Arc::new(self.window_start.finish().with_timezone("UTC")),
            Arc::new(self.count.finish()),
            Arc::new(self.samples.finish()),
        ];
        columns.push(Arc::new(self.sum.finish()));
        columns.push(Arc::new(self.sum_digits.finish()));
        columns.push(Arc::new(self.sum_scale.finish()));
        for builder in [&mut self.min, &mut self.max, &mut self.first, &mut self.last] {
            columns.push(Arc::new(builder.finish()));
        }
        for builder in [
            &mut self.min_digits,
            &mut self.max_digits,
            &mut self.first_digits,
            &mut self.last_digits,
            &mut self.increase_digits,
        ] {
            columns.push(Arc::new(builder.finish()));
        }
        columns.push(Arc::new(self.first_offset_ms.finish()));
        columns.push(Arc::new(self.last_offset_ms.finish()));
        columns.push(Arc::new(self.increase.finish()));
        for builder in [&mut self.resets, &mut self.changes, &mut self.stale_count] {
            columns.push(Arc::new(builder.finish()));
        }
        columns.push(Arc::new(self.stale_offset_ms.finish()));
        for builder in &mut self.percentiles {
            columns.push(Arc::new(builder.finish()));
        }
        columns.push(Arc::new(self.sketch.finish()));
        columns.push(Arc::new(self.histogram.finish()));
        self.rows = 0;
        RecordBatch::try_new(self.schema.clone(), columns)
    }

    fn take_labels(&mut self) -> Result<ArrayRef, ArrowError> {
        let fields = label_fields();
        let entries = DataType::Struct(fields.clone());
        let pairs = StructArray::try_new(fields, vec![self.label_names.take()?, self.label_values.take()?], None)?;
        let mut offsets = Vec::with_capacity(self.label_ends.len() + 1);
        offsets.push(0);
        offsets.append(&mut self.label_ends);
        let field = Arc::new(Field::new("key_value", entries, false));
        Ok(Arc::new(MapArray::try_new(field, OffsetBuffer::new(offsets.into()), pairs, None, false)?))
    }
}

/// Texts as a dictionary in the order of their first use.
#[derive(Default)]
struct TextColumn {
    keys: Vec<i32>,
    texts: Vec<String>,
    known: HashMap<String, i32>,
}

impl TextColumn {
    fn key(&mut self, text: &str) -> i32 {
        if let Some(key) = self.known.get(text) {
            return *key;
        }
        let key = self.texts.len() as i32;
        self.texts.push(text.to_owned());
        self.known.insert(text.to_owned(), key);
        key
    }

    fn take(&mut self) -> Result<ArrayRef, ArrowError> {
        self.known.clear();
        let texts = StringArray::from_iter_values(self.texts.drain(..));
        let keys = Int32Array::from(std::mem::take(&mut self.keys));
        Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, Arc::new(texts))?))
    }
}

/// Offsets of a window's times from its start.
struct Times {
    first: Option<i32>,
    last: Option<i32>,
    stale: Option<i32>,
}

impl Times {
    /// `None` when an offset does not fit 32 bits.
    fn of(window: &Window) -> Option<Self> {
        let (first, last, stale) = match &window.value {
            WindowValue::Float(w) => (
                (w.count > 0).then_some(w.first.time_ms),
                (w.count > 0 && !(w.count == 1 && follows_from_points(w))).then_some(w.last.time_ms),
                (w.stale.count > 0).then_some(w.stale.last_ms),
            ),
            WindowValue::Histogram(w) => {
                (Some(w.first.time_ms), (!is_one_histogram(w)).then_some(w.last.time_ms), None)
            }
            WindowValue::DeltaFloat(w) => (Some(w.first_ms), (!is_one_delta(w)).then_some(w.last_ms), None),
            WindowValue::DeltaDistribution(w) => {
                (Some(w.first_ms), (w.count != 1 || w.first_ms != w.last_ms).then_some(w.last_ms), None)
            }
        };
        let offset = |time_ms: Option<i64>| match time_ms {
            None => Some(None),
            Some(time_ms) => i32::try_from(time_ms.checked_sub(window.start_ms)?).ok().map(Some),
        };
        Some(Self { first: offset(first)?, last: offset(last)?, stale: offset(stale)? })
    }
}
