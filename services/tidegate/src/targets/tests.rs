use super::*;

fn shared() -> Config {
    let mut config = Config::default();
    config.eventlog.kafka.brokers = vec!["127.0.0.1:9092".to_owned()];
    config.store.cassandra.contact_points = vec!["127.0.0.1:9042".to_owned()];
    config.archive.s3.bucket = "metrics".to_owned();
    config
}

#[test]
fn all_and_the_agent_alone_can_run_on_a_folder() {
    for selection in [Selection::All, Selection::One(Name::Agent)] {
        selection.check(&Config::default()).expect("runs");
        assert!(selection.needs_folder(&Config::default()));
    }
}

#[test]
fn a_target_alone_says_which_servers_it_needs() {
    let alone = |name| Selection::One(name).check(&Config::default()).expect_err("cannot run").to_string();
    assert!(alone(Name::Gateway).starts_with("gateway in a process of its own needs eventlog.kafka.brokers; "));
    let rollup = alone(Name::Rollup);
    assert!(rollup.contains("needs eventlog.kafka.brokers and store.cassandra.contact_points; "), "{rollup}");
    let mut config = shared();
    config.archive.s3.bucket.clear();
    Selection::One(Name::Rollup).check(&config).expect("it needs no archive");
    let compactor = Selection::One(Name::Compactor).check(&config).expect_err("cannot run").to_string();
    assert!(compactor.contains("needs archive.s3.bucket; "), "{compactor}");
}

#[test]
fn on_shared_servers_a_target_needs_no_folder() {
    for spec in &TABLE {
        let selection = Selection::One(spec.name);
        selection.check(&shared()).expect("runs");
        assert_eq!(selection.needs_folder(&shared()), spec.name == Name::Agent, "{}", spec.name);
    }
    assert!(!Selection::One(Name::Gateway).needs(Need::Store));
}

#[test]
fn the_table_holds_each_target_once_in_the_order_of_stopping() {
    let names: Vec<_> = TABLE.iter().map(|spec| spec.name).collect();
    assert!(names.is_sorted(), "{names:?}");
    assert_eq!(names, [Name::Agent, Name::Gateway, Name::Rollup, Name::Compactor, Name::Query]);
}
