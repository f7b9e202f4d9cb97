//! Which object answers for which hours: of each shard the finest that is
//! there. Retention deletes a finer object only when a coarser one covers it,
//! so no hour is without.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use tidegate_model::time::hour_of;
use tidegate_model::{Labels, TenantId, Window};

use super::{Archive, Listed};
use crate::reader::Keep;
use crate::{ArchiveError, ObjectKey, Tier};

/// An object, and the hours for which it is the one to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    pub key: ObjectKey,
    hours: BTreeSet<u32>,
}

impl Slice {
    pub fn tier(&self) -> Tier {
        self.key.period.tier()
    }

    /// Whether the window is the slice's to answer for.
    pub fn holds(&self, window: &Window) -> bool {
        self.hours.contains(&hour_of(window.start_ms))
    }
}

impl Archive {
    /// The objects to read for `hours` but those in `without`, each hour of a
    /// shard from one of them.
    pub async fn slices(
        &self,
        tenant: &TenantId,
        hours: Range<u32>,
        without: &BTreeSet<u32>,
    ) -> Result<Vec<Slice>, ArchiveError> {
        // Fine before coarse: what is deleted between the lists is in the later.
        let mut listed = Vec::new();
        for tier in Tier::ALL {
            listed.extend(self.list(tenant, tier, hours.clone()).await?);
        }
        Ok(choose(listed, hours, without))
    }

    /// Series of the slice that `keep` wants, with the slice's own windows;
    /// `None` when its object is gone, so that a coarser one is the one to
    /// read. With `name`, only series of that metric are looked at.
    pub async fn read_slice(
        &self,
        slice: &Slice,
        name: Option<&str>,
        keep: Keep<'_>,
    ) -> Result<Option<Vec<(Labels, Vec<Window>)>>, ArchiveError> {
        let mut read = self.read(&slice.key, name, keep).await?;
        for (_, windows) in read.iter_mut().flatten() {
            windows.retain(|window| slice.holds(window));
        }
        Ok(read)
    }
}

/// `listed` comes tier by tier, the finest first.
fn choose(listed: Vec<Listed>, hours: Range<u32>, without: &BTreeSet<u32>) -> Vec<Slice> {
    let mut taken: BTreeMap<u16, BTreeSet<u32>> = BTreeMap::new();
    let mut slices = Vec::new();
    for Listed { key, .. } in listed {
        let taken = taken.entry(key.shard).or_default();
        let of_key = key.period.hours();
        let of_key = of_key.start.max(hours.start)..of_key.end.min(hours.end);
        let hours: BTreeSet<u32> = of_key.filter(|hour| !without.contains(hour) && taken.insert(*hour)).collect();
        if !hours.is_empty() {
            slices.push(Slice { key, hours });
        }
    }
    slices
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Period;

    #[test]
    fn each_hour_of_a_shard_comes_from_the_finest_object() {
        let day = 20_777;
        let of = |period, shard| Listed {
            key: ObjectKey { tenant: TenantId::default(), period, shard },
            e_tag: None,
            size_bytes: 0,
        };
        let month = Period::Day(day).coarser().unwrap();
        let listed = vec![
            of(Period::Hour(day * 24 + 3), 0),
            of(Period::Hour(day * 24 + 4), 1),
            of(Period::Day(day), 0),
            of(Period::Day(day), 1),
            of(month, 0),
            of(month, 1),
        ];
        let hours = (day - 1) * 24..(day + 1) * 24;
        let without = BTreeSet::from([day * 24 + 5]);
        let chosen = choose(listed, hours.clone(), &without);
        for shard in [0, 1] {
            let of_shard: Vec<_> = chosen.iter().filter(|slice| slice.key.shard == shard).collect();
            let mut seen: Vec<u32> = of_shard.iter().flat_map(|slice| slice.hours.iter().copied()).collect();
            seen.sort_unstable();
            assert_eq!(seen, hours.clone().filter(|hour| !without.contains(hour)).collect::<Vec<_>>());
            assert_eq!(of_shard.iter().map(|slice| slice.hours.len()).collect::<Vec<_>>(), [1, 22, 24]);
        }
    }
}
