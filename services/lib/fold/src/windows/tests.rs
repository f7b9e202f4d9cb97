use proptest::prelude::*;
use tidegate_model::MetricId;
use tidegate_model::time::MINUTE_MS;

use super::*;
use crate::series_table::SeriesTable;

proptest! {
    /// Windows and totals of samples in any order against a naive account.
    #[test]
    fn windows_are_those_of_the_sorted_samples(
        samples in prop::collection::vec((0u16..60_000, prop::option::of(-5i32..5)), 1..40),
    ) {
        let mut table = SeriesTable::default();
        let (slot, _) = table.slot(MetricId(1), || 0);
        for (at_ms, value) in &samples {
            let bits = value.map_or(STALE_NAN_BITS, |value| f64::from(value).to_bits());
            table.push(slot, Reading { bits, at_ms: *at_ms, kind: Kind::Float });
        }
        let mut sorted = samples.clone();
        sorted.sort_by_key(|(at_ms, _)| *at_ms);
        let naive = |length_ms: i64| {
            let mut windows: Vec<Window> = Vec::new();
            for (at_ms, value) in &sorted {
                let time_ms = 1_200_000 + i64::from(*at_ms);
                let start_ms = time_ms / length_ms * length_ms;
                if windows.last().is_none_or(|window| window.start_ms != start_ms) {
                    windows.push(Window { start_ms, value: WindowValue::Float(FloatWindow::empty()) });
                }
                if let Some(Window { value: WindowValue::Float(window), .. }) = windows.last_mut() {
                    match value {
                        Some(value) => window.push(time_ms, f64::from(*value)),
                        None => window.push_stale(time_ms),
                    }
                }
            }
            windows
        };
        let mut gathered = Gathered::default();
        let mut out = Vec::new();
        table.gather(&table.slots[0], 0, MINUTE_MS as u16, &mut gathered);
        windows(&gathered, &[], 1_200_000, &mut out);
        prop_assert_eq!(&out, &naive(WINDOW_MS));
        totals(&gathered, &[], 1_200_000, &mut out);
        prop_assert_eq!(&out, &naive(MINUTE_MS));

        // A part of the minute alone, and by the way of mixed kinds.
        table.gather(&table.slots[0], 10_000, 25_000, &mut gathered);
        gathered.only_floats = false;
        windows(&gathered, &[], 1_200_000, &mut out);
        let mut part = naive(WINDOW_MS);
        part.retain(|window| (1_210_000..1_225_000).contains(&window.start_ms));
        prop_assert_eq!(out, part);
    }
}
