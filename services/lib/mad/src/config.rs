//! The configuration files of the Java daemon, as they are: HOCON where the
//! name ends in `.conf`, else JSON; objects with a `type`, the name of a Java
//! class; values coerced as Jackson does. Unknown keys are noted, not refused.
//!
//! Types of our own, beside those of Java, are named `tidegate.…`.

mod daemon;
mod describe;
mod fields;
mod iso8601;
mod load;
mod parser;
mod pipeline;
mod relabel;
mod separators;
mod sink;
mod source;
mod tls;
mod transform;
mod value;

use std::fmt;

pub use daemon::{Daemon, MonitoringSink};
pub use load::{File, LoadError, Loaded, load_any, load_daemon, load_pipeline};
pub use parser::{GraphiteParser, JsonParser, Parser, PrometheusParser, TelegrafParser, TimestampUnit};
pub use pipeline::Pipeline;
pub use relabel::{RelabelAction, RelabelRule};
pub use sink::{
    AggregationServer, DimensionInjecting, GatewayPush, HttpJson, HttpPost, KafkaFormat, KafkaSink, PeriodFiltering,
    PeriodicStatistics, Sink, SinkKind, TimeThreshold,
};
pub use source::{HttpInput, Input, KafkaInput, ScrapeInput, Source, Target, TcpLineInput};
pub use tls::{CertificatePaths, ClientTls};
pub use transform::{DropSet, Injection, Transform, Transformation};

/// What a file says that is not acted upon. Each is worth a line in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A key that nothing reads.
    UnknownKey { at: String },
    /// A source that this agent does not have; the rest of the pipeline runs.
    Excluded { at: String, name: String, class: String },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey { at } => write!(f, "{at}: unknown key, ignored"),
            Self::Excluded { at, name, class } => {
                write!(f, "{at}: {class} {name:?} is not supported and is left out; the rest of the pipeline runs")
            }
        }
    }
}

/// Why a file cannot be used: where in it, and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {reason}")]
pub struct Problem {
    /// As in `sources[2].parser.type`.
    pub at: String,
    pub reason: String,
}

impl Problem {
    fn new(at: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { at: at.into(), reason: reason.into() }
    }
}

/// Settings for a client of something else, by name. What looks like a secret
/// does not appear in `Debug`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Properties(Vec<(String, String)>);

impl Properties {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl FromIterator<(String, String)> for Properties {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SECRET: [&str; 7] = ["password", "secret", "jaas", "token", "authorization", "credential", "key"];
        let secret = |name: &str| SECRET.iter().any(|word| name.to_lowercase().contains(word));
        // Deserializers are named by `key.deserializer`.
        let hidden = |name: &str| secret(name) && !name.contains("serializer");
        f.debug_map().entries(self.iter().map(|(name, value)| (name, if hidden(name) { "…" } else { value }))).finish()
    }
}
