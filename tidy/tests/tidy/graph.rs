//! Who depends on whom.

use cargo_metadata::DependencyKind;

use crate::{assert_none, tree};

const TARGETS: [&str; 8] = [
    "tidegate-gateway",
    "tidegate-rollup",
    "tidegate-compactor",
    "tidegate-query",
    "tidegate-alerter",
    "tidegate-agent",
    "tidegate-mesh",
    "tidegate-distributor",
];

const PURE: [&str; 6] =
    ["tidegate-model", "tidegate-sketch", "tidegate-fold", "tidegate-codec", "tidegate-promql", "tidegate-mad"];

/// What does I/O, waits or tells the time.
const IMPURE: [&str; 14] = [
    "tokio",
    "tokio-util",
    "tonic",
    "axum",
    "hyper",
    "reqwest",
    "fjall",
    "rdkafka",
    "scylla",
    "object_store",
    "rustix",
    "procfs",
    "parking_lot",
    "rand",
];

/// A dependency, and the only crates that may name it.
const ONLY: [(&str, &[&str]); 6] = [
    ("fjall", &["tidegate-embedded"]),
    ("rdkafka", &["tidegate-kafka", "tidegate-chaos"]),
    ("scylla", &["tidegate-cassandra", "tidegate-chaos"]),
    ("openssl", &["tidegate-cassandra"]),
    ("object_store", &["tidegate-coldstore", "tidegate"]),
    ("mimalloc", &["tidegate"]),
];

/// A dependency, and crates whose tests may name it as well.
const ONLY_TESTS: [(&str, &[&str]); 1] = [("object_store", &["tidegate-compactor"])];

const ADAPTERS: [&str; 3] = ["tidegate-embedded", "tidegate-kafka", "tidegate-cassandra"];

/// `from` names `to` in its manifest.
#[derive(Clone, Debug)]
struct Edge {
    from: String,
    to: String,
    use_: Use,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Shipped,
    Tests,
}

fn edges() -> Vec<Edge> {
    let packages = tree::metadata().workspace_packages();
    let of_one = |package: &&cargo_metadata::Package| {
        let from = package.name.to_string();
        let to = package.dependencies.iter().map(move |dependency| Edge {
            from: from.clone(),
            to: dependency.name.clone(),
            use_: if dependency.kind == DependencyKind::Development { Use::Tests } else { Use::Shipped },
        });
        to.collect::<Vec<_>>()
    };
    packages.iter().flat_map(of_one).collect()
}

fn targets_apart(edges: &[Edge]) -> Vec<String> {
    let is_target = |name: &String| TARGETS.contains(&name.as_str());
    let wrong = edges.iter().filter(|edge| is_target(&edge.from) && is_target(&edge.to));
    wrong.map(|edge| format!("{} depends on {}: targets share library crates only", edge.from, edge.to)).collect()
}

fn pure_crates(edges: &[Edge]) -> Vec<String> {
    let pure = |name: &String| PURE.contains(&name.as_str());
    let bad = |edge: &&Edge| {
        let foreign = edge.to.starts_with("tidegate-") && !pure(&edge.to);
        // The generated messages alone are data; tests may draw random numbers.
        let foreign = foreign && edge.to != "tidegate-proto" && edge.to != "tidegate-schemas";
        pure(&edge.from) && edge.use_ == Use::Shipped && (foreign || IMPURE.contains(&edge.to.as_str()))
    };
    edges.iter().filter(bad).map(|edge| format!("{} is pure, and depends on {}", edge.from, edge.to)).collect()
}

fn named_only_where_allowed(edges: &[Edge]) -> Vec<String> {
    let names = |list: &[(&str, &[&str])], edge: &Edge| {
        list.iter().any(|(to, from)| *to == edge.to && from.contains(&edge.from.as_str()))
    };
    let bad = |edge: &&Edge| {
        let is_listed = ONLY.iter().any(|(to, _)| *to == edge.to);
        let in_tests = edge.use_ == Use::Tests && names(&ONLY_TESTS, edge);
        is_listed && !names(&ONLY, edge) && !in_tests
    };
    edges.iter().filter(bad).map(|edge| format!("{} may not name {}", edge.from, edge.to)).collect()
}

fn adapters_in_the_binary_only(edges: &[Edge]) -> Vec<String> {
    let bad =
        |edge: &&Edge| ADAPTERS.contains(&edge.to.as_str()) && edge.use_ == Use::Shipped && edge.from != "tidegate";
    edges.iter().filter(bad).map(|edge| format!("{} names the adapter {}", edge.from, edge.to)).collect()
}

fn products_without_test_crates(edges: &[Edge]) -> Vec<String> {
    let tests = ["tidegate-testkit", "tidegate-e2e", "tidegate-tidy", "tidegate-load-tests", "tidegate-chaos"];
    let bad = |edge: &&Edge| {
        tests.contains(&edge.to.as_str()) && edge.use_ == Use::Shipped && !tests.contains(&edge.from.as_str())
    };
    edges.iter().filter(bad).map(|edge| format!("{} ships {}", edge.from, edge.to)).collect()
}

#[test]
fn the_workspace_keeps_the_rules() {
    let edges = edges();
    assert!(edges.len() > 50, "cargo metadata gives only {} dependencies", edges.len());
    assert_none(&targets_apart(&edges));
    assert_none(&pure_crates(&edges));
    assert_none(&named_only_where_allowed(&edges));
    assert_none(&adapters_in_the_binary_only(&edges));
    assert_none(&products_without_test_crates(&edges));
}

#[test]
fn each_rule_notices_its_violation() {
    let edge = |from: &str, to: &str, use_| [Edge { from: from.to_owned(), to: to.to_owned(), use_ }];
    assert_eq!(targets_apart(&edge("tidegate-query", "tidegate-rollup", Use::Tests)).len(), 1);
    assert_eq!(targets_apart(&edge("tidegate-query", "tidegate-model", Use::Shipped)).len(), 0);
    assert_eq!(pure_crates(&edge("tidegate-fold", "tokio", Use::Shipped)).len(), 1);
    assert_eq!(pure_crates(&edge("tidegate-fold", "tidegate-runtime", Use::Shipped)).len(), 1);
    assert_eq!(pure_crates(&edge("tidegate-fold", "rand", Use::Tests)).len(), 0);
    assert_eq!(named_only_where_allowed(&edge("tidegate-query", "fjall", Use::Tests)).len(), 1);
    assert_eq!(named_only_where_allowed(&edge("tidegate-compactor", "object_store", Use::Shipped)).len(), 1);
    assert_eq!(named_only_where_allowed(&edge("tidegate-compactor", "object_store", Use::Tests)).len(), 0);
    assert_eq!(adapters_in_the_binary_only(&edge("tidegate-query", "tidegate-embedded", Use::Shipped)).len(), 1);
    assert_eq!(adapters_in_the_binary_only(&edge("tidegate-query", "tidegate-embedded", Use::Tests)).len(), 0);
    assert_eq!(products_without_test_crates(&edge("tidegate", "tidegate-testkit", Use::Shipped)).len(), 1);
}
