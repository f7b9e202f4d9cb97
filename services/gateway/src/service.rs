//! One request's way, whatever its protocol: decompress, decode, judge, log,
//! answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tidegate_access::TenantLimits;
use tidegate_codec::ingest::{self, Encoding, LabelLimits, Scratch, otlp};
use tidegate_eventlog::{ClockFn, EventLog, Topic};
use tidegate_runtime::Budget;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::admission::Admission;
use crate::batch::{Batch, Identity, Outcome, Parts, Rules, Writers};
use crate::body::{Body, BodyRules};
use crate::caller::Caller;
use crate::config::{Config, Limits};
use crate::content_hash::ContentHash;
use crate::error::Error;
use crate::limits::ClientLimits;
use crate::metadata::SentMetadata;
use crate::metrics::{Metrics, Protocol};
use crate::producer::Producer;
use crate::series_cap::{Caps, SeriesCap};

pub struct Gateway {
    pub config: Config,
    pub limits: Limits,
    pub clients: ClientLimits,
    pub metrics: Metrics,
    /// Of requests, on both ports.
    pub bodies: BodyRules,
    log: Arc<dyn EventLog>,
    clock: ClockFn,
    producer: Producer,
    admission: Admission,
    series: SeriesCap,
    metadata: SentMetadata,
    workspaces: Mutex<Vec<Workspace>>,
    /// With `counter`: a number that no other request of any process has.
    nonce: u64,
    counter: AtomicU64,
}

/// Buffers of one request at a time.
struct Workspace {
    scratch: Scratch,
    writers: Writers,
    body: Vec<u8>,
}

/// Idle workspaces that are kept.
const KEEP_WORKSPACES: usize = 64;
/// A body buffer that grew beyond this is given back.
const KEEP_BODY_BYTES: usize = 4 << 20;
const SWEEP_EVERY: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// A request as it came.
pub struct Request<'a> {
    pub caller: Caller,
    pub protocol: Protocol,
    pub encoding: Encoding,
    pub body: Body,
    /// The client's `Idempotency-Key`.
    pub idempotency_key: Option<&'a [u8]>,
}

impl Gateway {
    pub fn new(
        config: Config,
        limits: Limits,
        log: Arc<dyn EventLog>,
        clock: ClockFn,
        producer: Producer,
        metrics: Metrics,
    ) -> Self {
        let bodies = BodyRules {
            max_bytes: limits.max_body_bytes,
            timeout: Duration::from_millis(config.body_timeout_ms),
            budget: Budget::new(config.max_received_bytes, metrics.received_bytes.clone()),
        };
        Self {
            bodies,
            clients: ClientLimits::new(&limits),
            admission: Admission::new(&limits),
            series: SeriesCap::new(&limits),
            metadata: SentMetadata::default(),
            workspaces: Mutex::new(Vec::new()),
            nonce: rand::random(),
            counter: AtomicU64::new(0),
            config,
            limits,
            log,
            clock,
            producer,
            metrics,
        }
    }

    /// A number for a request, for its correlation id.
    pub fn next_number(&self) -> u64 {
        // Consecutive numbers in ids of one process, distinct across.
        self.nonce.wrapping_add(self.counter.fetch_add(1, Ordering::Relaxed))
    }

    fn unique(&self) -> u128 {
        u128::from(self.nonce) << 64 | u128::from(self.counter.fetch_add(1, Ordering::Relaxed))
    }

    /// Takes in a request; returns when its samples are durable.
    ///
    /// # Errors
    /// When none of it was acknowledged.
    pub async fn ingest(&self, request: Request<'_>) -> Result<Outcome, Error> {
        let started = Instant::now();
        let protocol = request.protocol;
        let result = self.take_in(request).await;
        self.metrics.request_seconds.observe(started.elapsed().as_secs_f64());
        self.count(protocol, &result);
        result
    }

    /// Counts a request's end; for those that fail before [`Gateway::ingest`].
    pub fn count(&self, protocol: Protocol, result: &Result<Outcome, Error>) {
        let outcome = match result {
            Ok(outcome) if outcome.rejected_series == 0 => "ok",
            Ok(_) => "partial",
            Err(error) => error.kind(),
        };
        self.metrics.request(protocol, outcome);
    }

    async fn take_in(&self, mut request: Request<'_>) -> Result<Outcome, Error> {
        let (parts, body_bytes) = self.decode(&mut request)?;
        // All that is wanted of it is in the parts, which count on their own
        // while they wait for the log.
        drop(request.body);
        let Parts { parts, outcome, new_metadata, .. } = parts;
        self.clients.samples(&request.caller.client, outcome.received())?;
        if let Some(principal) = &request.caller.principal {
            principal.samples(outcome.received())?;
        }
        self.producer.submit(parts).await?;
        self.metadata.insert(&new_metadata);
        self.metrics.samples(request.protocol, body_bytes, &outcome);
        Ok(outcome)
    }

    fn decode(&self, request: &mut Request<'_>) -> Result<(Parts, usize), Error> {
        let mut workspace = self.workspace();
        let decoded = self.decode_in(&mut workspace, request);
        self.keep(workspace);
        decoded
    }

    fn decode_in(&self, workspace: &mut Workspace, request: &mut Request<'_>) -> Result<(Parts, usize), Error> {
        let Workspace { scratch, writers, body } = workspace;
        let body = ingest::decompress(request.encoding, request.body.bytes(), self.limits.max_body_bytes, body)?;
        let tenant = request.caller.tenant.clone();
        let account = request.caller.principal.as_ref().map(|principal| Arc::clone(&principal.tenant));
        let own = account.as_ref().map(|account| account.limits()).unwrap_or_default();
        scratch.labels.set_limits(self.label_limits(&own));
        let cap = self.series.of(&tenant, self.caps(&own));
        let tell = |parts: Parts, bytes: usize| {
            if let Some(account) = &account {
                account.set_series(cap.active(), cap.new_in_last_minute());
                parts.over.iter().for_each(|over| _ = account.over(over.limit, over.value, None));
            }
            Ok((parts, bytes))
        };
        let rules = Rules {
            tenant: &tenant,
            times: self.admission.times((self.clock)()),
            admission: &self.admission,
            cap: Arc::clone(&cap),
            sent_metadata: &self.metadata,
        };
        let key = request.idempotency_key.map(|key| ContentHash::of_key(&tenant, key));
        let identity = key.map_or(Identity::Content, Identity::Key);
        let unique = || self.unique();
        if request.protocol == Protocol::Push {
            let push = ingest::push::Push::open(body, scratch)?;
            request.caller.name_agent(push.header.agent_id);
            let of_session = |(session, sequence)| {
                let session = ContentHash::of_session(&tenant, session);
                Identity::Session { session, sequence }
            };
            let identity = push.header.session.map_or(identity, of_session);
            let mut batch = Batch::new(rules, &identity, writers);
            push.decode(scratch, &mut batch)?;
            return tell(batch.finish(identity, unique), body.len());
        }
        let mut batch = Batch::new(rules, &identity, writers);
        match request.protocol {
            Protocol::RemoteWrite1 => ingest::remote_write_v1::decode(body, scratch, &mut batch)?,
            Protocol::RemoteWrite2 => ingest::remote_write_v2::decode(body, scratch, &mut batch)?,
            Protocol::Json => ingest::json::decode(body, scratch, &mut batch)?,
            Protocol::OtlpJson => self.decode_otlp(body, otlp::Format::Json, scratch, &mut batch)?,
            Protocol::OtlpProtobuf | Protocol::OtlpGrpc | Protocol::Push => {
                self.decode_otlp(body, otlp::Format::Protobuf, scratch, &mut batch)?;
            }
        }
        tell(batch.finish(identity, unique), body.len())
    }

    fn label_limits(&self, own: &TenantLimits) -> LabelLimits {
        let all = self.limits.labels();
        LabelLimits {
            max_labels: own.labels_per_series.unwrap_or(all.max_labels),
            max_name_bytes: own.label_name_bytes.unwrap_or(all.max_name_bytes),
            max_value_bytes: own.label_value_bytes.unwrap_or(all.max_value_bytes),
        }
    }

    fn caps(&self, own: &TenantLimits) -> Caps {
        let all = self.series.caps();
        Caps {
            active: own.active_series.unwrap_or(all.active),
            new_per_minute: own.new_series_per_minute.unwrap_or(all.new_per_minute),
        }
    }

    fn decode_otlp(
        &self,
        body: &[u8],
        format: otlp::Format,
        scratch: &mut Scratch,
        batch: &mut Batch<'_>,
    ) -> Result<(), Error> {
        let target_info = if self.config.otlp_target_info { otlp::TargetInfo::Write } else { otlp::TargetInfo::Omit };
        Ok(otlp::decode(body, format, target_info, scratch, batch)?)
    }

    fn workspace(&self) -> Workspace {
        let idle = self.workspaces.lock().pop();
        idle.unwrap_or_else(|| Workspace {
            scratch: Scratch::new(self.limits.labels()),
            writers: Writers::new(self.log.partitions(Topic::MetricsRaw)),
            body: Vec::new(),
        })
    }

    fn keep(&self, mut workspace: Workspace) {
        if workspace.body.capacity() > KEEP_BODY_BYTES {
            workspace.body = Vec::new();
        }
        let mut idle = self.workspaces.lock();
        if idle.len() < KEEP_WORKSPACES {
            idle.push(workspace);
        }
    }

    /// Forgets clients, series and metadata in time, until cancelled.
    ///
    /// # Errors
    /// None today; the type fits `Tasks::spawn`.
    pub async fn keep_house(self: Arc<Self>, cancel: CancellationToken) -> Result<(), std::convert::Infallible> {
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        let mut hour = tokio::time::interval_at(Instant::now() + HOUR, HOUR);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                _ = sweep.tick() => {
                    self.clients.sweep();
                    self.metrics.active_series.set(self.series.active() as i64);
                }
                _ = hour.tick() => {
                    self.series.turn_over();
                    self.metadata.clear();
                }
            }
        }
    }
}
