//! The values of numbers, durations and quoted strings.

/// Seconds in what a duration can hold: 2^63 ns.
const MAX_SECONDS: f64 = 9_223_372_036.854_776;
const MAX_NANOS: u64 = 1 << 63;

/// `0x1F`, `017` (octal), `1_000`, `1e3`, `Inf`, …
pub(super) fn number(text: &str) -> Option<f64> {
    if let Some(hex) = text.strip_prefix("0x").or(text.strip_prefix("0X")) {
        let digits: String = hex.chars().filter(|c| *c != '_').collect();
        return i64::from_str_radix(&digits, 16).ok().map(|value| value as f64);
    }
    let digits: String = text.chars().filter(|c| *c != '_').collect();
    let is_octal = digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|c| (b'0'..=b'7').contains(&c));
    if is_octal && let Ok(value) = i64::from_str_radix(&digits, 8) {
        return Some(value as f64);
    }
    let value: f64 = digits.parse().ok()?;
    // A number beyond the largest float is an error, not an infinity.
    let is_named = digits.starts_with(['i', 'I']);
    (is_named || !value.is_infinite()).then_some(value)
}

/// Units from large to small, each once, in nanoseconds.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000_000_000),
    ("w", 7 * 86_400_000_000_000),
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
];

pub(super) enum BadDuration {
    Syntax,
    TooLarge,
}

/// `1h30m` in seconds.
pub(super) fn duration_s(text: &str) -> Result<f64, BadDuration> {
    let mut rest = text;
    let mut units = UNITS.as_slice();
    let mut nanos = 0u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or(BadDuration::Syntax)?;
        let (number, after) = rest.split_at(digits);
        let unit_length = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_length);
        let place = units.iter().position(|(name, _)| *name == unit).ok_or(BadDuration::Syntax)?;
        let number: u64 = number.parse().map_err(|_| BadDuration::Syntax)?;
        let part = number.checked_mul(units[place].1).ok_or(BadDuration::TooLarge)?;
        nanos = nanos.checked_add(part).filter(|nanos| *nanos < MAX_NANOS).ok_or(BadDuration::TooLarge)?;
        units = &units[place + 1..];
        rest = after;
    }
    // Whole seconds apart from the rest, which keeps them exact.
    Ok((nanos / 1_000_000_000) as f64 + (nanos % 1_000_000_000) as f64 / 1e9)
}

/// Milliseconds of a duration in seconds; `None`: more than 292 years.
pub(super) fn millis(seconds: f64) -> Option<i64> {
    (seconds.abs() <= MAX_SECONDS).then(|| ((seconds * 1e9).round() as i64) / 1_000_000)
}

/// What a quoted string stands for; `Err` says what is wrong with an escape.
pub(super) fn unquote(quoted: &str) -> Result<String, String> {
    let inner = &quoted[1..quoted.len() - 1];
    if quoted.starts_with('`') || !inner.contains('\\') {
        return Ok(inner.to_owned());
    }
    let quote = quoted.as_bytes()[0];
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'\\' {
            bytes.push(first);
            continue;
        }
        let Some((&escape, after)) = rest.split_first() else { return Err("escape sequence not terminated".into()) };
        rest = after;
        match escape {
            b'a' => bytes.push(7),
            b'b' => bytes.push(8),
            b'f' => bytes.push(12),
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b't' => bytes.push(b'\t'),
            b'v' => bytes.push(11),
            b'\\' => bytes.push(b'\\'),
            _ if escape == quote => bytes.push(quote),
            b'x' => bytes.push(code(&mut rest, 2, 16, 0)? as u8),
            b'0'..=b'7' => {
                let value = code(&mut rest, 2, 8, u32::from(escape - b'0'))?;
                bytes.push(u8::try_from(value).map_err(|_| "octal escape above 255".to_owned())?);
            }
            b'u' | b'U' => {
                let value = code(&mut rest, if escape == b'u' { 4 } else { 8 }, 16, 0)?;
                let c = char::from_u32(value).ok_or("escape sequence is an invalid Unicode code point")?;
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => return Err(format!("unknown escape sequence \\{}", char::from(escape))),
        }
    }
    String::from_utf8(bytes).map_err(|_| "string is not UTF-8".to_owned())
}

fn code(rest: &mut &[u8], digits: usize, radix: u32, first: u32) -> Result<u32, String> {
    let mut value = first;
    for _ in 0..digits {
        let (&digit, after) = rest.split_first().ok_or("escape sequence not terminated")?;
        let digit = char::from(digit).to_digit(radix).ok_or("illegal character in escape sequence")?;
        value = value.wrapping_mul(radix).wrapping_add(digit);
        *rest = after;
    }
    Ok(value)
}
