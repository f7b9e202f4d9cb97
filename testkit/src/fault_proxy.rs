//! A proxy in front of an HTTP/1 server that makes trouble from a seed: S3 in
//! the tests of the archive and under the chaos harness.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use tidegate_testkit::fault_proxy::{Fault, FaultProxy, Faults};
//! let upstream = "127.0.0.1:17070".parse().unwrap();
//! let proxy = FaultProxy::start(upstream, 7).await?;
//! // Of a thousand requests 50 are answered 503, and of 20 puts that were done the answer is lost.
//! proxy.set(Faults::none().of_all(Fault::Status(503), 50).of_puts(Fault::LostAnswer, 20));
//! // The next put, whatever the weights say.
//! proxy.next_put(Fault::Status(409));
//! let _endpoint = proxy.url();
//! # Ok(())
//! # }
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::Random;

/// What can happen to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Answered with this status; the server never sees the request.
    Status(u16),
    /// The connection is closed; the server never sees the request.
    Cut,
    /// No answer for this long, then the connection is closed; the server never
    /// sees the request.
    Hang(Duration),
    /// The server does what it is asked; its answer is thrown away and the
    /// connection closed.
    LostAnswer,
    /// The server does what it is asked, and the answer is this status.
    WrongAnswer(u16),
    /// Passed on this much later.
    Slow(Duration),
}

/// How often each fault happens, in requests of a thousand.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    of_all: Vec<(Fault, u32)>,
    of_puts: Vec<(Fault, u32)>,
}

impl Faults {
    /// Everything is passed on.
    pub fn none() -> Self {
        Self::default()
    }

    /// Of all requests; weights of several faults add up.
    #[must_use]
    pub fn of_all(mut self, fault: Fault, per_mille: u32) -> Self {
        self.of_all.push((fault, per_mille));
        self
    }

    /// Of puts, beside what happens to all.
    #[must_use]
    pub fn of_puts(mut self, fault: Fault, per_mille: u32) -> Self {
        self.of_puts.push((fault, per_mille));
        self
    }
}

/// Runs until it is dropped.
pub struct FaultProxy {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    accepting: JoinHandle<()>,
}

struct State {
    random: Random,
    faults: Faults,
    next_puts: VecDeque<Fault>,
    requests: u64,
    happened: BTreeMap<Fault, u64>,
}

impl FaultProxy {
    /// Listens on a free port of loopback. The seed decides which requests
    /// are struck, in the order in which they come.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(upstream: SocketAddr, seed: u64) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let state = State {
            random: Random::new(seed),
            faults: Faults::none(),
            next_puts: VecDeque::new(),
            requests: 0,
            happened: BTreeMap::new(),
        };
        let state = Arc::new(Mutex::new(state));
        let accepting = tokio::spawn(accept(listener, Forward::to(upstream), state.clone()));
        Ok(Self { address, state, accepting })
    }

    /// To be used as the server's endpoint.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on.
    pub fn set(&self, faults: Faults) {
        lock(&self.state).faults = faults;
    }

    /// What happens to the next put; several are taken in their order.
    pub fn next_put(&self, fault: Fault) {
        lock(&self.state).next_puts.push_back(fault);
    }

    /// Requests so far, those that were struck among them.
    pub fn requests(&self) -> u64 {
        lock(&self.state).requests
    }

    /// How often each fault happened.
    pub fn happened(&self) -> BTreeMap<Fault, u64> {
        lock(&self.state).happened.clone()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        // The connections go with the task that has them.
        self.accepting.abort();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn draw(&mut self, method: &Method) -> Option<Fault> {
        self.requests += 1;
        let is_put = method == Method::PUT;
        let fault = match is_put.then(|| self.next_puts.pop_front()).flatten() {
            Some(fault) => Some(fault),
            None => self.draw_by_weight(is_put),
        };
        if let Some(fault) = fault {
            *self.happened.entry(fault).or_default() += 1;
        }
        fault
    }

    fn draw_by_weight(&mut self, is_put: bool) -> Option<Fault> {
        let mut drawn = self.random.below(1_000) as u32;
        let of_puts: &[_] = if is_put { &self.faults.of_puts } else { &[] };
        self.faults.of_all.iter().chain(of_puts).find_map(|(fault, per_mille)| {
            let struck = drawn < *per_mille;
            drawn = drawn.saturating_sub(*per_mille);
            struck.then_some(*fault)
        })
    }
}

async fn accept(listener: TcpListener, forward: Forward, state: Arc<Mutex<State>>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (forward, state) = (forward.clone(), state.clone());
        connections.spawn(async move {
            let service = service_fn(move |request| serve(request, forward.clone(), state.clone()));
            // Ends in an error when a fault closes the connection.
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Closes the connection without an answer.
#[derive(Debug)]
struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("closed by the fault proxy")
    }
}

impl std::error::Error for Closed {}

type Answer = Response<Full<Bytes>>;

async fn serve(request: Request<Incoming>, forward: Forward, state: Arc<Mutex<State>>) -> Result<Answer, Closed> {
    let fault = lock(&state).draw(request.method());
    let (head, body) = request.into_parts();
    // Whole, so that the client is not stopped while it sends.
    let body = body.collect().await.map_err(|_| Closed)?.to_bytes();
    let request = Request::from_parts(head, Full::new(body));
    match fault {
        None => forward.send(request).await,
        Some(Fault::Status(status)) => answer(status),
        Some(Fault::Cut) => Err(Closed),
        Some(Fault::Hang(time)) => {
            tokio::time::sleep(time).await;
            Err(Closed)
        }
        Some(Fault::LostAnswer) => forward.send(request).await.and(Err(Closed)),
        Some(Fault::WrongAnswer(status)) => {
            forward.send(request).await?;
            answer(status)
        }
        Some(Fault::Slow(time)) => {
            tokio::time::sleep(time).await;
            forward.send(request).await
        }
    }
}

fn answer(status: u16) -> Result<Answer, Closed> {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::from_u16(status).map_err(|_| Closed)?;
    Ok(answer)
}

#[derive(Clone)]
struct Forward {
    client: Client<HttpConnector, Full<Bytes>>,
    upstream: SocketAddr,
}

impl Forward {
    fn to(upstream: SocketAddr) -> Self {
        Self { client: Client::builder(TokioExecutor::new()).build_http(), upstream }
    }

    /// With the client's own `Host`, which its signature covers.
    async fn send(&self, mut request: Request<Full<Bytes>>) -> Result<Answer, Closed> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = Uri::builder()
            .scheme("http")
            .authority(self.upstream.to_string())
            .path_and_query(path)
            .build()
            .map_err(|_| Closed)?;
        let (head, body) = self.client.request(request).await.map_err(|_| Closed)?.into_parts();
        let body = body.collect().await.map_err(|_| Closed)?.to_bytes();
        Ok(Response::from_parts(head, Full::new(body)))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// Counts what it is asked, and answers "done".
    async fn upstream() -> (SocketAddr, Arc<Mutex<u64>>) {
        let (listener, asked) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), Arc::new(Mutex::new(0)));
        let (address, counting) = (listener.local_addr().unwrap(), asked.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let counting = counting.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |_| {
                        *counting.lock().unwrap() += 1;
                        async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"done")))) }
                    });
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await
                        .ok();
                });
            }
        });
        (address, asked)
    }

    async fn put(url: &str) -> Result<(u16, String), reqwest::Error> {
        let answer = reqwest::Client::new().put(url).body("x").send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    #[tokio::test]
    async fn each_fault_does_what_it_says() {
        let (upstream, asked) = upstream().await;
        let proxy = FaultProxy::start(upstream, 1).await.unwrap();
        let short = Duration::from_millis(1);
        for (fault, answer, reaches) in [
            (Fault::Status(503), Some((503, "")), 0),
            (Fault::Cut, None, 0),
            (Fault::Hang(short), None, 0),
            (Fault::LostAnswer, None, 1),
            (Fault::WrongAnswer(412), Some((412, "")), 1),
            (Fault::Slow(short), Some((200, "done")), 1),
        ] {
            let before = *asked.lock().unwrap();
            proxy.next_put(fault);
            let expected = answer.map(|(status, text)| (status, text.to_owned()));
            assert_eq!(put(&proxy.url()).await.ok(), expected, "{fault:?}");
            assert_eq!(*asked.lock().unwrap() - before, reaches, "{fault:?}");
        }
        assert_eq!(put(&proxy.url()).await.unwrap(), (200, "done".to_owned()));
        assert_eq!((proxy.requests(), proxy.happened().values().sum::<u64>()), (7, 6));
    }

    #[tokio::test]
    async fn a_seed_decides_how_often() {
        let mut states = [1, 1, 2].map(|seed| State {
            random: Random::new(seed),
            faults: Faults::none().of_all(Fault::Cut, 100).of_puts(Fault::LostAnswer, 200),
            next_puts: VecDeque::new(),
            requests: 0,
            happened: BTreeMap::new(),
        });
        let [a, b, c] = states.each_mut().map(|state| (0..2_000).map(|_| state.draw(&Method::PUT)).collect::<Vec<_>>());
        assert_eq!(a, b);
        assert_ne!(a, c);
        for state in &states {
            assert!((150..250).contains(&state.happened[&Fault::Cut]), "{:?}", state.happened);
            assert!((330..470).contains(&state.happened[&Fault::LostAnswer]), "{:?}", state.happened);
        }
        let gets: Vec<_> = (0..500).map(|_| states[0].draw(&Method::GET)).collect();
        assert!(!gets.contains(&Some(Fault::LostAnswer)) && gets.contains(&Some(Fault::Cut)));
    }
}
