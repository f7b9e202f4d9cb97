//! JSON as Jackson reads it: what follows the first value does not matter, text
//! stands for numbers and numbers for text.

use std::borrow::Cow;

use serde::Deserialize as _;
use serde_json::Value;

/// The first value in `bytes`.
pub fn first_value(bytes: &[u8]) -> serde_json::Result<Value> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    Value::deserialize(&mut serde_json::Deserializer::from_slice(bytes))
}

/// As [`first_value`], with `NaN`, `INF`, `Infinity` and those with a sign,
/// which become text.
pub fn first_value_with_non_numbers(bytes: &[u8]) -> serde_json::Result<Value> {
    // The usual case costs no second look.
    first_value(bytes).or_else(|error| match quote_non_numbers(bytes) {
        Cow::Owned(quoted) => first_value(&quoted),
        Cow::Borrowed(_) => Err(error),
    })
}

fn quote_non_numbers(bytes: &[u8]) -> Cow<'_, [u8]> {
    const WORDS: [&[u8]; 7] = [b"NaN", b"Infinity", b"-Infinity", b"+Infinity", b"INF", b"-INF", b"+INF"];
    let mut quoted = Vec::new();
    let (mut copied, mut at) = (0, 0);
    let mut in_text = false;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if in_text => at += 1,
            b'"' => in_text = !in_text,
            b'N' | b'I' | b'-' | b'+' if !in_text => {
                if let Some(word) = WORDS.iter().find(|word| bytes[at..].starts_with(word)) {
                    quoted.extend_from_slice(&bytes[copied..at]);
                    quoted.push(b'"');
                    quoted.extend_from_slice(word);
                    quoted.push(b'"');
                    at += word.len();
                    copied = at;
                    continue;
                }
            }
            _ => {}
        }
        at += 1;
    }
    if copied == 0 {
        return Cow::Borrowed(bytes);
    }
    quoted.extend_from_slice(bytes.get(copied..).unwrap_or_default());
    Cow::Owned(quoted)
}

/// What Jackson makes of a value where text is wanted; `None` for null.
///
/// # Errors
/// For objects and lists.
pub fn text(value: &Value) -> Result<Option<Cow<'_, str>>, &'static str> {
    Ok(Some(match value {
        Value::Null => return Ok(None),
        Value::Bool(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
        Value::Number(number) => Cow::Owned(number.to_string()),
        Value::String(text) => Cow::Borrowed(text),
        Value::Array(_) => return Err("a list where text is expected"),
        Value::Object(_) => return Err("an object where text is expected"),
    }))
}

/// What Jackson makes of a value where a double is wanted; `None` for null and
/// for empty text.
///
/// # Errors
/// For what is none.
pub fn double(value: &Value) -> Result<Option<f64>, &'static str> {
    match value {
        Value::Null => Ok(None),
        Value::Number(number) => number.as_f64().map(Some).ok_or("a number out of range"),
        Value::String(text) => match text.trim() {
            "" => Ok(None),
            "NaN" => Ok(Some(f64::NAN)),
            "INF" | "+INF" | "Infinity" | "+Infinity" => Ok(Some(f64::INFINITY)),
            "-INF" | "-Infinity" => Ok(Some(f64::NEG_INFINITY)),
            text => super::number::double(text).map(Some).ok_or("text that is no number"),
        },
        _ => Err("not a number"),
    }
}

#[cfg(test)]
mod tests;
