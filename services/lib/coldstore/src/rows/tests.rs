use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float64Type, Int32Type};
use tidegate_model::MetricId;
use tidegate_schemas::parquet::column;

use super::*;
use crate::tests::{HOUR_START_MS, float, labels};

fn batch(windows: &[tidegate_model::Window]) -> arrow::record_batch::RecordBatch {
    let mut buffer = RowBuffer::new();
    let series = buffer.series(MetricId(7), &labels("up", &[("job", "node")]), Scale::default());
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
    ]);
    let always = ["stale_count", "stale_offset_ms", "sketch", "histogram"];
    let derived = ["increase", "resets", "changes"];
    let digits = ["sum_digits", "sum_scale"];
    let of_one = ["min", "max", "first", "last", "last_offset_ms"];
    assert_eq!(nulls(&batch, 0), [&digits[..], &of_one, &derived, &always].concat());
    assert_eq!(nulls(&batch, 1), [&digits[..], &derived, &always].concat());
    assert_eq!(nulls(&batch, 2), [&digits[..], &always].concat());
    assert_eq!(nulls(&batch, 3), [&["sum"][..], &of_one, &derived, &always].concat());
    let sum = batch.column_by_name(column::SUM).unwrap().as_primitive::<Float64Type>();
    assert_eq!(sum.values()[..3], [1.5, 4.0, 4.5]);
    let offsets = batch.column_by_name(column::FIRST_OFFSET_MS).unwrap().as_primitive::<Int32Type>();
    assert_eq!(offsets.values(), &[3, 3, 3, 3]);
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
    assert!(batch.column_by_name(column::INCREASE).unwrap().is_valid(0));
    assert_eq!(WindowReader::new(&batch).unwrap().window(0).unwrap(), window);
}

#[test]
fn a_time_far_outside_its_window_is_refused() {
    let mut buffer = RowBuffer::new();
    let series = buffer.series(MetricId(7), &labels("up", &[]), Scale::default());
    assert!(!buffer.push(&series, &float(0, &[(i64::from(i32::MAX) + 1, 1.0)])));
    assert_eq!(buffer.rows(), 0);
}
