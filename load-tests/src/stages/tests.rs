use super::*;

const TEXT: &str = "\
# TYPE x_seconds histogram
x_seconds_sum 3.0
x_seconds_count 4
x_seconds_bucket{le=\"0.5\"} 2
x_seconds_bucket{le=\"1.0\"} 4
x_seconds_bucket{le=\"+Inf\"} 4
x_seconds_more_bucket{le=\"0.5\"} 9
";

#[test]
fn buckets_are_read_and_quantiles_lie_within_them() {
    let buckets = Buckets::parse(TEXT, "x_seconds");
    assert_eq!(buckets, Buckets(vec![(0.5, 2), (1.0, 4), (f64::INFINITY, 4)]));
    assert_eq!(buckets.quantiles([0.25, 0.5, 0.75, 1.0]), [0.25, 0.5, 0.75, 1.0]);
    assert_eq!(Buckets::default().quantiles([0.5]), [0.0]);
}

#[test]
fn what_lies_above_the_last_bound_is_told_as_that() {
    let buckets = Buckets(vec![(1.0, 1), (f64::INFINITY, 3)]);
    assert_eq!(buckets.quantiles([0.99]), [1.0]);
}

#[test]
fn what_was_there_before_does_not_count() {
    let mut buckets = Buckets::parse(TEXT, "x_seconds");
    buckets.subtract(&Buckets(vec![(0.5, 2), (1.0, 2), (f64::INFINITY, 2)]));
    assert_eq!((buckets.count(), buckets.quantiles([0.5])), (2, [0.75]));
}
