//! Label names in paths, where those that are not of letters, digits and `_`
//! come escaped: `U__`, then `_` as `__` and any other character as its number
//! in hexadecimal between two `_` (Prometheus' value encoding escaping).

const PREFIX: &str = "U__";

/// The name that is meant; a text that is not escaped right is one itself.
pub(super) fn unescape(name: &str) -> String {
    name.strip_prefix(PREFIX).and_then(decode).unwrap_or_else(|| name.to_owned())
}

fn decode(mut rest: &str) -> Option<String> {
    let mut decoded = String::with_capacity(rest.len());
    while let Some(at) = rest.find('_') {
        decoded.push_str(&rest[..at]);
        let (number, after) = rest[at + 1..].split_once('_')?;
        decoded.push(match number {
            "" => '_',
            // The parser would take a sign.
            _ if number.starts_with('+') => return None,
            _ => char::from_u32(u32::from_str_radix(number, 16).ok()?)?,
        });
        rest = after;
    }
    decoded.push_str(rest);
    Some(decoded)
}

#[cfg(test)]
mod tests;
