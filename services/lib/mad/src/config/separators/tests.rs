use super::*;

fn checked(text: &str) -> Result<(), String> {
    let tokens = hocon::tokenize(text).expect("tokens");
    check(&tokens).map_err(|misplaced| format!("{}:{}: {}", misplaced.line, misplaced.column, misplaced.reason))
}

#[test]
fn lines_and_commas_separate() {
    for text in [
        "",
        "a = 1\nb = 2",
        "a = 1, b = 2,",
        "a\n= 1\n\nb: 2",
        "a =\n  1\nb {\n c = 1 }\nd = { e = 1 } { f = 2 }\n",
        "\n{ a = 1, b { c : 2 }\n }\n",
        "a = [1, 2\n3, { b = c\nd = e }, [ { f = g } ]\n]\nh += 2",
        "a = ${b} [{ c = 1 }]\na = ${?X}\"=\"y # = :\nb = \"\"\"c = d\"\"\" // e: f",
        "include \"other.conf\"\ninclude required(file(\"/a=b.conf\"))\na.\"b=c\".d = 1",
        "a = one two three\nb = 1 2",
    ] {
        assert_eq!(checked(text), Ok(()), "{text}");
    }
}

#[test]
fn a_key_without_a_comma_before_it_is_named() {
    let missing = |place: &str, separator: &str, key: &str| {
        Err(format!("{place}: `{separator}` within a value: before `{key}` a comma or the end of the line is missing"))
    };
    assert_eq!(checked("a = 1 b = 2"), missing("1:9", "=", "b"));
    assert_eq!(checked("a = 1\nb = \"c\" \"d\": 2"), missing("2:12", ":", "d"));
    assert_eq!(checked("a = [] b = []"), missing("1:10", "=", "b"));
    assert_eq!(checked("s = [\n{ type = T name = v }\n]"), missing("2:17", "=", "name"));
    assert_eq!(checked("s = [{ port = 8125 host=h }]"), missing("1:24", "=", "host"));
    assert_eq!(checked("s = { a = {} b += 1 }"), missing("1:16", "+=", "b"));
    assert_eq!(checked("a =\nb = []"), missing("2:3", "=", "b"));
}

#[test]
fn what_must_be_quoted_is_told() {
    let quoted =
        |place: &str, separator: &str| Err(format!("{place}: `{separator}` within a value, which must be quoted then"));
    assert_eq!(checked("a = b:c"), quoted("1:6", ":"));
    assert_eq!(checked("a = [b=c]"), quoted("1:7", "="));
    assert_eq!(checked("a = ${b}:1"), quoted("1:9", ":"));
}

#[test]
fn nothing_comes_after_the_end() {
    assert_eq!(checked("a = 1\n}\nb = 2"), Err("2:1: `}` without a `{` before it".to_owned()));
    assert_eq!(checked("a { b = 1 } }"), Err("1:13: `}` without a `{` before it".to_owned()));
    assert_eq!(checked("{ a = 1 }\nb = 2"), Err("2:1: the file's braces are closed already".to_owned()));
    assert_eq!(checked("{ a = 1 }}"), Err("1:10: the file's braces are closed already".to_owned()));
}
