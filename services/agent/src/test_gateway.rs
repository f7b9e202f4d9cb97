//! A gateway for tests: takes batches over real gRPC, keeps what it got, and
//! answers as it is told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use tidegate_proto::v1::ingest_server::{Ingest, IngestServer};
use tidegate_proto::v1::{PushRequest, PushResponse, Rejection};
use tidegate_runtime::server::{Limits, Protocol, Server, ServerMetrics, listen};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tonic::{Code, Request, Response, Status};

#[derive(Clone, Copy, Debug)]
pub enum Answer {
    Accept,
    RejectSamples(u64),
    /// Keeps the batch and never answers.
    Lose,
    /// Keeps the batch and says that it is not available.
    Fail,
    Refuse,
    Limit {
        retry_after_ms: u64,
    },
}

#[derive(Clone, Debug)]
pub struct Received {
    pub bytes: Bytes,
    pub tenant: Option<String>,
    pub authorization: Option<String>,
}

impl Received {
    pub fn request(&self) -> PushRequest {
        PushRequest::decode(&self.bytes[..]).expect("decodes")
    }
}

#[derive(Default)]
struct State {
    answers: VecDeque<Answer>,
    received: Vec<Received>,
}

pub struct Gateway {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    _running: DropGuard,
}

struct Service(Arc<Mutex<State>>);

impl Gateway {
    /// Gives `answers` in order, then accepts everything.
    pub async fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::start_at("127.0.0.1:0".parse().expect("an address"), answers).await
    }

    pub async fn start_at(address: SocketAddr, answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = listen("grpc.listen", address).await.expect("listens");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State { answers: answers.into_iter().collect(), received: Vec::new() }));
        let service = IngestServer::new(Service(state.clone()))
            .accept_compressed(CompressionEncoding::Zstd)
            .accept_compressed(CompressionEncoding::Gzip);
        let server = Server {
            listener,
            protocol: Protocol::Grpc,
            router: Routes::new(service).into_axum_router(),
            limits: Limits { drain_seconds: 0, ..Limits::default() },
            metrics: ServerMetrics::default(),
        };
        let cancel = CancellationToken::new();
        tokio::spawn(server.serve(cancel.clone()));
        Self { address, state, _running: cancel.drop_guard() }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn received(&self) -> Vec<Received> {
        self.state.lock().expect("not poisoned").received.clone()
    }

    /// Waits until `count` batches have come.
    pub async fn wait_for(&self, count: usize) -> Vec<Received> {
        for _ in 0..6_000 {
            let received = self.received();
            if received.len() >= count {
                return received;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} of {count} batches came", self.received().len());
    }
}

#[tonic::async_trait]
impl Ingest for Service {
    async fn push(&self, request: Request<PushRequest>) -> Result<Response<PushResponse>, Status> {
        let header = |name| request.metadata().get(name).map(|value| value.to_str().expect("text").to_owned());
        let (tenant, authorization) = (header("x-scope-orgid"), header("authorization"));
        // The agent's encoder and this one are the same, so equal bytes go in and out.
        let bytes = Bytes::from(request.into_inner().encode_to_vec());
        let answer = {
            let mut state = self.0.lock().expect("not poisoned");
            state.received.push(Received { bytes, tenant, authorization });
            state.answers.pop_front().unwrap_or(Answer::Accept)
        };
        match answer {
            Answer::Accept => Ok(Response::new(PushResponse::default())),
            Answer::RejectSamples(samples) => {
                let rejected = vec![Rejection { series: 0, samples, reason: "out of bounds".into() }];
                Ok(Response::new(PushResponse { rejected, ..PushResponse::default() }))
            }
            Answer::Lose => std::future::pending().await,
            Answer::Fail => Err(Status::unavailable("the log is not available")),
            Answer::Refuse => Err(Status::invalid_argument("malformed")),
            Answer::Limit { retry_after_ms } => {
                let details = crate::push::status::details(retry_after_ms);
                Err(Status::with_details(Code::ResourceExhausted, "slow down", details.into()))
            }
        }
    }
}
