//! Grids of time, and the calendar. Every grid starts at the Unix epoch.

/// Length of a live and hot window.
pub const WINDOW_MS: i64 = 5_000;
/// Windows in a minute.
pub const WINDOWS_PER_MINUTE: usize = 12;
pub const MINUTE_MS: i64 = 60_000;
pub const HOUR_MS: i64 = 3_600_000;
pub const DAY_MS: i64 = 86_400_000;
pub const MINUTES_PER_HOUR: u32 = 60;
pub const HOURS_PER_DAY: u32 = 24;

/// The minute of a time, counted from the epoch. Times before 1970 or after
/// the year 10,000 do not occur past the gateway; they clamp.
pub fn minute_of(time_ms: i64) -> u32 {
    time_ms.div_euclid(MINUTE_MS).clamp(0, i64::from(u32::MAX)) as u32
}

pub fn hour_of(time_ms: i64) -> u32 {
    minute_of(time_ms) / MINUTES_PER_HOUR
}

pub fn day_of(time_ms: i64) -> u32 {
    hour_of(time_ms) / HOURS_PER_DAY
}

pub fn minute_start_ms(minute: u32) -> i64 {
    i64::from(minute) * MINUTE_MS
}

pub fn hour_start_ms(hour: u32) -> i64 {
    i64::from(hour) * HOUR_MS
}

/// Start of the 5 s window that a time falls into.
pub fn window_start_ms(time_ms: i64) -> i64 {
    time_ms.div_euclid(WINDOW_MS) * WINDOW_MS
}

/// Index 0..12 of a time's 5 s window within its minute.
pub fn window_index(time_ms: i64) -> usize {
    (time_ms.rem_euclid(MINUTE_MS) / WINDOW_MS) as usize
}

/// Year, month (from 1 on) and day (from 1 on) of a day since 1970-01-01, in the
/// calendar of today at all times.
pub fn civil_date(day: i64) -> (i64, u32, u32) {
    // Years from March on, so that the leap day is a year's last; cycles of
    // 400 years repeat. 719,468 days lie between 0000-03-01 and 1970-01-01.
    const DAYS_PER_CYCLE: i64 = 146_097;
    let days = day + 719_468;
    let (cycle, in_cycle) = (days.div_euclid(DAYS_PER_CYCLE), days.rem_euclid(DAYS_PER_CYCLE));
    let year_of_cycle = (in_cycle - in_cycle / 1_460 + in_cycle / 36_524 - in_cycle / 146_096) / 365;
    let in_year = in_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * in_year + 2) / 153;
    let day = in_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (cycle * 400 + year_of_cycle + i64::from(month <= 2), month as u32, day as u32)
}

#[cfg(test)]
mod tests;
