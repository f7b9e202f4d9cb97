//! PromQL: own syntax tree and evaluation over windows. Pure: what it reads
//! comes through [`SeriesSource`], time and deadlines come as arguments.
//!
//! Semantics are those of Prometheus 3: left-open ranges and look-back,
//! staleness, extrapolation of `rate`, interpolation of `histogram_quantile`.
//! Data come as windows (`tidegate_model::Window`). A window of one or two
//! samples is exact points; of more, only its aggregates and its first and last
//! sample are known, which is enough for `rate`, `increase`, `resets`,
//! `changes` and most of the `_over_time` family as long as the edge of a range
//! does not cut it. Where it does, or where a function needs every sample, the
//! answer comes with an info that says so.
//!
//! Delta series: `rate` and `increase` add up the windows in the range. To
//! everything else a delta series is a gauge with one sample a window, the
//! window's sum (or distribution) at the time of its last sample.
//!
//! Average and 99th percentile of an endpoint's response time, from agents'
//! distributions and from classic histograms:
//!
//! ```text
//! histogram_avg(sum by (endpoint) (rate(http_request_duration_seconds[5m])))
//! histogram_quantile(0.99, sum by (endpoint) (rate(http_request_duration_seconds[5m])))
//!
//! sum by (endpoint) (rate(http_request_duration_seconds_sum[5m]))
//!   / sum by (endpoint) (rate(http_request_duration_seconds_count[5m]))
//! histogram_quantile(0.99, sum by (endpoint, le) (rate(http_request_duration_seconds_bucket[5m])))
//! ```
//!
//! The oracle is the engine of Prometheus 3.15 (`oracle/`, `make test-oracle`).
//! Left out: what needs a feature flag there. Different on purpose:
//!
//! - `\d`, `\w`, `\s` in regular expressions know Unicode, and a literal `{` has to
//!   be escaped; strings have to be UTF-8.
//! - Bounds of exponential buckets are correctly rounded (seen in `count_values` of
//!   histograms only), empty buckets are as none, and NaN observations do not
//!   move a quantile to another bucket.
//! - Of annotations all are given, where Prometheus keeps an operator's last at each
//!   step; there is none of conflicting counter resets, which follow from the
//!   chunks that samples lie in there.
//! - Of several stale markers in one window only the last is known.
//! - A sum of a distribution and a native histogram is left out, with a warning; a
//!   subquery over a distribution sees one value a step, so `rate` of it is not
//!   a sum.
//!
//! ```
//! let expr = tidegate_promql::parse("sum by (job) (rate(http_requests_total[5m]))")?;
//! let range = tidegate_promql::Range { start_ms: 600_000, end_ms: 600_000, step_ms: 0 };
//! let selection = &tidegate_promql::selections(&expr, &range)[0];
//! assert_eq!((selection.start_ms, selection.end_ms), (300_000, 600_000));
//! # Ok::<(), tidegate_promql::ParseError>(())
//! ```

mod aggregate;
mod ast;
mod binary;
mod error;
mod eval;
mod format;
mod functions;
mod histogram;
mod kahan;
mod labels;
mod limits;
mod matcher;
mod notes;
mod operators;
mod parse;
mod source;
mod spread;
mod steps;
mod track;
mod value;
mod windows;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use ast::{
    Aggregate, AggregateOp, At, Binary, BinaryOp, Call, Cardinality, Expr, Grouping, Matching, MatrixSelector,
    Subquery, ValueType, VectorSelector,
};
pub use error::{EvalError, ParseError};
pub use eval::{Evaluated, evaluate};
pub use functions::{Arity, Function, function_names};
pub use histogram::{Bucket, Custom, Exponential, HistogramValue, Shape, SketchCounts};
pub use limits::Limits;
pub use matcher::{MatchOp, Matcher, MatcherError};
pub use parse::{MAX_DEPTH, MAX_QUERY_BYTES, MAX_REGEX_MATCHERS, MAX_SELECTORS, parse};
pub use source::{LOOKBACK_MS, Range, Selection, SeriesData, SeriesSource, SourceError, selections};
pub use spread::{Job, Workers};
pub use value::{InstantSample, QueryValue, RangeSeries, SampleValue};
pub use windows::{Windows, as_point, in_full};
