use proptest::prelude::*;

use super::*;

fn window(samples: &[(i64, f64)]) -> FloatWindow {
    let mut window = FloatWindow::empty();
    for (time_ms, value) in samples {
        window.push(*time_ms, *value);
    }
    window
}

#[test]
fn a_reset_counts_from_zero() {
    let w = window(&[(0, 10.0), (1, 14.0), (2, 3.0), (3, 3.0)]);
    assert_eq!((w.increase, w.resets, w.changes), (4.0 + 3.0, 1, 2));
    assert_eq!((w.min, w.max, w.sum, w.count), (3.0, 14.0, 30.0, 4));
}

#[test]
fn nan_is_left_out_of_min_and_max_only() {
    let w = window(&[(0, f64::NAN), (1, 2.0), (2, f64::NAN)]);
    assert_eq!((w.min, w.max, w.count), (2.0, 2.0, 3));
    assert!(w.sum.is_nan());
}

#[test]
fn stale_markers_stand_apart() {
    let mut w = window(&[(5, 1.0)]);
    w.push_stale(7);
    let mut only_stale = FloatWindow::empty();
    only_stale.push_stale(3);
    w.merge(&only_stale);
    assert_eq!((w.count, w.stale), (1, StaleMarks { count: 2, last_ms: 7 }));
    only_stale.merge(&window(&[(9, 4.0)]));
    assert_eq!((only_stale.count, only_stale.sum, only_stale.stale.count), (1, 4.0, 1));
}

#[test]
fn the_same_millisecond_keeps_the_first_as_point() {
    let mut w = window(&[(5, 1.0)]);
    w.merge(&window(&[(5, 2.0)]));
    assert_eq!((w.count, w.first.value, w.last.value), (2, 1.0, 1.0));
}

proptest! {
    #[test]
    fn merging_parts_apart_in_time_is_as_one_window(
        values in prop::collection::vec(0u32..1000, 2..20),
        cut in 1usize..19,
    ) {
        let samples: Vec<_> = values.iter().enumerate().map(|(i, v)| (i as i64, f64::from(*v))).collect();
        let cut = cut.min(samples.len() - 1);
        let whole = window(&samples);
        let mut early_first = window(&samples[..cut]);
        early_first.merge(&window(&samples[cut..]));
        let mut late_first = window(&samples[cut..]);
        late_first.merge(&window(&samples[..cut]));
        prop_assert_eq!(early_first, whole);
        prop_assert_eq!(late_first, whole);
    }
}
