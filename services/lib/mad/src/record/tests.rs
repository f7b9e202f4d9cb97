use super::Histogram;

#[test]
fn buckets_come_in_the_order_of_their_values() {
    let values = [f64::NAN, -f64::NAN, 3.0, -0.0, f64::NEG_INFINITY, 0.0, -2.0, f64::INFINITY, -4.0];
    let histogram = Histogram {
        entries: values.iter().map(|value| (value.to_bits(), 1)).collect(),
        min: f64::NAN,
        max: f64::NAN,
        sum: f64::NAN,
        unit: None,
    };
    let order: Vec<u64> = histogram.by_value().map(|(bound, _)| bound.to_bits()).collect();
    let expected = [f64::NEG_INFINITY, -4.0, -2.0, -0.0, 0.0, 3.0, f64::INFINITY, f64::NAN, -f64::NAN];
    assert_eq!(order, expected.map(f64::to_bits));
}
