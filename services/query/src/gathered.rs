//! The windows of the series of a selection, from all the places that have
//! some.

use std::cmp::Ordering;

use tidegate_model::{Labels, Point, Window};
use tidegate_promql::Windows;

use crate::fragments::{Fragment, merge};
use crate::hours::KeptHour;

/// Windows of one series.
#[derive(Default)]
pub(crate) struct Gathered {
    /// Of store and archive.
    pub kept: Vec<KeptHour>,
    pub hot: Vec<Fragment>,
}

/// Series in the order of their labels, each once.
#[derive(Default)]
pub(crate) struct Gathering(Vec<(Labels, Gathered)>);

impl Gathering {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn into_series(self) -> Vec<(Labels, Gathered)> {
        self.0
    }

    /// Adds series, which come in the order of their labels, each once.
    pub fn add(&mut self, more: Vec<(Labels, Gathered)>) {
        if self.0.is_empty() {
            self.0 = more;
            return;
        }
        let mut all = Vec::with_capacity(self.0.len().max(more.len()));
        let (mut these, mut those) = (std::mem::take(&mut self.0).into_iter().peekable(), more.into_iter().peekable());
        while let (Some((this, _)), Some((that, _))) = (these.peek(), those.peek()) {
            let order = this.cmp(that);
            let from_these = if order == Ordering::Greater { None } else { these.next() };
            let from_those = if order == Ordering::Less { None } else { those.next() };
            match (from_these, from_those) {
                (Some((labels, mut gathered)), Some((_, more))) => {
                    gathered.append(more);
                    all.push((labels, gathered));
                }
                (one, other) => all.extend(one.or(other)),
            }
        }
        all.extend(these.chain(those));
        self.0 = all;
    }
}

impl Gathered {
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.hot.is_empty()
    }

    /// Windows, and fragments of them.
    pub fn size(&self) -> usize {
        let kept = self.kept.iter().map(|(hour, times)| hour.count(times.start, times.end).0);
        kept.sum::<usize>() + self.hot.len()
    }

    fn append(&mut self, mut other: Self) {
        self.kept.append(&mut other.kept);
        self.hot.append(&mut other.hot);
    }

    /// All windows, ascending.
    pub fn joined(self) -> Windows {
        let hot = Windows::from(merge(self.hot));
        let kept = || self.kept.iter().map(|(hour, times)| hour.slice(times.start, times.end));
        if let Windows::Points(hot) = &hot
            && let Some(kept) = kept().map(|slice| slice.as_points()).collect::<Option<Vec<_>>>()
        {
            // Most series; copied once.
            let mut points: Vec<Point> =
                Vec::with_capacity(kept.iter().map(|points| points.len()).sum::<usize>() + hot.len());
            kept.into_iter().for_each(|kept| points.extend_from_slice(kept));
            points.extend_from_slice(hot);
            // Hours of the store may lie between those of the archive.
            points.sort_by_key(|point| point.time_ms);
            return Windows::Points(points);
        }
        let parts = kept().map(|slice| slice.to_windows()).chain([hot]);
        let mut windows: Vec<Window> = parts.flat_map(Windows::into_vec).collect();
        windows.sort_by_key(|window| window.start_ms);
        Windows::Any(windows)
    }
}

#[cfg(test)]
mod tests;
