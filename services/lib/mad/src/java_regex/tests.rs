use super::*;

fn regex(pattern: &str) -> JavaRegex {
    JavaRegex::new(pattern).unwrap()
}

fn replaced(pattern: &str, replacement: &str, text: &str) -> String {
    let regex = regex(pattern);
    regex.replace_all(text, &JavaReplacement::new(replacement, &regex).unwrap())
}

#[test]
fn finds_somewhere_and_matches_the_whole() {
    let loads = regex("load/(1|5|15)min");
    assert!(loads.find("cpu/load/15min/x"));
    assert!(!loads.matches("cpu/load/15min"));
    assert!(loads.matches("load/15min"));
    assert!(regex("a|ab").matches("ab"), "tries the second when the first is not the whole");
    assert!(!regex("a").matches("a\n"));
}

#[test]
fn replaces_as_java_does() {
    assert_eq!(replaced(r"\.", "/", "a.b.c"), "a/b/c");
    assert_eq!(
        replaced("^cpu/([^/]+)/(cpu|percent)/([^/]+)", "cpu/by_core/$1/$3", "cpu/0/cpu/idle"),
        "cpu/by_core/0/idle"
    );
    assert_eq!(replaced("(?<first>a)(b)?", "[${first}$2]", "ab-a"), "[ab]-[a]");
    assert_eq!(replaced("(a)", "$10", "a"), "a0", "group 10 does not exist");
    assert_eq!(replaced("a", r"\$1\\", "a"), r"$1\");
    assert_eq!(replaced("a*", "x", "baac"), "xbxxcx");
    assert_eq!(replaced("", "-", "äb"), "-ä-b-");
}

#[test]
fn refuses_what_java_would_fail_on_later() {
    for text in ["$", "$x", "${", "${}", "${1}", "${none}", "$2", "\\", "${first"] {
        let error = JavaReplacement::new(text, &regex("(?<first>a)")).unwrap_err();
        assert_eq!(error.replacement, text);
    }
}

#[test]
fn an_unusable_pattern_is_named() {
    let error = JavaRegex::new("a(").unwrap_err();
    assert!(error.to_string().contains("\"a(\""), "{error}");
}
