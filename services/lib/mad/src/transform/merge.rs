//! The metrics of one record under new names and dimensions.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::{Dimensions, Metric, Record};

/// Whether any rule was for a metric; one for which none was passes as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Yes,
    No,
}

/// Metrics by dimensions and name, in the order in which they first came.
#[derive(Debug, Default)]
pub struct Merged {
    groups: Vec<Group>,
    /// Group and position within it.
    by_name: HashTable<(usize, usize)>,
    hasher: DefaultHashBuilder,
    discarded: u64,
}

#[derive(Debug)]
struct Group {
    dimensions: Dimensions,
    metrics: Vec<(Box<str>, Metric)>,
}

impl Merged {
    /// Adds a metric to the one of that name and those dimensions; one of
    /// another kind than the first is discarded.
    pub fn add(&mut self, name: Box<str>, metric: Metric, dimensions: &Dimensions) {
        let group = self.groups.iter().position(|group| group.dimensions == *dimensions).unwrap_or_else(|| {
            self.groups.push(Group { dimensions: dimensions.clone(), metrics: Vec::new() });
            self.groups.len() - 1
        });
        let (hasher, groups) = (&self.hasher, &mut self.groups);
        let hash = hasher.hash_one((group, &*name));
        let same = |at: &(usize, usize)| at.0 == group && groups[at.0].metrics[at.1].0 == name;
        if let Some((group, position)) = self.by_name.find(hash, same).copied() {
            let (_, known) = &mut groups[group].metrics[position];
            if known.kind != metric.kind {
                self.discarded += 1;
                return;
            }
            known.samples.extend(metric.samples);
            known.histograms.extend(metric.histograms);
            return;
        }
        groups[group].metrics.push((name, metric));
        let at = (group, groups[group].metrics.len() - 1);
        self.by_name.insert_unique(hash, at, |at| hasher.hash_one((at.0, &*groups[at.0].metrics[at.1].0)));
    }

    pub fn discarded(&self) -> u64 {
        self.discarded
    }

    /// A record for each set of dimensions.
    pub fn into_records(self, time_ms: i64) -> impl Iterator<Item = Record> {
        self.groups.into_iter().map(move |Group { dimensions, metrics }| Record {
            time_ms,
            request_time_ms: None,
            dimensions,
            metrics,
        })
    }
}
