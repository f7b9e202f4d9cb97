//! `stream`: live results as server-sent events.

mod events;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use futures::StreamExt;
use futures::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use tidegate_access::Principal;
use tidegate_model::time::{HOUR_MS, WINDOW_MS};
use tidegate_promql::ValueType;

use crate::api::Ask;
use crate::error::Error;
use crate::service::Query;
use crate::stream::{Begin, EventId, Place, Stream, Subscription, first_step_after};
use events::Events;

const SETTLE_DEFAULT_MS: i64 = 1_000;
const SETTLE_LONGEST_MS: i64 = 300_000;
/// Of a wrong id, in the error.
const SHOWN_BYTES: usize = 60;

pub(crate) async fn answer(query: Arc<Query>, ask: Ask) -> Result<Response, Error> {
    let subscription = subscription(&query, &ask)?;
    let Subscription { tenant, expr, step_ms, settle_ms, .. } = &subscription;
    let place = Place::take(&query, tenant, ask.principal.as_ref(), expr.clone(), [*step_ms, *settle_ms])?;
    let held = ask.principal.as_ref().map(Principal::stream).transpose()?;
    let heartbeat = Duration::from_millis(query.config.stream_heartbeat_ms);
    let live = Stream::new(place, &subscription);
    let messages =
        stream::unfold((live, held), |(mut live, held)| async move { Some((live.next().await?, (live, held))) });
    let events = Events::new(messages.boxed(), query.unsent.clone(), heartbeat);
    let mut response = Response::new(Body::from_stream(events));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Asks proxies not to hold events back.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

fn subscription(query: &Query, ask: &Ask) -> Result<Subscription, Error> {
    let expr = Arc::new(ask.expr()?);
    if let kind @ (ValueType::Matrix | ValueType::String) = expr.value_type() {
        return Err(Error::NotStreamable(kind.describe()));
    }
    let step_ms = ask.duration_ms("step")?.unwrap_or(WINDOW_MS);
    if !(WINDOW_MS..=HOUR_MS).contains(&step_ms) || step_ms % WINDOW_MS != 0 {
        let reason = "it must be a multiple of 5s, the length of a live window, and 1h at most".into();
        return Err(Error::Parameter { name: "step", reason });
    }
    let settle_ms = ask.duration_ms("settle")?.unwrap_or(SETTLE_DEFAULT_MS);
    if !(SETTLE_DEFAULT_MS..=SETTLE_LONGEST_MS).contains(&settle_ms) {
        return Err(Error::Parameter { name: "settle", reason: "it must be between 1s and 5m".into() });
    }
    let begin = begin(query, ask, step_ms)?;
    Ok(Subscription { tenant: ask.tenant.clone(), expr, step_ms, settle_ms, begin })
}

/// After the last event that the client had; else the first step at or after
/// `start`; else the next one.
fn begin(query: &Query, ask: &Ask, step_ms: i64) -> Result<Begin, Error> {
    let now_ms = query.now_ms();
    if let Some(id) = last_event_id(ask)? {
        if id.step_ms > now_ms.saturating_add(HOUR_MS) {
            let reason = "it lies in the future".into();
            return Err(Error::Parameter { name: "Last-Event-ID", reason });
        }
        return Ok(Begin::After(id));
    }
    let Some(start_ms) = ask.time_ms("start")? else { return Ok(Begin::At(first_step_after(now_ms, step_ms))) };
    let history_ms = i64::try_from(query.config.stream_history_ms).unwrap_or(i64::MAX);
    if start_ms < now_ms.saturating_sub(history_ms) || start_ms > now_ms.saturating_add(HOUR_MS) {
        let reason =
            format!("streams start {} s back and 1h ahead at most; query_range has what is older", history_ms / 1_000);
        return Err(Error::Parameter { name: "start", reason });
    }
    Ok(Begin::At(first_step_after(start_ms - 1, step_ms)))
}

/// The header that browsers send on their own comes before the parameter,
/// which stays the same when they connect again.
fn last_event_id(ask: &Ask) -> Result<Option<EventId>, Error> {
    let header = ask.headers.get("last-event-id").map(|value| value.to_str().unwrap_or("not a text"));
    let Some(id) = header.filter(|id| !id.is_empty()).or_else(|| ask.get("last_event_id")) else { return Ok(None) };
    let shown = &id[..id.floor_char_boundary(SHOWN_BYTES)];
    let reason = || format!("{shown:?} is no id of an event of this stream");
    id.parse().map(Some).map_err(|_| Error::Parameter { name: "Last-Event-ID", reason: reason() })
}
