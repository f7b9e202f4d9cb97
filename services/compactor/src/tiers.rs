//! The longer windows: days of 1 min from the archive's hours, months of 1 h
//! from its days. What is to do follows from the archive alone: an object's
//! footer says of which versions of the finer ones it is made.

mod build;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tidegate_coldstore::{Archive, ArchiveError, Listed, ObjectKey, Period, Tier};
use tidegate_model::TenantId;
use tidegate_model::time::HOURS_PER_DAY;
use tokio::time::Instant;

use crate::Error;

pub use build::{Built, build};

/// Between two looks at all of the archive, for what other members shipped and
/// what a predecessor left undone.
const LOOK_EVERY: Duration = Duration::from_secs(3600);

/// How often an object that others replace meanwhile is built anew.
const ATTEMPTS: usize = 3;

/// Days and months of some shards that are not as their parts are.
#[derive(Default)]
pub struct Tiers {
    /// Since when.
    changed: BTreeMap<ObjectKey, Instant>,
    /// As of a version of the object.
    known: HashMap<ObjectKey, (Option<String>, Known)>,
    looked: Option<(Instant, Vec<u16>)>,
}

/// What a footer says, as far as it is needed.
#[derive(Clone, Debug, Default)]
struct Known {
    content: u128,
    parts: BTreeMap<u32, u128>,
}

/// What became of the objects that were due.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub built: Vec<Built>,
    pub failures: u64,
    /// Not over yet, or still changing.
    pub waiting: usize,
}

impl Tiers {
    /// An object has been put: the one that it is a part of is to be built.
    pub fn touched(&mut self, tenant: &TenantId, period: Period, shard: u16) {
        if let Some(period) = period.coarser() {
            let key = ObjectKey { tenant: tenant.clone(), period, shard };
            self.changed.entry(key).or_insert_with(Instant::now);
        }
    }

    /// Retention waits for this one.
    pub fn wanted(&mut self, key: ObjectKey, rested: Duration) {
        let since = Instant::now();
        self.changed.insert(key, since.checked_sub(rested).unwrap_or(since));
    }

    /// Looks through the archive, now and then, for what has changed since the
    /// objects made of it were built. Hours before `changing_from_hour` stay
    /// as they are; of them only missing ones are found.
    pub async fn look(
        &mut self,
        archive: &Archive,
        shards: &[u16],
        changing_from_hour: u32,
    ) -> Result<(), ArchiveError> {
        if self.looked.as_ref().is_some_and(|(at, of)| at.elapsed() < LOOK_EVERY && of == shards) {
            return Ok(());
        }
        self.changed.retain(|key, _| shards.contains(&key.shard));
        let before = std::mem::take(&mut self.known);
        for tenant in archive.tenants().await? {
            for tier in [Tier::FiveSeconds, Tier::Minute] {
                let mine = |listed: &Listed| shards.contains(&listed.key.shard);
                let fine: Vec<_> = archive.list(&tenant, tier, 0..u32::MAX).await?.into_iter().filter(mine).collect();
                let Some(coarser) = tier.coarser() else { continue };
                let coarse = archive.list(&tenant, coarser, 0..u32::MAX).await?.into_iter().filter(mine);
                let coarse: BTreeMap<ObjectKey, Listed> = coarse.map(|listed| (listed.key.clone(), listed)).collect();
                for listed in fine {
                    let key = &listed.key;
                    let Some(period) = key.period.coarser() else { continue };
                    let made = ObjectKey { tenant: tenant.clone(), period, shard: key.shard };
                    let part = match coarse.get(&made) {
                        Some(made) => {
                            self.known(archive, made, &before).await?.parts.get(&key.period.number()).copied()
                        }
                        None => None,
                    };
                    let as_it_is = match part {
                        None => false,
                        Some(_) if key.period.hours().end < changing_from_hour => true,
                        Some(part) => self.known(archive, &listed, &before).await?.content == part,
                    };
                    if !as_it_is {
                        self.changed.entry(made).or_insert_with(Instant::now);
                    }
                }
            }
        }
        self.looked = Some((Instant::now(), shards.to_vec()));
        Ok(())
    }

    async fn known(
        &mut self,
        archive: &Archive,
        listed: &Listed,
        before: &HashMap<ObjectKey, (Option<String>, Known)>,
    ) -> Result<Known, ArchiveError> {
        let current = |(e_tag, known): &(Option<String>, Known)| (*e_tag == listed.e_tag).then(|| known.clone());
        let held = self.known.get(&listed.key).or_else(|| before.get(&listed.key)).and_then(current);
        let (e_tag, known) = match held {
            Some(known) => (listed.e_tag.clone(), known),
            None => {
                let Some(summary) = archive.summary(&listed.key).await? else { return Ok(Known::default()) };
                let parts = summary.parts.0.iter().map(|(number, part)| (*number, part.content)).collect();
                (summary.e_tag, Known { content: summary.content, parts })
            }
        };
        self.known.insert(listed.key.clone(), (e_tag, known.clone()));
        Ok(known)
    }

    /// Builds what has rested, the days before the months. A day is built once
    /// it is over; the month that it lies in right after.
    pub async fn build_due(&mut self, archive: &Archive, today: u32, rest: Duration) -> Outcome {
        let mut outcome = Outcome::default();
        let over = |key: &ObjectKey| match key.period {
            Period::Hour(_) | Period::Month(_) => true,
            Period::Day(day) => day < today,
        };
        for tier in [Tier::Minute, Tier::Hour] {
            let of_tier = self.changed.iter().filter(|(key, _)| key.period.tier() == tier);
            let (due, waiting): (Vec<_>, Vec<_>) = of_tier
                .map(|(key, since)| (key.clone(), *since))
                .partition(|(key, since)| over(key) && since.elapsed() >= rest);
            outcome.waiting += waiting.len();
            for (key, _) in due {
                match build_again(archive, &key).await {
                    Ok(built) => {
                        self.changed.remove(&key);
                        if let Some(built) = built {
                            self.touched(&key.tenant, key.period, key.shard);
                            outcome.built.push(built);
                        }
                    }
                    Err(error) => {
                        outcome.failures += 1;
                        tracing::error!(tenant = %key.tenant, shard = key.shard, period = %key.period, %error, "cannot build an object of longer windows");
                        self.changed.insert(key, Instant::now());
                        if error.concerns_all_hours() {
                            return outcome;
                        }
                    }
                }
            }
        }
        outcome
    }
}

async fn build_again(archive: &Archive, key: &ObjectKey) -> Result<Option<Built>, Error> {
    let mut attempts = ATTEMPTS;
    loop {
        attempts -= 1;
        match build(archive, key).await {
            Err(Error::Archive(ArchiveError::Replaced(_) | ArchiveError::Contended(_))) if attempts > 0 => {}
            built => return built,
        }
    }
}

/// The first hour that can still change: the store holds its rows, and samples
/// of it may come.
pub fn changing_from_hour(today: u32, hot_retention_days: u32) -> u32 {
    today.saturating_sub(hot_retention_days + 1) * HOURS_PER_DAY
}

#[cfg(test)]
mod tests;
