//! Where a pipeline's results go.

use std::path::PathBuf;
use std::time::Duration;

use super::fields::{Fields, NOT_NEGATIVE, POSITIVE, distinct, unknown_type};
use super::tls::ClientTls;
use super::value::Value;
use super::{Note, Problem, Properties};
use crate::JavaRegex;

#[derive(Clone, Debug, PartialEq)]
pub struct Sink {
    pub name: String,
    pub kind: SinkKind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum SinkKind {
    AggregationServerHttp(HttpPost),
    AggregationServer(AggregationServer),
    PeriodFiltering(PeriodFiltering),
    Telemetry,
    PeriodicStatistics(PeriodicStatistics),
    TimeThreshold(TimeThreshold),
    DimensionInjecting(DimensionInjecting),
    /// Patterns of whole metric names, by a name of their own.
    Tracing(Vec<(String, JavaRegex)>),
    Multi(Vec<Sink>),
    MetricSeriesLogging,
    Kafka(KafkaSink),
    HttpJson(HttpJson),
    GatewayPush(GatewayPush),
}

/// What every sink that posts has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpPost {
    pub uri: String,
    /// Requests at one time.
    pub maximum_concurrency: u32,
    /// What does not fit evicts the oldest.
    pub maximum_queue_size: u32,
    /// Requests wait a random part of it.
    pub spread_period: Duration,
    pub accepted_status_codes: Vec<u16>,
    pub tls: ClientTls,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AggregationServer {
    pub server_address: String,
    pub server_port: u16,
    pub max_queue_size: u32,
    pub exponential_backoff_base_ms: u32,
}

/// The first of these that applies decides; what none names passes.
#[derive(Clone, Debug, PartialEq)]
pub struct PeriodFiltering {
    pub include: Vec<Duration>,
    pub exclude: Vec<Duration>,
    pub exclude_less_than: Option<Duration>,
    pub exclude_greater_than: Option<Duration>,
    pub sink: Box<Sink>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeriodicStatistics {
    pub interval_ms: u64,
    pub dimensions: Vec<String>,
    /// Dimension → the name that it is told under.
    pub mapped_dimensions: Vec<(String, String)>,
    pub default_dimension_values: Vec<(String, String)>,
    pub period_dimension_name: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct TimeThreshold {
    /// Results whose period began longer ago do not pass.
    pub threshold: Duration,
    pub excluded_services: Vec<String>,
    /// They pass, and a line in the log tells of it.
    pub log_only: bool,
    pub sink: Box<Sink>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct DimensionInjecting {
    pub default_dimensions: Vec<(String, String)>,
    pub override_dimensions: Vec<(String, String)>,
    pub sink: Box<Sink>,
}

/// `tidegate.KafkaSink`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaSink {
    pub topic: String,
    /// Of the producer, `bootstrap.servers` and the rest.
    pub configs: Properties,
    pub format: KafkaFormat,
    pub maximum_queue_size: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KafkaFormat {
    /// The frames of AggregationServerHttpSink.
    Protobuf,
    /// The objects of HttpJsonSink, one a message.
    Json,
}

/// `tidegate.HttpJsonSink`: posts arrays of results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpJson {
    pub post: HttpPost,
    pub headers: Properties,
    pub maximum_batch_size: u32,
    pub request_timeout: Duration,
}

/// `tidegate.GatewayPushSink`: sketches to a gateway, which merges them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayPush {
    /// `http://HOST:PORT` of its gRPC.
    pub endpoint: String,
    pub tls: ClientTls,
    pub tenant: Option<String>,
    /// None: none. The file is read for each connection.
    pub token_file: Option<PathBuf>,
    /// What waits for the gateway is kept here; None: a folder by the sink's name in logDirectory.
    pub buffer_directory: Option<PathBuf>,
    pub buffer_period: Duration,
    pub buffer_size_bytes: u64,
    pub request_timeout: Duration,
}

const KNOWN: [&str; 13] = [
    "com.arpnetworking.tsdcore.sinks.AggregationServerHttpSink",
    "com.arpnetworking.tsdcore.sinks.AggregationServerSink",
    "com.arpnetworking.tsdcore.sinks.PeriodFilteringSink",
    "com.arpnetworking.tsdcore.sinks.TelemetrySink",
    "com.arpnetworking.tsdcore.sinks.PeriodicStatisticsSink",
    "com.arpnetworking.tsdcore.sinks.TimeThresholdSink",
    "com.arpnetworking.tsdcore.sinks.DimensionInjectingSink",
    "com.arpnetworking.tsdcore.sinks.TracingSink",
    "com.arpnetworking.tsdcore.sinks.MultiSink",
    "com.arpnetworking.metrics.mad.experimental.sinks.MetricSeriesLoggingSink",
    "tidegate.KafkaSink",
    "tidegate.HttpJsonSink",
    "tidegate.GatewayPushSink",
];

impl Sink {
    pub(super) fn read(value: &Value, at: &str, notes: &mut Vec<Note>) -> Result<Self, Problem> {
        let mut fields = Fields::of(value, at)?;
        let class = fields.text("type")?;
        if !KNOWN.contains(&class.as_str()) {
            return Err(unknown_type(at, &class, &KNOWN));
        }
        let name = fields.text("name")?;
        let kind = SinkKind::read(class.rsplit('.').next().unwrap_or_default(), &mut fields, notes)?;
        fields.finish(notes);
        Ok(Self { name, kind })
    }
}

impl SinkKind {
    fn read(class: &str, fields: &mut Fields<'_>, notes: &mut Vec<Note>) -> Result<Self, Problem> {
        Ok(match class {
            "AggregationServerHttpSink" => Self::AggregationServerHttp(HttpPost::read(fields, notes)?),
            "AggregationServerSink" => Self::AggregationServer(AggregationServer {
                server_address: fields.text("serverAddress")?,
                server_port: fields.port_or("serverPort", 7065)?,
                max_queue_size: fields.count_or("maxQueueSize", 10_000, NOT_NEGATIVE)?,
                exponential_backoff_base_ms: fields.count_or("exponentialBackoffBase", 500, POSITIVE)?,
            }),
            "PeriodFilteringSink" => Self::PeriodFiltering(PeriodFiltering {
                include: distinct(fields.or("include", Vec::new())?),
                exclude: distinct(fields.or("exclude", Vec::new())?),
                exclude_less_than: fields.optional("excludeLessThan")?,
                exclude_greater_than: fields.optional("excludeGreaterThan")?,
                sink: inner(fields, notes)?,
            }),
            "TelemetrySink" => {
                // The address of an actor; there is one place to go.
                fields.text_or("telemetryActorPath", "/user/telemetry")?;
                Self::Telemetry
            }
            "PeriodicStatisticsSink" => Self::PeriodicStatistics(PeriodicStatistics::read(fields)?),
            "TimeThresholdSink" => Self::TimeThreshold(TimeThreshold {
                threshold: fields.required("threshold")?,
                excluded_services: distinct(fields.or("excludedServices", Vec::new())?),
                log_only: fields.or("logOnly", false)?,
                sink: inner(fields, notes)?,
            }),
            "DimensionInjectingSink" => Self::DimensionInjecting(DimensionInjecting {
                default_dimensions: fields.or("defaultDimensions", Vec::new())?,
                override_dimensions: fields.or("overrideDimensions", Vec::new())?,
                sink: inner(fields, notes)?,
            }),
            "TracingSink" => Self::Tracing(fields.required("patterns")?),
            "MultiSink" => match fields.take("sinks") {
                Some(Value::List(items)) => {
                    let at = fields.path("sinks");
                    let sinks = items.iter().enumerate();
                    let sinks = sinks.map(|(index, item)| Sink::read(item, &format!("{at}[{index}]"), notes));
                    Self::Multi(sinks.collect::<Result<_, _>>()?)
                }
                Some(other) => {
                    return Err(fields.problem("sinks", format!("{} where a list is expected", other.what())));
                }
                None => return Err(fields.problem("sinks", "is required")),
            },
            "MetricSeriesLoggingSink" => Self::MetricSeriesLogging,
            "KafkaSink" => Self::Kafka(KafkaSink::read(fields)?),
            "HttpJsonSink" => Self::HttpJson(HttpJson {
                post: HttpPost::read(fields, notes)?,
                headers: fields.or("headers", Properties::default())?,
                maximum_batch_size: fields.count_or("maximumBatchSize", 1000, POSITIVE)?,
                request_timeout: above_zero(fields, "requestTimeout", Duration::from_secs(10))?,
            }),
            _ => Self::GatewayPush(GatewayPush::read(fields, notes)?),
        })
    }
}

fn inner(fields: &mut Fields<'_>, notes: &mut Vec<Note>) -> Result<Box<Sink>, Problem> {
    let sink = fields.take("sink").ok_or_else(|| fields.problem("sink", "is required"))?;
    Sink::read(sink, &fields.path("sink"), notes).map(Box::new)
}

fn above_zero(fields: &mut Fields<'_>, name: &str, default: Duration) -> Result<Duration, Problem> {
    let duration = fields.or(name, default)?;
    if duration.is_zero() { Err(fields.problem(name, "must be above zero")) } else { Ok(duration) }
}

impl HttpPost {
    fn read(fields: &mut Fields<'_>, notes: &mut Vec<Note>) -> Result<Self, Problem> {
        let uri = fields.text("uri")?;
        if !["http://", "https://"].iter().any(|scheme| uri.starts_with(scheme)) {
            return Err(fields.problem("uri", format!("{uri:?} is not an http or https URI")));
        }
        let codes: Vec<i64> = fields.or("acceptedStatusCodes", vec![200, 201, 202, 204])?;
        let code = |code: i64| {
            let valid = u16::try_from(code).ok().filter(|code| (100..=999).contains(code));
            valid.ok_or_else(|| fields.problem("acceptedStatusCodes", format!("{code} is not an HTTP status")))
        };
        let accepted_status_codes = codes.into_iter().map(code).collect::<Result<_, _>>().map(distinct)?;
        Ok(Self {
            tls: ClientTls::read_for(&uri, fields, notes)?,
            uri,
            maximum_concurrency: fields.count_or("maximumConcurrency", 1, POSITIVE)?,
            maximum_queue_size: fields.count_or("maximumQueueSize", 25_000, POSITIVE)?,
            spread_period: fields.or("spreadPeriod", Duration::ZERO)?,
            accepted_status_codes,
        })
    }
}

impl GatewayPush {
    fn read(fields: &mut Fields<'_>, notes: &mut Vec<Note>) -> Result<Self, Problem> {
        let endpoint = fields.text("endpoint")?;
        Ok(Self {
            tls: ClientTls::read_for(&endpoint, fields, notes)?,
            endpoint,
            tenant: fields.optional_text("tenant")?,
            token_file: fields.optional("tokenFile")?,
            buffer_directory: fields.optional("bufferDirectory")?,
            buffer_period: above_zero(fields, "bufferPeriod", Duration::from_secs(300))?,
            buffer_size_bytes: u64::from(fields.count_or("bufferSizeBytes", 64 << 20, POSITIVE)?),
            request_timeout: above_zero(fields, "requestTimeout", Duration::from_secs(10))?,
        })
    }
}

impl PeriodicStatistics {
    fn read(fields: &mut Fields<'_>) -> Result<Self, Problem> {
        let interval: i64 = fields.or("intervalInMilliseconds", 500)?;
        let interval_ms = u64::try_from(interval).ok().filter(|interval| *interval > 0);
        let mut default_dimension_values: Vec<(String, String)> = fields.or("defaultDimensionsValues", Vec::new())?;
        // How the field is called inside of Java, and in places that describe it.
        default_dimension_values.extend(fields.or::<Vec<(String, String)>>("defaultDimensionValues", Vec::new())?);
        let statistics = Self {
            interval_ms: interval_ms.ok_or_else(|| fields.problem("intervalInMilliseconds", "must be 1 or more"))?,
            dimensions: distinct(fields.or("dimensions", Vec::new())?),
            mapped_dimensions: fields.or("mappedDimensions", Vec::new())?,
            default_dimension_values,
            period_dimension_name: fields.or("periodDimensionName", "_period".to_owned())?,
        };
        statistics.check(fields)?;
        Ok(statistics)
    }

    /// Each name that results are told under has one origin.
    fn check(&self, fields: &Fields<'_>) -> Result<(), Problem> {
        let mut taken: Vec<&String> = vec![&self.period_dimension_name];
        if self.dimensions.contains(&self.period_dimension_name) {
            let reason = format!("{:?} is the name of the period's dimension", self.period_dimension_name);
            return Err(fields.problem("dimensions", reason));
        }
        taken.extend(&self.dimensions);
        for (_, target) in &self.mapped_dimensions {
            if taken.contains(&target) {
                return Err(fields.problem("mappedDimensions", format!("{target:?} is the name of two dimensions")));
            }
            taken.push(target);
        }
        let known =
            |name: &String| self.dimensions.contains(name) || self.mapped_dimensions.iter().any(|(key, _)| key == name);
        match self.default_dimension_values.iter().find(|(name, _)| !known(name)) {
            Some((name, _)) => {
                let reason = format!("{name:?} is neither in dimensions nor in mappedDimensions");
                Err(fields.problem("defaultDimensionsValues", reason))
            }
            None => Ok(()),
        }
    }
}

impl KafkaSink {
    fn read(fields: &mut Fields<'_>) -> Result<Self, Problem> {
        let configs: Properties = fields.required("configs")?;
        if configs.get("bootstrap.servers").is_none_or(str::is_empty) {
            return Err(fields.problem("configs", "\"bootstrap.servers\" is required"));
        }
        let format = match fields.or("format", "PROTOBUF".to_owned())?.as_str() {
            "PROTOBUF" => KafkaFormat::Protobuf,
            "JSON" => KafkaFormat::Json,
            other => return Err(fields.problem("format", format!("{other:?} is neither PROTOBUF nor JSON"))),
        };
        let maximum_queue_size = fields.count_or("maximumQueueSize", 25_000, POSITIVE)?;
        Ok(Self { topic: fields.text("topic")?, configs, format, maximum_queue_size })
    }
}
