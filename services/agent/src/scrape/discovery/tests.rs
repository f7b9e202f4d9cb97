use super::*;

fn targets(groups: &[Group]) -> Vec<&str> {
    groups.iter().flat_map(|group| group.targets.iter().map(String::as_str)).collect()
}

#[test]
fn files_of_both_kinds_are_read_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("a.json"), r#"[{"targets":["a:1","b:1"],"labels":{"x":"1"}}]"#).unwrap();
    std::fs::write(path("b.yml"), "- targets: ['c:1']\n").unwrap();
    std::fs::write(path("c.txt"), "no").unwrap();
    let patterns = [path("*.json"), path("b.*ml"), path("missing.json")];
    let mut files = Files::default();
    let (groups, errors) = files.read(&patterns);
    assert_eq!((targets(&groups), errors.len()), (vec!["a:1", "b:1", "c:1"], 0));
    assert_eq!(groups[0].labels["x"], "1");
    assert!(groups[0].file.ends_with("a.json"));
    // What cannot be read keeps its targets, what is gone does not.
    std::fs::write(path("a.json"), "[{").unwrap();
    std::fs::remove_file(path("b.yml")).unwrap();
    let (groups, errors) = files.read(&patterns);
    assert_eq!((targets(&groups), errors.len()), (vec!["a:1", "b:1"], 1));
    std::fs::write(path("a.json"), "[]").unwrap();
    let (groups, errors) = files.read(&patterns);
    assert_eq!((targets(&groups).len(), errors.len()), (0, 0));
    let (_, errors) = files.read(&[path("c.txt")]);
    assert!(errors[0].to_string().contains(".json, .yml or .yaml"));
}

#[test]
fn stars_stand_for_any_text() {
    for (pattern, name, expected) in [
        ("*", "", true),
        ("*.json", "a.json", true),
        ("*.json", "a.jsonx", false),
        ("a*b*c", "aXbYbZc", true),
        ("a*b", "ab", true),
        ("a*b", "ba", false),
        ("é*", "éx", true),
        ("ab", "abc", false),
    ] {
        assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
    }
}
