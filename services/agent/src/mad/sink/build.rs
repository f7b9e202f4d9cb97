//! From a pipeline's configuration to its running sinks.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use http::{HeaderMap, Uri};
use tidegate_eventlog::topics::{TopicError, Topics, WriterOptions};
use tidegate_mad::JavaRegex;
use tidegate_mad::config::{self, SinkKind};
use tidegate_runtime::TaskError;
use tidegate_runtime::backoff::Policy;
use tokio::sync::mpsc;

use super::Sink;
use super::aggregation_http::{self, AggregationHttp, Frames};
use super::aggregation_tcp::{self, AggregationTcp};
use super::delivery::{Delivery, Options};
use super::gateway_push::{self, GatewayPush};
use super::http_json::{self, Arrays, HttpJson};
use super::inject::Inject;
use super::kafka::{Kafka, Topic};
use super::metrics::{Metrics, SinkMetrics};
use super::multi::Multi;
use super::period_filter::{PeriodFilter, Rules};
use super::periodic_statistics::PeriodicStatistics;
use super::poster::Poster;
use super::seldom::Seldom;
use super::series_log::SeriesLog;
use super::telemetry::TelemetrySink;
use super::time_threshold::{Late, TimeThreshold};
use super::tracing_sink::{Pattern, Tracing};
use crate::clock::unix_ms;
use crate::http_client::{self, ClientTlsError};
use crate::mad::own::OwnMetrics;
use crate::mad::telemetry::Telemetry;
use crate::outbox::Sender;
use crate::{BufferConfig, PushConfig, PushError};

/// How long Java's client waits for an answer.
const POST_TIMEOUT: Duration = Duration::from_secs(60);

/// What the sinks of a pipeline share with the daemon.
#[derive(Clone)]
pub struct Context {
    pub pipeline: Arc<str>,
    /// Of the pipeline, the shortest first.
    pub periods_ms: Vec<u64>,
    pub metrics: Metrics,
    /// Told when a sink's task fails.
    pub failures: mpsc::Sender<TaskError>,
    pub telemetry: Telemetry,
    pub own: OwnMetrics,
    /// `None` where there is no adapter for topics.
    pub topics: Option<Arc<dyn Topics>>,
    /// Where buffers are made that the configuration gives no folder.
    pub folder: PathBuf,
    /// Where files are written that the configuration cannot name.
    pub working_folder: PathBuf,
    /// Tells this agent from others at gateways.
    pub agent_id: String,
    pub backoff: Policy,
}

/// Why a sink cannot run.
#[derive(Debug, thiserror::Error)]
#[error("sink {sink:?}: {problem}")]
pub struct BuildError {
    pub sink: String,
    pub problem: SinkProblem,
}

#[derive(Debug, thiserror::Error)]
pub enum SinkProblem {
    #[error("{uri:?} is no address: {message}")]
    Uri { uri: String, message: String },
    #[error("header {0:?} has characters that a header cannot hold")]
    Header(String),
    #[error(transparent)]
    Tls(#[from] ClientTlsError),
    #[error("there is no Kafka here")]
    NoTopics,
    #[error(transparent)]
    Topic(#[from] TopicError),
    #[error(transparent)]
    Gateway(#[from] PushError),
}

/// Whether a sink needs a histogram of every metric, whatever statistics are
/// asked for.
pub fn needs_histograms(sink: &config::Sink) -> bool {
    match &sink.kind {
        SinkKind::GatewayPush(_) => true,
        SinkKind::Multi(sinks) => sinks.iter().any(needs_histograms),
        SinkKind::PeriodFiltering(wrapper) => needs_histograms(&wrapper.sink),
        SinkKind::TimeThreshold(wrapper) => needs_histograms(&wrapper.sink),
        SinkKind::DimensionInjecting(wrapper) => needs_histograms(&wrapper.sink),
        _ => false,
    }
}

/// Refuses what [`build`] would, without starting anything; topics are not asked. Must be called within a runtime.
///
/// # Errors
/// As [`build`].
pub fn check(sink: &config::Sink) -> Result<(), Box<BuildError>> {
    let checked = match &sink.kind {
        SinkKind::PeriodFiltering(wrapper) => return check(&wrapper.sink),
        SinkKind::TimeThreshold(wrapper) => return check(&wrapper.sink),
        SinkKind::DimensionInjecting(wrapper) => return check(&wrapper.sink),
        SinkKind::Multi(sinks) => return sinks.iter().try_for_each(check),
        SinkKind::AggregationServerHttp(post) => poster(post, aggregation_http::headers(), POST_TIMEOUT).map(drop),
        SinkKind::HttpJson(json) => json_poster(json).map(drop),
        SinkKind::GatewayPush(push) => Sender::check(&push_config(push, Policy::default())).map_err(SinkProblem::from),
        _ => Ok(()),
    };
    checked.map_err(|problem| Box::new(BuildError { sink: sink.name.clone(), problem }))
}

/// Starts a sink, and those within it. Must be called within a runtime.
///
/// # Errors
/// When something in its configuration cannot be used. That the other side
/// cannot be reached is none: sinks try again.
pub fn build<'a>(sink: &'a config::Sink, context: &'a Context) -> BoxFuture<'a, Result<Box<dyn Sink>, BuildError>> {
    Box::pin(async move {
        let metrics = context.metrics.of(&context.pipeline, &sink.name);
        let failures = context.failures.clone();
        let problem = |problem: SinkProblem| BuildError { sink: sink.name.clone(), problem };
        let built: Box<dyn Sink> = match &sink.kind {
            SinkKind::PeriodFiltering(wrapper) => {
                let rules = rules(wrapper);
                let mut within = context.clone();
                within.periods_ms.retain(|period_ms| rules.lets_through(*period_ms));
                let inner = build(&wrapper.sink, &within).await?;
                Box::new(PeriodFilter { rules, inner, metrics })
            }
            SinkKind::TimeThreshold(wrapper) => Box::new(TimeThreshold {
                threshold_ms: wrapper.threshold.as_millis() as u64,
                excluded_services: wrapper.excluded_services.iter().cloned().collect(),
                late: if wrapper.log_only { Late::Told } else { Late::Dropped },
                inner: build(&wrapper.sink, context).await?,
                metrics,
                warnings: Seldom::default(),
            }),
            SinkKind::DimensionInjecting(wrapper) => Box::new(Inject {
                defaults: wrapper.default_dimensions.iter().cloned().collect(),
                overrides: wrapper.override_dimensions.iter().cloned().collect(),
                inner: build(&wrapper.sink, context).await?,
                metrics,
            }),
            SinkKind::Multi(sinks) => {
                let mut inner = Vec::with_capacity(sinks.len());
                for sink in sinks {
                    inner.push(build(sink, context).await?);
                }
                Box::new(Multi { inner })
            }
            SinkKind::AggregationServerHttp(post) => aggregation_http(post, context, metrics).map_err(problem)?,
            SinkKind::HttpJson(json) => http_json(json, context, metrics).map_err(problem)?,
            SinkKind::Kafka(config) => kafka(config, context, metrics).await.map_err(problem)?,
            SinkKind::GatewayPush(push) => {
                let options = gateway_options(push, &sink.name, context);
                let started = GatewayPush::start(options, metrics, failures);
                Box::new(started.map_err(|error| problem(error.into()))?)
            }
            SinkKind::AggregationServer(server) => Box::new(aggregation_tcp(server, metrics, failures)),
            SinkKind::PeriodicStatistics(config) => {
                Box::new(PeriodicStatistics::start(&sink.name, config, context.own.clone(), metrics, failures))
            }
            SinkKind::Tracing(patterns) => {
                let patterns = patterns.iter().map(|pattern| traced(pattern, &metrics)).collect();
                Box::new(Tracing { sink: sink.name.clone(), patterns, own: context.own.clone(), metrics })
            }
            SinkKind::MetricSeriesLogging => {
                Box::new(SeriesLog::start(context.working_folder.clone(), unix_ms(), metrics, failures))
            }
            SinkKind::Telemetry => Box::new(TelemetrySink { telemetry: context.telemetry.clone(), metrics }),
        };
        Ok(built)
    })
}

type Built = Result<Box<dyn Sink>, SinkProblem>;

fn aggregation_http(post: &config::HttpPost, context: &Context, metrics: SinkMetrics) -> Built {
    let frames = Frames(poster(post, aggregation_http::headers(), POST_TIMEOUT)?);
    let delivery = Delivery::start(frames, options(post, context), metrics.clone(), context.failures.clone());
    Ok(Box::new(AggregationHttp { delivery, metrics }))
}

fn http_json(json: &config::HttpJson, context: &Context, metrics: SinkMetrics) -> Built {
    let arrays = Arrays(json_poster(json)?);
    let delivery = Delivery::start(arrays, options(&json.post, context), metrics.clone(), context.failures.clone());
    Ok(Box::new(HttpJson { delivery, max_batch: json.maximum_batch_size as usize, metrics }))
}

fn json_poster(json: &config::HttpJson) -> Result<Poster, SinkProblem> {
    let headers = http_json::headers(&json.headers).map_err(SinkProblem::Header)?;
    poster(&json.post, headers, json.request_timeout)
}

fn aggregation_tcp(
    server: &config::AggregationServer,
    metrics: SinkMetrics,
    failures: mpsc::Sender<TaskError>,
) -> AggregationTcp {
    let address = (server.server_address.clone(), server.server_port);
    let policy = aggregation_tcp::policy(server.exponential_backoff_base_ms);
    let max_queue = server.max_queue_size.into();
    AggregationTcp::start(address, max_queue, policy, aggregation_tcp::HEARTBEAT, metrics, failures)
}

fn traced((name, regex): &(String, JavaRegex), metrics: &SinkMetrics) -> Pattern {
    Pattern { name: name.clone(), regex: regex.clone(), hits: metrics.tracing_hits(name) }
}

async fn kafka(config: &config::KafkaSink, context: &Context, metrics: SinkMetrics) -> Built {
    let topics = context.topics.as_ref().ok_or(SinkProblem::NoTopics)?;
    let writer = topics.writer(writer_options(config)).await?;
    let topic = Topic { writer, topic: config.topic.clone(), format: config.format };
    let options = Options {
        max_concurrency: 1,
        max_queue: config.maximum_queue_size.into(),
        spread: Duration::ZERO,
        backoff: context.backoff.clone(),
    };
    let delivery = Delivery::start(topic, options, metrics.clone(), context.failures.clone());
    Ok(Box::new(Kafka { delivery, format: config.format, metrics }))
}

fn rules(wrapper: &config::PeriodFiltering) -> Rules {
    let ms = |period: &Duration| period.as_millis() as u64;
    Rules {
        include_ms: wrapper.include.iter().map(ms).collect(),
        exclude_ms: wrapper.exclude.iter().map(ms).collect(),
        exclude_less_than_ms: wrapper.exclude_less_than.as_ref().map(ms),
        exclude_greater_than_ms: wrapper.exclude_greater_than.as_ref().map(ms),
    }
}

fn poster(post: &config::HttpPost, headers: HeaderMap, timeout: Duration) -> Result<Poster, SinkProblem> {
    let invalid = |message: String| SinkProblem::Uri { uri: post.uri.clone(), message };
    let uri: Uri = post.uri.parse().map_err(|error: http::uri::InvalidUri| invalid(error.to_string()))?;
    if uri.host().is_none_or(str::is_empty) {
        return Err(invalid("it names no host".into()));
    }
    let accepted = post.accepted_status_codes.clone();
    Ok(Poster::new(uri, http_client::tls(&post.tls), headers, accepted, timeout)?)
}

fn options(post: &config::HttpPost, context: &Context) -> Options {
    Options {
        max_concurrency: post.maximum_concurrency as usize,
        max_queue: post.maximum_queue_size.into(),
        spread: post.spread_period.mul_f64(rand::random()),
        backoff: context.backoff.clone(),
    }
}

fn writer_options(kafka: &config::KafkaSink) -> WriterOptions {
    const SERVERS: &str = "bootstrap.servers";
    let servers = kafka.configs.get(SERVERS).unwrap_or_default().split(',').map(|server| server.trim().to_owned());
    let others = kafka.configs.iter().filter(|(name, _)| *name != SERVERS);
    WriterOptions {
        servers: servers.filter(|server| !server.is_empty()).collect(),
        properties: others.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
    }
}

fn gateway_options(push: &config::GatewayPush, sink: &str, context: &Context) -> gateway_push::Options {
    let default_folder =
        || context.folder.join("gateway-push").join(file_name(&context.pipeline)).join(file_name(sink));
    gateway_push::Options {
        push: push_config(push, context.backoff.clone()),
        buffer: BufferConfig {
            max_age_seconds: push.buffer_period.as_secs().max(1),
            max_bytes: push.buffer_size_bytes,
        },
        folder: push.buffer_directory.as_deref().map_or_else(default_folder, Path::to_owned),
        // All are filtered out before when there is none.
        period_ms: context.periods_ms.first().copied().unwrap_or_default(),
        agent_id: context.agent_id.clone(),
    }
}

fn push_config(push: &config::GatewayPush, backoff: Policy) -> PushConfig {
    PushConfig {
        endpoint: push.endpoint.clone(),
        tenant: push.tenant.clone().unwrap_or_default(),
        token_file: push.token_file.clone(),
        tls: http_client::tls(&push.tls),
        timeout_seconds: push.request_timeout.as_secs(),
        backoff,
        ..PushConfig::default()
    }
}

/// A name of the configuration as one of a file.
fn file_name(name: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    name.chars().map(|c| if safe(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests;
