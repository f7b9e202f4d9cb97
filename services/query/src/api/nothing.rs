//! Parts of the Prometheus API that clients ask for and of which there is
//! nothing here: exemplars are not kept, rules and alerts not evaluated.

use std::sync::Arc;

use axum::response::Response;

use super::{Ask, success};
use crate::error::Error;
use crate::service::Query;

pub(super) async fn exemplars(query: Arc<Query>, ask: Ask) -> Result<Response, Error> {
    ask.expr()?;
    success(&query, |json| json.raw("[]"), &[], &[])
}

pub(super) async fn rules(query: Arc<Query>, _: Ask) -> Result<Response, Error> {
    success(&query, |json| json.raw(r#"{"groups":[]}"#), &[], &[])
}

pub(super) async fn alerts(query: Arc<Query>, _: Ask) -> Result<Response, Error> {
    success(&query, |json| json.raw(r#"{"alerts":[]}"#), &[], &[])
}
