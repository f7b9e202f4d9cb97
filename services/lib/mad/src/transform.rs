//! What wrapping sources do to records between parsing and aggregation.
//!
//! Three things are done otherwise than in Java. What a client has aggregated is
//! kept when transformed metrics merge, where Java keeps the first one's only.
//! With several transformation sets the results are handed on once, where Java
//! hands on those so far again after each further set. A single character after
//! the last match in a name stays. A record whose metrics are all dropped is
//! dropped itself, and as in Java none keeps its request time.

mod merge;
mod template;

use std::collections::BTreeMap;

use self::merge::{Found, Merged};
pub use self::template::{Template, TemplateError};
use crate::config::{DropSet, Transform, Transformation};
use crate::{Dimensions, JavaRegex, JavaReplacement, Record};

/// The wrappers of one source, from the innermost to the outermost.
#[derive(Clone, Debug, Default)]
pub struct Transforms {
    steps: Vec<Transform>,
    /// The process's, for `${env:NAME}`.
    environment: BTreeMap<String, String>,
}

/// Metrics that could not be handed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Discarded {
    /// Since another of that name and those dimensions is of another kind.
    pub kinds: u64,
    /// Since what stands after `;` in the replaced name is not `key=value` pairs with keys of their own.
    pub tags: u64,
}

impl Transforms {
    pub fn new(steps: Vec<Transform>, environment: BTreeMap<String, String>) -> Self {
        Self { steps, environment }
    }

    /// Whether records pass as they are.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Applies all wrappers to records received at `now_ms`, in milliseconds since 1970.
    pub fn apply(&self, mut records: Vec<Record>, now_ms: i64) -> (Vec<Record>, Discarded) {
        let mut discarded = Discarded::default();
        for step in &self.steps {
            records = match step {
                Transform::TimeStamping => {
                    for record in &mut records {
                        (record.time_ms, record.request_time_ms) = (now_ms, None);
                    }
                    records
                }
                Transform::Mapping(rules) => each(records, &mut discarded, |record, merged, _| {
                    map(record, rules, merged);
                }),
                Transform::Transforming(sets) => each(records, &mut discarded, |record, merged, discarded| {
                    for set in sets {
                        self.transform(record, set, merged, discarded);
                    }
                }),
                Transform::TagDropping(sets) => each(records, &mut discarded, |record, merged, _| {
                    drop_tags(record, sets, merged);
                }),
            };
        }
        (records, discarded)
    }

    fn transform(&self, record: &Record, set: &Transformation, merged: &mut Merged, discarded: &mut Discarded) {
        let unconsumed = changed(&record.dimensions, set, &[], &[]);
        for (name, metric) in &record.metrics {
            let mut found = Found::No;
            for (pattern, templates) in &set.transform_metrics {
                if !pattern.find(name) {
                    continue;
                }
                found = Found::Yes;
                for template in templates {
                    let replaced = template.replace_all(pattern, name, &record.dimensions, &self.environment);
                    let (name, tags) = match replaced.text.split_once(';') {
                        Some((name, tags)) => (name, parse_tags(tags)),
                        None => (replaced.text.as_str(), Some(Vec::new())),
                    };
                    let Some(tags) = tags else {
                        discarded.tags += 1;
                        continue;
                    };
                    let dimensions = if tags.is_empty() && replaced.consumed.is_empty() {
                        unconsumed.clone()
                    } else {
                        changed(&record.dimensions, set, &replaced.consumed, &tags)
                    };
                    merged.add(name.into(), metric.clone(), &dimensions);
                }
            }
            if found == Found::No {
                merged.add(name.clone(), metric.clone(), &unconsumed);
            }
        }
    }
}

/// Rebuilds each record from what `work` puts into the merged metrics.
fn each(
    records: Vec<Record>,
    discarded: &mut Discarded,
    mut work: impl FnMut(&Record, &mut Merged, &mut Discarded),
) -> Vec<Record> {
    let mut rebuilt = Vec::with_capacity(records.len());
    for record in &records {
        let mut merged = Merged::default();
        work(record, &mut merged, discarded);
        discarded.kinds += merged.discarded();
        rebuilt.extend(merged.into_records(record.time_ms));
    }
    rebuilt
}

fn map(record: &Record, rules: &[(JavaRegex, Vec<JavaReplacement>)], merged: &mut Merged) {
    for (name, metric) in &record.metrics {
        let mut found = Found::No;
        for (pattern, replacements) in rules {
            if !pattern.find(name) {
                continue;
            }
            found = Found::Yes;
            for replacement in replacements {
                let name = pattern.replace_all(name, replacement);
                merged.add(name.into(), metric.clone(), &record.dimensions);
            }
        }
        if found == Found::No {
            merged.add(name.clone(), metric.clone(), &record.dimensions);
        }
    }
}

fn drop_tags(record: &Record, sets: &[DropSet], merged: &mut Merged) {
    for (name, metric) in &record.metrics {
        let mut dropped: Vec<&str> = Vec::new();
        for set in sets {
            if set.metric_pattern.matches(name) {
                dropped.extend(set.remove_dimensions.iter().map(String::as_str));
            }
        }
        let kept = |name: &str| !dropped.contains(&name);
        let dimensions = if record.dimensions.iter().all(|(name, _)| kept(name)) {
            record.dimensions.clone()
        } else {
            record.dimensions.iter().filter(|(name, _)| kept(name)).collect()
        };
        merged.add(name.clone(), metric.clone(), &dimensions);
    }
}

/// Removes what names have consumed and what the set removes, injects, adds tags: in this order.
fn changed(from: &Dimensions, set: &Transformation, consumed: &[&str], tags: &[(&str, &str)]) -> Dimensions {
    let removed = |name: &str| consumed.contains(&name) || set.remove_dimensions.iter().any(|other| other == name);
    if tags.is_empty() && set.inject_dimensions.is_empty() && !from.iter().any(|(name, _)| removed(name)) {
        return from.clone();
    }
    let mut dimensions: BTreeMap<&str, &str> = from.iter().filter(|(name, _)| !removed(name)).collect();
    for (name, injection) in &set.inject_dimensions {
        if injection.overwrite || !dimensions.contains_key(name.as_str()) {
            dimensions.insert(name, &injection.value);
        }
    }
    dimensions.extend(tags.iter().copied());
    dimensions.into_iter().collect()
}

/// `k=v;k=v`; none when an entry has no or several `=`, or a key comes twice.
fn parse_tags(text: &str) -> Option<Vec<(&str, &str)>> {
    let mut tags: Vec<(&str, &str)> = Vec::new();
    for entry in text.split(';').map(str::trim).filter(|entry| !entry.is_empty()) {
        let (key, value) = entry.split_once('=')?;
        if value.contains('=') || tags.iter().any(|(known, _)| *known == key) {
            return None;
        }
        tags.push((key, value));
    }
    Some(tags)
}

#[cfg(test)]
mod tests;
