//! Names of objects, which DuckDB and Spark take for partition columns:
//! `tenant=T/resolution=5s/date=YYYY-MM-DD/hour=HH/shard=NN.parquet`,
//! `tenant=T/resolution=1m/date=YYYY-MM-DD/shard=NN.parquet`,
//! `tenant=T/resolution=1h/month=YYYY-MM/shard=NN.parquet`.

mod calendar;

use std::fmt;
use std::ops::Range;

use object_store::path::Path;
use tidegate_model::TenantId;
use tidegate_model::time::{HOUR_MS, HOURS_PER_DAY, MINUTE_MS, WINDOW_MS, hour_start_ms};

use calendar::{civil_date, day_of_civil, month_of_day};

/// How long the windows of an object are, and thereby which time it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tier {
    /// Windows of 5 s, an object an hour.
    FiveSeconds,
    /// Windows of 1 min, an object a day.
    Minute,
    /// Windows of 1 h, an object a month.
    Hour,
}

impl Tier {
    /// From fine to coarse.
    pub const ALL: [Self; 3] = [Self::FiveSeconds, Self::Minute, Self::Hour];

    /// As in `resolution=` of the path.
    pub fn name(self) -> &'static str {
        match self {
            Self::FiveSeconds => "5s",
            Self::Minute => "1m",
            Self::Hour => "1h",
        }
    }

    pub fn window_ms(self) -> i64 {
        match self {
            Self::FiveSeconds => WINDOW_MS,
            Self::Minute => MINUTE_MS,
            Self::Hour => HOUR_MS,
        }
    }

    /// What objects of this tier are made from; `None`: from the hot store.
    pub fn finer(self) -> Option<Self> {
        match self {
            Self::FiveSeconds => None,
            Self::Minute => Some(Self::FiveSeconds),
            Self::Hour => Some(Self::Minute),
        }
    }

    pub fn coarser(self) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.finer() == Some(self))
    }
}

/// The time that one object covers; numbers count from the epoch, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Period {
    Hour(u32),
    Day(u32),
    Month(u32),
}

impl Period {
    /// The period of a tier that an hour lies in.
    pub fn containing(tier: Tier, hour: u32) -> Self {
        let day = hour / HOURS_PER_DAY;
        match tier {
            Tier::FiveSeconds => Self::Hour(hour),
            Tier::Minute => Self::Day(day),
            Tier::Hour => Self::Month(month_of_day(day)),
        }
    }

    pub fn tier(self) -> Tier {
        match self {
            Self::Hour(_) => Tier::FiveSeconds,
            Self::Day(_) => Tier::Minute,
            Self::Month(_) => Tier::Hour,
        }
    }

    pub fn number(self) -> u32 {
        match self {
            Self::Hour(number) | Self::Day(number) | Self::Month(number) => number,
        }
    }

    pub fn of_number(tier: Tier, number: u32) -> Self {
        match tier {
            Tier::FiveSeconds => Self::Hour(number),
            Tier::Minute => Self::Day(number),
            Tier::Hour => Self::Month(number),
        }
    }

    /// The hours of the period, counted from the epoch.
    pub fn hours(self) -> Range<u32> {
        let days = match self {
            Self::Hour(hour) => return hour..hour.saturating_add(1),
            Self::Day(day) => day..day.saturating_add(1),
            Self::Month(month) => first_day(month)..first_day(month.saturating_add(1)),
        };
        days.start.saturating_mul(HOURS_PER_DAY)..days.end.saturating_mul(HOURS_PER_DAY)
    }

    /// Milliseconds since the epoch.
    pub fn times_ms(self) -> Range<i64> {
        let hours = self.hours();
        hour_start_ms(hours.start)..hour_start_ms(hours.end)
    }

    /// The period of the next coarser tier that this one is a part of.
    pub fn coarser(self) -> Option<Self> {
        Some(Self::containing(self.tier().coarser()?, self.hours().start))
    }

    /// The periods of the next finer tier that this one is made of.
    pub fn parts(self) -> Vec<Self> {
        let hours = self.hours();
        match self {
            Self::Hour(_) => Vec::new(),
            Self::Day(_) => hours.map(Self::Hour).collect(),
            Self::Month(_) => (hours.start / HOURS_PER_DAY..hours.end / HOURS_PER_DAY).map(Self::Day).collect(),
        }
    }
}

/// As people read it: `2026-11-20 07h`, `2026-11-20`, `2026-11`.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_date(self.hours().start / HOURS_PER_DAY);
        match self {
            Self::Hour(hour) => write!(f, "{year:04}-{month:02}-{day:02} {:02}h", hour % HOURS_PER_DAY),
            Self::Day(_) => write!(f, "{year:04}-{month:02}-{day:02}"),
            Self::Month(_) => write!(f, "{year:04}-{month:02}"),
        }
    }
}

/// An hour since the epoch as people read it: `2026-11-20 07h`.
pub fn hour_text(hour: u32) -> String {
    Period::Hour(hour).to_string()
}

/// Names one object of the archive.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    pub tenant: TenantId,
    pub period: Period,
    pub shard: u16,
}

impl ObjectKey {
    pub fn path(&self) -> Path {
        period_prefix(&self.tenant, self.period).join(file_name(self.shard))
    }

    /// The key of a path that [`ObjectKey::path`] gave; `None` for any other.
    pub fn parse(path: &Path) -> Option<Self> {
        let mut parts = path.as_ref().split('/');
        let tenant = TenantId::new(parts.next()?.strip_prefix("tenant=")?).ok()?;
        let resolution = parts.next()?.strip_prefix("resolution=")?;
        let tier = Tier::ALL.into_iter().find(|tier| tier.name() == resolution)?;
        let folder = parts.next()?;
        let period = match tier {
            Tier::FiveSeconds => Period::Hour(parse_hour(folder, parts.next()?)?),
            Tier::Minute => Period::Day(parse_day(folder)?),
            Tier::Hour => Period::Month(parse_month(folder)?),
        };
        let shard = shard_of(parts.next()?)?;
        let key = Self { tenant, period, shard };
        (parts.next().is_none() && key.path() == *path).then_some(key)
    }
}

pub(crate) fn tier_prefix(tenant: &TenantId, tier: Tier) -> Path {
    Path::from(format!("tenant={tenant}/resolution={}", tier.name()))
}

/// The folder of a day or a month, whichever the tier has.
pub(crate) fn folder_prefix(tenant: &TenantId, period: Period) -> Path {
    let (year, month, day) = civil_date(period.hours().start / HOURS_PER_DAY);
    let folder = match period {
        Period::Hour(_) | Period::Day(_) => format!("date={year:04}-{month:02}-{day:02}"),
        Period::Month(_) => format!("month={year:04}-{month:02}"),
    };
    tier_prefix(tenant, period.tier()).join(folder)
}

pub(crate) fn period_prefix(tenant: &TenantId, period: Period) -> Path {
    let folder = folder_prefix(tenant, period);
    match period {
        Period::Hour(hour) => folder.join(format!("hour={:02}", hour % HOURS_PER_DAY)),
        Period::Day(_) | Period::Month(_) => folder,
    }
}

/// The hours of the folder of a tier.
pub(crate) fn folder_hours(tier: Tier, name: &str) -> Option<Range<u32>> {
    Some(match tier {
        Tier::FiveSeconds | Tier::Minute => Period::Day(parse_day(name)?).hours(),
        Tier::Hour => Period::Month(parse_month(name)?).hours(),
    })
}

/// The shard of a file's name, as [`ObjectKey::path`] gives it.
pub(crate) fn shard_of(name: &str) -> Option<u16> {
    let shard: u16 = name.strip_prefix("shard=")?.strip_suffix(".parquet")?.parse().ok()?;
    (file_name(shard) == name).then_some(shard)
}

fn file_name(shard: u16) -> String {
    format!("shard={shard:02}.parquet")
}

/// The empty object which says that all shards of an hour are there.
pub(crate) fn success_marker(tenant: &TenantId, hour: u32) -> Path {
    period_prefix(tenant, Period::Hour(hour)).join("_SUCCESS")
}

fn parse_hour(date: &str, hour: &str) -> Option<u32> {
    let hour: u32 = hour.strip_prefix("hour=")?.parse().ok()?;
    (hour < HOURS_PER_DAY).then_some(parse_day(date)?.checked_mul(HOURS_PER_DAY)?.checked_add(hour)?)
}

fn parse_day(folder: &str) -> Option<u32> {
    day_of_civil(&numbers::<3>(folder.strip_prefix("date=")?)?)
}

fn parse_month(folder: &str) -> Option<u32> {
    let [year, month] = numbers::<2>(folder.strip_prefix("month=")?)?;
    Some(month_of_day(day_of_civil(&[year, month, 1])?))
}

fn numbers<const N: usize>(text: &str) -> Option<[u64; N]> {
    let numbers: Vec<u64> = text.split('-').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    numbers.try_into().ok()
}

fn first_day(month: u32) -> u32 {
    let (year, month) = (1970 + u64::from(month / 12), u64::from(month % 12) + 1);
    day_of_civil(&[year, month, 1]).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
