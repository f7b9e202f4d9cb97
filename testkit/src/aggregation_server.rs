//! What a metrics agent posts its results to: an HTTP server that keeps every
//! frame it is sent, taken apart field by field.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A `StatisticSetRecord`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    pub service: String,
    pub cluster: String,
    pub metric: String,
    pub period: String,
    pub period_start: String,
    pub client_minimum_request_time: String,
    pub dimensions: BTreeMap<String, String>,
    /// By name, in the order in which they came.
    pub statistics: Vec<(String, Statistic)>,
}

/// A `StatisticRecord`. Doubles are bits, and none where the field was left out: that is 0.0, and from writers that
/// compare with `==` also −0.0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistic {
    pub value: Option<u64>,
    pub unit: String,
    pub user_specified: bool,
    pub histogram: Option<Histogram>,
}

/// A `SparseHistogramSupportingData`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    pub unit: String,
    pub precision: u64,
    /// Bounds and counts in the order in which they came.
    pub entries: Vec<(Option<u64>, u64)>,
}

/// Ends when it is dropped.
pub struct AggregationServer {
    address: SocketAddr,
    kept: Arc<Mutex<Kept>>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Kept {
    frames: Vec<Bytes>,
    errors: Vec<String>,
}

impl AggregationServer {
    /// # Errors
    /// When there is no port to listen on.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let kept = Arc::<Mutex<Kept>>::default();
        let shared = kept.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let kept = shared.clone();
                let service = service_fn(move |request| answer(request, kept.clone()));
                let connection =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                // A client that goes away is none of the server's business.
                tokio::spawn(async move { connection.await.ok() });
            }
        });
        Ok(Self { address, kept, task })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}/metrics/v1/data/persist", self.address)
    }

    pub fn count(&self) -> usize {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).frames.len()
    }

    /// The frames that have come so far, in that order; [`decode`] takes them apart.
    ///
    /// # Errors
    /// When something came that is none.
    pub fn take(&self) -> anyhow::Result<Vec<Bytes>> {
        let kept = std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(error) = kept.errors.first() {
            bail!("{} posts were no frames, the first since {error}", kept.errors.len());
        }
        Ok(kept.frames)
    }
}

impl Drop for AggregationServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(request: Request<Incoming>, kept: Arc<Mutex<Kept>>) -> anyhow::Result<Response<Full<Bytes>>> {
    let content_type = request.headers().get("content-type").cloned();
    let body = request.into_body().collect().await?.to_bytes();
    let record = if content_type.is_some_and(|kind| kind == "application/protobuf") {
        decode(&body)
    } else {
        Err(anyhow::anyhow!("the content type is not application/protobuf"))
    };
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    let status = match record {
        Ok(_) => {
            kept.frames.push(body);
            StatusCode::OK
        }
        Err(error) => {
            kept.errors.push(format!("{error:#}"));
            StatusCode::BAD_REQUEST
        }
    };
    Ok(Response::builder().status(status).body(Full::default())?)
}

/// # Errors
/// When the bytes are no frame of a `StatisticSetRecord`.
pub fn decode(frame: &[u8]) -> anyhow::Result<Received> {
    let mut received = Received::default();
    for (field, value) in fields(unframe(frame, &[4])?)? {
        match field {
            1 => received.service = value.text()?,
            2 => received.cluster = value.text()?,
            3 => received.metric = value.text()?,
            4 => received.period = value.text()?,
            5 => received.period_start = value.text()?,
            6 => received.statistics.push(statistic(value.bytes()?)?),
            8 => {
                let (mut name, mut text) = (String::new(), String::new());
                for (field, value) in fields(value.bytes()?)? {
                    *(if field == 1 { &mut name } else { &mut text }) = value.text()?;
                }
                ensure!(received.dimensions.insert(name, text).is_none(), "a dimension comes twice");
            }
            9 => received.client_minimum_request_time = value.text()?,
            other => bail!("field {other} of a StatisticSetRecord"),
        }
    }
    Ok(received)
}

fn statistic(message: &[u8]) -> anyhow::Result<(String, Statistic)> {
    let (mut name, mut statistic) = (String::new(), Statistic::default());
    for (field, value) in fields(message)? {
        match field {
            1 => name = value.text()?,
            2 => statistic.value = Some(value.number()?),
            3 => statistic.unit = value.text()?,
            4 => statistic.user_specified = value.number()? != 0,
            5 => statistic.histogram = Some(histogram(unframe(value.bytes()?, &[5, 2])?)?),
            other => bail!("field {other} of a StatisticRecord"),
        }
    }
    Ok((name, statistic))
}

fn histogram(message: &[u8]) -> anyhow::Result<Histogram> {
    let mut histogram = Histogram::default();
    for (field, value) in fields(message)? {
        match field {
            1 => histogram.unit = value.text()?,
            2 => {
                let (mut bucket, mut count) = (None, 0);
                for (field, value) in fields(value.bytes()?)? {
                    match field {
                        1 => bucket = Some(value.number()?),
                        _ => count = value.number()?,
                    }
                }
                histogram.entries.push((bucket, count));
            }
            3 => histogram.precision = value.number()?,
            other => bail!("field {other} of a SparseHistogramSupportingData"),
        }
    }
    Ok(histogram)
}

fn unframe<'b>(frame: &'b [u8], kind: &[u8]) -> anyhow::Result<&'b [u8]> {
    let (length, rest) = frame.split_first_chunk::<4>().context("a frame without a length")?;
    ensure!(u32::from_be_bytes(*length) as usize == frame.len(), "a frame of another length than it says");
    rest.strip_prefix(kind).with_context(|| format!("a frame of another kind than {kind:?}"))
}

/// A field's value: a number is a varint or the bits of a double.
#[derive(Clone, Copy, Debug)]
enum Value<'b> {
    Number(u64),
    Bytes(&'b [u8]),
}

impl<'b> Value<'b> {
    fn number(self) -> anyhow::Result<u64> {
        match self {
            Self::Number(number) => Ok(number),
            Self::Bytes(_) => bail!("bytes where a number is expected"),
        }
    }

    fn bytes(self) -> anyhow::Result<&'b [u8]> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Number(_) => bail!("a number where bytes are expected"),
        }
    }

    fn text(self) -> anyhow::Result<String> {
        Ok(std::str::from_utf8(self.bytes()?)?.to_owned())
    }
}

fn fields(mut message: &[u8]) -> anyhow::Result<Vec<(u64, Value<'_>)>> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        let value = match tag & 7 {
            0 => Value::Number(varint(&mut message)?),
            1 => {
                let (bits, rest) = message.split_first_chunk::<8>().context("a cut double")?;
                message = rest;
                Value::Number(u64::from_le_bytes(*bits))
            }
            2 => {
                let length = usize::try_from(varint(&mut message)?)?;
                let (bytes, rest) = message.split_at_checked(length).context("cut bytes")?;
                message = rest;
                Value::Bytes(bytes)
            }
            other => bail!("wire type {other}"),
        };
        fields.push((tag >> 3, value));
    }
    Ok(fields)
}

fn varint(message: &mut &[u8]) -> anyhow::Result<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first().context("a cut number")?;
        *message = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    bail!("a number of more than 64 bits")
}
