//! Times and durations as clients of the Prometheus API write them. Pure.

/// Times that can be given: the years 0 to 9999, which is more than can be
/// stored.
const EARLIEST_MS: i64 = -62_167_219_200_000;
const LATEST_MS: i64 = 253_402_300_799_999;
const LONGEST_MS: f64 = 1e15;

/// Unix seconds, with a fraction or not, or RFC 3339. Milliseconds.
pub(crate) fn parse_time_ms(text: &str) -> Result<i64, String> {
    let time_ms = match text.parse::<f64>() {
        Ok(seconds) => (seconds.is_finite() && seconds.abs() < LONGEST_MS).then(|| (seconds * 1e3).round() as i64),
        Err(_) => parse_rfc3339_ms(text),
    };
    time_ms
        .filter(|time_ms| (EARLIEST_MS..=LATEST_MS).contains(time_ms))
        .ok_or_else(|| format!("{text:?} is no time: give seconds since 1970 or RFC 3339"))
}

/// Seconds, with a fraction or not, or `1h30m`. Milliseconds.
pub(crate) fn parse_duration_ms(text: &str) -> Result<i64, String> {
    let ms = match text.parse::<f64>() {
        Ok(seconds) => {
            Some(seconds * 1e3).filter(|ms| ms.is_finite() && ms.abs() < LONGEST_MS).map(|ms| ms.round() as i64)
        }
        Err(_) => parse_units_ms(text),
    };
    ms.ok_or_else(|| format!("{text:?} is no duration: give seconds or, for example, 1h30m"))
}

/// Units from long to short, each once at most.
fn parse_units_ms(text: &str) -> Option<i64> {
    const UNITS: [(&str, i64); 7] = [
        ("y", 365 * 86_400_000),
        ("w", 7 * 86_400_000),
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
        ("ms", 1),
    ];
    let mut rest = text;
    let mut longer_units = 0;
    let mut sum_ms = 0i64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = rest[..digits].parse().ok()?;
        let after = &rest[digits..];
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let unit = UNITS.iter().skip(longer_units).position(|(unit, _)| *unit == &after[..letters])? + longer_units;
        sum_ms = sum_ms.checked_add(number.checked_mul(UNITS[unit].1)?)?;
        longer_units = unit + 1;
        rest = &after[letters..];
    }
    (longer_units > 0).then_some(sum_ms)
}

/// `2026-11-20T23:00:00.5+01:00`.
fn parse_rfc3339_ms(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let number = |from: usize, length: usize| -> Option<i64> {
        let digits = bytes.get(from..from + length)?;
        digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
    };
    let is = |at: usize, allowed: &[u8]| bytes.get(at).is_some_and(|byte| allowed.contains(byte));
    let shaped = is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":");
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    if !shaped || !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut at = 19;
    let mut fraction_ms = 0;
    if is(at, b".") {
        at += 1;
        let digits = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        // Digits beyond milliseconds are cut.
        fraction_ms = (0..3).try_fold(0, |sum, n| Some(sum * 10 + if n < digits { number(at + n, 1)? } else { 0 }))?;
        at += digits;
        if digits == 0 {
            return None;
        }
    }
    let offset_minutes = match bytes.get(at..)? {
        b"Z" | b"z" => 0,
        zone if zone.len() == 6 && zone[3] == b':' => {
            let (hours, minutes) = (number(at + 1, 2)?, number(at + 4, 2)?);
            let sign = [(b'+', 1), (b'-', -1)].into_iter().find(|(sign, _)| *sign == zone[0])?.1;
            (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))?
        }
        _ => return None,
    };
    let seconds = ((days_since_1970(year, month, day) * 24 + hour) * 60 + minute - offset_minutes) * 60 + second;
    Some(seconds * 1_000 + fraction_ms)
}

fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let before = year - 1;
    let leap_days = |year: i64| year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let years = (year - 1970) * 365 + leap_days(before) - leap_days(1969);
    years + (1..month).map(|month| days_in(year, month)).sum::<i64>() + day - 1
}

#[cfg(test)]
mod tests;
