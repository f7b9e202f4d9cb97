//! Numbers, times and durations as the Java daemon prints them.

use std::fmt::{self, Display, Formatter};

use tidegate_model::time::civil_date;

const MS_PER_SECOND: u64 = 1_000;
const MS_PER_MINUTE: u64 = 60 * MS_PER_SECOND;
const MS_PER_HOUR: u64 = 60 * MS_PER_MINUTE;
const MS_PER_DAY: u64 = 24 * MS_PER_HOUR;

/// As `Double.toString`, with the fewest digits that tell the value from its
/// neighbours: `1.0`, `4.5E15`, `1.0E-4`, `NaN`, `-Infinity`.
#[derive(Clone, Copy, Debug)]
pub struct Double(pub f64);

impl Display for Double {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let value = self.0;
        if value.is_nan() {
            return f.write_str("NaN");
        }
        if value.is_infinite() {
            return f.write_str(if value > 0.0 { "Infinity" } else { "-Infinity" });
        }
        let size = value.abs();
        if size == 0.0 || (1e-3..1e7).contains(&size) {
            // Rust prints what is whole without a fraction only when told no precision.
            return write!(f, "{value:?}");
        }
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let fraction = if digits.contains('.') { "" } else { ".0" };
        write!(f, "{digits}{fraction}E{exponent}")
    }
}

/// A time in milliseconds since 1970 as `ZonedDateTime.toString` in UTC: what
/// is zero at the end of the time of day is left out.
#[derive(Clone, Copy, Debug)]
pub struct Instant(pub i64);

impl Display for Instant {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let day_ms = MS_PER_DAY as i64;
        let (days, of_day_ms) = (self.0.div_euclid(day_ms), self.0.rem_euclid(day_ms) as u64);
        let (year, month, day) = civil_date(days);
        match year {
            0..=9_999 => write!(f, "{year:04}")?,
            10_000.. => write!(f, "+{year}")?,
            _ => write!(f, "-{:04}", year.unsigned_abs())?,
        }
        let (hour, minute) = (of_day_ms / MS_PER_HOUR, of_day_ms % MS_PER_HOUR / MS_PER_MINUTE);
        write!(f, "-{month:02}-{day:02}T{hour:02}:{minute:02}")?;
        let (second, ms) = (of_day_ms % MS_PER_MINUTE / MS_PER_SECOND, of_day_ms % MS_PER_SECOND);
        if second > 0 || ms > 0 {
            write!(f, ":{second:02}")?;
        }
        if ms > 0 {
            write!(f, ".{ms:03}")?;
        }
        f.write_str("Z")
    }
}

/// A length in milliseconds as `Duration.toString`: `PT1S`, `PT1M`, `PT24H`.
#[derive(Clone, Copy, Debug)]
pub struct Duration(pub u64);

impl Display for Duration {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (hours, minutes) = (self.0 / MS_PER_HOUR, self.0 % MS_PER_HOUR / MS_PER_MINUTE);
        let (seconds, ms) = (self.0 % MS_PER_MINUTE / MS_PER_SECOND, self.0 % MS_PER_SECOND);
        f.write_str("PT")?;
        if hours > 0 {
            write!(f, "{hours}H")?;
        }
        if minutes > 0 {
            write!(f, "{minutes}M")?;
        }
        if ms > 0 {
            let fraction = format!("{ms:03}");
            return write!(f, "{seconds}.{}S", fraction.trim_end_matches('0'));
        }
        if seconds > 0 || self.0 == 0 {
            write!(f, "{seconds}S")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
