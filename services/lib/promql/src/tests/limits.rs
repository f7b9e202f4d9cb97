use std::sync::Arc;

use crate::testing::Memory;
use crate::{EvalError, Limits, Range, evaluate, parse};

fn fails(query: &str, range: Range, limits: &Limits) -> EvalError {
    let samples: Vec<_> = (0..100).map(|n| (n * 10_000, n as f64)).collect();
    let memory = Memory::default()
        .floats(&[("__name__", "x_total"), ("a", "1")], &samples)
        .floats(&[("__name__", "x_total"), ("a", "2")], &samples);
    evaluate(&parse(query).unwrap(), &range, &memory, limits).unwrap_err()
}

const HOUR: Range = Range { start_ms: 0, end_ms: 3_600_000, step_ms: 10_000 };

#[test]
fn too_many_steps() {
    let error = fails("x_total", Range { step_ms: 100, ..HOUR }, &Limits::default());
    assert_eq!(
        error.to_string(),
        "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"
    );
}

#[test]
fn ranges_that_make_no_sense() {
    for range in [Range { step_ms: 0, ..HOUR }, Range { step_ms: -1, ..HOUR }, Range { end_ms: -1, ..HOUR }] {
        assert!(matches!(fails("1", range, &Limits::default()), EvalError::BadRange));
    }
    assert!(matches!(fails("x_total[5m]", HOUR, &Limits::default()), EvalError::MatrixOverRange));
}

#[test]
fn too_many_samples_series_and_levels() {
    let limits = Limits { max_samples: 500, ..Limits::default() };
    assert!(matches!(fails("rate(x_total[5m])", HOUR, &limits), EvalError::TooManySamples { limit: 500 }));
    assert!(matches!(
        fails("sum_over_time(vector(1)[200y:1ms])", HOUR, &Limits::default()),
        EvalError::TooManySamples { .. }
    ));
    let limits = Limits { max_series: 1, ..Limits::default() };
    assert!(matches!(fails("x_total", HOUR, &limits), EvalError::TooManySeries { limit: 1 }));
    let limits = Limits { max_depth: 2, ..Limits::default() };
    assert!(matches!(fails("abs(abs(abs(x_total)))", HOUR, &limits), EvalError::TooDeep { limit: 2 }));
}

#[test]
fn a_deadline_ends_the_evaluation() {
    let limits = Limits { expired: Arc::new(|| true), ..Limits::default() };
    assert!(matches!(fails("x_total", HOUR, &limits), EvalError::Timeout));
}

/// Tests and runtimes give a thread 2 MiB: what the parser lets through must
/// fit, in builds without optimisation too.
#[test]
fn the_deepest_query_fits_a_small_stack() {
    let memory = Memory::default().floats(&[("__name__", "x")], &[(0, -1.0)]);
    let nested = |open: &str, close: &str, count: usize| format!("{}x{}", open.repeat(count), close.repeat(count));
    let deepest = crate::MAX_DEPTH;
    assert_eq!(memory.one(&nested("abs(", ")", deepest), 0), 1.0);
    assert_eq!(memory.one(&nested("sum(", ")", deepest), 0), -1.0);
    assert_eq!(memory.one(&nested("-(", ")", deepest / 2), 0), 1.0);
    assert_eq!(memory.one(&nested("1 ^ ", "", deepest), 0), 1.0);
    assert_eq!(memory.one(&nested("x + (", ")", deepest / 2), 0), -1.0 - (deepest / 2) as f64);
    // Chains may be as long as a query.
    assert_eq!(memory.one(&nested("x + ", "", 4_999), 0), -5_000.0);
    assert_eq!(memory.one(&nested("x or ", "", 4_999), 0), -1.0);
    assert_eq!(memory.one(&nested("1 + ", "", 15_000), 0), 14_999.0);
}
