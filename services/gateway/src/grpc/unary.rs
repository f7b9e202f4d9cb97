//! A gRPC service of one unary method that takes its request as raw bytes, so
//! that decoding is ours: borrowing, and with our answers for what is wrong.

use std::convert::Infallible;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tonic::body::Body;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EnabledCompressionEncodings, EncodeBuf, Encoder};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Response, Status};
use tower::Service;
use tracing::Instrument;

use super::status;
use crate::caller::{Caller, Correlation};
use crate::error::Error;
use crate::service::Gateway;

/// What answers the one method of a service.
pub trait Method: Send + Sync + 'static {
    /// Full name of the service, as in its path.
    const SERVICE: &'static str;
    const METHOD: &'static str;
    type Answer: prost::Message + 'static;

    fn call(self: Arc<Self>, caller: Caller, body: Bytes) -> impl Future<Output = Result<Self::Answer, Status>> + Send;

    /// Counts a request that did not get as far as [`Method::call`].
    fn failed(&self, error: Error);
}

pub struct Unary<M> {
    method: Arc<M>,
    gateway: Arc<Gateway>,
    max_body_bytes: usize,
    body_timeout: Duration,
}

impl<M> Unary<M> {
    pub fn new(method: M, gateway: &Arc<Gateway>) -> Self {
        Self {
            method: Arc::new(method),
            max_body_bytes: gateway.limits.max_body_bytes,
            body_timeout: Duration::from_millis(gateway.config.body_timeout_ms),
            gateway: Arc::clone(gateway),
        }
    }
}

impl<M> Clone for Unary<M> {
    fn clone(&self) -> Self {
        Self {
            method: Arc::clone(&self.method),
            gateway: Arc::clone(&self.gateway),
            max_body_bytes: self.max_body_bytes,
            body_timeout: self.body_timeout,
        }
    }
}

impl<M: Method> NamedService for Unary<M> {
    const NAME: &'static str = M::SERVICE;
}

type Answering = Pin<Box<dyn Future<Output = Result<::http::Response<Body>, Infallible>> + Send>>;

impl<M: Method> Service<::http::Request<Body>> for Unary<M> {
    type Response = ::http::Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: ::http::Request<Body>) -> Answering {
        let unary = self.clone();
        Box::pin(async move { Ok(unary.answer(request).await) })
    }
}

impl<M: Method> Unary<M> {
    async fn answer(self, request: ::http::Request<Body>) -> ::http::Response<Body> {
        let path = request.uri().path();
        let is_known = path.strip_prefix('/').and_then(|path| path.split_once('/')) == Some((M::SERVICE, M::METHOD));
        if !is_known {
            return Status::unimplemented("no such method").into_http();
        }
        let correlation = Correlation::of(request.headers(), self.gateway.next_number());
        let span = tracing::info_span!("push", correlation_id = correlation.as_str());
        let mut response = self.run(request).instrument(span).await;
        response.headers_mut().insert(correlation.header, correlation.id);
        response
    }

    async fn run(self, request: ::http::Request<Body>) -> ::http::Response<Body> {
        let caller = match Caller::of(request.headers(), request.extensions()) {
            Ok(caller) => caller,
            Err(error) => {
                self.method.failed(error.clone());
                return status::of(&error).into_http();
            }
        };
        let mut encodings = EnabledCompressionEncodings::default();
        encodings.enable(CompressionEncoding::Gzip);
        encodings.enable(CompressionEncoding::Zstd);
        let mut grpc = Grpc::new(RawCodec::<M::Answer>(PhantomData))
            .apply_compression_config(encodings, EnabledCompressionEncodings::default())
            .apply_max_message_size_config(Some(self.max_body_bytes), None);
        let method = Arc::clone(&self.method);
        let was_called = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let call = Call { method, caller, was_called: Arc::clone(&was_called) };
        let limit = self.body_timeout;
        let answering = grpc.unary(call, request);
        tokio::pin!(answering);
        // The deadline is the body's: what was received whole is not cut off.
        let response = tokio::select! {
            response = &mut answering => response,
            () = tokio::time::sleep(limit) => {
                if was_called.load(std::sync::atomic::Ordering::Acquire) {
                    answering.await
                } else {
                    let error = Error::BodyTimeout { limit };
                    self.method.failed(error.clone());
                    return status::of(&error).into_http();
                }
            }
        };
        if was_called.load(std::sync::atomic::Ordering::Acquire) {
            return response;
        }
        let (response, error) = status::of_transport(response, self.max_body_bytes);
        if let Some(error) = error {
            self.method.failed(error);
        }
        response
    }
}

/// One call of the method, as tonic wants it.
struct Call<M> {
    method: Arc<M>,
    caller: Caller,
    /// The body was read whole.
    was_called: Arc<std::sync::atomic::AtomicBool>,
}

impl<M: Method> UnaryService<Bytes> for Call<M> {
    type Response = M::Answer;
    type Future = Pin<Box<dyn Future<Output = Result<Response<M::Answer>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        self.was_called.store(true, std::sync::atomic::Ordering::Release);
        let (method, caller) = (Arc::clone(&self.method), self.caller.clone());
        Box::pin(async move { method.call(caller, request.into_inner()).await.map(Response::new) })
    }
}

/// Requests as they are, answers by prost.
struct RawCodec<A>(PhantomData<A>);

impl<A: prost::Message + 'static> Codec for RawCodec<A> {
    type Encode = A;
    type Decode = Bytes;
    type Encoder = AnswerEncoder<A>;
    type Decoder = RawDecoder;

    fn encoder(&mut self) -> AnswerEncoder<A> {
        AnswerEncoder(PhantomData)
    }

    fn decoder(&mut self) -> RawDecoder {
        RawDecoder
    }
}

struct AnswerEncoder<A>(PhantomData<A>);

impl<A: prost::Message> Encoder for AnswerEncoder<A> {
    type Item = A;
    type Error = Status;

    fn encode(&mut self, answer: A, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        answer.encode(out).map_err(|error| Status::internal(error.to_string()))
    }
}

struct RawDecoder;

impl Decoder for RawDecoder {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, body: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(body.copy_to_bytes(body.remaining())))
    }
}
