//! The project's structure, as tests. Each rule is a function of what it looks at, and is itself tested on something
//! that breaks it.

#[path = "tidy/docs.rs"]
mod docs;
#[path = "tidy/graph.rs"]
mod graph;
#[path = "tidy/licences.rs"]
mod licences;
#[path = "tidy/lints.rs"]
mod lints;
#[path = "tidy/sources.rs"]
mod sources;
#[path = "tidy/tree.rs"]
mod tree;

/// Fails with every violation, one a line.
fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}
