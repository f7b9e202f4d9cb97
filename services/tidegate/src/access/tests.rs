use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regex::Regex;

use super::*;

/// Sources whose routes the ports of a process serve. The agent's daemon has a
/// port of its own, as the Java daemon has.
const SERVED: [&str; 6] = [
    "services/gateway/src",
    "services/query/src",
    "services/tidegate/src",
    "services/lib/runtime/src",
    "services/lib/access/src",
    "dashboard/src",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|end| end == "rs") && !entry.to_string_lossy().contains("test") {
            found.push(entry);
        }
    }
}

/// Every path that a source routes: literals, constants, and gRPC methods.
fn routes() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    SERVED.iter().for_each(|folder| sources(&root.join(folder), &mut files));
    let route = Regex::new(r#"\.route\(\s*(?:"([^"]+)"|([A-Z_]+))"#).expect("a pattern");
    let method = Regex::new(r#"SERVICE: &'static str = "([^"]+)";\s*const METHOD: &'static str = "([^"]+)""#);
    let method = method.expect("a pattern");
    let mut routes = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("reads");
        for found in route.captures_iter(&text) {
            routes.insert(match (found.get(1), found.get(2)) {
                (Some(path), _) => path.as_str().to_owned(),
                (_, Some(name)) => {
                    let value = Regex::new(&format!(r#"const {}: &str = "([^"]+)""#, name.as_str()));
                    let value = value.expect("a pattern").captures(&text).expect("the constant is beside its use");
                    value[1].to_owned()
                }
                _ => panic!("neither path nor constant"),
            });
        }
        routes.extend(method.captures_iter(&text).map(|found| format!("/{}/{}", &found[1], &found[2])));
    }
    routes
}

#[test]
fn the_table_has_every_route_and_no_other() {
    let routes = routes();
    assert!(routes.len() > 25, "only {routes:?}");
    let table: BTreeSet<String> = TABLE.iter().map(|rule| rule.path.to_owned()).collect();
    let missing: Vec<_> = routes.difference(&table).collect();
    assert!(missing.is_empty(), "not in the table: {missing:?}");
    let gone: Vec<_> = table.difference(&routes).collect();
    assert!(gone.is_empty(), "in the table, and no route: {gone:?}");
}

#[test]
fn what_is_open_is_counted() {
    let open: Vec<_> = TABLE.iter().filter(|rule| rule.need == Need::Nothing).map(|rule| rule.path).collect();
    assert_eq!(open, ["/livez", "/readyz", "/login", "/logout", "/assets/{name}"]);
}
