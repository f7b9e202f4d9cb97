//! Patterns against what `java.util.regex` of JDK 17 made of them; the file of
//! cases is written by the program beside it.

use serde_json::Value;
use tidegate_mad::JavaRegex;

/// One match: where it starts, in UTF-16 units, and its groups.
fn matches_of(regex: &JavaRegex, text: &str) -> Vec<Value> {
    let of_match = |captures: tidegate_mad::Captures<'_>| {
        let start = text[..captures.range().start].encode_utf16().count();
        let groups = (0..captures.len()).map(|group| captures.get(group).map_or(Value::Null, Value::from));
        Value::Array([Value::from(start)].into_iter().chain(groups).collect())
    };
    regex.captures_iter(text).map(of_match).collect()
}

/// Without the empty matches that Java finds between the halves of a character beyond 16 bits.
fn in_java(expected: &Value, text: &str) -> Vec<Value> {
    let units: Vec<u16> = text.encode_utf16().collect();
    let inside = |found: &&Value| {
        let start = found[0].as_u64().unwrap() as usize;
        !units.get(start).is_some_and(|unit| (0xDC00..0xE000).contains(unit))
    };
    expected.as_array().unwrap().iter().filter(inside).cloned().collect()
}

/// Whether they are the same, but for groups of which Java tells what an attempt
/// that failed had put there; and how many of those there are.
fn compare(found: &[Value], expected: &[Value]) -> (bool, usize) {
    let mut stale = 0;
    let mut same_group = |(ours, java): (&Value, &Value)| {
        let forgotten = ours.is_null() && !java.is_null();
        stale += usize::from(forgotten);
        forgotten || ours == java
    };
    let same_match = |(ours, java): (&Value, &Value)| {
        let (ours, java) = (ours.as_array().unwrap(), java.as_array().unwrap());
        ours.len() == java.len() && ours.iter().zip(java).all(&mut same_group)
    };
    let same = found.len() == expected.len() && found.iter().zip(expected).all(same_match);
    (same, stale)
}

#[test]
fn finds_what_java_finds() {
    let cases = include_str!("data/java_regex/cases.jsonl");
    let (mut compared, mut stale, mut wrong) = (0, 0, Vec::new());
    for line in cases.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let pattern = case["pattern"].as_str().unwrap();
        let texts = case.get("texts").map(|texts| texts.as_array().unwrap());
        let (regex, texts) = match (JavaRegex::new(pattern), texts) {
            (Ok(regex), Some(texts)) => (regex, texts),
            (Err(_), None) => continue,
            (Ok(_), None) => {
                wrong.push(format!("{pattern:?}: Java refuses it"));
                continue;
            }
            (Err(error), Some(_)) => {
                wrong.push(format!("{pattern:?}: {error}"));
                continue;
            }
        };
        for expected in texts {
            let text = expected[0].as_str().unwrap();
            compared += 1;
            let found = matches_of(&regex, text);
            let (same, forgotten) = compare(&found, &in_java(&expected[2], text));
            stale += forgotten;
            if !same {
                let found = Value::Array(found);
                wrong.push(format!("{pattern:?} in {text:?}: {found}, in Java {}", expected[2]));
            }
            if Value::Bool(regex.matches(text)) != expected[1] {
                wrong.push(format!("{pattern:?} of the whole {text:?}: not {}", expected[1]));
            }
        }
    }
    assert!(stale < 20, "{stale} groups");
    assert!(compared > 5000, "{compared} texts");
    assert!(wrong.is_empty(), "{} differences in {compared}:\n{}", wrong.len(), wrong.join("\n"));
}
