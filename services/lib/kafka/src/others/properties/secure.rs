//! Encryption and log-in as the Java clients name them: log-in is a line of
//! JAAS, certificates are in stores. Of stores the library reads PEM and PKCS#12
//! only.

use std::collections::BTreeMap;

use tidegate_eventlog::topics::TopicError;

const JAAS: &str = "sasl.jaas.config";
const TRUST: &str = "ssl.truststore.location";
const TRUST_TYPE: &str = "ssl.truststore.type";
const TRUST_PEM: &str = "ssl.truststore.certificates";
const TRUST_PASSWORD: &str = "ssl.truststore.password";
const KEYS: &str = "ssl.keystore.location";
const KEYS_TYPE: &str = "ssl.keystore.type";
const KEYS_CHAIN: &str = "ssl.keystore.certificate.chain";
const KEYS_KEY: &str = "ssl.keystore.key";
const IDENTIFICATION: &str = "ssl.endpoint.identification.algorithm";

/// Whether `translate` says what becomes of a property.
pub fn is_translated(name: &str) -> bool {
    matches!(
        name,
        JAAS | TRUST
            | TRUST_TYPE
            | TRUST_PEM
            | TRUST_PASSWORD
            | KEYS
            | KEYS_TYPE
            | KEYS_CHAIN
            | KEYS_KEY
            | IDENTIFICATION
    )
}

/// The same in the library's properties.
///
/// # Errors
/// [`TopicError::Refused`] by name, for stores that the library cannot read and
/// log-ins that it does not know. No value is quoted: many are secrets.
pub fn translate(properties: &BTreeMap<String, String>) -> Result<Vec<(&'static str, String)>, TopicError> {
    let value = |name: &str| properties.get(name).cloned();
    let store = |name: &str| value(name).unwrap_or_else(|| "JKS".to_owned()).to_ascii_uppercase();
    let refused = |name: &str, why: &str| Err(TopicError::Refused(format!("{name}: {why}")));
    let mut translated = Vec::new();
    if let Some(jaas) = value(JAAS) {
        let Some((user, password)) = option(&jaas, "username").zip(option(&jaas, "password")) else {
            return refused(JAAS, "it has no username and password; other modules are not known");
        };
        translated.extend([("sasl.username", user), ("sasl.password", password)]);
    }
    if let Some(location) = value(TRUST) {
        if store(TRUST_TYPE) != "PEM" {
            return refused(TRUST, "only PEM is read (ssl.truststore.type=PEM)");
        }
        translated.push(("ssl.ca.location", location));
    }
    translated.extend(value(TRUST_PEM).map(|pem| ("ssl.ca.pem", pem)));
    if let Some(location) = value(KEYS) {
        match store(KEYS_TYPE).as_str() {
            // One file holds both.
            "PEM" => {
                translated.extend([("ssl.certificate.location", location.clone()), ("ssl.key.location", location)])
            }
            "PKCS12" => translated.push((KEYS, location)),
            _ => return refused(KEYS, "only PEM and PKCS12 are read (ssl.keystore.type)"),
        }
    }
    translated.extend(value(KEYS_CHAIN).map(|pem| ("ssl.certificate.pem", pem)));
    translated.extend(value(KEYS_KEY).map(|pem| ("ssl.key.pem", pem)));
    if let Some(algorithm) = value(IDENTIFICATION) {
        let algorithm = if algorithm.is_empty() { "none".to_owned() } else { algorithm.to_ascii_lowercase() };
        translated.push((IDENTIFICATION, algorithm));
    }
    Ok(translated)
}

/// Of `module required username="x" password='y' …;`.
fn option(jaas: &str, name: &str) -> Option<String> {
    let mut rest = jaas;
    loop {
        let (before, after) = rest.split_once(name)?;
        rest = after;
        let Some(value) = after.trim_start().strip_prefix('=') else { continue };
        if !before.is_empty() && !before.ends_with(char::is_whitespace) {
            continue;
        }
        return unquoted(value.trim_start());
    }
}

/// A word, or what is between quotes, where a backslash takes the next character
/// as it is.
fn unquoted(text: &str) -> Option<String> {
    let quote = text.chars().next().filter(|first| matches!(first, '"' | '\''));
    let Some(quote) = quote else {
        let end = text.find(|c: char| c.is_whitespace() || c == ';').unwrap_or(text.len());
        return (end > 0).then(|| text[..end].to_owned());
    };
    let mut value = String::new();
    let mut characters = text.chars().skip(1);
    loop {
        match characters.next()? {
            '\\' => value.push(characters.next()?),
            end if end == quote => return Some(value),
            character => value.push(character),
        }
    }
}

#[cfg(test)]
mod tests;
