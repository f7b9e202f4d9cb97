//! `label/NAME/values`: the values of one label.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::response::Response;

use super::Ask;
use super::escaped::unescape;
use super::labels::limited;
use super::within::Within;
use crate::error::Error;
use crate::service::Query;

pub(super) async fn answer(query: Arc<Query>, ask: Ask) -> Result<Response, Error> {
    let missing = || Error::Parameter { name: "name", reason: "it is missing".into() };
    let name = ask.name.as_deref().filter(|name| !name.is_empty()).map(unescape).ok_or_else(missing)?;
    let within = Within::read(&query, &ask)?;
    let limit = ask.limit("limit")?;
    let index = query.index.tenant(&ask.tenant);
    let values = within.look_up(&query, &ask, move |within, archived| {
        let indexed = index.map(|index| {
            let index = index.read();
            index.label_values(&name, &within.indexed(&index))
        });
        // All at once, as they are in order.
        let mut values: BTreeSet<String> = indexed.into_iter().flatten().collect();
        values.extend(archived.iter().filter_map(|labels| labels.get(&name)).map(str::to_owned));
        Ok(values)
    });
    let values = values.await?;
    limited(&query, values, limit)
}
