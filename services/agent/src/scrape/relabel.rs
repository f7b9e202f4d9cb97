//! Relabelling, with the actions and rules of Prometheus.

use std::collections::BTreeMap;

use md5::{Digest, Md5};
use regex::Regex;
use tidegate_mad::config::{RelabelAction, RelabelRule};

use super::labels::{Labels, is_label_name};

#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    #[error("relabelling: {0}")]
    Regex(#[from] regex::Error),
    #[error("relabelling: {0:?} needs a target_label")]
    NoTarget(RelabelAction),
    #[error("relabelling: hashmod needs a modulus")]
    NoModulus,
}

/// A rule that can be applied.
#[derive(Clone, Debug)]
pub struct Rule {
    config: RelabelRule,
    regex: Regex,
}

/// What becomes of what has the labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Kept,
    Dropped,
}

impl Rule {
    /// # Errors
    /// Where a part that the action needs is missing or wrong.
    pub fn new(config: &RelabelRule) -> Result<Self, RuleError> {
        let regex = Regex::new(&format!("^(?s:{})$", config.regex))?;
        let needs_target = matches!(
            config.action,
            RelabelAction::Replace
                | RelabelAction::KeepEqual
                | RelabelAction::DropEqual
                | RelabelAction::HashMod
                | RelabelAction::Lowercase
                | RelabelAction::Uppercase
        );
        if needs_target && config.target_label.is_empty() {
            return Err(RuleError::NoTarget(config.action));
        }
        if config.action == RelabelAction::HashMod && config.modulus == 0 {
            return Err(RuleError::NoModulus);
        }
        Ok(Self { config: config.clone(), regex })
    }

    fn apply(&self, labels: &mut Labels) -> Verdict {
        let config = &self.config;
        let get = |labels: &Labels, name: &str| labels.get(name).cloned().unwrap_or_default();
        let values: Vec<String> = config.source_labels.iter().map(|name| get(labels, name)).collect();
        let value = values.join(&config.separator);
        let kept = |is_kept: bool| if is_kept { Verdict::Kept } else { Verdict::Dropped };
        match config.action {
            RelabelAction::Keep => return kept(self.regex.is_match(&value)),
            RelabelAction::Drop => return kept(!self.regex.is_match(&value)),
            RelabelAction::KeepEqual => return kept(get(labels, &config.target_label) == value),
            RelabelAction::DropEqual => return kept(get(labels, &config.target_label) != value),
            RelabelAction::Replace => self.replace(&value, labels),
            RelabelAction::HashMod => {
                let digest = Md5::digest(value.as_bytes());
                let last = digest.iter().skip(8).fold(0u64, |hash, byte| hash << 8 | u64::from(*byte));
                set(labels, &config.target_label, (last % config.modulus).to_string());
            }
            RelabelAction::Lowercase => set(labels, &config.target_label, value.to_lowercase()),
            RelabelAction::Uppercase => set(labels, &config.target_label, value.to_uppercase()),
            RelabelAction::LabelMap => {
                let matching = labels.iter().filter(|(name, _)| self.regex.is_match(name));
                let renamed = matching.map(|(name, value)| {
                    (self.regex.replace(name, config.replacement.as_str()).into_owned(), value.clone())
                });
                for (name, value) in renamed.collect::<BTreeMap<_, _>>() {
                    set(labels, &name, value);
                }
            }
            RelabelAction::LabelDrop => labels.retain(|name, _| !self.regex.is_match(name)),
            RelabelAction::LabelKeep => labels.retain(|name, _| self.regex.is_match(name)),
        }
        Verdict::Kept
    }

    fn replace(&self, value: &str, labels: &mut Labels) {
        let Some(groups) = self.regex.captures(value) else { return };
        let expand = |template: &str| {
            let mut text = String::new();
            groups.expand(template, &mut text);
            text
        };
        let target = expand(&self.config.target_label);
        if is_label_name(&target) {
            set(labels, &target, expand(&self.config.replacement));
        }
    }
}

/// A label without a value is none.
fn set(labels: &mut Labels, name: &str, value: String) {
    if value.is_empty() {
        labels.remove(name);
    } else {
        labels.insert(name.to_owned(), value);
    }
}

/// Applies the rules one after the other.
pub fn apply(rules: &[Rule], labels: &mut Labels) -> Verdict {
    let dropped = rules.iter().any(|rule| rule.apply(labels) == Verdict::Dropped);
    if dropped { Verdict::Dropped } else { Verdict::Kept }
}

#[cfg(test)]
mod tests;
