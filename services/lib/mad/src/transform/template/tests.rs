use std::collections::BTreeMap;

use super::Template;
use crate::{Dimensions, JavaRegex};

/// The new name and the dimensions that it has consumed.
fn replace(pattern: &str, name: &str, template: &str) -> (String, Vec<String>) {
    let pattern = JavaRegex::new(pattern).unwrap();
    let template = Template::new(template, &pattern).unwrap();
    let dimensions: Dimensions =
        [("host", "h1"), ("animal", "frog"), ("1", "digit"), ("a}b", "brace")].into_iter().collect();
    let environment = BTreeMap::from([("HOME".into(), "/home/u".into()), ("host".into(), "of env".into())]);
    let replaced = template.replace_all(&pattern, name, &dimensions, &environment);
    (replaced.text, replaced.consumed.into_iter().map(Into::into).collect())
}

fn text(pattern: &str, name: &str, template: &str) -> String {
    replace(pattern, name, template).0
}

#[test]
fn a_token_is_a_numbered_then_a_named_capture_then_a_dimension_then_of_the_environment() {
    assert_eq!(text("a/(.*)/(?<animal>.*)", "a/x/y", "${2}-${animal}-${1}-${0}"), "y-y-x-a/x/y");
    assert_eq!(replace("^a", "a/x", "${animal}"), ("frog/x".into(), vec!["animal".into()]));
    assert_eq!(replace("^a", "a/x", "${1}"), ("digit/x".into(), vec!["1".into()]));
    assert_eq!(replace("^a", "a/x", "${HOME}"), ("/home/u/x".into(), vec![]));
    assert_eq!(replace("^a", "a/x", "<${none}>"), ("<>/x".into(), vec![]));
}

#[test]
fn a_prefix_looks_in_one_place() {
    assert_eq!(replace("(?<host>a)", "a", "${capture:host}"), ("a".into(), vec![]));
    assert_eq!(replace("(?<host>a)", "a", "${dimension:host}"), ("h1".into(), vec!["host".into()]));
    assert_eq!(replace("(?<host>a)", "a", "${env:host}"), ("of env".into(), vec![]));
    assert_eq!(replace("a", "a", "<${capture:host}${env:none}>"), ("<>".into(), vec![]));
    // Consumed even where there is none, which changes nothing.
    assert_eq!(replace("a", "a", "${dimension:none}"), (String::new(), vec!["none".into()]));
    assert_eq!(text("(a)", "a", "${:1}"), "a");
}

#[test]
fn all_matches_are_replaced_and_what_is_between_them_stays() {
    assert_eq!(text("test", "test string test", "x"), "x string x");
    assert_eq!(text("test", "some test string", "x"), "some x string");
    assert_eq!(text("o", "foobar", "<${0}>"), "f<o><o>bar");
    assert_eq!(text("b*", "abc", "-"), "-a--c-");
    // Java loses this last character.
    assert_eq!(text("test", "tests", "x"), "xs");
}

#[test]
fn a_group_that_takes_no_part_is_written_as_java_writes_it() {
    assert_eq!(text("a(b)?", "a", "${1}"), "null");
    assert_eq!(text("a(?<x>b)?", "a", "${capture:x}"), "null");
}

#[test]
fn four_characters_can_be_escaped() {
    assert_eq!(text("a", "a", r"\$\{x\}\\"), r"${x}\");
    assert_eq!(replace("a", "a", r"${a\}b}"), ("brace".into(), vec!["a}b".into()]));
}

#[test]
fn malformed_replacements_are_refused() {
    let pattern = JavaRegex::new("(a)").unwrap();
    for template in ["$1", "$", "$x", "${", "${1", "${}", "${x:}", "${other:x}", r"\a", r"x\", r"${\a}"] {
        let error = Template::new(template, &pattern).unwrap_err();
        assert_eq!((error.template.as_str(), error.pattern.as_str()), (template, "(a)"));
    }
}
