//! Durations as `java.time.Duration.parse` takes them: `PT1S`, `PT0.5S`, `P1DT2H`.

use std::time::Duration;

/// Of what is longer than a few thousand years, or below zero, no configuration makes sense.
pub(super) fn parse(text: &str) -> Result<Duration, &'static str> {
    const INVALID: &str = "not an ISO-8601 duration such as \"PT1S\", \"PT5M\" or \"P1DT2H\"";
    let (negative, rest) = signed(text);
    let rest = rest.strip_prefix(['P', 'p']).ok_or(INVALID)?;
    let (days, time) = match rest.find(['T', 't']) {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    let mut nanos: i128 = 0;
    let mut parts = 0;
    let mut days = days;
    nanos += component(&mut days, 'D', 86_400, &mut parts).ok_or(INVALID)?;
    if !days.is_empty() {
        return Err(INVALID);
    }
    if let Some(mut time) = time {
        let before = parts;
        for (letter, seconds) in [('H', 3600), ('M', 60), ('S', 1)] {
            nanos += component(&mut time, letter, seconds, &mut parts).ok_or(INVALID)?;
        }
        if !time.is_empty() || parts == before {
            return Err(INVALID);
        }
    }
    if parts == 0 {
        return Err(INVALID);
    }
    let nanos = if negative { -nanos } else { nanos };
    from_nanos(nanos)
}

/// A number counts seconds, as it does in Java.
pub(super) fn from_number(text: &str) -> Result<Duration, &'static str> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds")?;
    if seconds < 0.0 {
        return Err(NEGATIVE);
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| TOO_LONG)
}

const NEGATIVE: &str = "a duration below zero";
const TOO_LONG: &str = "too long a duration";

/// As `Duration.toString` of Java: the largest unit is the hour.
pub(super) fn format(duration: Duration) -> String {
    let (hours, minutes, seconds) = (duration.as_secs() / 3600, duration.as_secs() / 60 % 60, duration.as_secs() % 60);
    let mut text = String::from("PT");
    if hours > 0 {
        text += &format!("{hours}H");
    }
    if minutes > 0 {
        text += &format!("{minutes}M");
    }
    let nanos = duration.subsec_nanos();
    if nanos > 0 {
        text += format!("{seconds}.{nanos:09}").trim_end_matches('0');
        text.push('S');
    } else if seconds > 0 || text == "PT" {
        text += &format!("{seconds}S");
    }
    text
}

fn from_nanos(nanos: i128) -> Result<Duration, &'static str> {
    if nanos < 0 {
        return Err(NEGATIVE);
    }
    if nanos > i128::from(i64::MAX) * 1000 {
        return Err(TOO_LONG);
    }
    let seconds = u64::try_from(nanos / 1_000_000_000).map_err(|_| TOO_LONG)?;
    let rest = u32::try_from(nanos % 1_000_000_000).map_err(|_| TOO_LONG)?;
    Ok(Duration::new(seconds, rest))
}

fn signed(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// Takes `nX` off the front if it is there, X being the letter; in nanoseconds. Only seconds have a fraction.
fn component(rest: &mut &str, letter: char, seconds: i128, parts: &mut u32) -> Option<i128> {
    let Some(end) = rest.find(|c: char| c.is_ascii_alphabetic()) else { return Some(0) };
    if !rest[end..].starts_with([letter, letter.to_ascii_lowercase()]) {
        return Some(0);
    }
    let (negative, number) = signed(&rest[..end]);
    let (whole, fraction) = match number.find(['.', ',']) {
        Some(at) if letter == 'S' => (&number[..at], &number[at + 1..]),
        Some(_) => return None,
        None => (number, ""),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || whole.len() > 18 || fraction.len() > 9 {
        return None;
    }
    let nanos: i128 =
        whole.parse::<i128>().ok()? * seconds * 1_000_000_000 + format!("{fraction:0<9}").parse::<i128>().ok()?;
    *rest = &rest[end + 1..];
    *parts += 1;
    Some(if negative { -nanos } else { nanos })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_java_reads() {
        let ms = |text: &str| parse(text).map(|duration| duration.as_millis());
        for (text, expected) in [
            ("PT1S", 1000),
            ("pt1.5s", 1500),
            ("PT0,25S", 250),
            ("PT5M", 300_000),
            ("PT24H", 86_400_000),
            ("P1D", 86_400_000),
            ("P1DT2H3M4S", 93_784_000),
            ("-PT-1S", 1000),
            ("PT1M-1S", 59_000),
            ("+PT+1S", 1000),
            ("PT0S", 0),
            ("PT1.S", 1000),
        ] {
            assert_eq!(ms(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn refuses_what_java_refuses() {
        for text in [
            "", "5m", "1s", "PT", "P", "P1DT", "PTS", "PT1", "PT.5S", "P1Y", "P1W", "PT1S1M", "PT1.5M", "P-T1S",
            "PT1S ",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse("-PT1S"), Err(NEGATIVE));
        assert_eq!(parse("PT999999999999999999H"), Err(TOO_LONG));
    }

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["PT0S", "PT1S", "PT0.5S", "PT1M", "PT24H", "PT1H30M", "PT1M0.25S", "PT2H3M4S"] {
            assert_eq!(format(parse(text).unwrap()), text);
        }
    }

    #[test]
    fn numbers_are_seconds() {
        assert_eq!(from_number("2"), Ok(Duration::from_secs(2)));
        assert_eq!(from_number("0.5"), Ok(Duration::from_millis(500)));
        assert!(from_number("-1").is_err());
    }
}
