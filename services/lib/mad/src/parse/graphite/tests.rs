use fancy_regex::Regex;
use proptest::prelude::*;

use super::{parse, scan};
use crate::config::GraphiteParser;
use crate::{Kind, Quantity, Record};

const NOW_MS: i64 = 42;

fn read(line: &str) -> Option<Record> {
    parse(&GraphiteParser::default(), line.as_bytes(), NOW_MS).ok()
}

fn tagged(line: &str) -> Option<(String, Vec<(String, String)>)> {
    let global_tags = vec![("host".to_owned(), "h".to_owned()), ("k".to_owned(), "global".to_owned())];
    let config = GraphiteParser { global_tags, parse_carbon_tags: true };
    let record = parse(&config, line.as_bytes(), NOW_MS).ok()?;
    let dimensions = record.dimensions.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    Some((record.metrics[0].0.to_string(), dimensions.collect()))
}

#[test]
fn a_line_is_a_gauge() {
    let record = read("gr.a 1.5 1700000000\r").unwrap();
    assert_eq!((record.time_ms, record.request_time_ms), (1_700_000_000_000, None));
    assert!(record.dimensions.is_empty());
    let (name, metric) = &record.metrics[0];
    assert_eq!((&**name, metric.kind, metric.samples.as_slice()), ("gr.a", Kind::Gauge, &[Quantity::plain(1.5)][..]));
    assert_eq!(read("gr.b;tag=x 2").unwrap().metrics[0].0, "gr.b;tag=x".into(), "tags are read only when asked for");
}

#[test]
fn without_a_time_it_is_now() {
    assert_eq!(read("a 1").unwrap().time_ms, NOW_MS);
    assert_eq!(read("a 1  \t").unwrap().time_ms, NOW_MS);
}

#[test]
fn what_is_no_line_is_refused() {
    for line in ["", "a", "a ", " 1", "a x", "a 1 x", "a 1 1.5", "a 1  5", "a 1 -5", "a 1 5 6", "a  1"] {
        assert!(read(line).is_none(), "{line:?}");
    }
}

#[test]
fn tags_of_the_name_stand_over_those_of_the_configuration() {
    let pairs =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Vec<_>>();
    let global = [("host", "h"), ("k", "global")];
    assert_eq!(tagged("a 1"), Some(("a".into(), pairs(&global))));
    assert_eq!(tagged("a;k=v 1"), Some(("a".into(), pairs(&[("host", "h"), ("k", "v")]))));
    assert_eq!(tagged("a;k=v;k=w;;x= 1"), Some(("a".into(), pairs(&[("host", "h"), ("k", "w")]))));
    for odd in ["a;k 1", "a;k=x=y 1", "a;=x 1", "a;k== 1", "a;=;== 1", "a;;; 1"] {
        assert_eq!(tagged(odd), Some(("a".into(), pairs(&global))), "{odd}");
    }
    assert_eq!(tagged("a;k=v= 1").unwrap().1[1].1, "v");
    assert_eq!(tagged(";k=v 1").unwrap().0, "");
    assert_eq!(tagged(";; 1"), None);
}

#[test]
fn times_that_no_long_holds_wrap_around() {
    assert_eq!(read("a 1 99999999999999999999").unwrap().time_ms, i64::MAX.wrapping_mul(1_000));
}

#[test]
fn what_is_no_text_is_replaced() {
    let record = parse(&GraphiteParser::default(), b"a\xff 1", NOW_MS).unwrap();
    assert_eq!(record.metrics[0].0, "a\u{fffd}".into());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_scanner_is_the_pattern(parts in prop::collection::vec(prop::sample::select(vec![" ", "a", "1", "\t", "\r", ";", "é"]), 0..10)) {
        let line = parts.concat();
        let pattern = Regex::new("\\A([^ ]+) ([^ ]+)( ([0-9]+))?[ \\t\\n\\x0B\\f\\r]*\\z").unwrap();
        let captures = pattern.captures(&line).unwrap();
        let by_pattern = captures.map(|captures| {
            let part = |number: usize| captures.get(number).map(|part| part.as_str());
            (part(1).unwrap(), part(2).unwrap(), part(4))
        });
        prop_assert_eq!(scan(&line), by_pattern);
    }
}
