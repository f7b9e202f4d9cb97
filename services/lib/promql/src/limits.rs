//! What a query may cost.

use std::sync::Arc;

use crate::{EvalError, Workers};

/// Caps of one evaluation. Exceeding one is an error, never a cut answer.
#[derive(Clone)]
pub struct Limits {
    /// Samples and windows read, and values computed, in all.
    pub max_samples: u64,
    /// Series that one selector may find.
    pub max_series: usize,
    /// Steps of the range. The finer grid of a subquery counts as samples.
    pub max_steps: usize,
    /// Depth of the syntax tree.
    pub max_depth: usize,
    /// Who evaluates, series by series.
    pub workers: Workers,
    /// Asked regularly; true: give up with [`EvalError::Timeout`].
    pub expired: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_samples: 50_000_000,
            max_series: 200_000,
            max_steps: 11_000,
            max_depth: 500,
            workers: Workers::default(),
            expired: Arc::new(|| false),
        }
    }
}

/// Samples between two looks at the deadline.
const CHECK_EVERY: u64 = 65_536;

/// What has been used of the limits.
pub(crate) struct Budget<'a> {
    limits: &'a Limits,
    samples: u64,
    next_check: u64,
}

impl<'a> Budget<'a> {
    pub fn new(limits: &'a Limits) -> Self {
        Self { limits, samples: 0, next_check: 0 }
    }

    /// Books samples before they are made.
    pub fn spend(&mut self, samples: usize) -> Result<(), EvalError> {
        self.samples = self.samples.saturating_add(samples as u64);
        if self.samples > self.limits.max_samples {
            return Err(EvalError::TooManySamples { limit: self.limits.max_samples });
        }
        if self.samples >= self.next_check {
            self.next_check = self.samples + CHECK_EVERY;
            self.check_deadline()?;
        }
        Ok(())
    }

    pub fn check_deadline(&self) -> Result<(), EvalError> {
        self.deadline()()
    }

    pub fn workers(&self) -> &'a Workers {
        &self.limits.workers
    }

    /// As [`Budget::check_deadline`], for workers.
    pub fn deadline(&self) -> impl Fn() -> Result<(), EvalError> + Sync + use<'a> {
        let limits = self.limits;
        move || if (limits.expired)() { Err(EvalError::Timeout) } else { Ok(()) }
    }

    pub fn series(&self, count: usize) -> Result<(), EvalError> {
        if count > self.limits.max_series {
            return Err(EvalError::TooManySeries { limit: self.limits.max_series });
        }
        Ok(())
    }

    pub fn depth(&self, depth: usize) -> Result<(), EvalError> {
        if depth > self.limits.max_depth {
            return Err(EvalError::TooDeep { limit: self.limits.max_depth });
        }
        Ok(())
    }

    pub fn steps(&self, count: usize) -> Result<(), EvalError> {
        if count > self.limits.max_steps {
            return Err(EvalError::TooManySteps { limit: self.limits.max_steps });
        }
        Ok(())
    }
}
