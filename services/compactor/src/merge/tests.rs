use proptest::prelude::*;
use tidegate_model::{DeltaWindow, FloatWindow};

use super::*;

fn float(start_ms: i64, samples: &[(i64, f64)]) -> Window {
    let mut window = FloatWindow::empty();
    for (time_ms, value) in samples {
        window.push(*time_ms, *value);
    }
    Window { start_ms, value: WindowValue::Float(window) }
}

#[test]
fn parts_of_a_window_become_one() {
    let merged = merge_windows(vec![float(5000, &[(5001, 1.0)]), float(0, &[(3, 1.0)]), float(5000, &[(5002, 4.0)])]);
    assert_eq!(merged, [float(0, &[(3, 1.0)]), float(5000, &[(5001, 1.0), (5002, 4.0)])]);
}

/// Of two samples of one millisecond the first in canonical order is a point.
#[test]
fn the_order_of_fragments_decides() {
    let merged = merge_windows(vec![float(0, &[(3, 7.0)]), float(0, &[(3, 8.0)])]);
    let WindowValue::Float(window) = &merged[0].value else { panic!("another kind") };
    assert_eq!((window.first.value, window.last.value, window.count), (7.0, 7.0, 2));
}

#[test]
fn kinds_stay_beside_each_other() {
    let delta = Window { start_ms: 0, value: WindowValue::DeltaFloat(DeltaWindow::one(1, 2.0)) };
    let merged = merge_windows(vec![delta.clone(), float(0, &[(1, 1.0)]), delta.clone(), float(0, &[(2, 1.0)])]);
    let both = Window { start_ms: 0, value: WindowValue::DeltaFloat(DeltaWindow { count: 2, sum: 4.0, ..one() }) };
    assert_eq!(merged, [float(0, &[(1, 1.0), (2, 1.0)]), both]);
}

fn one() -> DeltaWindow {
    DeltaWindow::one(1, 2.0)
}

proptest! {
    #[test]
    fn no_sample_is_lost_and_no_window_comes_twice(parts in prop::collection::vec((0i64..8, 1u32..4), 0..40)) {
        let windows: Vec<_> = parts.iter().map(|(slot, samples)| {
            let start_ms = slot * 5000;
            let samples: Vec<_> = (0..*samples).map(|n| (start_ms + i64::from(n), f64::from(n))).collect();
            float(start_ms, &samples)
        }).collect();
        let merged = merge_windows(windows);
        prop_assert!(merged.windows(2).all(|pair| pair[0].start_ms < pair[1].start_ms));
        let samples: u32 = merged.iter().map(|w| w.value.samples()).sum();
        prop_assert_eq!(samples, parts.iter().map(|(_, samples)| samples).sum::<u32>());
    }
}
