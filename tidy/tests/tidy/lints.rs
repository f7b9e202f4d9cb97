//! That no crate steps outside the lints.

use std::fs;

use crate::{assert_none, tree};

fn inherits(manifest: &str) -> bool {
    let mut lines = manifest.lines().skip_while(|line| line.trim() != "[lints]").skip(1);
    lines.next().is_some_and(|line| line.trim() == "workspace = true")
}

/// The entries of a clippy.toml's list.
fn entries(clippy: &str) -> Vec<&str> {
    clippy.lines().filter(|line| line.trim_start().starts_with("{ path")).collect()
}

#[test]
fn every_crate_inherits_the_lints() {
    let packages = tree::metadata().workspace_packages();
    let without = packages.iter().filter(|package| !inherits(&fs::read_to_string(&package.manifest_path).unwrap()));
    assert_none(&without.map(|package| format!("{}: no `[lints] workspace = true`", package.name)).collect::<Vec<_>>());
}

#[test]
fn the_pure_crates_forbid_all_that_the_project_forbids() {
    let read = |path: &str| fs::read_to_string(tree::root().join(path)).unwrap();
    let project = read("clippy.toml");
    assert!(entries(&project).len() > 3);
    for name in ["model", "sketch", "fold", "codec", "promql"] {
        let own = read(&format!("services/lib/{name}/clippy.toml"));
        let lacking: Vec<&str> = entries(&project).into_iter().filter(|entry| !entries(&own).contains(entry)).collect();
        assert!(lacking.is_empty(), "services/lib/{name}/clippy.toml lacks {lacking:?}");
        assert!(own.contains("SystemTime::now") && own.contains("Instant::now"), "{name} may tell the time");
    }
}

#[test]
fn a_crate_that_does_not_inherit_is_noticed() {
    assert!(inherits("[package]\n\n[lints]\nworkspace = true\n"));
    assert!(!inherits("[package]\n"));
    assert!(!inherits("[lints.clippy]\nall = \"allow\"\n"));
}
