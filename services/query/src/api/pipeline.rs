//! `status/pipeline`: how far each partition has come, what the ledger counted
//! hour by hour, and what of that the archive has. It is read from the log and
//! the store that all targets share, so any process can tell; and it is of all
//! tenants together: a token without the role admin gets the partitions only.
//! `status/tenants`: who they are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use tidegate_hotstore::StoreError;
use tidegate_model::time::hour_start_ms;
use tidegate_model::{HourState, LedgerEntry, LedgerKey, SourceId};
use tokio::time::Instant;

use super::{Ask, Json, success};
use crate::error::Error;
use crate::service::Query;

/// Hours, the latest first, unless `limit` says otherwise.
const HOURS: usize = 48;
/// The largest ones, likewise.
const TENANTS: usize = 20;
/// How long an answer is good for everyone who asks: a ledger of years is long.
const FRESH: Duration = Duration::from_secs(5);

pub(super) async fn answer(query: Arc<Query>, ask: Ask) -> Result<Response, Error> {
    let limit = match ask.get("limit") {
        Some(_) => ask.limit("limit")?,
        None => HOURS,
    };
    let state = query.pipeline.get(&query).await?;
    // What was counted hour by hour is of all tenants together.
    let limit = if ask.sees_all_tenants() { limit } else { 0 };
    let write = |json: &mut Json| {
        json.raw(r#"{"partitions":["#);
        json.list(&state.partitions, Json::partition);
        json.raw(r#"],"hours":["#);
        json.list(state.hours.iter().rev().take(limit), |json, (hour, line)| json.hour(*hour, line));
        json.raw("]}");
    };
    success(&query, write, &[], &[])
}

/// How many series each tenant has in the index.
pub(super) async fn tenants(query: Arc<Query>, ask: Ask) -> Result<Response, Error> {
    let limit = match ask.get("limit") {
        Some(_) => ask.limit("limit")?,
        None => TENANTS,
    };
    let tenants = query.index.largest_tenants(limit);
    let write = |json: &mut Json| {
        json.raw("[");
        json.list(&tenants, |json, (name, series)| {
            json.raw(r#"{"name":"#);
            json.string(name);
            json.raw(&format!(r#","series":{series}}}"#));
        });
        json.raw("]");
    };
    success(&query, write, &[], &[])
}

/// What was read last, and when.
#[derive(Default)]
pub(crate) struct Pipeline(tokio::sync::Mutex<Option<(Instant, Arc<State>)>>);

#[derive(Debug, Default)]
struct State {
    partitions: Vec<Partition>,
    /// By hours since the epoch.
    hours: BTreeMap<u32, Hour>,
}

#[derive(Debug)]
struct Partition {
    number: u16,
    /// Live windows are published up to here.
    watermark_ms: Option<i64>,
    /// All that closed until then is in the store.
    stored_ms: Option<i64>,
    /// Next offset of the log to be folded, as of `stored_ms`.
    position: Option<u64>,
}

/// An hour of event time, of all partitions.
#[derive(Debug, Default, PartialEq, Eq)]
struct Hour {
    ledger: LedgerEntry,
    /// Shards that the hour has rows in.
    shards: u32,
    /// Of them, those that the archive has as they are.
    shipped: u32,
    /// Those that got samples since they were shipped.
    changed: u32,
}

impl Pipeline {
    async fn get(&self, query: &Query) -> Result<Arc<State>, Error> {
        // Whoever comes meanwhile waits for the one who reads.
        let mut last = self.0.lock().await;
        if let Some((when, state)) = &*last
            && when.elapsed() < FRESH
        {
            return Ok(state.clone());
        }
        let state = Arc::new(read(query).await?);
        *last = Some((Instant::now(), state.clone()));
        Ok(state)
    }
}

async fn read(query: &Query) -> Result<State, StoreError> {
    let mut partitions: BTreeMap<u16, Partition> = BTreeMap::new();
    let mut lines: BTreeMap<(SourceId, LedgerKey), LedgerEntry> = BTreeMap::new();
    let epoch = query.log.epoch(tidegate_eventlog::Topic::MetricsRaw);
    for progress in query.store.all_progress().await? {
        let source = progress.source;
        if source.epoch == epoch {
            let entry = partitions.entry(source.partition).or_insert_with(|| Partition::new(source.partition));
            entry.stored_ms = Some(progress.closed_through.effective_ms);
            entry.position = Some(progress.position);
        }
        // What moves to the final ledger meanwhile is in both; the current one
        // comes last, being later.
        for (key, entry) in query.store.read_ledger(source).await?.into_iter().chain(progress.ledger) {
            lines.insert((source, key), entry);
        }
    }
    let watermarks = query.tail.watermarks();
    for number in 0..query.log.partitions(tidegate_eventlog::Topic::MetricsRaw) {
        let entry = partitions.entry(number).or_insert_with(|| Partition::new(number));
        entry.watermark_ms = watermarks.borrow().of(number).map(|clock| clock.effective_ms);
    }
    let mut hours: BTreeMap<u32, Hour> = BTreeMap::new();
    for ((_, key), entry) in lines {
        let ledger = &mut hours.entry(key.hour).or_default().ledger;
        ledger.counted += entry.counted;
        ledger.duplicate += entry.duplicate;
        ledger.poison += entry.poison;
        ledger.gap += entry.gap;
    }
    for row in query.store.read_hours().await? {
        let hour = hours.entry(row.hour).or_default();
        let HourState { touched, shipped, .. } = row.state;
        hour.shards += 1;
        match shipped {
            Some(shipped) if shipped >= touched => hour.shipped += 1,
            Some(_) => hour.changed += 1,
            None => {}
        }
    }
    Ok(State { partitions: partitions.into_values().collect(), hours })
}

impl Partition {
    fn new(number: u16) -> Self {
        Self { number, watermark_ms: None, stored_ms: None, position: None }
    }
}

impl Json {
    fn partition(&mut self, partition: &Partition) {
        self.raw(&format!(r#"{{"partition":{}"#, partition.number));
        for (name, time_ms) in [("watermark", partition.watermark_ms), ("stored", partition.stored_ms)] {
            if let Some(time_ms) = time_ms {
                self.raw(&format!(r#","{name}":"#));
                self.time(time_ms);
            }
        }
        if let Some(position) = partition.position {
            self.raw(&format!(r#","position":{position}"#));
        }
        self.raw("}");
    }

    fn hour(&mut self, hour: u32, line: &Hour) {
        self.raw(r#"{"hour":"#);
        self.time(hour_start_ms(hour));
        let LedgerEntry { counted, duplicate, poison, gap } = line.ledger;
        let Hour { shards, shipped, changed, .. } = line;
        self.raw(&format!(
            r#","counted":{counted},"duplicate":{duplicate},"poison":{poison},"gap":{gap},"shards":{shards},"shipped":{shipped},"changed":{changed}}}"#
        ));
    }
}
