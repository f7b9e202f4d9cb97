//! Which part of the process is ready, and why the others are not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The process is ready when every part that registered is.
#[derive(Clone, Default)]
pub struct Health {
    parts: Arc<Mutex<BTreeMap<&'static str, Option<String>>>>,
}

/// One part's entry; starts as not ready.
#[derive(Clone)]
pub struct Part {
    name: &'static str,
    health: Health,
}

impl Health {
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a part as "starting".
    pub fn part(&self, name: &'static str) -> Part {
        let part = Part { name, health: self.clone() };
        part.not_ready("starting");
        part
    }

    /// (part, reason that it is not ready), in the order of names.
    pub fn not_ready(&self) -> Vec<(&'static str, String)> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.iter().filter_map(|(name, reason)| Some((*name, reason.clone()?))).collect()
    }

    /// Every part with the reason that it is not ready, `None` for ready.
    pub fn all(&self) -> Vec<(&'static str, Option<String>)> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.iter().map(|(name, reason)| (*name, reason.clone())).collect()
    }
}

impl Part {
    pub fn ready(&self) {
        self.set(None);
    }

    pub fn not_ready(&self, reason: impl Into<String>) {
        self.set(Some(reason.into()));
    }

    fn set(&self, reason: Option<String>) {
        let mut parts = self.health.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.insert(self.name, reason);
    }
}
