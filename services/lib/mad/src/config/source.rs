//! Where a pipeline's records come from.

use std::path::PathBuf;
use std::time::Duration;

use super::fields::{Fields, NOT_NEGATIVE, POSITIVE, distinct, unknown_type};
use super::parser::{Parser, PrometheusParser};
use super::relabel::RelabelRule;
use super::tls::ClientTls;
use super::transform::Transform;
use super::value::Value;
use super::{Note, Problem, Properties};

/// A source with those that wrap it.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Of the outermost one.
    pub name: String,
    pub input: Input,
    /// In the order in which they see a record: the innermost wrapper first.
    pub transforms: Vec<Transform>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    Http(HttpInput),
    Statsd { host: String, port: u16 },
    TcpLine(TcpLineInput),
    Kafka(KafkaInput),
    OpenTelemetryGrpc { actor_name: String },
    Scrape(ScrapeInput),
}

#[derive(Clone, Debug, PartialEq)]
pub struct HttpInput {
    /// Under which the daemon's routes look for it.
    pub actor_name: String,
    pub parser: Parser,
}

#[derive(Clone, Debug, PartialEq)]
pub struct TcpLineInput {
    pub host: String,
    pub port: u16,
    /// Connections that may wait to be accepted.
    pub accept_queue: u32,
    pub parser: Parser,
}

#[derive(Clone, Debug, PartialEq)]
pub struct KafkaInput {
    pub topics: Vec<String>,
    /// Of the Java consumer, `bootstrap.servers` and the rest.
    pub configs: Properties,
    pub parser: Parser,
    pub poll_time: Duration,
    pub shutdown_await_time: Duration,
    pub backoff_time: Duration,
    pub worker_threads: u32,
    /// Messages between the consumer and the parsers.
    pub buffer_size: u32,
}

/// `tidegate.ScrapeSource`: reads metrics pages, as Prometheus does.
#[derive(Clone, Debug, PartialEq)]
pub struct ScrapeInput {
    pub interval: Duration,
    pub timeout: Duration,
    pub targets: Vec<Target>,
    /// JSON or YAML files as Prometheus' file discovery has them, read again when they change.
    pub target_files: Vec<PathBuf>,
    /// For targets of files, which name hosts and ports only.
    pub metrics_path: String,
    /// For those that are scraped by https.
    pub tls: ClientTls,
    pub relabel: Vec<RelabelRule>,
    pub metric_relabel: Vec<RelabelRule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `http://HOST:PORT/PATH`.
    pub uri: String,
    pub dimensions: Vec<(String, String)>,
}

const KNOWN: [&str; 15] = [
    "com.arpnetworking.metrics.common.sources.ClientHttpSourceV1",
    "com.arpnetworking.metrics.common.sources.ClientHttpSourceV2",
    "com.arpnetworking.metrics.common.sources.ClientHttpSourceV3",
    "com.arpnetworking.metrics.common.sources.CollectdHttpSourceV1",
    "com.arpnetworking.metrics.common.sources.PrometheusHttpSource",
    "com.arpnetworking.metrics.common.sources.StatsdSource",
    "com.arpnetworking.metrics.common.sources.TcpLineSource",
    "com.arpnetworking.metrics.common.sources.KafkaSource",
    "com.arpnetworking.metrics.common.sources.FileSource",
    "com.arpnetworking.metrics.mad.sources.MappingSource",
    "com.arpnetworking.metrics.mad.sources.TimeStampingSource",
    "com.arpnetworking.metrics.mad.experimental.sources.OpenTelemetryGrpcSource",
    "com.arpnetworking.metrics.mad.experimental.sources.TransformingSource",
    "com.arpnetworking.metrics.mad.experimental.sources.TagDroppingSource",
    "tidegate.ScrapeSource",
];

impl HttpInput {
    /// The path that it answers on. Java finds a source by the name of its
    /// actor; under another name than these nothing reaches it.
    pub fn path(&self) -> Option<&'static str> {
        Some(match self.actor_name.as_str() {
            "appv1" => "/metrics/v1/application",
            "appv2" => "/metrics/v2/application",
            "appv3" => "/metrics/v3/application",
            "collectdv1" => "/metrics/v1/collectd",
            "prometheus" => "/metrics/prometheus",
            _ => return None,
        })
    }
}

impl Source {
    /// None for one that is left out, which is noted.
    pub(super) fn read(value: &Value, at: &str, notes: &mut Vec<Note>) -> Result<Option<Self>, Problem> {
        let mut fields = Fields::of(value, at)?;
        let class = fields.text("type")?;
        if !KNOWN.contains(&class.as_str()) {
            return Err(unknown_type(at, &class, &KNOWN));
        }
        let simple = class.rsplit('.').next().unwrap_or_default();
        if simple == "FileSource" {
            let name = fields.optional("name")?.unwrap_or_default();
            notes.push(Note::Excluded { at: at.to_owned(), name, class });
            return Ok(None);
        }
        let name = fields.text("name")?;
        let transform = match simple {
            "MappingSource" => Some(Transform::mapping(&mut fields)?),
            "TimeStampingSource" => Some(Transform::TimeStamping),
            "TransformingSource" => Some(Transform::transforming(&mut fields, notes)?),
            "TagDroppingSource" => Some(Transform::tag_dropping(&mut fields, notes)?),
            _ => None,
        };
        let source = match transform {
            Some(transform) => {
                let inner = fields.take("source").ok_or_else(|| fields.problem("source", "is required"))?;
                let inner = Self::read(inner, &fields.path("source"), notes)?;
                inner.map(|inner| {
                    let transforms = inner.transforms.into_iter().chain([transform]).collect();
                    Self { name, input: inner.input, transforms }
                })
            }
            None => Some(Self { name, input: Input::read(simple, &mut fields, notes)?, transforms: Vec::new() }),
        };
        fields.finish(notes);
        Ok(source)
    }
}

impl Input {
    fn read(class: &str, fields: &mut Fields<'_>, notes: &mut Vec<Note>) -> Result<Self, Problem> {
        match class {
            "ClientHttpSourceV1" => http(fields, "appv1", Parser::ProtobufV1, notes),
            "ClientHttpSourceV2" => http(fields, "appv2", Parser::ProtobufV2, notes),
            "ClientHttpSourceV3" => http(fields, "appv3", Parser::ProtobufV3, notes),
            "CollectdHttpSourceV1" => http(fields, "collectdv1", Parser::CollectdJson, notes),
            "PrometheusHttpSource" => {
                let parser = Parser::Prometheus(PrometheusParser::read(fields)?);
                // Whatever parser is named, this one is taken.
                fields.take("parser");
                Ok(Self::Http(HttpInput { actor_name: actor(fields, "prometheus")?, parser }))
            }
            "StatsdSource" => {
                actor(fields, "statsd")?;
                Ok(Self::Statsd { host: fields.text_or("host", "localhost")?, port: fields.port_or("port", 8125)? })
            }
            "TcpLineSource" => {
                let actor_name = fields.text("actorName")?;
                actor(fields, &actor_name)?;
                let parser = required_parser(fields, notes)?;
                if !parser.reads_lines() {
                    return Err(fields.problem("parser", format!("{} does not read lines", parser.class())));
                }
                Ok(Self::TcpLine(TcpLineInput {
                    host: fields.text_or("host", "localhost")?,
                    port: fields.port("port")?,
                    accept_queue: fields.count_or("acceptQueue", 100, NOT_NEGATIVE)?,
                    parser,
                }))
            }
            "KafkaSource" => KafkaInput::read(fields, notes).map(Self::Kafka),
            "OpenTelemetryGrpcSource" => Ok(Self::OpenTelemetryGrpc { actor_name: actor(fields, "opentelgrpc")? }),
            _ => ScrapeInput::read(fields, notes).map(Self::Scrape),
        }
    }
}

/// The actor's name; the size of its pool means nothing here, but is checked.
fn actor(fields: &mut Fields<'_>, default: &str) -> Result<String, Problem> {
    fields.count_or("poolSize", 1, POSITIVE)?;
    fields.text_or("actorName", default)
}

fn http(fields: &mut Fields<'_>, actor_name: &str, parser: Parser, notes: &mut Vec<Note>) -> Result<Input, Problem> {
    let parser = match fields.take("parser") {
        Some(value) => Parser::read(value, &fields.path("parser"), notes)?,
        None => parser,
    };
    if !parser.reads_requests() {
        return Err(fields.problem("parser", format!("{} does not read HTTP requests", parser.class())));
    }
    Ok(Input::Http(HttpInput { actor_name: actor(fields, actor_name)?, parser }))
}

fn required_parser(fields: &mut Fields<'_>, notes: &mut Vec<Note>) -> Result<Parser, Problem> {
    let parser = fields.take("parser").ok_or_else(|| fields.problem("parser", "is required"))?;
    Parser::read(parser, &fields.path("parser"), notes)
}

impl KafkaInput {
    fn read(fields: &mut Fields<'_>, notes: &mut Vec<Note>) -> Result<Self, Problem> {
        let consumer = fields.take("consumer").ok_or_else(|| fields.problem("consumer", "is required"))?;
        let mut consumer = Fields::of(consumer, &fields.path("consumer"))?;
        consumer.take("type");
        let (topics, configs) = (consumer.required("topics")?, consumer.required::<Properties>("configs")?);
        if configs.get("bootstrap.servers").is_none_or(str::is_empty) {
            return Err(consumer.problem("configs", "\"bootstrap.servers\" is required"));
        }
        consumer.finish(notes);
        Ok(Self {
            topics: distinct(topics),
            configs,
            parser: required_parser(fields, notes)?,
            poll_time: fields.required("pollTime")?,
            shutdown_await_time: fields.or("shutdownAwaitTime", Duration::from_secs(10))?,
            backoff_time: fields.or("backoffTime", Duration::from_secs(1))?,
            worker_threads: fields.count_or("numWorkerThreads", 1, POSITIVE)?,
            buffer_size: fields.count_or("bufferSize", 1000, POSITIVE)?,
        })
    }
}

impl ScrapeInput {
    fn read(fields: &mut Fields<'_>, notes: &mut Vec<Note>) -> Result<Self, Problem> {
        let mut targets = Vec::new();
        for (value, at) in items(fields, "targets")? {
            let mut target = Fields::of(value, &at)?;
            targets.push(Target { uri: target.text("uri")?, dimensions: target.or("dimensions", Vec::new())? });
            target.finish(notes);
        }
        let scrape = Self {
            interval: fields.or("interval", Duration::from_secs(15))?,
            timeout: fields.or("timeout", Duration::from_secs(10))?,
            targets,
            target_files: fields.or("targetFiles", Vec::new())?,
            metrics_path: fields.text_or("metricsPath", "/metrics")?,
            tls: ClientTls::read(fields, notes)?,
            relabel: relabel_rules(fields, "relabel", notes)?,
            metric_relabel: relabel_rules(fields, "metricRelabel", notes)?,
        };
        if scrape.interval < Duration::from_secs(1) {
            return Err(fields.problem("interval", "must be a second or more"));
        }
        if scrape.timeout.is_zero() || scrape.timeout > scrape.interval {
            return Err(fields.problem("timeout", "must be above zero and not above the interval"));
        }
        if scrape.targets.is_empty() && scrape.target_files.is_empty() {
            return Err(fields.problem("targets", "either targets or targetFiles is required"));
        }
        Ok(scrape)
    }
}

/// The items of a list, which may be absent, with their places.
fn items<'a>(fields: &mut Fields<'a>, name: &str) -> Result<Vec<(&'a Value, String)>, Problem> {
    match fields.take(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::List(items)) => {
            let at = fields.path(name);
            Ok(items.iter().enumerate().map(|(index, item)| (item, format!("{at}[{index}]"))).collect())
        }
        Some(other) => Err(fields.problem(name, format!("{} where a list is expected", other.what()))),
    }
}

fn relabel_rules(fields: &mut Fields<'_>, name: &str, notes: &mut Vec<Note>) -> Result<Vec<RelabelRule>, Problem> {
    items(fields, name)?.into_iter().map(|(value, at)| RelabelRule::read(value, &at, notes)).collect()
}
