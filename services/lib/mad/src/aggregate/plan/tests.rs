use super::{Choice, Plan, Plans, Statistics};
use crate::aggregate::Histograms;
use crate::{JavaRegex, Kind, Statistic};

#[test]
fn what_is_needed_is_added_and_a_count_always() {
    let plan = Plan::new(&[Statistic::Median, Statistic::Tp99, Statistic::Mean], Histograms::WhereNeeded);
    assert_eq!(
        plan.statistics,
        [
            (Statistic::Median, true),
            (Statistic::Tp99, true),
            (Statistic::Mean, true),
            (Statistic::Histogram, false),
            (Statistic::Sum, false),
            (Statistic::Count, false),
        ]
    );
    assert!(plan.needs_histogram && plan.needs_values);
}

#[test]
fn what_is_asked_for_is_not_listed_again_as_a_dependency() {
    let plan = Plan::new(&[Statistic::Mean, Statistic::Sum, Statistic::Count, Statistic::Sum], Histograms::WhereNeeded);
    assert_eq!(plan.statistics, [(Statistic::Mean, true), (Statistic::Sum, true), (Statistic::Count, true)]);
    assert!(!plan.needs_histogram);
}

#[test]
fn without_any_statistic_there_is_a_count() {
    let plan = Plan::new(&[], Histograms::WhereNeeded);
    assert_eq!(plan.statistics, [(Statistic::Count, false)]);
    assert!(!plan.needs_values);
}

#[test]
fn the_first_pattern_that_matches_decides_else_the_kind() {
    let plans = Plans::new(
        Statistics {
            counter: vec![Statistic::Sum],
            timer: vec![Statistic::Median],
            gauge: vec![Statistic::Min],
            by_name: vec![
                (JavaRegex::new("a.*").unwrap(), vec![Statistic::Max]),
                (JavaRegex::new(".*z").unwrap(), vec![Statistic::Mean]),
            ],
        },
        Histograms::WhereNeeded,
    );
    let first = |choice| match choice {
        Choice::Name(plan) => plans.get(plan).statistics[0].0,
        Choice::Kind => panic!("no pattern matched"),
    };
    assert_eq!(first(plans.choose("az")), Statistic::Max);
    assert_eq!(first(plans.choose("bz")), Statistic::Mean);
    assert_eq!(plans.choose("b"), Choice::Kind);
    let kinds = [Kind::Counter, Kind::Timer, Kind::Gauge].map(|kind| plans.get(Plans::by_kind(kind)).statistics[0].0);
    assert_eq!(kinds, [Statistic::Sum, Statistic::Median, Statistic::Min]);
}

#[test]
fn a_sink_can_ask_for_histograms_of_all() {
    let plan = Plan::new(&[Statistic::Count], Histograms::Always);
    assert!(plan.needs_histogram && plan.needs_values);
    assert_eq!(plan.statistics, [(Statistic::Count, true)], "it is no statistic for that");
}
