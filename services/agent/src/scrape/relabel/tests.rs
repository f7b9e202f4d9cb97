use super::*;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn rule(action: RelabelAction, source: &[&str]) -> RelabelRule {
    RelabelRule { source_labels: source.iter().map(|name| (*name).to_owned()).collect(), action, ..Default::default() }
}

/// The labels afterwards; `None` when they are dropped.
fn applied(config: RelabelRule, before: &[(&str, &str)]) -> Option<Labels> {
    let mut labels = labels(before);
    let rule = Rule::new(&config).unwrap();
    (apply(&[rule], &mut labels) == Verdict::Kept).then_some(labels)
}

const FOO: [(&str, &str); 3] = [("a", "foo"), ("b", "bar"), ("c", "baz")];

#[test]
fn values_are_replaced_by_groups() {
    let config = RelabelRule {
        regex: "f(.*);(?P<x>.*)r".into(),
        target_label: "a".into(),
        replacement: "b${1}${x}m".into(),
        ..rule(RelabelAction::Replace, &["a", "b"])
    };
    assert_eq!(applied(config, &FOO), Some(labels(&[("a", "boobam"), ("b", "bar"), ("c", "baz")])));
    let no_match = RelabelRule { regex: "o".into(), target_label: "a".into(), ..rule(RelabelAction::Replace, &["a"]) };
    assert_eq!(applied(no_match, &FOO), Some(labels(&FOO)), "the expression has to match all of the value");
    let empty =
        RelabelRule { replacement: String::new(), target_label: "a".into(), ..rule(RelabelAction::Replace, &["a"]) };
    assert_eq!(applied(empty, &FOO), Some(labels(&FOO[1..])), "a label without a value is none");
    let named = RelabelRule { target_label: "${1}_x".into(), ..rule(RelabelAction::Replace, &["a"]) };
    assert_eq!(applied(named, &FOO[..1]), Some(labels(&[("a", "foo"), ("foo_x", "foo")])));
    let bad_name = RelabelRule { target_label: "1-${1}".into(), ..rule(RelabelAction::Replace, &["a"]) };
    assert_eq!(applied(bad_name, &FOO), Some(labels(&FOO)));
}

#[test]
fn targets_are_kept_and_dropped() {
    let with = |action, regex: &str, target: &str| {
        let config = RelabelRule { regex: regex.into(), target_label: target.into(), ..rule(action, &["a"]) };
        applied(config, &FOO).is_some()
    };
    assert!(with(RelabelAction::Keep, "f.o", "") && !with(RelabelAction::Keep, "f", ""));
    assert!(!with(RelabelAction::Drop, "f.o", "") && with(RelabelAction::Drop, "f", ""));
    assert!(!with(RelabelAction::KeepEqual, "", "b") && with(RelabelAction::KeepEqual, "", "a"));
    assert!(with(RelabelAction::DropEqual, "", "b") && !with(RelabelAction::DropEqual, "", "a"));
}

#[test]
fn hashes_are_those_of_prometheus() {
    let config = RelabelRule { target_label: "d".into(), modulus: 1_000, ..rule(RelabelAction::HashMod, &["c"]) };
    assert_eq!(applied(config.clone(), &FOO).unwrap()["d"], "976", "as Prometheus' own tests have it");
    let lines = RelabelRule { source_labels: vec!["a".into()], ..config };
    assert_eq!(applied(lines, &[("a", "foo\nbar")]).unwrap()["d"], "734");
}

#[test]
fn labels_are_mapped_dropped_and_kept() {
    let map = RelabelRule { regex: "meta_(.*)".into(), ..rule(RelabelAction::LabelMap, &[]) };
    let before = [("meta_x", "1"), ("meta_y", "2"), ("z", "3")];
    assert_eq!(applied(map, &before).unwrap().into_keys().collect::<Vec<_>>(), ["meta_x", "meta_y", "x", "y", "z"]);
    let drop = RelabelRule { regex: "meta_.*".into(), ..rule(RelabelAction::LabelDrop, &[]) };
    assert_eq!(applied(drop, &before), Some(labels(&[("z", "3")])));
    let keep = RelabelRule { regex: "z".into(), ..rule(RelabelAction::LabelKeep, &[]) };
    assert_eq!(applied(keep, &before), Some(labels(&[("z", "3")])));
}

#[test]
fn case_is_changed() {
    let upper = RelabelRule { target_label: "u".into(), ..rule(RelabelAction::Uppercase, &["a"]) };
    assert_eq!(applied(upper, &FOO).unwrap()["u"], "FOO");
    let lower = RelabelRule { target_label: "l".into(), ..rule(RelabelAction::Lowercase, &["A"]) };
    assert_eq!(applied(lower, &[("A", "FoO")]).unwrap()["l"], "foo");
}

#[test]
fn rules_that_lack_a_part_are_refused() {
    assert!(matches!(Rule::new(&rule(RelabelAction::Replace, &[])), Err(RuleError::NoTarget(_))));
    let hash = RelabelRule { target_label: "x".into(), ..rule(RelabelAction::HashMod, &[]) };
    assert!(matches!(Rule::new(&hash), Err(RuleError::NoModulus)));
    assert!(matches!(
        Rule::new(&RelabelRule { regex: "(".into(), ..rule(RelabelAction::Keep, &[]) }),
        Err(RuleError::Regex(_))
    ));
}
