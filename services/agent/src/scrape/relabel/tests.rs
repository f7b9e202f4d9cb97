use super::*;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn rule(action: Action, source: &[&str]) -> RuleConfig {
    RuleConfig { source_labels: source.iter().map(|name| (*name).to_owned()).collect(), action, ..Default::default() }
}

/// The labels afterwards; `None` when they are dropped.
fn applied(config: RuleConfig, before: &[(&str, &str)]) -> Option<Labels> {
    let mut labels = labels(before);
    let rule = Rule::new(&config).unwrap();
    (apply(&[rule], &mut labels) == Verdict::Kept).then_some(labels)
}

const FOO: [(&str, &str); 3] = [("a", "foo"), ("b", "bar"), ("c", "baz")];

#[test]
fn values_are_replaced_by_groups() {
    let config = RuleConfig {
        regex: "f(.*);(?P<x>.*)r".into(),
        target_label: "a".into(),
        replacement: "b${1}${x}m".into(),
        ..rule(Action::Replace, &["a", "b"])
    };
    assert_eq!(applied(config, &FOO), Some(labels(&[("a", "boobam"), ("b", "bar"), ("c", "baz")])));
    let no_match = RuleConfig { regex: "o".into(), target_label: "a".into(), ..rule(Action::Replace, &["a"]) };
    assert_eq!(applied(no_match, &FOO), Some(labels(&FOO)), "the expression has to match all of the value");
    let empty = RuleConfig { replacement: String::new(), target_label: "a".into(), ..rule(Action::Replace, &["a"]) };
    assert_eq!(applied(empty, &FOO), Some(labels(&FOO[1..])), "a label without a value is none");
    let named = RuleConfig { target_label: "${1}_x".into(), ..rule(Action::Replace, &["a"]) };
    assert_eq!(applied(named, &FOO[..1]), Some(labels(&[("a", "foo"), ("foo_x", "foo")])));
    let bad_name = RuleConfig { target_label: "1-${1}".into(), ..rule(Action::Replace, &["a"]) };
    assert_eq!(applied(bad_name, &FOO), Some(labels(&FOO)));
}

#[test]
fn targets_are_kept_and_dropped() {
    let with = |action, regex: &str, target: &str| {
        let config = RuleConfig { regex: regex.into(), target_label: target.into(), ..rule(action, &["a"]) };
        applied(config, &FOO).is_some()
    };
    assert!(with(Action::Keep, "f.o", "") && !with(Action::Keep, "f", ""));
    assert!(!with(Action::Drop, "f.o", "") && with(Action::Drop, "f", ""));
    assert!(!with(Action::KeepEqual, "", "b") && with(Action::KeepEqual, "", "a"));
    assert!(with(Action::DropEqual, "", "b") && !with(Action::DropEqual, "", "a"));
}

#[test]
fn hashes_are_those_of_prometheus() {
    let config = RuleConfig { target_label: "d".into(), modulus: 1_000, ..rule(Action::HashMod, &["c"]) };
    assert_eq!(applied(config.clone(), &FOO).unwrap()["d"], "976", "as Prometheus' own tests have it");
    let lines = RuleConfig { source_labels: vec!["a".into()], ..config };
    assert_eq!(applied(lines, &[("a", "foo\nbar")]).unwrap()["d"], "734");
}

#[test]
fn labels_are_mapped_dropped_and_kept() {
    let map = RuleConfig { regex: "meta_(.*)".into(), ..rule(Action::LabelMap, &[]) };
    let before = [("meta_x", "1"), ("meta_y", "2"), ("z", "3")];
    assert_eq!(applied(map, &before).unwrap().into_keys().collect::<Vec<_>>(), ["meta_x", "meta_y", "x", "y", "z"]);
    let drop = RuleConfig { regex: "meta_.*".into(), ..rule(Action::LabelDrop, &[]) };
    assert_eq!(applied(drop, &before), Some(labels(&[("z", "3")])));
    let keep = RuleConfig { regex: "z".into(), ..rule(Action::LabelKeep, &[]) };
    assert_eq!(applied(keep, &before), Some(labels(&[("z", "3")])));
}

#[test]
fn case_is_changed() {
    let upper = RuleConfig { target_label: "u".into(), ..rule(Action::Uppercase, &["a"]) };
    assert_eq!(applied(upper, &FOO).unwrap()["u"], "FOO");
    let lower = RuleConfig { target_label: "l".into(), ..rule(Action::Lowercase, &["A"]) };
    assert_eq!(applied(lower, &[("A", "FoO")]).unwrap()["l"], "foo");
}

#[test]
fn rules_that_lack_a_part_are_refused() {
    assert!(matches!(Rule::new(&rule(Action::Replace, &[])), Err(RuleError::NoTarget(_))));
    let hash = RuleConfig { target_label: "x".into(), ..rule(Action::HashMod, &[]) };
    assert!(matches!(Rule::new(&hash), Err(RuleError::NoModulus)));
    assert!(matches!(
        Rule::new(&RuleConfig { regex: "(".into(), ..rule(Action::Keep, &[]) }),
        Err(RuleError::Regex(_))
    ));
}
