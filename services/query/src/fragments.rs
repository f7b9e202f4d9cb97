//! Joins the parts of a window. Pure.

use tidegate_model::{SourceId, Window, WindowValue};

/// What one fragment holds of a window.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fragment {
    pub start_ms: i64,
    pub source: SourceId,
    pub era: u32,
    pub fragment: u32,
    pub value: WindowValue,
}

/// The same key is the same fragment of the same window, wherever it was read.
type Key = (i64, u8, SourceId, u32, u32);

impl Fragment {
    fn key(&self) -> Key {
        (self.start_ms, kind_rank(&self.value), self.source, self.era, self.fragment)
    }
}

pub(crate) fn kind_rank(value: &WindowValue) -> u8 {
    match value {
        WindowValue::Float(_) => 0,
        WindowValue::Histogram(_) => 1,
        WindowValue::DeltaFloat(_) => 2,
        WindowValue::DeltaDistribution(_) => 3,
    }
}

/// The windows of a series from its fragments, which may come in any order and
/// more than once: of one key the fullest counts, different keys add up in
/// canonical order (source, era, fragment). So the result depends on what was
/// read and not on where. Ascending by start, at most one of a kind each.
pub(crate) fn merge(mut fragments: Vec<Fragment>) -> Vec<Window> {
    // Mostly a window is one fragment and was read once.
    if fragments.is_sorted_by(|a, b| a.start_ms < b.start_ms) {
        return fragments.into_iter().map(|f| Window { start_ms: f.start_ms, value: f.value }).collect();
    }
    // Fullest first, so that of one key the first is the one to take.
    fragments.sort_by(|a, b| a.key().cmp(&b.key()).then(b.value.samples().cmp(&a.value.samples())));
    let mut windows: Vec<Window> = Vec::with_capacity(fragments.len());
    let mut previous: Option<Key> = None;
    for fragment in fragments {
        let key = fragment.key();
        if previous.replace(key) == Some(key) {
            continue;
        }
        let unmerged = match windows.last_mut() {
            Some(last) if last.start_ms == fragment.start_ms => last.value.merge(fragment.value),
            _ => Err(fragment.value),
        };
        if let Err(value) = unmerged {
            windows.push(Window { start_ms: fragment.start_ms, value });
        }
    }
    windows
}

#[cfg(test)]
mod tests;
