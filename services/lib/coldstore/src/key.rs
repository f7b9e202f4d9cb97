//! Names of objects:
//! `tenant=T/resolution=5s/date=YYYY-MM-DD/hour=HH/shard=NN.parquet`, which
//! DuckDB and Spark take for partition columns.

use std::fmt::Write as _;

use object_store::path::Path;
use tidegate_model::TenantId;
use tidegate_model::time::HOURS_PER_DAY;
use tidegate_schemas::parquet::RESOLUTION;

/// Names one object of the archive.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HourKey {
    pub tenant: TenantId,
    /// Hours since the epoch, in UTC.
    pub hour: u32,
    pub shard: u16,
}

impl HourKey {
    pub fn path(&self) -> Path {
        hour_prefix(&self.tenant, self.hour).join(format!("shard={:02}.parquet", self.shard))
    }

    /// The key of a path that [`HourKey::path`] gave; `None` for any other.
    pub fn parse(path: &Path) -> Option<Self> {
        let mut parts = path.as_ref().split('/');
        let tenant = TenantId::new(parts.next()?.strip_prefix("tenant=")?).ok()?;
        if parts.next()?.strip_prefix("resolution=")? != RESOLUTION {
            return None;
        }
        let day = parse_date(parts.next()?.strip_prefix("date=")?)?;
        let hour: u32 = parts.next()?.strip_prefix("hour=")?.parse().ok()?;
        let shard = parts.next()?.strip_prefix("shard=")?.strip_suffix(".parquet")?.parse().ok()?;
        let key = Self { tenant, hour: day.checked_mul(HOURS_PER_DAY)?.checked_add(hour)?, shard };
        (parts.next().is_none() && key.path() == *path).then_some(key)
    }
}

pub(crate) fn tier_prefix(tenant: &TenantId) -> Path {
    Path::from(format!("tenant={tenant}/resolution={RESOLUTION}"))
}

pub(crate) fn hour_prefix(tenant: &TenantId, hour: u32) -> Path {
    let mut prefix = format!("tenant={tenant}/resolution={RESOLUTION}/date=");
    let (year, month, day) = civil_date(hour / HOURS_PER_DAY);
    write!(prefix, "{year:04}-{month:02}-{day:02}/hour={:02}", hour % HOURS_PER_DAY).ok();
    Path::from(prefix)
}

/// The empty object which says that all shards of an hour are there.
pub(crate) fn success_marker(tenant: &TenantId, hour: u32) -> Path {
    hour_prefix(tenant, hour).join("_SUCCESS")
}

/// The hour of an [`hour_prefix`].
pub(crate) fn parse_hour(date: &str, hour: &str) -> Option<u32> {
    let day = parse_date(date.strip_prefix("date=")?)?;
    let hour: u32 = hour.strip_prefix("hour=")?.parse().ok()?;
    (hour < HOURS_PER_DAY).then_some(day.checked_mul(HOURS_PER_DAY)?.checked_add(hour)?)
}

/// An hour since the epoch as people read it: `2026-11-20 07h`.
pub fn hour_text(hour: u32) -> String {
    let (year, month, day) = civil_date(hour / HOURS_PER_DAY);
    format!("{year:04}-{month:02}-{day:02} {:02}h", hour % HOURS_PER_DAY)
}

/// Year, month and day of the Gregorian calendar of a day since 1970-01-01.
fn civil_date(day: u32) -> (u32, u32, u32) {
    // Years from March on, so that the leap day is a year's last; cycles of
    // 400 years repeat. 719,468 days lie between 0000-03-01 and 1970-01-01.
    let days = u64::from(day) + 719_468;
    let (cycle, in_cycle) = (days / 146_097, days % 146_097);
    let year_of_cycle = (in_cycle - in_cycle / 1_460 + in_cycle / 36_524 - in_cycle / 146_096) / 365;
    let in_year = in_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * in_year + 2) / 153;
    let day = in_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = cycle * 400 + year_of_cycle + u64::from(month <= 2);
    (year as u32, month as u32, day as u32)
}

fn parse_date(text: &str) -> Option<u32> {
    let mut parts = text.split('-').map(str::parse::<u64>);
    let (Ok(year), Ok(month), Ok(day)) = (parts.next()?, parts.next()?, parts.next()?) else { return None };
    if parts.next().is_some() || !(1970..=9999).contains(&year) || !(1..=12).contains(&month) {
        return None;
    }
    let (shifted_year, from_march) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (cycle, year_of_cycle) = (shifted_year / 400, shifted_year % 400);
    let in_year = (153 * from_march + 2) / 5 + day.checked_sub(1)?;
    let in_cycle = year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 + in_year;
    let parsed = u32::try_from((cycle * 146_097 + in_cycle).checked_sub(719_468)?).ok()?;
    (civil_date(parsed) == (year as u32, month as u32, day as u32)).then_some(parsed)
}

#[cfg(test)]
mod tests;
