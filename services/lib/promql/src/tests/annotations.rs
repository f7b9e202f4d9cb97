use super::selectors::native;
use crate::testing::Memory;
use crate::{EvalError, QueryValue};

fn dense() -> Memory {
    // One sample a second: five a window.
    Memory::default().floats(&[("__name__", "x_total")], &(0..120).map(|n| (n * 1000, n as f64)).collect::<Vec<_>>())
}

#[test]
fn a_range_that_cuts_a_window_says_so() {
    let cut = dense().instant("sum_over_time(x_total[30s])", 62_000).unwrap();
    assert_eq!(cut.infos.len(), 1, "{:?}", cut.infos);
    assert!(cut.infos[0].contains("approximate below the window's length"));
    // (29.999, 59.999] holds whole windows only.
    let whole = dense().instant("sum_over_time(x_total[30s])", 59_999).unwrap();
    assert_eq!(whole.infos, Vec::<String>::new());
    assert_eq!(dense().one("sum_over_time(x_total[30s])", 59_999), (30..60).sum::<i32>() as f64);
}

#[test]
fn a_range_inside_a_window_has_no_known_sample() {
    let inside = dense().instant("count_over_time(x_total[2s])", 63_000).unwrap();
    assert_eq!(inside.value, QueryValue::Vector(vec![]));
    assert_eq!(inside.infos.len(), 1);
}

#[test]
fn an_approximate_rate_is_near() {
    let rate = dense().one("rate(x_total[1m])", 92_000);
    assert!((rate - 1.0).abs() < 0.05, "{rate}");
}

#[test]
fn a_gauge_under_rate_is_mentioned() {
    let memory = Memory::default().floats(&[("__name__", "temperature")], &[(0, 1.0), (30_000, 2.0)]);
    let evaluated = memory.instant("rate(temperature[1m])", 30_000).unwrap();
    assert!(evaluated.infos[0].contains("might not be a counter"), "{:?}", evaluated.infos);
}

#[test]
fn floats_and_histograms_are_not_added() {
    let memory = Memory::default()
        .floats(&[("__name__", "m"), ("job", "a")], &[(0, 1.0)])
        .histograms(&[("__name__", "m"), ("job", "b")], &[(0, native(&[1.0]))]);
    let evaluated = memory.instant("sum(m)", 0).unwrap();
    assert_eq!(evaluated.value, QueryValue::Vector(vec![]));
    assert!(evaluated.warnings[0].contains("mix"));
    let ignored = memory.instant("max(m)", 0).unwrap();
    assert!(ignored.infos[0].contains("ignored histograms"));
    assert_eq!(memory.one("max(m)", 0), 1.0);
}

#[test]
fn buckets_that_fall_are_mended_and_mentioned() {
    let bucket = |le| [("__name__", "h_bucket"), ("le", le)];
    let memory = Memory::default()
        .floats(&bucket("1"), &[(0, 10.0)])
        .floats(&bucket("2"), &[(0, 8.0)])
        .floats(&bucket("+Inf"), &[(0, 10.0)])
        .floats(&[("__name__", "h_bucket"), ("le", "many")], &[(0, 10.0)]);
    let evaluated = memory.instant("histogram_quantile(0.5, h_bucket)", 0).unwrap();
    assert!(evaluated.infos[0].contains("monotonicity"), "{:?}", evaluated.infos);
    assert!(evaluated.warnings[0].contains("le"), "{:?}", evaluated.warnings);
}

#[test]
fn ambiguous_matches_are_errors() {
    let series = |job, zone| [("__name__", "m"), ("job", job), ("zone", zone)];
    let memory = Memory::default().floats(&series("a", "x"), &[(0, 1.0)]).floats(&series("a", "y"), &[(0, 1.0)]);
    let error = |query: &str| memory.instant(query, 0).unwrap_err();
    assert!(matches!(error("m{zone=\"x\"} + on (job) m"), EvalError::ManyToMany { side: "right", .. }));
    assert!(matches!(error("m + on (job) m{zone=\"x\"}"), EvalError::ImplicitManyToOne));
    assert!(matches!(error("m * on (job) group_left (zone) m{zone=\"x\"}"), EvalError::AmbiguousGroup));
    assert!(matches!(error("label_replace(m, \"zone\", \"\", \"zone\", \".*\")"), EvalError::DuplicateLabels));
    assert!(matches!(error("label_replace(m, \"\", \"\", \"zone\", \".*\")"), EvalError::BadLabelName { .. }));
}
