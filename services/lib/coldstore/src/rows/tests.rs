use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int32Type, Int64Type};
use tidegate_model::MetricId;
use tidegate_schemas::parquet::column;

use super::*;
use crate::tests::{HOUR_START_MS, float, labels};

fn batch(windows: &[tidegate_model::Window]) -> arrow::record_batch::RecordBatch {
    let mut buffer = RowBuffer::new();
    let series = buffer.series(MetricId(7), &labels("up", &[("job", "node")]), Scale::of_places(1).unwrap());
    for window in windows {
        assert!(buffer.push(&series, window));
    }
    buffer.take().unwrap()
}

fn nulls(batch: &arrow::record_batch::RecordBatch, row: usize) -> Vec<String> {
    let schema = batch.schema();
    let null = |(index, field): (usize, &std::sync::Arc<arrow::datatypes::Field>)| {
        batch.column(index).is_null(row).then(|| field.name().clone())
    };
    schema.fields().iter().enumerate().filter_map(null).filter(|name| !name.starts_with('p')).collect()
}

#[test]
fn what_follows_from_the_samples_is_null() {
    let at = HOUR_START_MS;
    let batch = batch(&[
        float(at, &[(3, 1.5)]),
        float(at, &[(3, 1.5), (9, 2.5)]),
        float(at, &[(3, 1.5), (9, 2.5), (12, 0.5)]),
        float(at, &[(3, 8.0)]),
        float(at, &[(3, std::f64::consts::PI)]),
    ]);
    let always = ["stale_count", "stale_offset_ms", "sketch", "histogram"];
    let derived = ["resets", "changes"];
    let values = ["sum", "min", "max", "first", "last"];
    let rest_of_digits = ["min_digits", "max_digits", "first_digits", "last_digits"];
    let sorted = |lists: &[&[&str]]| {
        let mut names: Vec<String> = lists.concat().into_iter().map(str::to_owned).collect();
        names.sort_unstable();
        names
    };
    let nulls = |row| {
        let mut names = nulls(&batch, row);
        names.sort_unstable();
        names
    };
    let increase = ["increase", "increase_digits"];
    let one: [&[&str]; 6] = [&["last_offset_ms"], &values[1..], &rest_of_digits, &increase, &derived, &always];
    let one_and = |others: &[&str]| sorted(&[&one[..], &[others]].concat());
    assert_eq!(nulls(0), one_and(&["sum"]), "1.5 is 15 with one place");
    assert_eq!(nulls(1), sorted(&[&values, &increase, &derived, &always]));
    assert_eq!(nulls(2), sorted(&[&values, &["increase"], &always]));
    assert_eq!(nulls(3), one_and(&["sum"]));
    assert_eq!(nulls(4), one_and(&["sum_digits", "sum_scale"]));
    let digits = batch.column_by_name(column::SUM_DIGITS).unwrap().as_primitive::<Int64Type>();
    assert_eq!(digits.values()[..4], [15, 40, 45, 80]);
    let offsets = batch.column_by_name(column::FIRST_OFFSET_MS).unwrap().as_primitive::<Int32Type>();
    assert_eq!(offsets.values(), &[3, 3, 3, 3, 3]);
}

/// Two samples of one millisecond from two fragments: the first wins for
/// points, so the window does not follow from first and last.
#[test]
fn a_merged_window_that_its_points_do_not_give_is_written_out() {
    let at = HOUR_START_MS;
    let [WindowValue::Float(mut a), WindowValue::Float(b)] = [1.0, 2.0].map(|value| float(at, &[(5, value)]).value)
    else {
        unreachable!()
    };
    a.merge(&b);
    let window = tidegate_model::Window { start_ms: at, value: WindowValue::Float(a) };
    let batch = batch(std::slice::from_ref(&window));
    assert!(batch.column_by_name(column::INCREASE_DIGITS).unwrap().is_valid(0));
    assert_eq!(WindowReader::new(&batch).unwrap().window(0).unwrap(), window);
}

#[test]
fn a_time_far_outside_its_window_is_refused() {
    let mut buffer = RowBuffer::new();
    let series = buffer.series(MetricId(7), &labels("up", &[]), Scale::default());
    assert!(!buffer.push(&series, &float(0, &[(i64::from(i32::MAX) + 1, 1.0)])));
    assert_eq!(buffer.rows(), 0);
}
