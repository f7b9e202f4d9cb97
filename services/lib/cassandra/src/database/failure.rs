//! Which failures pass by themselves, and how long to wait for it. Pure.

use std::time::Duration;

use scylla::errors::{BadQuery, DbError, ExecutionError, PrepareError, RequestAttemptError};

const FIRST_WAIT_MS: f64 = 20.0;
const LONGEST_WAIT_MS: f64 = 1_000.0;

/// Before the try after the one numbered `attempt` from 0; `random` is uniform
/// in 0..1 and spreads what failed together.
pub(super) fn backoff(attempt: u32, random: f64) -> Duration {
    let wait_ms = (FIRST_WAIT_MS * f64::from(1u32 << attempt.min(16))).min(LONGEST_WAIT_MS);
    Duration::from_secs_f64(wait_ms * (0.5 + random.clamp(0.0, 1.0)) / 1_000.0)
}

/// Whether the same request may succeed later: nodes that are away, slow or
/// overloaded come back; what a node refuses to understand or to allow stays
/// refused.
pub(super) fn may_pass(failure: &ExecutionError) -> bool {
    match failure {
        ExecutionError::BadQuery(BadQuery::SerializationError(_) | BadQuery::ValuesTooLongForKey(..)) => false,
        ExecutionError::PrepareError(PrepareError::AllAttemptsFailed { first_attempt }) => {
            attempt_may_pass(first_attempt)
        }
        ExecutionError::LastAttemptError(attempt) => attempt_may_pass(attempt),
        _ => true,
    }
}

fn attempt_may_pass(attempt: &RequestAttemptError) -> bool {
    match attempt {
        RequestAttemptError::SerializationError(_) | RequestAttemptError::CqlRequestSerialization(_) => false,
        RequestAttemptError::DbError(error, _) => !matches!(
            error,
            DbError::SyntaxError
                | DbError::Invalid
                | DbError::AlreadyExists { .. }
                | DbError::FunctionFailure { .. }
                | DbError::AuthenticationError
                | DbError::Unauthorized
                | DbError::ConfigError
                | DbError::ProtocolError
        ),
        _ => true,
    }
}

#[cfg(test)]
mod tests;
