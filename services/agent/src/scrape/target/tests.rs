use super::*;
use crate::scrape::config::{Config, Job};
use tidegate_mad::config::{RelabelAction, RelabelRule};

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn checked(job: Job) -> Checked {
    let job = Job { name: "j".into(), ..job };
    Config { jobs: vec![job], ..Config::default() }.check().unwrap().remove(0)
}

fn group(pairs: &[(&str, &str)]) -> Group {
    Group { targets: vec!["h:9100".into()], labels: labels(pairs), file: "f.json".into() }
}

fn only(job: &Checked, group: &Group) -> Target {
    targets(job, group).remove(0).unwrap()
}

fn replace(source: &str, target: &str) -> RelabelRule {
    RelabelRule { source_labels: vec![source.into()], target_label: target.into(), ..RelabelRule::default() }
}

#[test]
fn a_target_has_a_job_an_instance_and_its_groups_labels() {
    let target = only(&checked(Job::default()), &group(&[("x", "1"), ("empty", "")]));
    assert_eq!(target.labels, labels(&[("instance", "h:9100"), ("job", "j"), ("x", "1")]));
    assert_eq!(target.url, "http://h:9100/metrics");
}

#[test]
fn relabelling_sees_what_is_behind_and_changes_where_it_goes() {
    let keep = RelabelRule { regex: "f.*".into(), action: RelabelAction::Keep, ..replace("__meta_filepath", "") };
    let relabel = vec![
        keep,
        replace("__address__", "__param_target"),
        RelabelRule { replacement: "probe:9115".into(), ..replace("job", "__address__") },
        replace("__param_target", "instance"),
    ];
    let job = checked(Job { relabel, metrics_path: "/probe".into(), ..Job::default() });
    let target = only(&job, &group(&[("__param_module", "a b"), ("__meta_x", "gone")]));
    assert_eq!(target.url, "http://probe:9115/probe?module=a%20b&target=h%3A9100");
    assert_eq!(target.labels, labels(&[("instance", "h:9100"), ("job", "j")]));
    let other = Group { file: "other".into(), ..group(&[]) };
    assert!(targets(&job, &other).is_empty());
}

#[test]
fn an_address_that_is_none_is_told() {
    let group = Group { targets: vec!["no address".into(), String::new()], ..Group::default() };
    let targets = targets(&checked(Job::default()), &group);
    assert_eq!(targets.len(), 1, "one without an address is dropped");
    assert!(targets[0].is_err());
}

#[test]
fn labels_of_the_target_stand_over_those_of_the_page() {
    let found = [("__name__", "m"), ("job", "theirs"), ("instance", "t"), ("exported_job", "x"), ("__tmp", "y")];
    let job = checked(Job::default());
    let own = only(&job, &group(&[])).sample_labels(&job, labels(&found)).unwrap();
    let expected = [
        ("__name__", "m"),
        ("exported_exported_job", "theirs"),
        ("exported_instance", "t"),
        ("exported_job", "x"),
        ("instance", "h:9100"),
        ("job", "j"),
    ];
    assert_eq!(own, labels(&expected));
    let job = checked(Job { honor_labels: Honor::Page, ..Job::default() });
    let theirs = only(&job, &group(&[("y", "1")])).sample_labels(&job, labels(&found[..3])).unwrap();
    assert_eq!(theirs, labels(&[("__name__", "m"), ("instance", "t"), ("job", "theirs"), ("y", "1")]));
}

#[test]
fn samples_are_relabelled_and_dropped() {
    let drop = RelabelRule { regex: "go_.*".into(), action: RelabelAction::Drop, ..replace("__name__", "") };
    let rename = RelabelRule { regex: "old".into(), replacement: "new".into(), ..replace("__name__", "__name__") };
    let nameless = RelabelRule { regex: "none".into(), replacement: String::new(), ..replace("__name__", "__name__") };
    let job = checked(Job { metric_relabel: vec![drop, rename, nameless], ..Job::default() });
    let target = only(&job, &group(&[]));
    let name = |name: &str| {
        let labels = target.sample_labels(&job, labels(&[("__name__", name)]))?;
        Some(labels["__name__"].clone())
    };
    assert_eq!(name("go_x"), None);
    assert_eq!(name("old").as_deref(), Some("new"));
    assert_eq!(name("none"), None);
}
