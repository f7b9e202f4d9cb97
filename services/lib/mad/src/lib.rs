//! What the Java Metrics Aggregator Daemon does with bytes and numbers, without
//! sockets, clocks and threads: its configuration files, the formats it reads,
//! its transformations, buckets and statistics, and the formats it emits.
//!
//! bytes → [`Record`]s → transformed [`Record`]s → aggregation by period →
//! [`Periodic`] results → bytes. Time is an argument everywhere.

pub mod aggregate;
pub mod config;
pub mod diff;
mod dimensions;
pub mod emit;
mod java_regex;
pub mod parse;
mod periodic;
mod record;
mod statistic;
pub mod transform;
mod unit;

pub use dimensions::Dimensions;
pub use java_regex::{Captures, JavaRegex, JavaReplacement, RegexError, ReplacementError};
pub use periodic::{Computed, Periodic};
pub use record::{Histogram, Kind, Metric, Record};
pub use statistic::Statistic;
pub use unit::{Quantity, Unit};
