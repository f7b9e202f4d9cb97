//! Logs: text for a person at a terminal, one JSON object a line otherwise.
//! They go to standard error, so that standard output stays for answers.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::IsTerminal;
use std::panic::PanicHookInfo;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::{EnvFilter, reload};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Text when standard error is a terminal, JSON otherwise.
    #[default]
    Auto,
    Text,
    Json,
}

/// What [`Format::Auto`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Text,
    Json,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives such as
    /// `info,tidegate_gateway=debug`. The variable `RUST_LOG` goes before it.
    pub level: String,
    pub format: Format,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".into(), format: Format::Auto }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("{origin}: {directives:?} is no log level: {message}")]
    Directives { origin: &'static str, directives: String, message: String },
    #[error("logs are set up already")]
    Twice,
    #[error("the level stays as it is: {0}")]
    Stays(#[from] reload::Error),
}

/// Logging that has begun.
#[derive(Clone)]
pub struct Logs {
    pub shape: Shape,
    pub level: Level,
}

/// What a running process logs; clones are the same.
#[derive(Clone)]
pub struct Level(Arc<Inner>);

type Replace = dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send + Sync;

struct Inner {
    at_start: String,
    current: Mutex<String>,
    replace: Box<Replace>,
}

impl Level {
    fn new(at_start: String, replace: impl Fn(EnvFilter) -> Result<(), reload::Error> + Send + Sync + 'static) -> Self {
        let current = Mutex::new(at_start.clone());
        Self(Arc::new(Inner { at_start, current, replace: Box::new(replace) }))
    }

    #[cfg(test)]
    pub(crate) fn for_tests(at_start: &str) -> Self {
        Self::new(at_start.into(), |_| Ok(()))
    }

    /// As directives.
    pub fn get(&self) -> String {
        self.0.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes the form of `log.level`.
    ///
    /// # Errors
    /// When it cannot be read; what was before stays.
    pub fn set(&self, directives: &str) -> Result<(), TelemetryError> {
        let filter = parse("the level", directives)?;
        let mut current = self.0.current.lock().unwrap_or_else(PoisonError::into_inner);
        let text = filter.to_string();
        (self.0.replace)(filter)?;
        *current = text;
        Ok(())
    }

    /// As it was when the process started.
    ///
    /// # Errors
    /// When logging has ended.
    pub fn reset(&self) -> Result<(), TelemetryError> {
        self.set(&self.0.at_start)
    }
}

/// Starts logging for the whole process. `rust_log` is the value of `RUST_LOG`.
///
/// # Errors
/// When the level cannot be read, or logging was started before.
pub fn start(config: &LogConfig, rust_log: Option<&str>) -> Result<Logs, TelemetryError> {
    let filter = filter(config, rust_log)?;
    let shape = match config.format {
        Format::Auto if std::io::stderr().is_terminal() => Shape::Text,
        Format::Text => Shape::Text,
        Format::Auto | Format::Json => Shape::Json,
    };
    let subscriber = tracing_subscriber::fmt().with_writer(std::io::stderr).with_span_events(FmtSpan::NONE);
    let at_start = filter.to_string();
    let subscriber = subscriber.with_env_filter(filter);
    let (started, level) = match shape {
        Shape::Text => {
            let subscriber = subscriber.with_ansi(std::io::stderr().is_terminal()).compact().with_filter_reloading();
            let handle = subscriber.reload_handle();
            (subscriber.try_init(), Level::new(at_start, move |filter| handle.reload(filter)))
        }
        Shape::Json => {
            let subscriber = subscriber.json().flatten_event(true).with_current_span(true).with_span_list(false);
            let subscriber = subscriber.with_filter_reloading();
            let handle = subscriber.reload_handle();
            (subscriber.try_init(), Level::new(at_start, move |filter| handle.reload(filter)))
        }
    };
    started.map_err(|_| TelemetryError::Twice)?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(Logs { shape, level })
}

/// A panic is a line of the log like any other; the backtrace comes with it
/// when `RUST_BACKTRACE` is set.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("no message");
    let place = panic.location().map(tracing::field::display);
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| tracing::field::display(backtrace));
    tracing::error!(place, backtrace, "panicked: {message}");
}

fn filter(config: &LogConfig, rust_log: Option<&str>) -> Result<EnvFilter, TelemetryError> {
    let (origin, directives) = match rust_log.filter(|text| !text.is_empty()) {
        Some(text) => ("RUST_LOG", text),
        None => ("log.level", config.level.as_str()),
    };
    parse(origin, directives)
}

fn parse(origin: &'static str, directives: &str) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::try_new(directives).map_err(|error| TelemetryError::Directives {
        origin,
        directives: directives.to_owned(),
        message: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_level_names_where_it_was_given() {
        let config = LogConfig { level: "loud=very".into(), ..LogConfig::default() };
        let error = filter(&config, None).expect_err("no level");
        assert!(error.to_string().starts_with(r#"log.level: "loud=very" is no log level: "#), "{error}");
        let error = filter(&LogConfig::default(), Some("a=b=c")).expect_err("no level");
        assert!(error.to_string().starts_with("RUST_LOG: "), "{error}");
    }

    #[test]
    fn a_level_that_cannot_be_read_leaves_the_one_before() {
        let taken = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&taken);
        let level = Level::new("info".into(), move |filter| {
            seen.lock().unwrap_or_else(PoisonError::into_inner).push(filter.to_string());
            Ok(())
        });
        level.set("a=b=c").expect_err("no level");
        assert_eq!(level.get(), "info");
        level.set("warn").expect("a level");
        assert_eq!(level.get(), "warn");
        level.reset().expect("as before");
        assert_eq!(
            (level.get().as_str(), taken.lock().expect("whole").as_slice()),
            ("info", &["warn".into(), "info".into()][..])
        );
    }

    #[test]
    fn the_environment_goes_first() {
        let config = LogConfig { level: "warn".into(), ..LogConfig::default() };
        assert_eq!(filter(&config, Some("debug")).expect("parses").to_string(), "debug");
        assert_eq!(filter(&config, Some("")).expect("parses").to_string(), "warn");
    }
}
