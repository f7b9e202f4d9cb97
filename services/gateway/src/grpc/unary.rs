//! A gRPC service of one unary method, below tonic's codec: the body is read
//! within the gateway's budget and decoded in place, and what is wrong gets
//! our answers.

use std::convert::Infallible;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ::http::{HeaderValue, Request, Response};
use tonic::Status;
use tonic::body::Body;
use tonic::server::NamedService;
use tower::Service;
use tracing::Instrument;

use super::{message, status};
use crate::batch::Outcome;
use crate::body::{self, BodyRules};
use crate::caller::{Caller, Correlation};
use crate::error::Error;
use crate::metrics::Protocol;
use crate::service::{self, Gateway};

/// The one method of a service.
pub trait Method: Send + Sync + 'static {
    /// Full name of the service, as in its path.
    const SERVICE: &'static str;
    const METHOD: &'static str;
    const PROTOCOL: Protocol;
    type Answer: prost::Message;

    fn answer(outcome: Outcome) -> Self::Answer;
}

pub struct Unary<M> {
    gateway: Arc<Gateway>,
    rules: BodyRules,
    method: PhantomData<fn() -> M>,
}

impl<M> Unary<M> {
    pub fn new(gateway: &Arc<Gateway>) -> Self {
        let mut rules = gateway.bodies.clone();
        rules.max_bytes = rules.max_bytes.saturating_add(message::PREFIX_BYTES);
        Self { gateway: Arc::clone(gateway), rules, method: PhantomData }
    }
}

impl<M> Clone for Unary<M> {
    fn clone(&self) -> Self {
        Self { gateway: Arc::clone(&self.gateway), rules: self.rules.clone(), method: PhantomData }
    }
}

impl<M: Method> NamedService for Unary<M> {
    const NAME: &'static str = M::SERVICE;
}

type Answering = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl<M: Method> Service<Request<Body>> for Unary<M> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Answering {
        let unary = self.clone();
        Box::pin(async move { Ok(unary.answer(request).await) })
    }
}

impl<M: Method> Unary<M> {
    async fn answer(self, request: Request<Body>) -> Response<Body> {
        let path = request.uri().path();
        let is_known = path.strip_prefix('/').and_then(|path| path.split_once('/')) == Some((M::SERVICE, M::METHOD));
        if !is_known {
            return Status::unimplemented("no such method").into_http();
        }
        let correlation = Correlation::of(request.headers(), self.gateway.next_number());
        let span = tracing::info_span!("push", correlation_id = correlation.as_str());
        let mut response = match self.run(request).instrument(span).await {
            Ok(outcome) => message::answer(&M::answer(outcome)),
            Err(error) => refuse(&error),
        };
        response.headers_mut().insert(correlation.header, correlation.id);
        response
    }

    async fn run(&self, request: Request<Body>) -> Result<Outcome, Error> {
        match self.receive(request).await {
            Ok(request) => self.gateway.ingest(request).await,
            Err(error) => {
                self.gateway.count(M::PROTOCOL, &Err(error.clone()));
                Err(error)
            }
        }
    }

    async fn receive(&self, request: Request<Body>) -> Result<service::Request<'static>, Error> {
        let caller = Caller::of(request.headers(), request.extensions())?;
        caller.count()?;
        let named = message::encoding(request.headers())?;
        let mut body = body::read(request.into_body(), &self.rules).await.map_err(|error| match error {
            Error::BodyTooLarge { .. } => Error::BodyTooLarge { limit_bytes: self.gateway.bodies.max_bytes },
            other => other,
        })?;
        let encoding = message::unframe(&mut body, named)?;
        Ok(service::Request { caller, protocol: M::PROTOCOL, encoding, body, idempotency_key: None })
    }
}

fn refuse(error: &Error) -> Response<Body> {
    if let Error::ContentEncoding(why) = error {
        // UNIMPLEMENTED with what is supported, by the protocol.
        let mut response = Status::unimplemented(why).into_http::<Body>();
        let encodings = HeaderValue::from_static(message::ENCODINGS);
        response.headers_mut().insert("grpc-accept-encoding", encodings);
        return response;
    }
    status::of(error).into_http()
}
