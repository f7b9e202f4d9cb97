//! Windows built straight from samples.

use tidegate_model::time::WINDOW_MS;
use tidegate_model::{
    DeltaWindow, DistributionWindow, FloatWindow, HistogramWindow, STALE_NAN_BITS, Window, WindowValue,
};

use crate::series_table::{Gathered, Kind, Large, Reading};

/// The 5 s windows of `gathered`, ascending by (start, kind).
pub(crate) fn windows(gathered: &Gathered, large: &[Large], minute_start_ms: i64, out: &mut Vec<Window>) {
    build(gathered, large, minute_start_ms, WINDOW_MS as u16, out);
}

/// The totals of the minute, one per kind.
pub(crate) fn totals(gathered: &Gathered, large: &[Large], minute_start_ms: i64, out: &mut Vec<Window>) {
    build(gathered, large, minute_start_ms, u16::MAX, out);
}

fn build(gathered: &Gathered, large: &[Large], minute_start_ms: i64, length_ms: u16, out: &mut Vec<Window>) {
    out.clear();
    if gathered.only_floats {
        floats(&gathered.readings, minute_start_ms, length_ms, out);
    } else {
        mixed(&gathered.readings, large, minute_start_ms, length_ms, out);
    }
}

fn floats(readings: &[Reading], minute_start_ms: i64, length_ms: u16, out: &mut Vec<Window>) {
    let index = |reading: &Reading| reading.at_ms / length_ms;
    for same in readings.chunk_by(|a, b| index(a) == index(b)) {
        let mut window = FloatWindow::empty();
        for reading in same {
            push_float(&mut window, minute_start_ms, reading);
        }
        let start_ms = minute_start_ms + i64::from(index(&same[0])) * i64::from(length_ms);
        out.push(Window { start_ms, value: WindowValue::Float(window) });
    }
}

fn push_float(window: &mut FloatWindow, minute_start_ms: i64, reading: &Reading) {
    let time_ms = minute_start_ms + i64::from(reading.at_ms);
    if reading.bits == STALE_NAN_BITS {
        window.push_stale(time_ms);
    } else {
        window.push(time_ms, f64::from_bits(reading.bits));
    }
}

/// As [`floats`] for a series that mixes kinds: one window per (start, kind).
fn mixed(readings: &[Reading], large: &[Large], minute_start_ms: i64, length_ms: u16, out: &mut Vec<Window>) {
    let index = |reading: &Reading| reading.at_ms / length_ms;
    for same in readings.chunk_by(|a, b| index(a) == index(b)) {
        let start_ms = minute_start_ms + i64::from(index(&same[0])) * i64::from(length_ms);
        for kind in [Kind::Float, Kind::Histogram, Kind::DeltaFloat, Kind::DeltaDistribution] {
            let mut value = None;
            for reading in same.iter().filter(|reading| reading.kind == kind) {
                push(&mut value, minute_start_ms, reading, large);
            }
            out.extend(value.map(|value| Window { start_ms, value }));
        }
    }
}

/// Adds a reading to the window of its kind. A large value whose index does
/// not fit its kind cannot occur; it would be left out.
fn push(window: &mut Option<WindowValue>, minute_start_ms: i64, reading: &Reading, large: &[Large]) {
    let time_ms = minute_start_ms + i64::from(reading.at_ms);
    let large = || large.get(reading.bits as usize);
    match reading.kind {
        Kind::Float => {
            let value = window.get_or_insert_with(|| WindowValue::Float(FloatWindow::empty()));
            if let WindowValue::Float(window) = value {
                push_float(window, minute_start_ms, reading);
            }
        }
        Kind::DeltaFloat => {
            let one = DeltaWindow::one(time_ms, f64::from_bits(reading.bits));
            match window {
                Some(WindowValue::DeltaFloat(window)) => window.merge(&one),
                _ => *window = Some(WindowValue::DeltaFloat(one)),
            }
        }
        Kind::Histogram => {
            let Some(Large::Histogram(histogram)) = large() else { return };
            match window {
                Some(WindowValue::Histogram(window)) => window.push(time_ms, histogram.clone()),
                _ => *window = Some(WindowValue::Histogram(HistogramWindow::one(time_ms, histogram.clone()))),
            }
        }
        Kind::DeltaDistribution => {
            let Some(Large::Distribution(distribution)) = large() else { return };
            match window {
                Some(WindowValue::DeltaDistribution(window)) => {
                    window.count += 1;
                    window.last_ms = time_ms;
                    window.distribution.merge(distribution);
                }
                _ => {
                    let one = DistributionWindow::one(time_ms, distribution.as_ref().clone());
                    *window = Some(WindowValue::DeltaDistribution(one));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
