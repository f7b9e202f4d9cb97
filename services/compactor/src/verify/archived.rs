//! What the archive holds: each object's rows counted anew, and each day and
//! month compared with what it is made of.

use std::collections::BTreeMap;

use tidegate_coldstore::{Archive, ArchiveError, Coverage, ObjectCount, ObjectKey, Period, Tier};
use tidegate_model::SourceId;
use tidegate_model::time::HOURS_PER_DAY;

use super::report::TierCount;
use super::tally::{Day, Facts};
use super::{DamagedObject, LineKey, VerifyError, VerifyRange};

/// Day, source and era.
pub type DayKey = (u32, SourceId, u32);

#[derive(Default)]
pub struct Archived {
    /// Samples by line, each from the finest object that is there.
    pub by_hour: BTreeMap<LineKey, u64>,
    /// Of days that only a month covers.
    by_day: BTreeMap<DayKey, u64>,
    pub tiers: Vec<TierCount>,
    pub damaged: Vec<DamagedObject>,
}

pub async fn count_archive(archive: &Archive, window: &VerifyRange) -> Result<Archived, VerifyError> {
    let mut archived = Archived::default();
    let mut counted: BTreeMap<ObjectKey, ObjectCount> = BTreeMap::new();
    for key in archive.objects().await? {
        if !key.period.hours().any(|hour| window.contains(hour)) {
            continue;
        }
        match archive.count(&key).await {
            Ok(Some(count)) => _ = counted.insert(key, count),
            Ok(None) => {}
            Err(error @ (ArchiveError::Corrupt { .. } | ArchiveError::Version { .. })) => {
                archived.damage(&key, error.to_string());
            }
            Err(error) => return Err(error.into()),
        }
    }
    for tier in Tier::ALL {
        let of_tier: Vec<_> = counted.values().filter(|count| count.key.period.tier() == tier).collect();
        let mut total = TierCount { resolution: tier.name().to_owned(), ..TierCount::default() };
        for count in of_tier {
            total.objects += 1;
            total.rows += count.rows;
            total.samples += count.samples;
            total.behind += archived.add(count, &counted, window);
        }
        archived.tiers.push(total);
    }
    Ok(archived)
}

impl Archived {
    fn damage(&mut self, key: &ObjectKey, reason: String) {
        self.damaged.push(DamagedObject { path: key.path().to_string(), reason });
    }

    /// Answers how many finer objects are not in it as they are.
    fn add(&mut self, count: &ObjectCount, all: &BTreeMap<ObjectKey, ObjectCount>, window: &VerifyRange) -> u64 {
        let ObjectCount { key, samples, coverage, parts, .. } = count;
        if *samples != coverage.samples() {
            self.damage(key, format!("its rows hold {samples} samples, it says {}", coverage.samples()));
        }
        let Some(finer) = key.period.tier().finer() else {
            self.cover(key.period, coverage, window);
            return 0;
        };
        for (number, part) in &parts.0 {
            let period = Period::of_number(finer, *number);
            match all.get(&ObjectKey { period, ..key.clone() }) {
                // Retention has taken it.
                None => self.cover_unless_finer(key, period, &part.coverage, all, window),
                Some(finer) if part.coverage.shrinks_to(&finer.coverage).is_some() => {
                    self.damage(key, format!("it covers more of {period} than the object it is made of"));
                }
                // The clock may differ: others' late samples move it.
                Some(finer) if part.content == finer.content && finer.coverage.shrinks_to(&part.coverage).is_some() => {
                    self.damage(key, format!("it covers less of {period} than the object it is made of"));
                }
                Some(_) => {}
            }
        }
        let made_of = key.period.parts().into_iter().filter_map(|period| all.get(&ObjectKey { period, ..key.clone() }));
        let behind =
            made_of.filter(|finer| parts.0.get(&finer.key.period.number()).is_none_or(|p| p.content != finer.content));
        behind.count() as u64
    }

    /// A day that a month covers may still have hours at 5 s, when its own
    /// object is damaged.
    fn cover_unless_finer(
        &mut self,
        key: &ObjectKey,
        period: Period,
        coverage: &Coverage,
        all: &BTreeMap<ObjectKey, ObjectCount>,
        window: &VerifyRange,
    ) {
        let there = |period: Period| all.contains_key(&ObjectKey { period, ..key.clone() });
        if !period.parts().into_iter().any(there) {
            self.cover(period, coverage, window);
        }
    }

    fn cover(&mut self, period: Period, coverage: &Coverage, window: &VerifyRange) {
        for (source, of_source) in &coverage.sources {
            for (era, samples) in &of_source.samples_by_era {
                match period {
                    Period::Hour(hour) if window.contains(hour) => {
                        *self.by_hour.entry(LineKey { hour, source: *source, era: *era }).or_default() += samples;
                    }
                    Period::Day(day) if period.hours().all(|hour| window.contains(hour)) => {
                        *self.by_day.entry((day, *source, *era)).or_default() += samples
                    }
                    Period::Hour(_) | Period::Day(_) | Period::Month(_) => {}
                }
            }
        }
    }

    /// Of the days that a month answers for, what was counted and what the
    /// archive has: of some tenants it may have the hours, of others the day.
    pub fn balance(&self, facts: &BTreeMap<LineKey, Facts>) -> BTreeMap<DayKey, Day> {
        let mut days: BTreeMap<DayKey, Day> =
            self.by_day.iter().map(|(key, samples)| (*key, Day { counted: 0, archived: *samples })).collect();
        for (key, facts) in facts {
            if let Some(day) = days.get_mut(&(key.hour / HOURS_PER_DAY, key.source, key.era)) {
                day.counted += facts.ledger.map_or(0, |ledger| ledger.counted);
                day.archived += facts.archived.samples.unwrap_or(0);
            }
        }
        days
    }
}
