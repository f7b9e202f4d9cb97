//! Label sets made from label sets.

use tidegate_model::{Labels, METRIC_NAME, labels::push_pair};

use crate::Grouping;

/// All but the metric's name.
pub(crate) fn without_name(labels: &Labels) -> Labels {
    filtered(labels, |name| name != METRIC_NAME)
}

/// What tells the groups of an aggregation, or matching pairs, apart.
pub(crate) fn group_key(labels: &Labels, grouping: &Grouping) -> Labels {
    let mut bytes = Vec::with_capacity(labels.as_bytes().len());
    push_group_key(&mut bytes, labels, grouping);
    canonical(&bytes)
}

/// The bytes of [`group_key`].
pub(crate) fn push_group_key(bytes: &mut Vec<u8>, labels: &Labels, grouping: &Grouping) {
    match grouping {
        Grouping::By(names) => push_filtered(bytes, labels, |name| names.iter().any(|kept| kept == name)),
        Grouping::Without(names) => {
            push_filtered(bytes, labels, |name| name != METRIC_NAME && !names.iter().any(|dropped| dropped == name));
        }
    }
}

pub(crate) fn keep(labels: &Labels, names: &[String]) -> Labels {
    filtered(labels, |name| names.iter().any(|kept| kept == name))
}

/// Without `names` and without `also`.
pub(crate) fn drop(labels: &Labels, names: &[String], also: &str) -> Labels {
    filtered(labels, |name| name != also && !names.iter().any(|dropped| dropped == name))
}

/// With `name` set, or removed when `value` is empty.
pub(crate) fn with(labels: &Labels, name: &str, value: &str) -> Labels {
    let mut bytes = Vec::with_capacity(labels.as_bytes().len() + name.len() + value.len() + 4);
    let mut pending = !value.is_empty();
    for (existing, old) in labels.iter() {
        if pending && existing > name {
            push_pair(&mut bytes, name, value);
            pending = false;
        }
        if existing != name {
            push_pair(&mut bytes, existing, old);
        }
    }
    if pending {
        push_pair(&mut bytes, name, value);
    }
    canonical(&bytes)
}

/// UTF-8 names are allowed, empty ones are not.
pub(crate) fn is_label_name(name: &str) -> bool {
    !name.is_empty()
}

fn filtered(labels: &Labels, keeps: impl Fn(&str) -> bool) -> Labels {
    let mut bytes = Vec::with_capacity(labels.as_bytes().len());
    push_filtered(&mut bytes, labels, keeps);
    canonical(&bytes)
}

fn push_filtered(bytes: &mut Vec<u8>, labels: &Labels, keeps: impl Fn(&str) -> bool) {
    for (name, value) in labels.iter().filter(|(name, _)| keeps(name)) {
        push_pair(bytes, name, value);
    }
}

/// Pairs taken in order from a canonical set are canonical; `name` above is
/// never empty (see [`is_label_name`]).
fn canonical(bytes: &[u8]) -> Labels {
    Labels::from_bytes(bytes).unwrap_or_else(|_| Labels::empty())
}
