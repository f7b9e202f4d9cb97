//! Series of single samples have a way of their own through `rate` and
//! `increase`; it gives what the general one gives, to the bit.

use std::sync::Arc;

use proptest::prelude::*;
use tidegate_model::Point;

use crate::testing::labels;
use crate::{
    Limits, QueryValue, Range, SampleValue, Selection, SeriesData, SeriesSource, SourceError, Windows, evaluate,
    in_full, parse,
};

struct One(Arc<SeriesData>);

impl SeriesSource for One {
    fn select(&self, _: &Selection) -> Result<Vec<Arc<SeriesData>>, SourceError> {
        Ok(vec![self.0.clone()])
    }
}

/// Time and bits of each value, and what is noted.
fn answer(query: &str, range: &Range, windows: Windows) -> (Vec<(i64, u64)>, Vec<String>) {
    let source = One(Arc::new(SeriesData { labels: labels(&[("__name__", "requests")]), windows }));
    let evaluated = evaluate(&parse(query).unwrap(), range, &source, &Limits::default()).unwrap();
    let QueryValue::Matrix(series) = evaluated.value else { panic!("a range gives a matrix") };
    let bits = |(time_ms, value): &(i64, SampleValue)| match value {
        SampleValue::Float(value) => (*time_ms, value.to_bits()),
        SampleValue::Histogram(_) => panic!("floats give floats"),
    };
    (series.iter().flat_map(|one| one.points.iter().map(bits)).collect(), evaluated.infos)
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        10 => (0..1_000u32).prop_map(f64::from),
        2 => any::<f64>(),
        1 => prop::sample::select(vec![0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e-320, 0.1]),
    ]
}

proptest! {
    #[test]
    fn both_ways_give_the_same(
        values in prop::collection::vec((1i64..60_000, value(), any::<bool>()), 0..60),
        from_ms in -100_000i64..2_000_000,
        step_ms in 1i64..200_000,
        steps in 1i64..40,
        range_s in 1i64..600,
        modifier in prop::sample::select(vec!["", " offset 1m", " offset -1m", " @ 300"]),
    ) {
        let (mut time_ms, mut total) = (0, 0.0);
        let mut points = Vec::new();
        for (after_ms, value, is_step) in values {
            // At most one in a window of 5 s.
            time_ms += after_ms.max(5_000);
            total = if is_step { total + value } else { value };
            points.push(Point { time_ms, value: total });
        }
        let range = Range { start_ms: from_ms, end_ms: from_ms + steps * step_ms, step_ms };
        for function in ["rate", "increase"] {
            let query = format!("{function}(requests[{range_s}s]{modifier})");
            let any = Windows::Any(points.iter().map(in_full).collect());
            prop_assert_eq!(answer(&query, &range, Windows::Points(points.clone())), answer(&query, &range, any));
        }
    }
}
