//! The windows and totals of a stored row, version 1.
//!
//! ```text
//! chunk    = 1 (u8), for each kind that occurs, in the order of the kinds: section
//! section  = header (u16), windows..., total where it is stored
//! header   = bits 0–11: which of the minute's twelve windows are there
//!            bits 12–13: kind (0 float, 1 delta float, 2 histogram, 3 distribution)
//!            bits 14–15: total: 0 none, 1 left out as it follows from the windows, 2 stored
//! ```
//!
//! Windows are coded as `window.rs` says; each predicts the next. A total
//! that is stored is predicted by the windows merged, so of its floats mostly
//! the last bits of the sum remain.

use tidegate_model::time::{WINDOW_MS, WINDOWS_PER_MINUTE, minute_of, minute_start_ms};
use tidegate_model::{Chunk, FloatWindow, StaleMarks, Window, WindowValue};

use super::StoredError;
use super::distribution::{same_distribution, same_histogram};
use super::varint::Cursor;
use super::window::{Predictor, has_nan, kind_of, same_delta, same_float};

const VERSION: u8 = 1;
const KINDS: u8 = 4;

const NO_TOTAL: u16 = 0;
const DERIVED_TOTAL: u16 = 1;
const STORED_TOTAL: u16 = 2;

/// Appends the chunk to `out`.
///
/// All windows lie on the 5 s grid of one minute, at most one per start and
/// kind, ascending by start within a kind; totals start with the minute, at
/// most one per kind. What does not keep to that is left out.
pub fn encode_chunk(windows: &[Window], totals: &[Window], out: &mut Vec<u8>) {
    out.push(VERSION);
    let Some(first) = windows.first().or(totals.first()) else { return };
    let minute_ms = minute_start_ms(minute_of(first.start_ms));
    for kind in 0..KINDS {
        let of_kind = |window: &&Window| kind_of(&window.value) == kind;
        encode_section(kind, minute_ms, windows.iter().filter(of_kind), totals.iter().find(of_kind), out);
    }
}

fn encode_section<'a>(
    kind: u8,
    minute_ms: i64,
    windows: impl Iterator<Item = &'a Window> + Clone,
    total: Option<&Window>,
    out: &mut Vec<u8>,
) {
    let header_at = out.len();
    out.extend_from_slice(&[0, 0]);
    let mut present = 0u16;
    let mut predictor = Predictor::default();
    for window in windows.clone() {
        let offset_ms = window.start_ms.wrapping_sub(minute_ms);
        let index = offset_ms / WINDOW_MS;
        let on_grid = (0..WINDOWS_PER_MINUTE as i64).contains(&index) && index * WINDOW_MS == offset_ms;
        // Higher bits than this one set: not ascending.
        if !on_grid || present >> index != 0 {
            debug_assert!(false, "window {} is not on the grid or not in order", window.start_ms);
            continue;
        }
        present |= 1 << index;
        predictor.put(out, window.start_ms, &window.value);
    }
    let total_form = match total {
        None if present == 0 => return out.truncate(header_at),
        None => NO_TOTAL,
        Some(total) if same_value(derived_total(windows.clone().map(|w| &w.value)).as_ref(), &total.value) => {
            DERIVED_TOTAL
        }
        Some(total) => {
            let mut predictor = Predictor::default();
            match &total.value {
                WindowValue::Float(w) => {
                    let predicted = merged(windows.map(|w| &w.value));
                    predictor.put_float(out, minute_ms, w, &predicted);
                }
                other => predictor.put(out, minute_ms, other),
            }
            STORED_TOTAL
        }
    };
    let header = present | u16::from(kind) << 12 | total_form << 14;
    out[header_at..header_at + 2].copy_from_slice(&header.to_le_bytes());
}

/// Reads the chunk of a row of `minute` (since the epoch). Windows come
/// ascending by start, then in the order of the kinds; totals in the order of
/// the kinds.
pub fn decode_chunk(minute: u32, bytes: &[u8]) -> Result<Chunk, StoredError> {
    let mut cursor = Cursor::new(bytes);
    cursor.version("chunk", VERSION)?;
    let minute_ms = minute_start_ms(minute);
    let mut chunk = Chunk::default();
    let mut previous_kind = None;
    while !cursor.is_empty() {
        let header = u16::from_le_bytes(cursor.array()?);
        let kind = (header >> 12 & 3) as u8;
        if previous_kind.is_some_and(|previous| previous >= kind) {
            return Err(StoredError::Invalid("kinds are not in order"));
        }
        previous_kind = Some(kind);
        decode_section(header, kind, minute_ms, &mut cursor, &mut chunk)?;
    }
    if chunk.totals.len() > 1 || chunk.windows.windows(2).any(|pair| pair[0].start_ms > pair[1].start_ms) {
        chunk.windows.sort_by_key(|window| window.start_ms);
    }
    Ok(chunk)
}

fn decode_section(
    header: u16,
    kind: u8,
    minute_ms: i64,
    cursor: &mut Cursor<'_>,
    chunk: &mut Chunk,
) -> Result<(), StoredError> {
    let from = chunk.windows.len();
    let present = header & 0xfff;
    chunk.windows.reserve((present.count_ones() as usize).min(cursor.len()));
    let mut predictor = Predictor::default();
    for index in (0..WINDOWS_PER_MINUTE as i64).filter(|index| present >> index & 1 == 1) {
        let start_ms = minute_ms + index * WINDOW_MS;
        let value = predictor.take(cursor, start_ms, kind)?;
        chunk.windows.push(Window { start_ms, value });
    }
    let windows = chunk.windows[from..].iter().map(|w| &w.value);
    let value = match header >> 14 {
        NO_TOTAL => return Ok(()),
        DERIVED_TOTAL => derived_total(windows).ok_or(StoredError::Invalid("the total does not follow"))?,
        STORED_TOTAL => {
            let mut predictor = Predictor::default();
            if kind == super::window::kind::FLOAT {
                WindowValue::Float(predictor.take_float(cursor, minute_ms, &merged(windows))?)
            } else {
                predictor.take(cursor, minute_ms, kind)?
            }
        }
        _ => return Err(StoredError::Invalid("unknown form of a total")),
    };
    chunk.totals.push(Window { start_ms: minute_ms, value });
    Ok(())
}

/// The total as it follows from windows of one kind, where that is certain:
/// floats from their points, which are all there while no window has more than
/// two samples; other kinds by merging. The encoder still compares.
fn derived_total<'a>(windows: impl Iterator<Item = &'a WindowValue> + Clone) -> Option<WindowValue> {
    if !counts_fit(windows.clone()) {
        return None;
    }
    let mut all = windows.clone();
    match all.next()? {
        WindowValue::Float(_) => {
            let mut total = FloatWindow::empty();
            for window in windows {
                let WindowValue::Float(w) = window else { return None };
                if w.count > 2 || has_nan(w) {
                    return None;
                }
                if w.count > 0 {
                    total.push(w.first.time_ms, w.first.value);
                }
                if w.count > 1 {
                    total.push(w.last.time_ms, w.last.value);
                }
                if w.stale.count > 0 {
                    let first = total.stale.count == 0;
                    let last_ms = if first { w.stale.last_ms } else { total.stale.last_ms.max(w.stale.last_ms) };
                    total.stale = StaleMarks { count: total.stale.count + w.stale.count, last_ms };
                }
            }
            (!has_nan(&total)).then_some(WindowValue::Float(total))
        }
        first => {
            let mut total = first.clone();
            for window in all {
                total.merge(window.clone()).ok()?;
            }
            Some(total)
        }
    }
}

/// What is expected of the total of windows of which some have more than two
/// samples; empty where their counts do not add up within 32 bits.
fn merged<'a>(windows: impl Iterator<Item = &'a WindowValue> + Clone) -> FloatWindow {
    let mut total = FloatWindow::empty();
    if counts_fit(windows.clone()) {
        for window in windows {
            if let WindowValue::Float(w) = window {
                total.merge(w);
            }
        }
    }
    total
}

/// Whether merging cannot overflow a count, with room for the steps between
/// the windows.
fn counts_fit<'a>(windows: impl Iterator<Item = &'a WindowValue>) -> bool {
    let mut sums = [WINDOWS_PER_MINUTE as u64; 4];
    for window in windows {
        let counts = match window {
            WindowValue::Float(w) => [w.count, w.stale.count, w.resets, w.changes],
            WindowValue::DeltaFloat(w) => [w.count, 0, 0, 0],
            WindowValue::Histogram(w) => [w.count, 0, 0, 0],
            WindowValue::DeltaDistribution(w) => [w.count, 0, 0, 0],
        };
        for (sum, count) in sums.iter_mut().zip(counts) {
            *sum += u64::from(count);
        }
    }
    sums.into_iter().all(|sum| sum <= u64::from(u32::MAX))
}

/// Equal to the bit.
pub(super) fn same_value(a: Option<&WindowValue>, b: &WindowValue) -> bool {
    match (a, b) {
        (Some(WindowValue::Float(a)), WindowValue::Float(b)) => same_float(a, b),
        (Some(WindowValue::DeltaFloat(a)), WindowValue::DeltaFloat(b)) => same_delta(a, b),
        (Some(WindowValue::Histogram(a)), WindowValue::Histogram(b)) => {
            (a.count, a.first.time_ms, a.last.time_ms) == (b.count, b.first.time_ms, b.last.time_ms)
                && same_histogram(&a.first.value, &b.first.value)
                && same_histogram(&a.last.value, &b.last.value)
        }
        (Some(WindowValue::DeltaDistribution(a)), WindowValue::DeltaDistribution(b)) => {
            (a.count, a.first_ms, a.last_ms) == (b.count, b.first_ms, b.last_ms)
                && same_distribution(&a.distribution, &b.distribution)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
