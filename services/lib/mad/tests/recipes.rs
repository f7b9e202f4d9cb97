//! The recipes of the documentation can be used as they stand there.

use std::collections::HashMap;
use std::path::Path;

use tidegate_mad::config::{load_daemon, load_pipeline};

/// The blocks of HOCON in the text.
fn blocks(text: &str) -> Vec<&str> {
    let begins = text.split("```hocon\n").skip(1);
    begins.map(|block| block.split("```").next().expect("an end")).collect()
}

#[test]
fn every_recipe_is_understood_to_the_last_key() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/agent.md");
    let text = std::fs::read_to_string(path).expect("the documentation");
    let folder = tempfile::tempdir().expect("a folder");
    let blocks = blocks(&text);
    assert!(blocks.len() > 15, "{}", blocks.len());
    for block in blocks {
        let file = folder.path().join("recipe.conf");
        let is_daemon = block.starts_with("# config.conf");
        // What is no whole file is one source or one sink.
        let whole = match block.lines().find(|line| line.contains("type = ")) {
            Some(_) if block.starts_with('#') => block.to_owned(),
            Some(line) if line.contains("Source") => format!("name = recipe, sources = [{block}]"),
            Some(_) => format!("name = recipe, sinks = [{block}]"),
            None => block.to_owned(),
        };
        std::fs::write(&file, whole).expect("writes");
        let notes = if is_daemon {
            load_daemon(&file, &HashMap::new()).map(|loaded| loaded.notes)
        } else {
            load_pipeline(&file, &HashMap::new()).map(|loaded| loaded.notes)
        };
        match notes {
            Ok(notes) => assert!(notes.is_empty(), "{block}\n{notes:?}"),
            Err(error) => panic!("{block}\n{error}"),
        }
    }
}
