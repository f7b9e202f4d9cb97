//! Work on many series, in parts that may be done at the same time.

use std::sync::Arc;

/// Cells below which a further part costs more than it saves.
const CELLS_PER_PART: usize = 50_000;

/// A part of the work.
pub type Job<'a> = Box<dyn FnOnce() + Send + 'a>;

type RunAll = dyn for<'a> Fn(Vec<Job<'a>>) + Send + Sync;

/// Who does the parts. This crate starts no threads; a caller may.
#[derive(Clone)]
pub struct Workers {
    parts: usize,
    run_all: Arc<RunAll>,
}

impl Workers {
    /// Work is cut into `parts` at most; `run_all` returns when every job it
    /// is given is done.
    pub fn new(parts: usize, run_all: impl for<'a> Fn(Vec<Job<'a>>) + Send + Sync + 'static) -> Self {
        Self { parts: parts.max(1), run_all: Arc::new(run_all) }
    }

    /// In how many parts work of this size is done.
    pub(crate) fn parts_of(&self, cells: usize) -> usize {
        (cells / CELLS_PER_PART).clamp(1, self.parts)
    }

    /// Maps in order. `cells` is the size of all the work.
    pub fn map<T: Send, R: Send>(&self, mut items: Vec<T>, cells: usize, work: impl Fn(T) -> R + Sync) -> Vec<R> {
        let parts = self.parts_of(cells).min(items.len().max(1));
        let share = items.len().div_ceil(parts).max(1);
        let mut done: Vec<Vec<R>> = Vec::new();
        done.resize_with(parts, Vec::new);
        let (work, mut jobs): (_, Vec<Job<'_>>) = (&work, Vec::new());
        for done in done.iter_mut().rev() {
            // The last parts have a full share, the first the rest.
            let part = items.split_off(items.len().saturating_sub(share));
            jobs.push(Box::new(move || *done = part.into_iter().map(work).collect()));
        }
        (self.run_all)(jobs);
        done.into_iter().flatten().collect()
    }
}

/// The calling thread, one part after the other.
impl Default for Workers {
    fn default() -> Self {
        Self::new(1, |jobs| jobs.into_iter().for_each(|job| job()))
    }
}

#[cfg(test)]
mod tests;
