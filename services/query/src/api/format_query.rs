//! `format_query`: an expression in canonical form, on one line.

use std::sync::Arc;

use axum::response::Response;

use super::{Ask, success};
use crate::error::Error;
use crate::service::Query;

pub(super) async fn answer(query: Arc<Query>, ask: Ask) -> Result<Response, Error> {
    let formatted = ask.expr()?.to_string();
    success(&query, |json| json.string(&formatted), &[], &[])
}
