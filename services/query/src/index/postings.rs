//! The index of one tenant: a bitmap of series numbers for every label value.
//! Pure.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use hashbrown::HashMap;
use roaring::RoaringBitmap;
use tidegate_model::{Labels, MetricId};
use tidegate_promql::{MatchOp, Matcher};

use super::Found;

/// Days since the epoch.
pub(crate) type Days = RangeInclusive<u32>;

#[derive(Default)]
pub(crate) struct TenantIndex {
    series: Vec<Found>,
    numbers: HashMap<MetricId, u32>,
    labels: BTreeMap<Box<str>, Values>,
    days: BTreeMap<u32, RoaringBitmap>,
}

/// Series of one label.
#[derive(Default)]
struct Values {
    any: RoaringBitmap,
    by_value: HashMap<Box<str>, RoaringBitmap>,
}

impl TenantIndex {
    /// Adds a series that [`TenantIndex::mark_seen`] does not know.
    pub fn insert(&mut self, id: MetricId, labels: Labels, day: u32) {
        let number = self.series.len() as u32;
        for (name, value) in labels.iter() {
            if !self.labels.contains_key(name) {
                self.labels.insert(name.into(), Values::default());
            }
            let Some(values) = self.labels.get_mut(name) else { continue };
            values.any.insert(number);
            match values.by_value.get_mut(value) {
                Some(series) => {
                    series.insert(number);
                }
                None => {
                    values.by_value.insert(value.into(), RoaringBitmap::from_iter([number]));
                }
            }
        }
        self.days.entry(day).or_default().insert(number);
        self.numbers.insert(id, number);
        self.series.push(Found { id, labels });
    }

    /// Notes that a series was seen on a day; `false` if it is not known.
    pub fn mark_seen(&mut self, id: MetricId, day: u32) -> bool {
        let Some(number) = self.numbers.get(&id) else { return false };
        self.days.entry(day).or_default().insert(*number);
        true
    }

    /// The series is known, and so is that it was seen on `day`.
    pub fn knows(&self, id: MetricId, day: u32) -> bool {
        let seen = |number: &u32| self.days.get(&day).is_some_and(|seen| seen.contains(*number));
        self.numbers.get(&id).is_some_and(seen)
    }

    pub fn series_count(&self) -> usize {
        self.numbers.len()
    }

    pub fn series(&self, number: u32) -> Option<&Found> {
        self.series.get(number as usize)
    }

    /// From the first to the last of `days` that any series was seen on.
    pub fn known_days(&self, days: Days) -> Option<Days> {
        if days.is_empty() {
            return None;
        }
        let mut known = self.days.range(days).map(|(day, _)| *day);
        let first = known.next()?;
        Some(first..=known.next_back().unwrap_or(first))
    }

    pub fn seen_on(&self, days: Days) -> RoaringBitmap {
        if days.is_empty() {
            return RoaringBitmap::new();
        }
        let mut seen = RoaringBitmap::new();
        for bitmap in self.days.range(days).map(|(_, bitmap)| bitmap) {
            seen |= bitmap;
        }
        seen
    }

    pub fn select(&self, matchers: &[Matcher], days: Days) -> RoaringBitmap {
        let mut found = self.seen_on(days);
        // Matchers that do not accept the empty value name what is wanted: few
        // series as a rule, so they come first.
        let (absent_too, present): (Vec<_>, Vec<_>) = matchers.iter().partition(|m| m.matches_value(""));
        for matcher in present {
            if found.is_empty() {
                return found;
            }
            found &= self.accepted(matcher);
        }
        for matcher in absent_too {
            if found.is_empty() {
                return found;
            }
            found -= self.refused(matcher);
        }
        found
    }

    /// Series that have the label with a value that the matcher accepts.
    fn accepted(&self, matcher: &Matcher) -> RoaringBitmap {
        self.with_values(matcher, |value| matcher.matches_value(value))
    }

    /// Series that have the label with a value that the matcher refuses.
    fn refused(&self, matcher: &Matcher) -> RoaringBitmap {
        self.with_values(matcher, |value| !matcher.matches_value(value))
    }

    fn with_values(&self, matcher: &Matcher, wanted: impl Fn(&str) -> bool) -> RoaringBitmap {
        let Some(values) = self.labels.get(matcher.name.as_str()) else { return RoaringBitmap::new() };
        let exact = matches!(matcher.op, MatchOp::Equal | MatchOp::NotEqual);
        if exact && !matcher.value.is_empty() {
            let one = values.by_value.get(matcher.value.as_str());
            return if wanted(&matcher.value) {
                one.cloned().unwrap_or_default()
            } else {
                one.map_or_else(|| values.any.clone(), |one| &values.any - one)
            };
        }
        let mut union = RoaringBitmap::new();
        for (_, bitmap) in values.by_value.iter().filter(|(value, _)| wanted(value)) {
            union |= bitmap;
        }
        union
    }

    /// Each label with its values and the series of each.
    pub fn labels(&self) -> impl Iterator<Item = (&str, impl Iterator<Item = (&str, &RoaringBitmap)>)> {
        self.labels.iter().map(|(name, values)| {
            let by_value = values.by_value.iter().map(|(value, series)| (&**value, series));
            (&**name, by_value)
        })
    }

    /// Names of labels that series in `among` have, sorted.
    pub fn label_names(&self, among: &RoaringBitmap) -> Vec<String> {
        let used = self.labels.iter().filter(|(_, values)| !values.any.is_disjoint(among));
        used.map(|(name, _)| name.to_string()).collect()
    }

    /// Values of a label that series in `among` have, sorted.
    pub fn label_values(&self, name: &str, among: &RoaringBitmap) -> Vec<String> {
        let Some(values) = self.labels.get(name) else { return Vec::new() };
        let used = values.by_value.iter().filter(|(_, series)| !series.is_disjoint(among));
        let mut used: Vec<String> = used.map(|(value, _)| value.to_string()).collect();
        used.sort_unstable();
        used
    }

    /// See [`super::SeriesIndex::forget_before`]; gives the number of series
    /// that went. The rest is indexed anew: it happens once a day.
    pub fn forget_before(&mut self, day: u32) -> usize {
        let kept_days = self.days.split_off(&day);
        let forgot_any = !std::mem::replace(&mut self.days, kept_days).is_empty();
        if !forgot_any {
            return 0;
        }
        let old = std::mem::take(self);
        let before = old.series.len();
        let kept = old.seen_on(0..=u32::MAX);
        let mut renumbered: HashMap<u32, u32> = HashMap::new();
        for (number, series) in (0u32..).zip(old.series) {
            let first_day = old.days.iter().find(|(_, seen)| seen.contains(number)).map(|(day, _)| *day);
            if let Some(first_day) = first_day {
                renumbered.insert(number, self.series.len() as u32);
                self.insert(series.id, series.labels, first_day);
            }
        }
        for (day, seen) in old.days {
            let seen = seen.iter().filter_map(|number| renumbered.get(&number).copied());
            self.days.entry(day).or_default().extend(seen);
        }
        before - kept.len() as usize
    }
}
