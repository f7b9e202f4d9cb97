use super::*;
use crate::ValueType;

fn error(query: &str) -> ParseError {
    parse(query).unwrap_err()
}

fn fails(query: &str) -> String {
    error(query).to_string()
}

fn same(one: &str, other: &str) {
    assert_eq!(parse(one).unwrap(), parse(other).unwrap(), "{one} and {other}");
}

#[test]
fn errors_say_where() {
    assert_eq!(fails("sum(x"), "1:6: parse error: unexpected end of input in function call, expected \",\" or \")\"");
    assert_eq!(fails("1 +\n  ä"), "2:3: parse error: unexpected character: 'ä'");
    assert_eq!(fails("\"ä\" + nope(x)"), "1:7: parse error: unknown function with name \"nope\"");
    assert_eq!(fails("x{a=}"), "1:5: parse error: unexpected \"}\" in label matching, expected string");
    assert_eq!(fails(""), "1:1: parse error: no expression found in input");
    assert_eq!(fails("x y"), "1:3: parse error: unexpected identifier \"y\"");
    assert_eq!(fails("x[5m"), "1:5: parse error: unclosed left bracket");
    assert_eq!(fails("step()"), "1:1: parse error: function \"step\" is not enabled");
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
        if function.arity != crate::Arity::LastRepeats {
            let query = format!("{name}({}, 1)", args.join(", "));
            assert!(parse(&query).is_err(), "{query}");
        }
    }
    for query in ["round(x)", "label_join(x, \"a\", \"b\")", "label_join(x, \"a\", \"b\", \"c\", \"d\")"] {
        assert!(parse(query).is_ok(), "{query}");
    }
}

#[test]
fn types_are_checked() {
    for query in [
        "rate(x)",
        "sum(x[5m])",
        "abs(1)",
        "ln(0)",
        "x[5m] + 1",
        "\"a\" + 1",
        "scalar(1)",
        "topk(\"a\", x)",
        "count_values(1, x)",
        "-x[5m]",
        "-\"a\"",
        "1[5m:]",
        "1 == 1",
        "1 and x",
        "x + bool y",
        "x and on (a) group_left y",
        "x + on (a) group_left (a) y",
        "x + on (a) 1",
        "{}",
        "{a=\"\"}",
        "{a=~\".*\"}",
        "x{__name__=\"y\"}",
        "topk(x)",
        "sum()",
        "rate(x[5m], )",
    ] {
        assert!(parse(query).is_err(), "{query}");
    }
}

#[test]
fn operators_bind_as_in_mathematics() {
    same("1 + 2 * 3 ^ 4", "1 + (2 * (3 ^ 4))");
    same("a ^ b ^ c", "a ^ (b ^ c)");
    same("a - b - c", "(a - b) - c");
    same("-a ^ 2", "-(a ^ 2)");
    same("-a * 2", "(-a) * 2");
    same("2 ^ -a * 3", "(2 ^ (-a)) * 3");
    same("a or b and c unless d == e + f % g", "a or ((b and c) unless (d == (e + (f % g))))");
    same("a atan2 b * c", "(a atan2 b) * c");
    same("--a", "-(-a)");
    same("+a", "a");
    same("foo offset -2 ^ 2", "(foo offset -2) ^ 2");
}

#[test]
fn names_may_be_keywords() {
    for query in ["sum", "by + by", "offset offset 5m", "and and and", "start", "end{a=\"b\"}", "Sum", "limitk", "fill"]
    {
        assert!(parse(query).is_ok(), "{query}: {:?}", parse(query));
    }
    for query in ["bool", "on", "atan2", "group_left", "start()", "limitk(1, x)", "x anchored", "x + fill(0) y"] {
        assert!(parse(query).is_err(), "{query}");
    }
    same("SUM BY (a) (x) OR y OFFSET 1m", "sum by (a) (x) or y offset 1m");
    same("sum(x) by (by, offset,)", "sum by (by, \"offset\") (x)");
    assert!(parse("x{by=\"1\", offset=\"2\"}").is_ok());
    assert!(parse("a:b:c{d!~\"e\"}[5m]").is_ok());
    same("{\"a.b\", \"c d\"='e'}", "{__name__=\"a.b\", \"c d\"=`e`}");
}

#[test]
fn numbers_and_durations() {
    let number = |query: &str| match parse(query).unwrap() {
        Expr::Number(number) => number,
        other => panic!("{query} is {other:?}"),
    };
    for (text, value) in [
        ("0x1F", 31.0),
        ("0X_1f", 31.0),
        ("017", 15.0),
        ("08", 8.0),
        ("1_000.5", 1000.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("1E-3", 0.001),
        ("-iNf", f64::NEG_INFINITY),
        ("1h30m", 5400.0),
        ("1d1ms", 86_400.001),
        ("99999999999999999999", 1e20),
    ] {
        assert_eq!(number(text), value, "{text}");
    }
    assert!(number("NaN").is_nan());
    for text in
        ["1__0", "1_", "1_.5", "0b1", "1.2.3", "1e", "1e400", "0x", "1.5h", "5m5m", "1s1h", "1x", "0xFFFFFFFFFFFFFFFFF"]
    {
        assert!(parse(text).is_err(), "{text}");
    }
    same("x[90]", "x[1m30s]");
    same("x[+5m:0x1e ]", "x[300:30]");
    same("x offset 1.5", "x offset 1s500ms");
    same("x offset -(-5)", "x offset 5");
    same("x @ 5m", "x @ 300");
}

#[test]
fn strings() {
    let text = |query: &str| match parse(query).unwrap() {
        Expr::String(text) => text,
        other => panic!("{query} is {other:?}"),
    };
    assert_eq!(text(r#""a\n\"\\\x41\101\u00e4\U0001F600""#), "a\n\"\\AAä😀");
    assert_eq!(text(r"'it\'s'"), "it's");
    assert_eq!(text("`a\\n\nb`"), "a\\n\nb");
    for query in [r#""\'""#, "\"a\nb\"", "\"a", r#""\xf""#, r#""\ud800""#, r#""\400""#, r#""\z""#, r#""\xff""#] {
        assert!(parse(query).is_err(), "{query}");
    }
}

#[test]
fn modifiers_belong_to_selectors() {
    for query in ["x offset 5m", "x[5m] @ start() offset -1m", "x[5m:] @ 1e3", "x @ end()", "sum(x)[5m:1m] offset 1m"] {
        assert!(parse(query).is_ok(), "{query}");
    }
    for query in [
        "(x) offset 5m",
        "1 offset 5m",
        "sum(x) @ 5",
        "x offset 1m offset 2m",
        "x @ 1 @ 2",
        "x offset 1m [5m]",
        "x @ 1 [5m]",
        "(x)[5m]",
        "x[5m][5m]",
        "x[5m:][5m:]",
        "x[5m:1m:1m]",
        "x[]",
        "x[5m",
        "x[a]",
        "x @ Inf",
        "x @ NaN",
        "x offset",
        "x offset (5m)",
    ] {
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
        nested("1 ^ ", "", 10_000),
        nested("1 + (", ")", 10_000),
        nested("", "[5m:]", 10_000).replace("[5m:][5m:]", "[5m:]"),
    ] {
        assert!(matches!(error(&query), ParseError::TooDeep { limit: MAX_DEPTH } | ParseError::Syntax { .. }));
    }
    assert!(matches!(error(&nested("(", ")", 100_000)), ParseError::TooLong { .. }));
    assert!(parse(&nested("(", ")", 200)).is_ok());
    assert!(parse(&nested("abs(", ")", 200)).is_ok());
    assert!(parse(&nested("-", "", 120)).is_ok());
    assert!(parse(&nested("1 ^ ", "", 200)).is_ok());
}

#[test]
fn chained_operators_are_not_nesting() {
    for (operator, count) in
        [("x or ", 4_999), ("x and ", 4_999), ("x + ", 4_999), ("1 + ", 12_000), ("1 - 1 * 1 + ", 5_000)]
    {
        let query = format!("{}x", operator.repeat(count));
        let expr = parse(&query).unwrap();
        assert_eq!(expr.value_type(), ValueType::Vector);
        assert_eq!(expr.to_string(), query);
    }
    // What is shown of sums in products keeps its parentheses, of any length.
    let query = format!("{}1{}", "(".repeat(200), " + x) * 2".repeat(200));
    assert_eq!(parse(&query).unwrap().to_string(), query);
    assert_eq!(error(&format!("{}x", "x + ".repeat(5_000))), ParseError::TooManySelectors { limit: MAX_SELECTORS });
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
        assert!(matches!(error(query), ParseError::DurationTooLarge { .. } | ParseError::Syntax { .. }), "{query}");
    }
    for query in ["x[0]", "x[0s]", "x[]", "x[5m:0s]", "x[-5m]"] {
        assert!(matches!(error(query), ParseError::Syntax { .. }), "{query}");
    }
    for query in ["x @ 1e9", "x @ 1e300", "x @ -5"] {
        let _ = parse(query);
    }
}

#[test]
fn regular_expressions_have_limits() {
    assert!(matches!(error("x{a=~\"(\"}"), ParseError::Syntax { .. }));
    assert!(matches!(error("x{a=~\"\\\\pL{900}\"}"), ParseError::Matcher(crate::MatcherError::TooLarge(_))));
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
    fn no_text_panics(query in "\\PC{0,40}") {
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
