//! Numbers as Java reads them: `NumberFormat.getInstance().parse` in an English
//! locale, which takes the longest beginning that is a number, and
//! `Double.valueOf`.

/// What stands at the beginning of `text`: `12abc` is 12, `1,234.5` is 1234.5,
/// `1E3` is 1000 but `1e3` is 1. NaN and ∞ are numbers.
pub fn prefix(text: &str) -> Option<f64> {
    if let Some(value) = plain(text.as_bytes()) {
        return Some(value);
    }
    if text.starts_with("NaN") {
        return Some(f64::NAN);
    }
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let magnitude = if rest.starts_with('∞') { f64::INFINITY } else { magnitude(rest)? };
    Some(if negative { -magnitude } else { magnitude })
}

/// The way of nearly all: up to 15 digits, perhaps with a point among them,
/// which are exact as integers, as is the power of ten to divide by.
fn plain(text: &[u8]) -> Option<f64> {
    const TENS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    // One more for the point.
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    let (mut value, mut count, mut decimals) = (0u64, 0, None);
    for byte in digits {
        match byte {
            b'0'..=b'9' => {
                value = value * 10 + u64::from(byte - b'0');
                count += 1;
                decimals = decimals.map(|decimals| decimals + 1);
            }
            b'.' if decimals.is_none() => decimals = Some(0usize),
            _ => return None,
        }
    }
    if count == 0 || count > 15 {
        return None;
    }
    let value = value as f64 / TENS[decimals.unwrap_or(0)];
    Some(if negative { -value } else { value })
}

/// Digits with grouping, decimals and an exponent.
fn magnitude(text: &str) -> Option<f64> {
    let mut digits = Digits::default();
    let mut exponent = 0i32;
    for (at, c) in text.char_indices() {
        match c {
            _ if digit(c).is_some() => digits.push(digit(c).unwrap_or(0)),
            '.' if digits.point.is_none() => digits.point = Some(digits.significant.len()),
            ',' if digits.point.is_none() => {}
            'E' => {
                exponent = self::exponent(&text[at + 1..]).unwrap_or(0);
                break;
            }
            _ => break,
        }
    }
    if !digits.any {
        return None;
    }
    let point = digits.point.unwrap_or(digits.significant.len());
    let point = i32::try_from(point).unwrap_or(i32::MAX).wrapping_sub(digits.zeros).wrapping_add(exponent);
    format!("0.{}e{point}", digits.significant).parse().ok()
}

/// Of a number without its leading zeros.
#[derive(Default)]
struct Digits {
    any: bool,
    significant: String,
    /// Digits before the point, once there was one.
    point: Option<usize>,
    /// Zeros between the point and the first other digit.
    zeros: i32,
}

impl Digits {
    fn push(&mut self, digit: u8) {
        self.any = true;
        match digit {
            0 if self.significant.is_empty() => {
                if self.point.is_some() {
                    self.zeros = self.zeros.wrapping_add(1);
                }
            }
            _ => self.significant.push(char::from(b'0' + digit)),
        }
    }
}

/// After `E`: no plus sign. Java takes it if it fits a long, and then its lower
/// 32 bits.
fn exponent(text: &str) -> Option<i32> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut value: Option<u64> = None;
    for c in rest.chars() {
        let Some(digit) = digit(c) else { break };
        value = Some(value.unwrap_or(0).checked_mul(10)?.checked_add(u64::from(digit))?);
    }
    let value = value?;
    let limit = i64::MAX.unsigned_abs() + u64::from(negative);
    if value > limit {
        return None;
    }
    let lower = value as u32 as i32;
    Some(if negative { lower.wrapping_neg() } else { lower })
}

/// Of any script, as far as one Java `char` can hold it.
fn digit(c: char) -> Option<u8> {
    /// Zeros of the scripts, in order; nine digits follow each.
    const ZEROS: [u32; 36] = [
        0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6, 0x0E50,
        0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50,
        0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10,
    ];
    if c.is_ascii() {
        return c.to_digit(10).map(|digit| digit as u8);
    }
    let c = u32::from(c);
    let before = ZEROS.partition_point(|zero| *zero <= c).checked_sub(1)?;
    u8::try_from(c - ZEROS[before]).ok().filter(|digit| *digit < 10)
}

/// `Double.valueOf`, but for hexadecimal numbers, which are refused.
pub fn double(text: &str) -> Option<f64> {
    let text = text.trim_matches(|c: char| c <= ' ');
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    match unsigned {
        "NaN" => return Some(f64::NAN),
        "Infinity" => return Some(f64::INFINITY * sign),
        _ => {}
    }
    // Rust's own takes words and a lone exponent's absence as well: only digits from here on.
    let number = unsigned.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(unsigned);
    let is_of_number = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-');
    if !number.bytes().all(is_of_number) || !number.starts_with(|c: char| c == '.' || c.is_ascii_digit()) {
        return None;
    }
    number.parse::<f64>().ok().map(|value| value * sign)
}

#[cfg(test)]
mod tests;
