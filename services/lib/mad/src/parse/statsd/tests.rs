use fancy_regex::Regex;
use proptest::prelude::*;

use super::{Line, Outcome, Statsd, scan};
use crate::parse::ParseError;
use crate::{Kind, Metric, Quantity, Record, Unit};

const NOW_MS: i64 = 1_700_000_000_123;

fn parse_with(datagram: &[u8], mut random: impl FnMut() -> f64) -> Result<(Outcome, Vec<Record>), ParseError> {
    let mut records = Vec::new();
    let outcome = Statsd::default().parse(datagram, NOW_MS, &mut random, &mut records)?;
    Ok((outcome, records))
}

fn parse(datagram: &[u8]) -> Result<Vec<Record>, ParseError> {
    parse_with(datagram, || panic!("no line has a rate")).map(|(_, records)| records)
}

fn record(name: &str, kind: Kind, quantity: Quantity, tags: &[(&str, &str)]) -> Record {
    Record {
        time_ms: NOW_MS,
        request_time_ms: None,
        dimensions: tags.iter().copied().collect(),
        metrics: vec![(name.into(), Metric { kind, samples: vec![quantity], histograms: Vec::new() })],
    }
}

fn plain(value: f64) -> Quantity {
    Quantity::plain(value)
}

#[test]
fn every_type_is_read() {
    let tags = [("service", "sd"), ("cluster", "c"), ("host", "h")];
    let milliseconds = Quantity { value: 1e6 / 1e9 * 320.0, unit: Some(Unit::Second) };
    let expected = [
        ("c", "3", Kind::Counter, plain(3.0)),
        ("m", "2", Kind::Counter, plain(2.0)),
        ("g", "-4.5", Kind::Gauge, plain(-4.5)),
        ("h", "7", Kind::Timer, plain(7.0)),
        ("ms", "320", Kind::Timer, milliseconds),
    ];
    for (token, value, kind, quantity) in expected {
        let line = format!("sd.{token}:{value}|{token}|#service:sd,cluster:c,host:h");
        let name = format!("sd.{token}");
        assert_eq!(parse(line.as_bytes()), Ok(vec![record(&name, kind, quantity, &tags)]), "{line}");
    }
}

#[test]
fn lines_of_a_datagram_come_in_order_and_empty_ones_are_none() {
    let records = parse(b"\ninf,service=sd,host=h:5|g\n\ninf,service=sd,host=h:6|g\n").unwrap();
    let tags = [("service", "sd"), ("host", "h")];
    let expected = [5.0, 6.0].map(|value| record("inf", Kind::Gauge, plain(value), &tags));
    assert_eq!(records, expected);
    assert_eq!(parse(b""), Ok(Vec::new()));
    assert_eq!(parse(b"\n\n"), Ok(Vec::new()));
}

#[test]
fn both_ways_to_write_tags_come_together() {
    let records = parse(b"a,x=1:5|g|#y:2,:empty").unwrap();
    assert_eq!(records, [record("a", Kind::Gauge, plain(5.0), &[("x", "1"), ("y", "2"), ("", "empty")])]);
}

#[test]
fn values_are_javas() {
    let read = |value: &str| match parse(format!("a:{value}|g").as_bytes()) {
        Ok(records) => Some(records[0].metrics[0].1.samples[0].value),
        Err(_) => None,
    };
    assert_eq!(read("1,234.5e3xyz"), Some(1234.5));
    assert_eq!(read("1E3"), Some(1000.0));
    assert_eq!(read("12abc"), Some(12.0));
    assert_eq!(read("5:6"), Some(5.0));
    assert_eq!(read("+5"), None);
    assert_eq!(read("∞"), Some(f64::INFINITY));
    assert!(read("NaN").unwrap().is_nan());
}

#[test]
fn what_is_wrong_takes_the_datagram_with_it() {
    let wrong = [
        "bad",
        "sd.set:1|s",
        "a:1",
        "a|c",
        ":1|c",
        "a:|c",
        "a:1|",
        "a:x|c",
        "a,:1|c",
        "a@b:1|c",
        "a:1|c|",
        "a:1|c|x",
        "a:1|c|@",
        "a:1|c|#",
        "a:1|c|@0.5|@0.5",
        "a:1|c|#x:1\r",
        "a:1|c\r",
        "a:1|c|#x",
        "a:1|c|#x:1:2",
        "a:1|c|#x:1,",
        "a:1|c|#x:1,x:2",
        "a,x=1:1|c|#x:1",
        "a,x:1|c",
        "a:1|g|@0.5",
        "a:1|m|@1",
        "a:1|c|@1.1",
        "a:1|c|@-0.1",
        "a:1|c|@-0.0",
        "a:1|c|@NaN",
        "a:1|c|@x",
    ];
    for line in wrong {
        let datagram = format!("first:1|c\n{line}\nlast:1|c");
        assert!(matches!(parse(datagram.as_bytes()), Err(ParseError::Malformed { .. })), "{line}");
    }
}

#[test]
fn what_was_there_before_stays() {
    let mut statsd = Statsd::default();
    let mut records = parse(b"kept:1|c").unwrap();
    for datagram in [&b"a:1|c\nwrong"[..], b"a:1|c\na:1|c|@0.0"] {
        let _ = statsd.parse(datagram, NOW_MS, &mut || 0.5, &mut records);
        assert_eq!(records, parse(b"kept:1|c").unwrap());
    }
}

#[test]
fn a_rate_takes_or_leaves_the_datagram_and_scales_nothing() {
    let datagram = b"a:1|c\nb:3|ms|@0.25\nc:1|c";
    let (outcome, records) = parse_with(datagram, || 0.25).unwrap();
    assert_eq!((outcome, records.len()), (Outcome::Taken, 3));
    assert_eq!(records[1].metrics[0].1.samples.len(), 1);
    let (outcome, records) = parse_with(datagram, || 0.250_000_1).unwrap();
    assert_eq!((outcome, records.len()), (Outcome::SampledOut, 0));
    // Neither all nor nothing is left to chance.
    let (outcome, records) = parse_with(b"a:1|h|@1.0", || panic!("drawn")).unwrap();
    assert_eq!((outcome, records.len()), (Outcome::Taken, 1));
    let (outcome, records) = parse_with(b"a:1|c|@0", || panic!("drawn")).unwrap();
    assert_eq!((outcome, records.len()), (Outcome::SampledOut, 0));
}

#[test]
fn a_rate_may_have_blanks_around_it() {
    let (outcome, records) = parse_with(b"a:1|c|@ 0.5\r", || 0.1).unwrap();
    assert_eq!((outcome, records.len()), (Outcome::Taken, 1));
}

#[test]
fn what_is_no_text_is_replaced() {
    let records = parse(b"a\xff,k\xfe=\x80:1|c").unwrap();
    assert_eq!(records, [record("a\u{fffd}", Kind::Counter, plain(1.0), &[("k\u{fffd}", "\u{fffd}")])]);
}

#[test]
fn the_largest_datagram_is_read_whole() {
    let line = "service.requests.count:1|c|#service:s,host:h\n";
    let datagram = line.repeat(65_507 / line.len());
    assert_eq!(parse(datagram.as_bytes()).unwrap().len(), 65_507 / line.len());
    let long_name = format!("{}:1|c", "x".repeat(65_000));
    assert_eq!(parse(long_name.as_bytes()).unwrap()[0].metrics[0].0.len(), 65_000);
    let many_tags: Vec<String> = (0..5_000).map(|n| format!("k{n}:v")).collect();
    let many_tags = format!("a:1|c|#{}", many_tags.join(","));
    assert_eq!(parse(many_tags.as_bytes()).unwrap()[0].dimensions.len(), 5_000);
}

#[test]
fn tags_that_were_read_before_are_read_the_same() {
    let mut statsd = Statsd::default();
    // More than are kept, twice.
    for _ in 0..2 {
        for n in 0..5_000 {
            let mut records = Vec::new();
            let (hash, equals) = (format!("a:1|c|#k:{n}"), format!("a,k={n}:1|c"));
            statsd.parse(hash.as_bytes(), NOW_MS, &mut || 0.0, &mut records).unwrap();
            statsd.parse(equals.as_bytes(), NOW_MS, &mut || 0.0, &mut records).unwrap();
            let text = n.to_string();
            assert!(records.iter().all(|record| record.dimensions.get("k") == Some(&text)), "{records:?}");
        }
    }
}

/// The pattern itself, for whole lines.
fn by_pattern<'a>(pattern: &Regex, line: &'a str) -> Option<Line<'a>> {
    let captures = pattern.captures(line).unwrap()?;
    let part = |number| captures.get(number).map(|part: fancy_regex::Match<'a>| part.as_str());
    Some(Line { name: part(1)?, influx_tags: part(3), value: part(4)?, kind: part(5)?, rate: part(7), tags: part(9) })
}

fn pattern() -> Regex {
    let dot = "[^\\n\\r\\x{85}\\x{2028}\\x{2029}]";
    let tail = format!("(\\|@([^|]+))?(\\|#({dot}+))?");
    Regex::new(&format!("\\A([^:@|,]+)(,([^:@|]+))?:([^|]+)\\|([^|]+){tail}\\z")).unwrap()
}

/// Lines that are nearly right: parts and separators in any order.
fn lines() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec![
        ":", "|", ",", "@", "#", "=", "|@", "|#", "a", "name", "1", "0.5", "c", "ms", "g", "k:v", "k=v", " ", "\r",
        "\u{85}", "\u{2028}", "é", "∞",
    ]);
    prop::collection::vec(parts, 0..14).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn the_scanner_is_the_pattern(line in lines()) {
        thread_local!(static PATTERN: Regex = pattern());
        prop_assert_eq!(scan(&line), PATTERN.with(|pattern| by_pattern(pattern, &line)));
    }

    #[test]
    fn the_scanner_is_the_pattern_where_that_matches(
        name in "[^:@|,\n]{1,4}", influx in prop::option::of("[^:@|\n]{1,6}"), value in "[^|\n]{1,5}",
        kind in "[^|\n]{1,3}", rate in prop::option::of("[^|\n]{1,4}"), tags in prop::option::of("[^\n]{1,9}"),
    ) {
        let part = |before: &str, part: &Option<String>| part.as_ref().map_or(String::new(), |part| format!("{before}{part}"));
        let line = format!("{name}{}:{value}|{kind}{}{}", part(",", &influx), part("|@", &rate), part("|#", &tags));
        thread_local!(static PATTERN: Regex = pattern());
        prop_assert_eq!(scan(&line), PATTERN.with(|pattern| by_pattern(pattern, &line)));
    }
}
