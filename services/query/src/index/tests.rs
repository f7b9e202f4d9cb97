use prometheus_client::registry::Registry;
use proptest::prelude::*;
use tidegate_model::SeriesKind;
use tidegate_promql::MatchOp;

use super::*;

fn tenant() -> TenantId {
    TenantId::default()
}

fn index(limit: usize) -> SeriesIndex {
    SeriesIndex::new(limit, Arc::new(Metrics::register(&mut Registry::default())))
}

fn row(pairs: &[(&str, &str)], day: u32) -> SeriesRow {
    let labels = Labels::from_pairs(pairs.iter().copied()).unwrap();
    let metric_id = MetricId::of(&tenant(), &labels);
    SeriesRow { tenant: tenant(), shard: 0, day, metric_id, labels, kind: SeriesKind::Float }
}

fn matcher(op: MatchOp, name: &str, value: &str) -> Matcher {
    Matcher::new(op, name, value).unwrap()
}

fn ids(found: Result<Vec<Found>, usize>) -> Vec<MetricId> {
    let mut ids: Vec<_> = found.unwrap().into_iter().map(|found| found.id).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn a_full_index_refuses_new_series_and_says_so() {
    let index = index(2);
    index.insert(vec![row(&[("a", "1")], 1), row(&[("a", "2")], 1), row(&[("a", "2")], 2)]);
    assert!(!index.is_full());
    index.insert(vec![row(&[("a", "3")], 1), row(&[("a", "1")], 2)]);
    assert!(index.is_full());
    assert_eq!(index.len(), 2);
    assert_eq!(index.select(&tenant(), &[], 2..=2, 10).unwrap().len(), 2);
}

#[test]
fn more_than_the_limit_is_an_error_with_the_count() {
    let index = index(10);
    index.insert(vec![row(&[("a", "1")], 1), row(&[("a", "2")], 1)]);
    assert_eq!(index.select(&tenant(), &[], 1..=1, 1), Err(2));
    assert_eq!(index.select(&TenantId::new("other").unwrap(), &[], 1..=1, 0), Ok(vec![]));
}

const NAMES: [&str; 3] = ["a", "b", "__name__"];
const VALUES: [&str; 4] = ["x", "y", "xy", "z"];
const PATTERNS: [&str; 8] = ["", "x", "x|y", "x.*", ".*", ".+", "(|z)", "[^x]*"];

fn any_series() -> impl Strategy<Value = (Vec<Option<usize>>, u32)> {
    (prop::collection::vec(prop::option::of(0..VALUES.len()), NAMES.len()), 0u32..4)
}

fn any_matcher() -> impl Strategy<Value = Matcher> {
    let op = prop::sample::select(vec![MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex]);
    let name = prop::sample::select(vec!["a", "b", "__name__", "absent"]);
    (op, name, prop::sample::select(PATTERNS.to_vec())).prop_map(|(op, name, value)| matcher(op, name, value))
}

proptest! {
    #[test]
    fn selects_what_a_naive_filter_selects(
        series in prop::collection::vec(any_series(), 0..40),
        matchers in prop::collection::vec(any_matcher(), 0..4),
        first in 0u32..4,
        length in 0u32..4,
        forget in prop::option::of(0u32..4),
    ) {
        let rows: Vec<SeriesRow> = series.iter().map(|(values, day)| {
            let pairs = NAMES.iter().zip(values).filter_map(|(name, value)| Some((*name, VALUES[(*value)?])));
            row(&pairs.collect::<Vec<_>>(), *day)
        }).collect();
        let index = index(1_000);
        index.insert(rows.clone());
        let days = first..=first + length;
        let kept_from = forget.unwrap_or(0);
        if let Some(day) = forget {
            index.forget_before(day);
        }
        let kept = |row: &&SeriesRow| row.day >= kept_from;
        let naive = rows.iter().filter(kept).filter(|row| days.contains(&row.day));
        let naive = naive.filter(|row| matchers.iter().all(|matcher| matcher.matches(&row.labels)));
        let mut expected: Vec<MetricId> = naive.map(|row| row.metric_id).collect();
        expected.sort_unstable();
        expected.dedup();
        prop_assert_eq!(ids(index.select(&tenant(), &matchers, days, 1_000)), expected);

        let mut all: Vec<MetricId> = rows.iter().filter(kept).map(|row| row.metric_id).collect();
        all.sort_unstable();
        all.dedup();
        prop_assert_eq!(index.len(), all.len());
        if let Some(tenant_index) = index.tenant(&tenant()) {
            for row in &rows {
                let known = rows.iter().filter(kept).any(|r| (r.metric_id, r.day) == (row.metric_id, row.day));
                prop_assert_eq!(tenant_index.read().knows(row.metric_id, row.day), known);
            }
        }
    }
}
