use super::*;

fn error(query: &str) -> ParseError {
    parse(query).unwrap_err()
}

#[test]
fn what_is_not_there_is_named() {
    assert_eq!(error("predict_linear(x[5m], 60)").to_string(), "function predict_linear is not supported yet");
    assert_eq!(error("limitk(2, x)").to_string(), "function limitk is not supported yet");
    assert_eq!(error("x{a=\"1\" or b=\"2\"}"), ParseError::Unsupported("\"or\" between label matchers"));
    assert_eq!(error("x + on (a) fill (0) y"), ParseError::Unsupported("the fill modifier"));
    assert!(matches!(error("no_such_function(x)"), ParseError::Syntax(_)));
}

#[test]
fn every_function_that_is_there_parses() {
    for name in crate::function_names() {
        let function = find(name).unwrap();
        let args: Vec<_> = function
            .args
            .iter()
            .map(|arg| match arg {
                ValueType::Scalar => "1",
                ValueType::String => "\"a\"",
                ValueType::Vector => "x",
                ValueType::Matrix => "x[5m]",
            })
            .collect();
        let query = format!("{name}({})", args.join(", "));
        assert!(parse(&query).is_ok(), "{query}: {:?}", parse(&query));
    }
}

#[test]
fn types_are_checked() {
    for query in ["rate(x)", "sum(x[5m])", "abs(1)", "ln(0)", "x[5m] + 1", "\"a\" + 1", "scalar(1)", "topk(\"a\", x)"] {
        assert!(parse(query).is_err(), "{query}");
    }
}

#[test]
fn deep_queries_are_refused() {
    let nested = |open: &str, close: &str, count: usize| format!("{}x{}", open.repeat(count), close.repeat(count));
    for query in [
        nested("(", ")", 30_000),
        nested("abs(", ")", 10_000),
        nested("-", "", 60_000),
        nested("1 + ", "", 10_000),
        nested("x or ", "", 10_000),
        nested("x and ", "", 10_000),
        nested("", "[5m:]", 10_000),
        nested("{", "", 60_000),
    ] {
        assert_eq!(error(&query), ParseError::TooDeep { limit: MAX_DEPTH });
    }
    assert!(matches!(error(&nested("(", ")", 100_000)), ParseError::TooLong { .. }));
    assert!(parse(&nested("(", ")", 200)).is_ok());
    assert!(parse(&nested("1 + ", "", 200)).is_ok());
}

#[test]
fn what_is_inside_of_strings_and_comments_is_not_nesting() {
    let brackets = "(".repeat(1000);
    assert!(parse(&format!("x{{a=\"{brackets}\\\"{brackets}\", b='{brackets}', c=`{brackets}`}}")).is_ok());
    assert!(parse(&format!("x # {brackets}\n + 1")).is_ok());
    let arguments = vec!["\"a\""; 300].join(", ");
    assert!(parse(&format!("label_join(x, \"a\", \"b\", {arguments})")).is_ok());
}

#[test]
fn durations_that_no_clock_can_hold_are_refused() {
    for query in [
        "x[1e30]",
        "x offset 1e30",
        "x offset -1e30",
        "x[5m:1e30]",
        "x[1e+30]",
        "x[ 1E+30 ]",
        "x offset - 1e30",
        "x OFFSET # then\n 1e30",
        "x[99999999999s]",
        "x offset 1h99999999999s",
    ] {
        assert!(matches!(error(query), ParseError::DurationTooLarge { .. }), "{query}");
    }
    for query in ["x[0]", "x[0s]", "x[]", "x[5m:0s]"] {
        assert!(matches!(error(query), ParseError::Syntax(_)), "{query}");
    }
    for query in ["x[300]", "x[1h30m]", "x offset -5m", "x @ 1e9", "x @ 1e300", "x @ -5"] {
        let _ = parse(query);
    }
    assert!(parse("x[300]").is_ok());
}

#[test]
fn regular_expressions_have_limits() {
    assert!(matches!(error("x{a=~\"(\"}"), ParseError::Syntax(_)));
    assert!(matches!(
        error("x{a=~\"\\\\pL{900}\"}"),
        ParseError::Matcher(crate::MatcherError::TooLarge(_)) | ParseError::Syntax(_)
    ));
    let long = "a".repeat(20_000);
    assert!(matches!(error(&format!("x{{a=~\"{long}\"}}")), ParseError::Matcher(crate::MatcherError::TooLong { .. })));
    let many = vec!["a=~\"b\""; 201].join(",");
    assert_eq!(error(&format!("x{{{many}}}")), ParseError::TooManyRegexes { limit: MAX_REGEX_MATCHERS });
}

proptest::proptest! {
    #[test]
    fn no_input_panics(query in "[-a-z0-9 (){}\\[\\]=~!<>\"'`:,.+*/%^@#\\\\]{0,60}") {
        let _ = parse(&query);
    }

    #[test]
    fn no_string_of_tokens_panics(tokens in proptest::collection::vec(
        proptest::sample::select(vec![
            "x", "(", ")", "{", "}", "[", "]", "5m", "1e30", "0x", "1e", "offset", "@", "-", "+", "sum", "by", "rate", "a=", "=~",
            "\"a\"", "\"\\", ":", ",", "start()", "end", "bool", "on", "group_left", "==", "and", "é", "'", "99999999999999y", ".5", "1.2.3", "0b1", "09",
        ]), 0..25)) {
        let _ = parse(&tokens.join(" "));
        let _ = parse(&tokens.concat());
    }
}
