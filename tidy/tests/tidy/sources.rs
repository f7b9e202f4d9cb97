//! What stands in the sources.

use regex::Regex;

use crate::assert_none;
use crate::tree::{File, files};

/// Of code; tests are apart.
const LONGEST_FILE_LINES: usize = 600;
const LONGEST_MAIN_LINES: usize = 150;

const PURE: [&str; 5] = ["model", "sketch", "fold", "codec", "promql"];

fn impure(file: &File) -> Vec<String> {
    let pattern =
        r"\b(Instant::now|SystemTime::now|std::fs|std::net|std::thread|std::process|std::env|tokio::|tracing::)";
    let pattern = Regex::new(pattern).expect("a pattern");
    let hits = file.code().filter_map(|(number, line)| Some((number, pattern.find(line)?)));
    hits.map(|(number, hit)| format!("{}:{number}: a pure crate names {}", file.path, hit.as_str())).collect()
}

fn too_long(file: &File) -> Option<String> {
    let limit = if file.path == "services/tidegate/src/main.rs" { LONGEST_MAIN_LINES } else { LONGEST_FILE_LINES };
    let lines = file.text.lines().take_while(|line| !line.starts_with("mod tests {")).count();
    (lines > limit).then(|| format!("{}: {lines} lines, at most {limit}", file.path))
}

fn unfinished(file: &File) -> Vec<String> {
    // In parts, so that this file does not name them.
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("todo", "!("), concat!("unimplemented", "!(")];
    let hit = |line: &str| words.iter().find(|word| line.contains(*word)).copied();
    let lines = file.text.lines().enumerate().filter_map(|(index, line)| Some((index + 1, hit(line)?)));
    lines.map(|(number, word)| format!("{}:{number}: {word}", file.path)).collect()
}

/// Libraries write no standard output: the lint says so, and only programs may switch it off.
fn switches_off_the_print_lint(file: &File) -> bool {
    let programs = ["services/tidegate/", "load-tests/", "chaos/", "tidy/", "e2e/"];
    let switched = file.code().any(|(_, line)| line.contains("clippy::print_std"));
    switched && !programs.iter().any(|program| file.path.starts_with(program)) && !file.is_test()
}

#[test]
fn pure_crates_know_no_clock_and_no_io() {
    let files: Vec<File> = PURE.iter().flat_map(|name| files(&format!("services/lib/{name}/src"), &[".rs"])).collect();
    assert!(files.len() > 10, "only {} files", files.len());
    let violations: Vec<String> = files.iter().filter(|file| !file.is_test()).flat_map(impure).collect();
    assert_none(&violations);
}

#[test]
fn files_are_short() {
    let violations: Vec<String> = files("", &[".rs"]).iter().filter(|f| !f.is_test()).filter_map(too_long).collect();
    assert_none(&violations);
}

#[test]
fn nothing_is_left_unfinished() {
    let endings = [".rs", ".toml", ".md", ".proto", ".py", ".sh", "Makefile", "run"];
    assert_none(&files("", &endings).iter().flat_map(unfinished).collect::<Vec<_>>());
}

#[test]
fn libraries_do_not_print() {
    let files = files("", &[".rs"]);
    let violations = files.iter().filter(|file| switches_off_the_print_lint(file)).map(|file| file.path.clone());
    assert_none(&violations.collect::<Vec<_>>());
}

#[test]
fn each_rule_notices_its_violation() {
    let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
    let code = "// SystemTime in a comment\nlet a = SystemTime::now();\nmod tests {\n  std::fs::read(x)";
    assert_eq!(impure(&file("a.rs", code)), ["a.rs:2: a pure crate names SystemTime::now"]);
    assert!(impure(&file("a.rs", "use std::time::Duration;")).is_empty());
    assert!(too_long(&file("a.rs", &"x\n".repeat(601))).is_some());
    assert!(too_long(&file("a.rs", &("x\n".repeat(600) + "mod tests {\nx\n"))).is_none());
    assert!(too_long(&file("services/tidegate/src/main.rs", &"x\n".repeat(151))).is_some());
    assert_eq!(unfinished(&file("a.rs", concat!("// TO", "DO later"))).len(), 1);
    let switched = "#![allow(clippy::print_stdout)]";
    assert!(switches_off_the_print_lint(&file("services/query/src/lib.rs", switched)));
    assert!(!switches_off_the_print_lint(&file("services/tidegate/src/main.rs", switched)));
}
