//! A window as the tail keeps it: most hold one sample, and those take a
//! fraction of a full window's memory.

use std::cmp::Ordering;

use tidegate_model::{FloatWindow, Point, SourceId, Window, WindowValue};

use crate::fragments::{Fragment, kind_rank};

pub(super) struct Held {
    pub start_ms: i64,
    pub source: SourceId,
    pub era: u32,
    pub fragment: u32,
    value: Value,
}

enum Value {
    One(Point),
    Full(Box<WindowValue>),
}

impl Held {
    pub fn new(source: SourceId, era: u32, fragment: u32, window: Window) -> Self {
        Self { start_ms: window.start_ms, source, era, fragment, value: Value::new(window.value) }
    }

    pub fn to_fragment(&self) -> Fragment {
        let (start_ms, source, era, fragment) = (self.start_ms, self.source, self.era, self.fragment);
        Fragment { start_ms, source, era, fragment, value: self.value.to_window() }
    }

    fn order(&self, other: &Self) -> Ordering {
        let key = |held: &Self| (held.start_ms, held.source, held.era, held.fragment, held.value.kind_rank());
        key(self).cmp(&key(other))
    }
}

impl Value {
    fn new(value: WindowValue) -> Self {
        let one = match &value {
            WindowValue::Float(window) => window.as_one(),
            _ => None,
        };
        one.map_or_else(|| Self::Full(Box::new(value)), Self::One)
    }

    fn to_window(&self) -> WindowValue {
        match self {
            Self::One(sample) => WindowValue::Float(FloatWindow::one(sample.time_ms, sample.value)),
            Self::Full(value) => (**value).clone(),
        }
    }

    fn samples(&self) -> u32 {
        match self {
            Self::One(_) => 1,
            Self::Full(value) => value.samples(),
        }
    }

    fn kind_rank(&self) -> u8 {
        match self {
            Self::One(_) => 0,
            Self::Full(value) => kind_rank(value),
        }
    }
}

/// What an insertion changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inserted {
    New,
    /// Instead of one with fewer samples.
    Fuller,
    /// Nothing.
    Known,
}

/// Keeps `windows` in order; of one key the fullest stays.
pub(super) fn insert(windows: &mut Vec<Held>, held: Held) -> Inserted {
    // Nearly always the latest.
    if windows.last().is_none_or(|last| last.order(&held) == Ordering::Less) {
        windows.push(held);
        return Inserted::New;
    }
    match windows.binary_search_by(|other| other.order(&held)) {
        Ok(at) => {
            if windows[at].value.samples() < held.value.samples() {
                windows[at] = held;
                return Inserted::Fuller;
            }
            Inserted::Known
        }
        Err(at) => {
            windows.insert(at, held);
            Inserted::New
        }
    }
}
