//! Days since 1970-01-01 as dates of the Gregorian calendar, and back.

use tidegate_model::time;

/// Year, month and day of a day since 1970-01-01.
pub fn civil_date(day: u32) -> (u32, u32, u32) {
    let (year, month, day) = time::civil_date(day.into());
    (year as u32, month, day)
}

/// The day since 1970-01-01 of a year, month and day; `None` where there is no
/// such date.
pub fn day_of_civil(&[year, month, day]: &[u64; 3]) -> Option<u32> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || day > 31 {
        return None;
    }
    let (shifted_year, from_march) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (cycle, year_of_cycle) = (shifted_year / 400, shifted_year % 400);
    let in_year = (153 * from_march + 2) / 5 + day.checked_sub(1)?;
    let in_cycle = year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 + in_year;
    let parsed = u32::try_from((cycle * 146_097 + in_cycle).checked_sub(719_468)?).ok()?;
    (civil_date(parsed) == (year as u32, month as u32, day as u32)).then_some(parsed)
}

/// The month since January 1970 of a day since 1970-01-01.
pub fn month_of_day(day: u32) -> u32 {
    let (year, month, _) = civil_date(day);
    year.saturating_sub(1970) * 12 + month - 1
}
