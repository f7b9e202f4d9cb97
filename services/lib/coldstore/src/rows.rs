//! Windows as rows of the file, and back. The columns and their nulls are
//! described in `tidegate_schemas::parquet`.

mod decimal;
mod decode;
mod encode;

use tidegate_model::{DeltaWindow, FloatWindow, HistogramWindow, StaleMarks, WindowValue};

pub use decimal::Scale;
pub use decode::{VALUE_COLUMNS, WindowReader};
pub use encode::RowBuffer;

const FLOAT: &str = "float";
const HISTOGRAM: &str = "histogram";
const DELTA: &str = "delta";
const DISTRIBUTION: &str = "distribution";

fn kind_of(value: &WindowValue) -> &'static str {
    match value {
        WindowValue::Float(_) => FLOAT,
        WindowValue::Histogram(_) => HISTOGRAM,
        WindowValue::DeltaFloat(_) => DELTA,
        WindowValue::DeltaDistribution(_) => DISTRIBUTION,
    }
}

/// The window of up to two samples that `window` was, if pushing its first
/// and last gives the same to the bit.
fn follows_from_points(window: &FloatWindow) -> bool {
    let mut rebuilt = FloatWindow::empty();
    match window.count {
        0 => {}
        1 => rebuilt.push(window.first.time_ms, window.first.value),
        2 => {
            rebuilt.push(window.first.time_ms, window.first.value);
            rebuilt.push(window.last.time_ms, window.last.value);
        }
        _ => return false,
    }
    float_bits(&rebuilt) == float_bits(&FloatWindow { stale: StaleMarks::default(), ..*window })
}

fn float_bits(w: &FloatWindow) -> ([u64; 6], [i64; 2], [u32; 3]) {
    (
        [w.sum, w.min, w.max, w.first.value, w.last.value, w.increase].map(f64::to_bits),
        [w.first.time_ms, w.last.time_ms],
        [w.count, w.resets, w.changes],
    )
}

/// A value of the window that may be a decimal number.
pub fn typical_value(value: &WindowValue) -> Option<f64> {
    match value {
        WindowValue::Float(w) if w.count > 0 => Some(w.last.value),
        WindowValue::DeltaFloat(w) => Some(w.sum),
        _ => None,
    }
}

fn is_one_delta(w: &DeltaWindow) -> bool {
    let same = w.min.to_bits() == w.sum.to_bits() && w.max.to_bits() == w.sum.to_bits();
    w.count == 1 && w.first_ms == w.last_ms && same
}

fn is_one_histogram(w: &HistogramWindow) -> bool {
    w.count == 1 && w.first.time_ms == w.last.time_ms && std::sync::Arc::ptr_eq(&w.first.value, &w.last.value)
}

#[cfg(test)]
mod tests;
