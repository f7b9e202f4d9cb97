//! Results that wait, without copies of them.

use std::ops::Range;
use std::sync::Arc;

use tidegate_mad::Periodic;

/// One result among those that came with it.
#[derive(Clone, Debug, PartialEq)]
pub struct One {
    pub all: Arc<[Periodic]>,
    pub index: usize,
}

impl One {
    pub fn result(&self) -> &Periodic {
        &self.all[self.index]
    }
}

/// Some results among those that came with them.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    all: Arc<[Periodic]>,
    range: Range<usize>,
}

impl Part {
    pub fn whole(all: &Arc<[Periodic]>) -> Self {
        Self { all: all.clone(), range: 0..all.len() }
    }

    /// All of them in parts of `size` at most.
    pub fn all(all: &Arc<[Periodic]>, size: usize) -> impl Iterator<Item = Self> {
        let starts = (0..all.len()).step_by(size.max(1));
        starts.map(move |start| Self { all: all.clone(), range: start..all.len().min(start + size.max(1)) })
    }

    pub fn results(&self) -> &[Periodic] {
        &self.all[self.range.clone()]
    }
}
