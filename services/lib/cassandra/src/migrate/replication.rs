//! How many copies a keyspace keeps. Pure.

use std::collections::HashMap;

use crate::config::Config;

pub(super) fn create_keyspace(config: &Config) -> String {
    let copies = config.replication_factor;
    let replication = match config.datacenter.as_str() {
        "" => format!("{{'class': 'SimpleStrategy', 'replication_factor': {copies}}}"),
        datacenter => format!("{{'class': 'NetworkTopologyStrategy', '{datacenter}': {copies}}}"),
    };
    format!("CREATE KEYSPACE IF NOT EXISTS {} WITH replication = {replication}", config.keyspace)
}

/// Copies of a row in the data centre, by what the keyspace says of itself.
/// Without one in the configuration, where there are fewest.
pub(super) fn copies(replication: &HashMap<String, String>, datacenter: &str) -> u16 {
    // "3/1": of three copies one is transient.
    let number = |text: &String| text.split('/').next().and_then(|copies| copies.trim().parse().ok()).unwrap_or(0);
    match replication.get(datacenter).or(replication.get("replication_factor")) {
        Some(copies) => number(copies),
        None if datacenter.is_empty() => {
            replication.iter().filter(|(key, _)| *key != "class").map(|(_, copies)| number(copies)).min().unwrap_or(0)
        }
        None => 0,
    }
}

#[cfg(test)]
mod tests;
