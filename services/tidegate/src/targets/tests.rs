use super::*;

#[test]
fn all_and_the_agent_alone_can_run() {
    Selection::All.check().expect("runs");
    Selection::One(Name::Agent).check().expect("runs");
}

#[test]
fn a_target_that_needs_a_shared_log_says_so() {
    let error = Selection::One(Name::Gateway).check().expect_err("cannot run").to_string();
    assert!(error.starts_with("gateway in a process of its own needs eventlog.kafka, not available"), "{error}");
    let error = Selection::One(Name::Rollup).check().expect_err("cannot run").to_string();
    assert!(error.contains("needs eventlog.kafka and store.cassandra, not available"), "{error}");
}

#[test]
fn the_table_holds_each_target_once_in_the_order_of_stopping() {
    let names: Vec<_> = TABLE.iter().map(|spec| spec.name).collect();
    assert!(names.is_sorted(), "{names:?}");
    assert_eq!(names, [Name::Agent, Name::Gateway, Name::Rollup, Name::Compactor, Name::Query]);
}
