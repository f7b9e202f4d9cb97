//! What OTLP is told, over either transport.

use std::fmt::Write;

use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsPartialSuccess, ExportMetricsServiceResponse};

use crate::batch::Outcome;

/// Reasons that the message names.
const NAMED: usize = 10;

pub fn of(outcome: &Outcome) -> ExportMetricsServiceResponse {
    if outcome.rejected_series == 0 {
        return ExportMetricsServiceResponse { partial_success: None };
    }
    let mut error_message = String::new();
    for refused in outcome.rejected.iter().take(NAMED) {
        // Writing to a string does not fail.
        write!(error_message, "point {}: {}; ", refused.index, refused.reason).ok();
    }
    write!(error_message, "{} of {} points refused", outcome.rejected_samples, outcome.received()).ok();
    let rejected_data_points = i64::try_from(outcome.rejected_samples).unwrap_or(i64::MAX);
    let partial_success = Some(ExportMetricsPartialSuccess { rejected_data_points, error_message });
    ExportMetricsServiceResponse { partial_success }
}
