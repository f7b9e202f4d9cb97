//! Results as they come, to whoever watches over a WebSocket: the streams
//! `/telemetry/v1/stream` and `/telemetry/v2/stream`.

mod commands;
mod messages;
mod statistics;
mod stream;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tidegate_mad::{Periodic, Statistic};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::statistics::Statistics;

/// Metrics that are known by name, of all services.
const MAX_KNOWN: usize = 100_000;
/// Streams at one time.
const MAX_CLIENTS: usize = 256;
/// Events that wait for a client; one more and it is cut off. As many as the
/// Java daemon keeps.
const MAX_EVENTS: usize = 256;

/// The protocols differ in the names of commands and in what reports hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V1,
    V2,
}

#[derive(Clone, Debug, Default)]
pub struct Metrics {
    clients: Gauge,
    slow_clients: Counter,
    refused_clients: Counter,
    bad_commands: Counter,
    unlisted_metrics: Counter,
    unserved_results: Counter,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let m = Self::default();
        let r = registry.sub_registry_with_prefix("tidegate_agent_telemetry");
        r.register("clients", "Open telemetry streams", m.clients.clone());
        r.register("slow_clients", "Streams cut off since their client did not keep up", m.slow_clients.clone());
        r.register("refused_clients", "Streams refused since there are too many", m.refused_clients.clone());
        r.register("bad_commands", "Messages of clients that are no command", m.bad_commands.clone());
        r.register(
            "unlisted_metrics",
            "Metrics that are not listed since there are too many",
            m.unlisted_metrics.clone(),
        );
        r.register("unserved_results", "Results without a service, which streams demand", m.unserved_results.clone());
        m
    }
}

/// The place where results and clients meet; clones are the same place.
#[derive(Clone, Default)]
pub struct Telemetry {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    next_client: AtomicU64,
    metrics: Metrics,
    closing: CancellationToken,
}

#[derive(Default)]
struct State {
    /// Service → metric → statistics.
    known: HashMap<Box<str>, HashMap<Box<str>, Statistics>>,
    known_metrics: usize,
    clients: HashMap<u64, Client>,
}

struct Client {
    events: mpsc::Sender<Event>,
    cut_off: CancellationToken,
}

/// What a client is told, if it wants to know.
#[derive(Clone)]
enum Event {
    New(Arc<[NewMetric]>),
    Results(Arc<[Periodic]>),
}

/// A metric and statistics of it that were not there before.
struct NewMetric {
    service: Box<str>,
    metric: Box<str>,
    statistics: Statistics,
}

/// A client's place, until it is dropped.
struct Seat {
    id: u64,
    events: mpsc::Receiver<Event>,
    cut_off: CancellationToken,
    telemetry: Telemetry,
}

impl Telemetry {
    pub fn new(metrics: Metrics) -> Self {
        Self { shared: Arc::new(Shared { metrics, ..Shared::default() }) }
    }

    /// Shows results to all clients. Never waits: who does not keep up is cut off.
    pub fn publish(&self, results: &Arc<[Periodic]>) {
        let mut state = self.state();
        let new = state.list(results, &self.shared.metrics);
        if state.clients.is_empty() {
            return;
        }
        let new = (!new.is_empty()).then(|| Event::New(new.into()));
        let events: Vec<Event> = new.into_iter().chain([Event::Results(results.clone())]).collect();
        state.clients.retain(|_, client| {
            let keeps_up = events.iter().all(|event| client.events.try_send(event.clone()).is_ok());
            if !keeps_up {
                client.cut_off.cancel();
            }
            keeps_up
        });
    }

    /// Ends all streams, and those that come.
    pub fn close(&self) {
        self.shared.closing.cancel();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` when there are too many already.
    fn take_seat(&self) -> Option<Seat> {
        let (sender, events) = mpsc::channel(MAX_EVENTS);
        let cut_off = CancellationToken::new();
        let id = self.shared.next_client.fetch_add(1, Ordering::Relaxed);
        let mut state = self.state();
        if state.clients.len() >= MAX_CLIENTS {
            return None;
        }
        state.clients.insert(id, Client { events: sender, cut_off: cut_off.clone() });
        drop(state);
        self.shared.metrics.clients.inc();
        Some(Seat { id, events, cut_off, telemetry: self.clone() })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.telemetry.state().clients.remove(&self.id);
        self.telemetry.shared.metrics.clients.dec();
    }
}

impl State {
    /// Remembers what there is; tells what of it is new.
    fn list(&mut self, results: &[Periodic], metrics: &Metrics) -> Vec<NewMetric> {
        let mut new = Vec::new();
        for result in results {
            let Some(service) = result.dimensions.get("service") else {
                metrics.unserved_results.inc();
                continue;
            };
            let statistics: Statistics = result.statistics.iter().map(|computed| computed.statistic).collect();
            let before = self.known.get(service).and_then(|known| known.get(&result.metric)).copied();
            let added = statistics.without(before.unwrap_or_default());
            if added.is_empty() {
                continue;
            }
            if before.is_none() {
                if self.known_metrics >= MAX_KNOWN {
                    metrics.unlisted_metrics.inc();
                    continue;
                }
                self.known_metrics += 1;
            }
            let known = self.known.entry(service.into()).or_default().entry(result.metric.clone()).or_default();
            *known = known.with(added);
            new.push(NewMetric { service: service.into(), metric: result.metric.clone(), statistics: added });
        }
        new
    }
}

impl FromIterator<Statistic> for Statistics {
    fn from_iter<I: IntoIterator<Item = Statistic>>(statistics: I) -> Self {
        statistics.into_iter().fold(Self::default(), Statistics::and)
    }
}

#[cfg(test)]
mod tests;
