use proptest::prelude::*;

use super::*;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn one(line: &str) -> Result<Sample, PageError> {
    parse(line, Format::Classic).map(|page| page.samples[0].clone())
}

#[test]
fn samples_have_labels_values_and_times() {
    let expected = |pairs: &[(&str, &str)], value, timestamp_ms| Sample { labels: labels(pairs), value, timestamp_ms };
    assert_eq!(one("a 1"), Ok(expected(&[("__name__", "a")], 1.0, None)));
    assert_eq!(one("  a:b_1\t{ } -1.5e3  1700 "), Ok(expected(&[("__name__", "a:b_1")], -1500.0, Some(1700))));
    let line = r#"a{x="1", y="q\"\\\n\x", z="",} 2"#;
    assert_eq!(one(line), Ok(expected(&[("__name__", "a"), ("x", "1"), ("y", "q\"\\\n\\x")], 2.0, None)));
    let line = r#"{"dotted.name", "l.x"="{,}"} 3"#;
    assert_eq!(one(line), Ok(expected(&[("__name__", "dotted.name"), ("l.x", "{,}")], 3.0, None)));
    assert!(one("a NaN").unwrap().value.is_nan());
    assert_eq!(one("a +Inf").unwrap().value, f64::INFINITY);
    assert_eq!(one("a -Inf -5").unwrap().timestamp_ms, Some(-5));
}

#[test]
fn lines_that_are_wrong_fail_the_page_by_their_number() {
    let wrong = [
        "a",
        "a x",
        "a 1 2 3",
        "a 1 x",
        "a{ 1",
        "a{x} 1",
        "a{x=1} 1",
        "a{x=\"1} 1",
        "a{x=\"1\" y=\"2\"} 1",
        "a{x=\"1\",x=\"2\"} 1",
        "a{=\"1\"} 1",
        "a{\"b\"} 1",
        "{x=\"1\"} 1",
        "1a 1",
        "a 1_000",
        "a 1 # {x=\"1\"} 1",
        "a 1.5 1.5",
        "é\u{301}-x 1",
    ];
    for line in wrong {
        let page = format!("b 1\n\n{line}\nc 1\n");
        assert!(matches!(parse(&page, Format::Classic), Err(PageError::Line { line: 3, .. })), "{line}");
    }
}

#[test]
fn families_are_described() {
    let page = "# HELP a_total Help with \\n and \\\\.\n# TYPE a_total counter\na_total 1\n# a comment\n#\n# TYPE b gauge\n# TYPE \"c d\" histogram\n";
    let families = parse(page, Format::Classic).unwrap().families;
    let read: Vec<_> = families.iter().map(|f| (f.name.as_str(), f.kind.as_str(), f.help.as_str())).collect();
    assert_eq!(read, [("a_total", "counter", "Help with \n and \\."), ("b", "gauge", ""), ("c d", "histogram", "")]);
}

#[test]
fn open_metrics_ends_and_has_exemplars_and_seconds() {
    let page =
        "# TYPE a counter\n# UNIT a seconds\na_total 5 1700000000.1239 # {trace=\"x\"} 0.5 1\nb 1 # {} 2\n# EOF\n";
    let read = parse(page, Format::OpenMetrics).unwrap();
    assert_eq!(read.samples.len(), 2);
    assert_eq!(read.samples[0].timestamp_ms, Some(1_700_000_000_124));
    assert_eq!(read.families[0].unit, "seconds");
    assert_eq!(parse("a 1\n", Format::OpenMetrics), Err(PageError::NoEnd));
    assert!(parse("# EOF\na 1\n", Format::OpenMetrics).is_err());
    assert!(parse("a 1\n# EOF\n", Format::Classic).is_ok(), "there it is a comment");
}

#[test]
fn the_format_is_told_by_the_content_type() {
    let open = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(Format::of_content_type(open), Format::OpenMetrics);
    for other in ["text/plain; version=0.0.4", "", "text/html"] {
        assert_eq!(Format::of_content_type(other), Format::Classic);
    }
}

proptest! {
    #[test]
    fn no_page_is_fallen_over(text in "[a-c0-9{}=\",\\\\# \n\tNaInfEOF+.é-]{0,80}") {
        let _ = (parse(&text, Format::Classic), parse(&text, Format::OpenMetrics));
    }

    #[test]
    fn what_is_written_is_read(name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,8}", value in any::<f64>(), label in "\\PC{0,12}") {
        let quoted = label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let sample = one(&format!("{name}{{l=\"{quoted}\"}} {value}")).unwrap();
        prop_assert_eq!(sample.labels.get("__name__"), Some(&name));
        prop_assert_eq!(sample.labels.get("l").map_or("", String::as_str), &label);
        prop_assert!(sample.value == value || value.is_nan() && sample.value.is_nan());
    }
}
