//! That the documentation names what is there.

use std::path::Path;

use regex::Regex;

use crate::assert_none;
use crate::tree::{File, files, root};

/// Paths below the project's own folders, wherever they stand in a text.
fn paths(text: &str) -> Vec<String> {
    let pattern =
        r"(?:^|[^\w./:-])((?:proto|schemas|services|testkit|e2e|tidy|load-tests|chaos|docs|infra|helm|\.ci)/[\w./-]*)";
    let pattern = Regex::new(pattern).expect("a pattern");
    let found = pattern.captures_iter(text).map(|captures| captures[1].trim_end_matches(['.', '/', '-']).to_owned());
    found.collect()
}

fn missing(file: &File, exists: impl Fn(&Path) -> bool) -> Vec<String> {
    let absent = paths(&file.text).into_iter().filter(|path| !exists(Path::new(path)));
    absent.map(|path| format!("{} names {path}, which does not exist", file.path)).collect()
}

/// Targets of links to files, `[text](path)`, from the folder of the file that holds them.
fn broken_links(file: &File, exists: impl Fn(&Path) -> bool) -> Vec<String> {
    let pattern = Regex::new(r"\]\(([^)#\s]+)(?:#[^)]*)?\)").expect("a pattern");
    let folder = Path::new(&file.path).parent().unwrap_or(Path::new(""));
    let targets = pattern.captures_iter(&file.text).map(|captures| captures[1].to_owned());
    let broken = targets.filter(|target| !target.contains("://") && !exists(&folder.join(target)));
    broken.map(|target| format!("{} links to {target}, which does not exist", file.path)).collect()
}

#[test]
fn paths_in_the_documentation_exist() {
    let files = files("", &[".md"]);
    assert!(files.iter().any(|file| file.path == "docs/architecture.md"));
    let exists = |path: &Path| root().join(path).exists();
    assert_none(&files.iter().flat_map(|file| missing(file, exists)).collect::<Vec<_>>());
    assert_none(&files.iter().flat_map(|file| broken_links(file, exists)).collect::<Vec<_>>());
}

#[test]
fn every_command_of_the_readme_is_in_the_makefile() {
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    let used = Regex::new(r"\bmake ([a-z][a-z-]*)`|^\s*make ([a-z][a-z-]*)").expect("a pattern");
    for file in files("", &[".md"]) {
        for line in file.text.lines() {
            for captures in used.captures_iter(line) {
                let name = captures.get(1).or(captures.get(2)).map_or("", |found| found.as_str());
                assert!(makefile.contains(&format!("\n{name}:")), "{}: `make {name}` does not exist", file.path);
            }
        }
    }
}

#[test]
fn a_wrong_path_is_noticed() {
    let text =
        "see `services/lib/fold/tests`, (docs/a.md). https://example.org/docs/b and target/services/c\n    e2e/  x";
    assert_eq!(paths(text), ["services/lib/fold/tests", "docs/a.md", "e2e"]);
    let file = File { path: "docs/x.md".to_owned(), text: "[a](../e2e/no.rs#b) [c](https://d/) tidy/no".to_owned() };
    assert_eq!(missing(&file, |_| false), ["docs/x.md names tidy/no, which does not exist"]);
    assert_eq!(broken_links(&file, |_| false), ["docs/x.md links to ../e2e/no.rs, which does not exist"]);
}
