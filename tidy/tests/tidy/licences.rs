//! Licences and bans of `deny.toml`, over what this platform links, without the network.

use std::fs;

use regex::Regex;

use crate::{assert_none, tree};

/// Whether an SPDX expression can be satisfied with allowed licences. `AND` binds tighter than `OR`; the old `/` means `OR`.
fn satisfied(expression: &str, allowed: &[String]) -> bool {
    let expression = expression.replace('/', " OR ");
    let innermost = Regex::new(r"\(([^()]*)\)").expect("a pattern");
    let mut flat = expression;
    while let Some(captures) = innermost.captures(&flat) {
        let value = if satisfied(&captures[1], allowed) { "yes" } else { "no" };
        flat = flat.replacen(&captures[0], value, 1);
    }
    let one = |term: &str| term == "yes" || allowed.iter().any(|licence| licence == term);
    flat.split(" OR ").any(|all| all.split(" AND ").all(|term| one(term.trim())))
}

fn deny_toml() -> String {
    fs::read_to_string(tree::root().join("deny.toml")).unwrap()
}

/// The strings of the list `allow = [ … ]`.
fn allowed(deny: &str) -> Vec<String> {
    let lines = deny.lines().skip_while(|line| *line != "allow = [").skip(1).take_while(|line| *line != "]");
    lines.map(|line| line.trim_matches([' ', ',', '"']).to_owned()).collect()
}

/// Banned crates, each with those that may use it all the same.
fn banned(deny: &str) -> Vec<(String, String)> {
    let pattern = Regex::new(r#"\{ name = "([^"]+)",(?: wrappers = \[([^\]]*)\],)? reason"#).expect("a pattern");
    let found = pattern.captures_iter(deny);
    found.map(|c| (c[1].to_owned(), c.get(2).map_or("", |list| list.as_str()).to_owned())).collect()
}

#[test]
fn every_licence_is_allowed() {
    let allowed = allowed(&deny_toml());
    assert!(allowed.contains(&"MIT".to_owned()));
    let packages = &tree::metadata().packages;
    assert!(packages.len() > 100, "cargo metadata gives only {} packages", packages.len());
    let bad = packages.iter().filter(|p| !satisfied(p.license.as_deref().unwrap_or("none"), &allowed));
    assert_none(&bad.map(|p| format!("{} {}: licence {:?}", p.name, p.version, p.license)).collect::<Vec<_>>());
}

#[test]
fn nothing_banned_is_linked() {
    let banned = banned(&deny_toml());
    assert!(banned.len() >= 3);
    let metadata = tree::metadata();
    let resolve = metadata.resolve.as_ref().expect("a resolved graph");
    let mut violations = Vec::new();
    for node in &resolve.nodes {
        let user = metadata[&node.id].name.to_string();
        for dependency in &node.dependencies {
            let name = metadata[dependency].name.to_string();
            let rule = banned.iter().find(|(ban, _)| *ban == name);
            if rule.is_some_and(|(_, wrappers)| !wrappers.contains(&format!("\"{user}\""))) {
                violations.push(format!("{user} brings in {name}"));
            }
        }
    }
    assert_none(&violations);
}

#[test]
fn expressions_are_understood() {
    let allowed = ["MIT".to_owned(), "Zlib".to_owned()];
    for good in ["MIT", "GPL-3.0 OR MIT", "GPL-3.0/MIT", "(MIT OR GPL-3.0) AND Zlib", "MIT AND Zlib"] {
        assert!(satisfied(good, &allowed), "{good}");
    }
    for bad in ["none", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR GPL-3.0) AND GPL-2.0"] {
        assert!(!satisfied(bad, &allowed), "{bad}");
    }
}
