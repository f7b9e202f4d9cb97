//! One window's value within a live record or a chunk.
//!
//! Every window begins with a tagged number: the form in the tag, and in the
//! number a zigzag-coded time as difference to a predicted one. Times are
//! offsets from the window's start, in ms. Predicted are the offset of the
//! window before and its last value; both begin at 0.
//!
//! ```text
//! float         0 first offset, value                              one sample
//!               1 first offset, value, last − first, value        two samples
//!               2 first offset, full                                     more
//!               3 last stale offset, stale count, then the window without
//!                 stale marks; there form 3 means: no samples
//! full          count, last − first, first, last, min, max, sum, increase
//!               (XOR with the predicted window's), resets, changes
//! delta float   0 offset, value                                    one sample
//!               2 first offset, last − first, count, sum, min, max (XOR)
//! histogram     0 offset, histogram                                one sample
//!               2 first offset, last − first, count, first, last
//! distribution  0 offset, distribution                               one push
//!               2 first offset, last − first, count, distribution
//! ```
//!
//! Forms 0 and 1 of floats are used where [`FloatWindow::push`] gives the same
//! window to the bit; its arithmetic is thereby part of the format.

use std::sync::Arc;

use tidegate_model::{DeltaWindow, DistributionWindow, FloatWindow, HistogramWindow, Point, StaleMarks, WindowValue};

use super::StoredError;
use super::distribution::{put_distribution, put_histogram, same_histogram, take_distribution, take_histogram};
use super::varint::{Cursor, put_tagged, put_varint, put_xor, put_zigzag, unzigzag, zigzag};

const ONE: u8 = 0;
const TWO: u8 = 1;
const FULL: u8 = 2;
const STALE: u8 = 3;

/// Kind numbers of the stored formats.
pub(super) mod kind {
    pub const FLOAT: u8 = 0;
    pub const DELTA_FLOAT: u8 = 1;
    pub const HISTOGRAM: u8 = 2;
    pub const DISTRIBUTION: u8 = 3;
}

pub(super) fn kind_of(value: &WindowValue) -> u8 {
    match value {
        WindowValue::Float(_) => kind::FLOAT,
        WindowValue::DeltaFloat(_) => kind::DELTA_FLOAT,
        WindowValue::Histogram(_) => kind::HISTOGRAM,
        WindowValue::DeltaDistribution(_) => kind::DISTRIBUTION,
    }
}

/// What the next window is expected to be like.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Predictor {
    offset_ms: i64,
    value: f64,
}

impl Predictor {
    pub fn put(&mut self, out: &mut Vec<u8>, start_ms: i64, value: &WindowValue) {
        match value {
            WindowValue::Float(w) => {
                let predicted = all_values(self.value);
                self.put_float(out, start_ms, w, &predicted);
            }
            WindowValue::DeltaFloat(w) => self.put_delta(out, start_ms, w),
            WindowValue::Histogram(w) => self.put_histogram(out, start_ms, w),
            WindowValue::DeltaDistribution(w) => self.put_distribution(out, start_ms, w),
        }
    }

    pub fn take(&mut self, cursor: &mut Cursor<'_>, start_ms: i64, kind: u8) -> Result<WindowValue, StoredError> {
        Ok(match kind {
            kind::FLOAT => {
                let predicted = all_values(self.value);
                WindowValue::Float(self.take_float(cursor, start_ms, &predicted)?)
            }
            kind::DELTA_FLOAT => WindowValue::DeltaFloat(self.take_delta(cursor, start_ms)?),
            kind::HISTOGRAM => WindowValue::Histogram(self.take_histogram(cursor, start_ms)?),
            kind::DISTRIBUTION => WindowValue::DeltaDistribution(self.take_distribution(cursor, start_ms)?),
            _ => return Err(StoredError::Invalid("unknown kind of window")),
        })
    }

    /// The form and how far `time_ms` is from where it was expected.
    fn put_offset(&mut self, out: &mut Vec<u8>, form: u8, start_ms: i64, time_ms: i64) {
        let offset_ms = time_ms.wrapping_sub(start_ms);
        put_tagged(out, form, zigzag(offset_ms.wrapping_sub(self.offset_ms)));
        self.offset_ms = offset_ms;
    }

    fn take_offset(&mut self, distance: u64, start_ms: i64) -> i64 {
        self.offset_ms = self.offset_ms.wrapping_add(unzigzag(distance));
        start_ms.wrapping_add(self.offset_ms)
    }

    /// `predicted` stands for the floats of the full form.
    pub fn put_float(&mut self, out: &mut Vec<u8>, start_ms: i64, w: &FloatWindow, predicted: &FloatWindow) {
        if w.stale != StaleMarks::default() {
            put_tagged(out, STALE, zigzag(w.stale.last_ms.wrapping_sub(start_ms)));
            put_varint(out, u64::from(w.stale.count));
            let bare = FloatWindow { stale: StaleMarks::default(), ..*w };
            if same_float(&bare, &FloatWindow::empty()) {
                put_tagged(out, STALE, 0);
            } else {
                self.put_samples(out, start_ms, &bare, predicted);
            }
        } else {
            self.put_samples(out, start_ms, w, predicted);
        }
    }

    fn put_samples(&mut self, out: &mut Vec<u8>, start_ms: i64, w: &FloatWindow, predicted: &FloatWindow) {
        let form = form_of(w);
        self.put_offset(out, form, start_ms, w.first.time_ms);
        match form {
            ONE => put_xor(out, self.value, w.first.value),
            TWO => {
                put_xor(out, self.value, w.first.value);
                put_zigzag(out, w.last.time_ms.wrapping_sub(w.first.time_ms));
                put_xor(out, w.first.value, w.last.value);
            }
            _ => {
                put_varint(out, u64::from(w.count));
                put_zigzag(out, w.last.time_ms.wrapping_sub(w.first.time_ms));
                for (predicted, value) in floats(predicted).into_iter().zip(floats(w)) {
                    put_xor(out, predicted, value);
                }
                put_varint(out, u64::from(w.resets));
                put_varint(out, u64::from(w.changes));
            }
        }
        self.value = w.last.value;
    }

    pub fn take_float(
        &mut self,
        cursor: &mut Cursor<'_>,
        start_ms: i64,
        predicted: &FloatWindow,
    ) -> Result<FloatWindow, StoredError> {
        let (form, number) = cursor.tagged()?;
        if form != STALE {
            return self.take_samples(cursor, start_ms, form, number, predicted);
        }
        let last_ms = start_ms.wrapping_add(unzigzag(number));
        let stale = StaleMarks { count: cursor.varint_u32()?, last_ms };
        let (form, number) = cursor.tagged()?;
        let bare = match form {
            STALE => FloatWindow::empty(),
            form => self.take_samples(cursor, start_ms, form, number, predicted)?,
        };
        Ok(FloatWindow { stale, ..bare })
    }

    fn take_samples(
        &mut self,
        cursor: &mut Cursor<'_>,
        start_ms: i64,
        form: u8,
        number: u64,
        predicted: &FloatWindow,
    ) -> Result<FloatWindow, StoredError> {
        let first_ms = self.take_offset(number, start_ms);
        let mut w = FloatWindow::empty();
        match form {
            ONE => w.push(first_ms, cursor.xor(self.value)?),
            TWO => {
                let first = cursor.xor(self.value)?;
                let last_ms = first_ms.wrapping_add(cursor.zigzag()?);
                w.push(first_ms, first);
                w.push(last_ms, cursor.xor(first)?);
            }
            _ => {
                w.count = cursor.varint_u32()?;
                let last_ms = first_ms.wrapping_add(cursor.zigzag()?);
                let mut values = floats(predicted);
                for value in &mut values {
                    *value = cursor.xor(*value)?;
                }
                let [first, last, min, max, sum, increase] = values;
                w.first = Point { time_ms: first_ms, value: first };
                w.last = Point { time_ms: last_ms, value: last };
                (w.min, w.max, w.sum, w.increase) = (min, max, sum, increase);
                w.resets = cursor.varint_u32()?;
                w.changes = cursor.varint_u32()?;
            }
        }
        self.value = w.last.value;
        Ok(w)
    }

    fn put_delta(&mut self, out: &mut Vec<u8>, start_ms: i64, w: &DeltaWindow) {
        if same_delta(w, &DeltaWindow::one(w.first_ms, w.sum)) {
            self.put_offset(out, ONE, start_ms, w.first_ms);
            put_xor(out, self.value, w.sum);
        } else {
            self.put_offset(out, FULL, start_ms, w.first_ms);
            put_zigzag(out, w.last_ms.wrapping_sub(w.first_ms));
            put_varint(out, u64::from(w.count));
            put_xor(out, self.value, w.sum);
            put_xor(out, w.sum, w.min);
            put_xor(out, w.min, w.max);
        }
        self.value = w.sum;
    }

    fn take_delta(&mut self, cursor: &mut Cursor<'_>, start_ms: i64) -> Result<DeltaWindow, StoredError> {
        let (form, number) = cursor.tagged()?;
        let first_ms = self.take_offset(number, start_ms);
        let w = match form {
            ONE => DeltaWindow::one(first_ms, cursor.xor(self.value)?),
            FULL => {
                let last_ms = first_ms.wrapping_add(cursor.zigzag()?);
                let count = cursor.varint_u32()?;
                let sum = cursor.xor(self.value)?;
                let min = cursor.xor(sum)?;
                let max = cursor.xor(min)?;
                DeltaWindow { count, sum, min, max, first_ms, last_ms }
            }
            _ => return Err(UNKNOWN_FORM),
        };
        self.value = w.sum;
        Ok(w)
    }

    fn put_histogram(&mut self, out: &mut Vec<u8>, start_ms: i64, w: &HistogramWindow) {
        let one = w.count == 1
            && w.first.time_ms == w.last.time_ms
            && (Arc::ptr_eq(&w.first.value, &w.last.value) || same_histogram(&w.first.value, &w.last.value));
        self.put_offset(out, if one { ONE } else { FULL }, start_ms, w.first.time_ms);
        if !one {
            put_zigzag(out, w.last.time_ms.wrapping_sub(w.first.time_ms));
            put_varint(out, u64::from(w.count));
        }
        put_histogram(out, &w.first.value);
        if !one {
            put_histogram(out, &w.last.value);
        }
    }

    fn take_histogram(&mut self, cursor: &mut Cursor<'_>, start_ms: i64) -> Result<HistogramWindow, StoredError> {
        let (form, number) = cursor.tagged()?;
        let first_ms = self.take_offset(number, start_ms);
        match form {
            ONE => Ok(HistogramWindow::one(first_ms, Arc::new(take_histogram(cursor)?))),
            FULL => {
                let last_ms = first_ms.wrapping_add(cursor.zigzag()?);
                let count = cursor.varint_u32()?;
                let first = Point { time_ms: first_ms, value: Arc::new(take_histogram(cursor)?) };
                let last = Point { time_ms: last_ms, value: Arc::new(take_histogram(cursor)?) };
                Ok(HistogramWindow { count, first, last })
            }
            _ => Err(UNKNOWN_FORM),
        }
    }

    fn put_distribution(&mut self, out: &mut Vec<u8>, start_ms: i64, w: &DistributionWindow) {
        let one = w.count == 1 && w.first_ms == w.last_ms;
        self.put_offset(out, if one { ONE } else { FULL }, start_ms, w.first_ms);
        if !one {
            put_zigzag(out, w.last_ms.wrapping_sub(w.first_ms));
            put_varint(out, u64::from(w.count));
        }
        put_distribution(out, &w.distribution);
    }

    fn take_distribution(&mut self, cursor: &mut Cursor<'_>, start_ms: i64) -> Result<DistributionWindow, StoredError> {
        let (form, number) = cursor.tagged()?;
        let first_ms = self.take_offset(number, start_ms);
        let (last_ms, count) = match form {
            ONE => (first_ms, 1),
            FULL => (first_ms.wrapping_add(cursor.zigzag()?), cursor.varint_u32()?),
            _ => return Err(UNKNOWN_FORM),
        };
        Ok(DistributionWindow { count, first_ms, last_ms, distribution: take_distribution(cursor)? })
    }
}

const UNKNOWN_FORM: StoredError = StoredError::Invalid("unknown form of a window");

/// A window that predicts `value` for every float but the increase.
fn all_values(value: f64) -> FloatWindow {
    let point = Point { time_ms: 0, value };
    FloatWindow { sum: value, min: value, max: value, first: point, last: point, ..FloatWindow::empty() }
}

fn floats(w: &FloatWindow) -> [f64; 6] {
    [w.first.value, w.last.value, w.min, w.max, w.sum, w.increase]
}

/// The shortest form that gives `w`, which has no stale marks, back. NaN takes
/// the full form: what arithmetic makes of its payload is up to the processor.
fn form_of(w: &FloatWindow) -> u8 {
    if floats(w).into_iter().any(f64::is_nan) {
        return FULL;
    }
    let mut derived = FloatWindow::empty();
    match w.count {
        1 => derived.push(w.first.time_ms, w.first.value),
        2 => {
            derived.push(w.first.time_ms, w.first.value);
            derived.push(w.last.time_ms, w.last.value);
        }
        _ => return FULL,
    }
    match (same_float(w, &derived), w.count) {
        (true, 1) => ONE,
        (true, _) => TWO,
        (false, _) => FULL,
    }
}

/// Equal to the bit.
pub(super) fn same_float(a: &FloatWindow, b: &FloatWindow) -> bool {
    let whole = |w: &FloatWindow| (w.count, w.first.time_ms, w.last.time_ms, w.resets, w.changes, w.stale);
    whole(a) == whole(b) && floats(a).map(f64::to_bits) == floats(b).map(f64::to_bits)
}

pub(super) fn same_delta(a: &DeltaWindow, b: &DeltaWindow) -> bool {
    let floats = |w: &DeltaWindow| [w.sum, w.min, w.max].map(f64::to_bits);
    (a.count, a.first_ms, a.last_ms) == (b.count, b.first_ms, b.last_ms) && floats(a) == floats(b)
}

/// Whether `w` holds a NaN in any field.
pub(super) fn has_nan(w: &FloatWindow) -> bool {
    floats(w).into_iter().any(f64::is_nan)
}
