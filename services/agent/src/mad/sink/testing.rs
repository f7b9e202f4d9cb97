//! For tests: results to hand over, a sink that keeps them, and a server that
//! answers as it is told.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tidegate_mad::{Computed, Histogram, Periodic, Quantity, Statistic};
use tidegate_runtime::backoff::Policy;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::Sink;
use super::metrics::{Metrics, SinkMetrics};

pub fn metrics() -> SinkMetrics {
    Metrics::default().of("pipeline", "sink")
}

/// Waits that tests can wait for.
pub fn policy() -> Policy {
    Policy { first_ms: 10, max_ms: 40, breaker_failures: 3, probe_ms: 60, jitter: 0.0 }
}

pub fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// A result of one sample, 4.5, in the first second of 1970.
pub fn periodic(metric: &str, dimensions: &[(&str, &str)]) -> Periodic {
    let computed = |statistic, value, asked_for| Computed { statistic, value: Quantity::plain(value), asked_for };
    Periodic {
        metric: metric.into(),
        dimensions: dimensions.iter().copied().collect(),
        period_ms: 1_000,
        start_ms: 0,
        min_request_time_ms: None,
        statistics: vec![computed(Statistic::Count, 1.0, true), computed(Statistic::Mean, 4.5, true)],
        unit: None,
        histogram: None,
    }
}

/// With the dimensions that every format demands.
pub fn usual(metric: &str) -> Periodic {
    periodic(metric, &[("cluster", "c"), ("host", "h"), ("service", "s")])
}

/// With a histogram of these values.
pub fn sketched(metric: &str, values: &[f64]) -> Periodic {
    let mut entries = BTreeMap::new();
    for value in values {
        *entries.entry(value.to_bits() & 0xffff_e000_0000_0000).or_insert(0) += 1;
    }
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let histogram = Histogram { entries, min: least, max: greatest, sum: values.iter().sum(), unit: None };
    Periodic { histogram: Some(histogram), ..usual(metric) }
}

pub fn all(results: impl IntoIterator<Item = Periodic>) -> Arc<[Periodic]> {
    results.into_iter().collect()
}

/// Waits until something is so.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..12_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{what} did not come");
}

#[derive(Clone, Default)]
pub struct Kept {
    results: Arc<Mutex<Vec<Periodic>>>,
    closed: Arc<AtomicBool>,
}

impl Kept {
    pub fn results(&self) -> Vec<Periodic> {
        self.results.lock().expect("not poisoned").clone()
    }

    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Sink for Kept {
    fn take(&mut self, results: &Arc<[Periodic]>) {
        self.results.lock().expect("not poisoned").extend(results.iter().cloned());
    }

    async fn close(self: Box<Self>, _: Instant) {
        self.closed.store(true, Ordering::Relaxed);
    }
}

/// What the server says to one post.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    Status(u16),
    /// Says nothing for so long, then 200.
    After(Duration),
}

#[derive(Clone, Debug)]
pub struct Posted {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

#[derive(Default)]
struct Answers {
    answers: VecDeque<Answer>,
    posted: Vec<Posted>,
    open: usize,
    most_open: usize,
}

pub struct Server {
    pub address: SocketAddr,
    shared: Arc<Mutex<Answers>>,
    _running: AbortOnDropHandle<()>,
}

impl Server {
    /// Gives `answers` in order, then 200 for ever.
    pub async fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::start_at("127.0.0.1:0".parse().expect("an address"), answers).await
    }

    pub async fn start_at(address: SocketAddr, answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind(address).await.expect("listens");
        let address = listener.local_addr().expect("an address");
        let answers = Answers { answers: answers.into_iter().collect(), ..Answers::default() };
        let shared = Arc::new(Mutex::new(answers));
        let router = axum::Router::new().fallback(answer).with_state(shared.clone());
        let running = tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") });
        Self { address, shared, _running: AbortOnDropHandle::new(running) }
    }

    pub fn posted(&self) -> Vec<Posted> {
        self.shared.lock().expect("not poisoned").posted.clone()
    }

    /// How many posts waited at one time.
    pub fn most_open(&self) -> usize {
        self.shared.lock().expect("not poisoned").most_open
    }

    pub async fn wait_for(&self, count: usize) -> Vec<Posted> {
        until("posts", || self.posted().len() >= count).await;
        self.posted()
    }
}

async fn answer(State(shared): State<Arc<Mutex<Answers>>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
    let next = {
        let mut shared = shared.lock().expect("not poisoned");
        shared.posted.push(Posted { path: head.uri.path().to_owned(), headers: head.headers, body });
        shared.open += 1;
        shared.most_open = shared.most_open.max(shared.open);
        shared.answers.pop_front().unwrap_or(Answer::Status(200))
    };
    let status = match next {
        Answer::Status(status) => status,
        Answer::After(time) => {
            tokio::time::sleep(time).await;
            200
        }
    };
    shared.lock().expect("not poisoned").open -= 1;
    let status = StatusCode::from_u16(status).expect("a status");
    if status == StatusCode::SERVICE_UNAVAILABLE { (status, "busy").into_response() } else { status.into_response() }
}
