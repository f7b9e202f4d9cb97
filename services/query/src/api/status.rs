//! `status/buildinfo`, by which clients find out what they speak to.

use std::sync::Arc;

use axum::response::Response;

use super::{Ask, Json, success};
use crate::error::Error;
use crate::service::Query;

pub(super) async fn buildinfo(_: Arc<Query>, _: Ask) -> Result<Response, Error> {
    let write = |json: &mut Json| {
        json.raw(r#"{"application":"tidegate","version":"#);
        json.string(env!("CARGO_PKG_VERSION"));
        json.raw(r#","revision":"","branch":"","buildUser":"","buildDate":"","goVersion":""}"#);
    };
    Ok(success(write, &[], &[]))
}
