//! What the library tells of encryption and log-in, by the setting that it is
//! about. Pure.

use rdkafka::types::RDKafkaErrorCode as Code;

/// The brokers and this client do not come together before somebody has changed
/// something, here or there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub certainty: Certainty,
    /// Within `eventlog.kafka`.
    pub key: &'static str,
    /// In the library's words, but for names of settings.
    pub why: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Certainty {
    Known,
    /// A broker that hangs up may also be one that ends.
    Guessed,
}

/// The library's names of settings, and ours.
const NAMES: [(&str, &str); 9] = [
    ("ssl.ca.location", "tls.ca_path"),
    ("ssl.certificate.location", "tls.certificate_path"),
    ("ssl.key.location", "tls.key_path"),
    ("security.protocol", "tls.enabled"),
    ("sasl.mechanisms", "sasl_mechanism"),
    ("sasl.mechanism", "sasl_mechanism"),
    ("sasl.username", "user"),
    ("sasl.password", "password"),
    ("bootstrap.servers", "brokers"),
];

const HUNG_UP: [&str; 3] = ["Disconnected", "Broken pipe", "Connection reset by peer"];
const VERIFY_FAILED: &str = "certificate verify failed";

/// Alerts by which a server tells that it does not like what it was shown.
const OF_OUR_CERTIFICATE: [&str; 8] = [
    "certificate required",
    "alert bad certificate",
    "alert unknown ca",
    "alert certificate unknown",
    "alert certificate expired",
    "alert certificate revoked",
    "alert unsupported certificate",
    "client SSL authentication might be required",
];

/// From an error. `None` for all that passes by itself.
pub(crate) fn of(code: Option<Code>, reason: &str) -> Option<Refusal> {
    let key = match code? {
        Code::Authentication | Code::SaslAuthenticationFailed if reason.contains("mechanism handshake failed") => {
            "sasl_mechanism"
        }
        Code::Authentication | Code::SaslAuthenticationFailed => "user",
        _ if reason.contains(VERIFY_FAILED) => return Some(known("tls", unverified(reason))),
        _ if OF_OUR_CERTIFICATE.iter().any(|alert| reason.contains(alert)) => "tls.certificate_path",
        Code::SSL => "tls",
        _ => return of_line(reason),
    };
    Some(known(key, renamed(reason)))
}

/// From a line of the library's log: of a broker that hangs up at a moment at
/// which brokers do that to clients that do not speak as the port wants.
pub(crate) fn of_line(line: &str) -> Option<Refusal> {
    if !HUNG_UP.iter().any(|words| line.contains(words)) {
        return None;
    }
    let is_secure = line.contains("ssl://");
    let (key, guess) = if line.contains("in state SSL_HANDSHAKE") {
        ("tls.enabled", "does this port speak TLS?")
    } else if line.contains("in state APIVERSION_QUERY") && !is_secure {
        ("tls.enabled", "does this port want TLS?")
    } else if line.contains("in state UP") && !line.contains("sasl") {
        ("user", "does this port want user and password?")
    } else {
        return None;
    };
    Some(Refusal { certainty: Certainty::Guessed, key, why: format!("{}: {guess}", renamed(line)) })
}

fn known(key: &'static str, why: String) -> Refusal {
    Refusal { certainty: Certainty::Known, key, why }
}

/// The library does not know why, and guesses.
fn unverified(reason: &str) -> String {
    let end = reason.find(VERIFY_FAILED).map_or(reason.len(), |at| at + VERIFY_FAILED.len());
    let fact = &reason[..end];
    format!(
        "{fact}: tls.ca_path does not vouch for the broker's certificate, or it has expired, or it lacks the name that brokers gives"
    )
}

/// A text of the library with our names of settings.
pub(crate) fn renamed(text: &str) -> String {
    NAMES.iter().fold(text.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours))
}

#[cfg(test)]
mod tests;
