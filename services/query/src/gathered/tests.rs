use std::ops::Range;
use std::sync::Arc;

use tidegate_model::{FloatWindow, SourceId, WindowValue};

use super::*;
use crate::hours::SeriesHour;

fn labels(name: &str) -> Labels {
    Labels::from_pairs([("a", name)]).unwrap()
}

fn window(start_ms: i64, samples: &[(i64, f64)]) -> Window {
    let mut float = FloatWindow::empty();
    samples.iter().for_each(|(time_ms, value)| float.push(*time_ms, *value));
    Window { start_ms, value: WindowValue::Float(float) }
}

fn kept(windows: Vec<Window>, times: Range<i64>) -> KeptHour {
    (Arc::new(SeriesHour::new(0, windows)), times)
}

fn one_hour(windows: &[Window]) -> Gathered {
    Gathered { kept: vec![kept(windows.to_vec(), 0..i64::MAX)], ..Gathered::default() }
}

#[test]
fn series_of_two_places_stay_in_order_and_join() {
    let at = |second: i64| window(second * 5_000, &[(second * 5_000, second as f64)]);
    let mut gathering = Gathering::default();
    gathering.add(vec![(labels("b"), one_hour(&[at(1)])), (labels("d"), one_hour(&[at(2)]))]);
    gathering.add(Vec::new());
    gathering.add(vec![
        (labels("a"), one_hour(&[at(3)])),
        (labels("b"), one_hour(&[at(4)])),
        (labels("e"), one_hour(&[at(5)])),
    ]);
    let names: Vec<_> = gathering.0.iter().map(|(labels, gathered)| (labels.clone(), gathered.size())).collect();
    assert_eq!(names, [(labels("a"), 1), (labels("b"), 2), (labels("d"), 1), (labels("e"), 1)]);
}

#[test]
fn points_of_all_places_are_one_row_and_anything_else_makes_windows_of_them() {
    let source = SourceId { epoch: 1, partition: 0 };
    let fragment =
        |window: Window| Fragment { start_ms: window.start_ms, source, era: 0, fragment: 0, value: window.value };
    let one = |start_ms: i64| window(start_ms, &[(start_ms + 1, start_ms as f64)]);
    let gathered = |last: Window| Gathered {
        // An hour of the store, then those of the archive around it.
        kept: vec![
            kept(vec![one(3_600_000), one(3_605_000), one(3_610_000)], 3_605_000..3_610_000),
            kept(vec![one(0)], 0..3_600_000),
            kept(vec![one(7_200_000)], 7_200_000..10_800_000),
        ],
        hot: vec![fragment(last)],
    };
    let Windows::Points(points) = gathered(one(7_205_000)).joined() else { panic!("all are points") };
    let times: Vec<_> = points.iter().map(|point| point.time_ms).collect();
    assert_eq!(times, [1, 3_605_001, 7_200_001, 7_205_001]);
    let two = window(7_205_000, &[(7_205_001, 1.0), (7_205_002, 2.0), (7_205_003, 3.0)]);
    let Windows::Any(windows) = gathered(two).joined() else { panic!("one is none") };
    let starts: Vec<_> = windows.iter().map(|window| window.start_ms).collect();
    assert_eq!(starts, [0, 3_605_000, 7_200_000, 7_205_000]);
}
