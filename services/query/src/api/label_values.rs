//! `label/NAME/values`: the values of one label.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::response::Response;

use super::Ask;
use super::escaped::unescape;
use super::labels::limited;
use super::within::Within;
use crate::error::Error;
use crate::select::in_background;
use crate::service::Query;

pub(super) async fn answer(query: Arc<Query>, ask: Ask) -> Result<Response, Error> {
    let missing = || Error::Parameter { name: "name", reason: "it is missing".into() };
    let name = ask.name.as_deref().filter(|name| !name.is_empty()).map(unescape).ok_or_else(missing)?;
    let within = Within::read(&query, &ask)?;
    let limit = ask.limit("limit")?;
    let index = query.index.tenant(&ask.tenant);
    let looking_up = async {
        let held = ask.begin_query()?;
        let archived = within.archived(&query, &ask.tenant).await?;
        in_background(move || {
            let _held = held;
            let mut values = BTreeSet::new();
            if let Some(index) = index {
                let index = index.read();
                values.extend(index.label_values(&name, &within.indexed(&index)));
            }
            values.extend(archived.iter().filter_map(|labels| labels.get(&name)).map(str::to_owned));
            Ok(values)
        })
        .await
    };
    let values = query.look_up(ask.principal.as_ref(), looking_up).await?;
    limited(&query, values, limit)
}
