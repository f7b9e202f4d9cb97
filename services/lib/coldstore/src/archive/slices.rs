//! Which object answers for which hours: of each shard the finest that is
//! there. Retention deletes a finer object only when a coarser one covers it,
//! so no hour is without.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use tidegate_model::TenantId;
use xxhash_rust::xxh3::xxh3_128;

use super::Archive;
use crate::{ArchiveError, Listed, ObjectKey, Tier};

/// An object, and the hours for which it is the one to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    pub key: ObjectKey,
    /// Of the version that was listed.
    pub(super) e_tag: Option<String>,
    hours: BTreeSet<u32>,
}

impl Slice {
    pub fn tier(&self) -> Tier {
        self.key.period.tier()
    }

    /// A hash of the version that was listed: of the object's path and ETag.
    /// `None` where the store gives no ETag.
    pub fn version(&self) -> Option<u128> {
        let e_tag = self.e_tag.as_deref()?;
        Some(xxh3_128(format!("{}\0{e_tag}", self.key.path()).as_bytes()))
    }

    /// Ascending.
    pub fn hours(&self) -> impl Iterator<Item = u32> {
        self.hours.iter().copied()
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
        let listed = self.catalog.objects(tenant, &Tier::ALL, hours.clone()).await?;
        Ok(choose(listed, hours, without))
    }
}

/// `listed` comes tier by tier, the finest first.
fn choose(listed: Vec<Listed>, hours: Range<u32>, without: &BTreeSet<u32>) -> Vec<Slice> {
    let mut taken: BTreeMap<u16, BTreeSet<u32>> = BTreeMap::new();
    let mut slices = Vec::new();
    for Listed { key, e_tag, .. } in listed {
        let taken = taken.entry(key.shard).or_default();
        let of_key = key.period.hours();
        let of_key = of_key.start.max(hours.start)..of_key.end.min(hours.end);
        let hours: BTreeSet<u32> = of_key.filter(|hour| !without.contains(hour) && taken.insert(*hour)).collect();
        if !hours.is_empty() {
            slices.push(Slice { key, e_tag, hours });
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
