//! Labels by name, and which names they can have.

use std::collections::BTreeMap;

pub type Labels = BTreeMap<String, String>;

pub fn is_label_name(name: &str) -> bool {
    let legal = |c: char| c == '_' || c.is_ascii_alphanumeric();
    name.chars().all(legal) && name.starts_with(|c: char| !c.is_ascii_digit())
}
