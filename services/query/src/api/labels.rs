//! `labels`: the names of labels.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::response::Response;

use super::within::Within;
use super::{Ask, success};
use crate::error::Error;
use crate::service::Query;

pub(super) async fn answer(query: Arc<Query>, ask: Ask) -> Result<Response, Error> {
    let within = Within::read(&query, &ask)?;
    let limit = ask.limit("limit")?;
    let index = query.index.tenant(&ask.tenant);
    let names = within.look_up(&query, &ask, move |within, archived| {
        let mut names = BTreeSet::new();
        if let Some(index) = index {
            let index = index.read();
            names.extend(index.label_names(&within.indexed(&index)));
        }
        for labels in &archived {
            names.extend(labels.iter().map(|(name, _)| name.to_owned()));
        }
        Ok(names)
    });
    let names = names.await?;
    limited(&query, names, limit)
}

/// A sorted list of texts, cut at `limit`.
pub(super) fn limited(query: &Query, texts: BTreeSet<String>, limit: usize) -> Result<Response, Error> {
    let warnings = if texts.len() > limit { vec![super::TRUNCATED.to_owned()] } else { Vec::new() };
    success(query, |json| json.strings(texts.iter().take(limit)), &warnings, &[])
}
