use super::*;

fn answered(error: DbError) -> ExecutionError {
    ExecutionError::LastAttemptError(RequestAttemptError::DbError(error, "as it is".to_owned()))
}

#[test]
fn waits_double_up_to_a_second() {
    let waits: Vec<u128> = (0..8).map(|attempt| backoff(attempt, 0.5).as_millis()).collect();
    assert_eq!(waits, [20, 40, 80, 160, 320, 640, 1_000, 1_000]);
    assert_eq!(backoff(0, 0.0).as_millis(), 10);
    assert_eq!(backoff(u32::MAX, 1.0).as_millis(), 1_500);
}

#[test]
fn what_a_node_refuses_is_not_tried_again() {
    for refused in [DbError::SyntaxError, DbError::Invalid, DbError::Unauthorized, DbError::AuthenticationError] {
        assert!(!may_pass(&answered(refused.clone())), "{refused}");
    }
    for passing in [DbError::Overloaded, DbError::IsBootstrapping, DbError::ServerError, DbError::TruncateError] {
        assert!(may_pass(&answered(passing.clone())), "{passing}");
    }
    assert!(may_pass(&ExecutionError::EmptyPlan));
    assert!(may_pass(&ExecutionError::RequestTimeout(Duration::from_secs(1))));
}
