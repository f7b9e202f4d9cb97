//! Fragments of a series → its windows. Pure.

use tidegate_model::{Window, WindowValue};

/// Joins the parts of each window. `windows` come fragment by fragment in the
/// canonical order (source, era, fragment); the answer is ascending by start,
/// then kind, each once.
pub fn merge_windows(mut windows: Vec<Window>) -> Vec<Window> {
    let in_order = |pair: &[Window]| order(&pair[0]) < order(&pair[1]);
    if windows.windows(2).all(in_order) {
        return windows;
    }
    // Stable, so that equal windows stay in the canonical order.
    windows.sort_by_key(order);
    let mut merged: Vec<Window> = Vec::with_capacity(windows.len());
    for window in windows {
        let part = match merged.last_mut() {
            Some(last) if last.start_ms == window.start_ms => match last.value.merge(window.value) {
                Ok(()) => continue,
                Err(value) => Window { start_ms: window.start_ms, value },
            },
            _ => window,
        };
        merged.push(part);
    }
    merged
}

/// Joins the windows of a series, each once and ascending, to those of a coarser
/// grid. They are added up in the order of time.
pub fn coarsen(mut windows: Vec<Window>, window_ms: i64) -> Vec<Window> {
    for window in &mut windows {
        window.start_ms = window.start_ms.div_euclid(window_ms) * window_ms;
    }
    merge_windows(windows)
}

fn order(window: &Window) -> (i64, u8) {
    let kind = match window.value {
        WindowValue::Float(_) => 0,
        WindowValue::Histogram(_) => 1,
        WindowValue::DeltaFloat(_) => 2,
        WindowValue::DeltaDistribution(_) => 3,
    };
    (window.start_ms, kind)
}

#[cfg(test)]
mod tests;
