use proptest::prelude::*;
use tidegate_model::{DeltaWindow, FloatWindow};

use super::*;

fn float(samples: &[(i64, f64)]) -> WindowValue {
    let mut window = FloatWindow::empty();
    for (time_ms, value) in samples {
        window.push(*time_ms, *value);
    }
    WindowValue::Float(window)
}

fn fragment(start_ms: i64, era: u32, number: u32, value: WindowValue) -> Fragment {
    Fragment { start_ms, source: SourceId { epoch: 1, partition: 0 }, era, fragment: number, value }
}

#[test]
fn of_one_key_the_fullest_counts() {
    let thin = fragment(0, 0, 0, float(&[(1, 1.0)]));
    let full = fragment(0, 0, 0, float(&[(1, 1.0), (2, 5.0)]));
    let merged = merge(vec![thin.clone(), full.clone(), thin]);
    assert_eq!(merged, [Window { start_ms: 0, value: full.value }]);
}

#[test]
fn different_keys_add_up_and_kinds_stay_apart() {
    let merged = merge(vec![
        fragment(5_000, 0, 0, float(&[(5_001, 3.0)])),
        fragment(0, 0, 7, float(&[(3, 2.0)])),
        fragment(0, 0, 0, WindowValue::DeltaFloat(DeltaWindow::one(4, 9.0))),
        fragment(0, 0, 0, float(&[(1, 1.0)])),
    ]);
    assert_eq!(
        merged,
        [
            Window { start_ms: 0, value: float(&[(1, 1.0), (3, 2.0)]) },
            Window { start_ms: 0, value: WindowValue::DeltaFloat(DeltaWindow::one(4, 9.0)) },
            Window { start_ms: 5_000, value: float(&[(5_001, 3.0)]) },
        ]
    );
}

fn bits(windows: &[Window]) -> String {
    format!("{windows:?}")
}

proptest! {
    /// The sum of floats depends on the order of addition; the canonical order
    /// makes it the same whatever came first.
    #[test]
    fn order_and_repetition_do_not_matter(
        values in prop::collection::vec((0i64..3, 0u32..2, 0u32..4, -1e9f64..1e9), 1..12),
        shuffled in any::<prop::sample::Index>(),
        repeated in any::<prop::sample::Index>(),
    ) {
        let mut fragments: Vec<Fragment> = Vec::new();
        for (index, (window, era, number, value)) in values.iter().enumerate() {
            let start_ms = window * 5_000;
            let new = fragment(start_ms, *era, *number, float(&[(start_ms + index as i64, *value)]));
            // One key always holds one thing.
            if !fragments.iter().any(|f| f.key() == new.key()) {
                fragments.push(new);
            }
        }
        let expected = bits(&merge(fragments.clone()));
        let mut other = fragments.clone();
        other.push(fragments[repeated.index(fragments.len())].clone());
        let turn = shuffled.index(other.len());
        other.rotate_left(turn);
        other.reverse();
        prop_assert_eq!(bits(&merge(other)), expected);
    }
}
