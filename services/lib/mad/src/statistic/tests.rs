use super::Statistic;

#[test]
fn a_statistic_is_found_by_its_name_and_by_each_alias() {
    let aliases = [
        ("count", "n"),
        ("min", "tp0"),
        ("min", "p0"),
        ("max", "tp100"),
        ("max", "p100"),
        ("median", "tp50"),
        ("median", "p50"),
        ("tp75", "p75"),
        ("tp90", "p90"),
        ("tp95", "p95"),
        ("tp99", "p99"),
        ("tp99.9", "p99.9"),
        ("tp99.9", "tp99p9"),
        ("tp99.9", "p99p9"),
        ("sum", "sum"),
        ("mean", "mean"),
        ("histogram", "histogram"),
    ];
    for (name, alias) in aliases {
        let found = Statistic::from_name(alias).unwrap();
        assert_eq!(found.name(), name, "{alias}");
        assert_eq!(Statistic::from_name(name), Some(found));
    }
}

#[test]
fn other_names_are_none() {
    for name in ["", "Count", "tp98", "p99.99", "expression", "average"] {
        assert_eq!(Statistic::from_name(name), None, "{name}");
    }
}
