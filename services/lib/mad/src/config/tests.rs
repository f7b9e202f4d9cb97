use std::collections::HashMap;
use std::fs;

use super::*;

fn pipeline(text: &str) -> Result<Loaded<Pipeline>, LoadError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipeline.conf");
    fs::write(&path, text).unwrap();
    load_pipeline(&path, &HashMap::new())
}

#[test]
fn the_smallest_pipeline_has_the_defaults_of_java() {
    let Loaded { config, notes } = pipeline("name = p").unwrap();
    assert_eq!(config.name, "p");
    assert_eq!(config.periods_ms, [1000, 60_000]);
    assert!(notes.is_empty());
}
