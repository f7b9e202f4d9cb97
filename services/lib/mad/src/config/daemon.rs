//! The daemon's own file.

use std::path::PathBuf;
use std::time::Duration;

use super::fields::Fields;
use super::tls::ClientTls;
use super::value::Value;
use super::{Note, Problem};

#[derive(Clone, Debug, PartialEq)]
pub struct Daemon {
    /// Dimensions of what the daemon measures of itself.
    pub monitoring_cluster: String,
    pub monitoring_service: String,
    /// None: the name of this host.
    pub monitoring_host: Option<String>,
    pub monitoring_sinks: Vec<MonitoringSink>,
    /// Read for what it is worth: there is no Java machine to measure.
    pub jvm_metrics_collection_interval: Duration,
    pub log_directory: PathBuf,
    pub pipelines_directory: PathBuf,
    pub http_host: String,
    pub http_port: u16,
    pub https_host: String,
    pub https_port: u16,
    pub https_key_path: PathBuf,
    pub https_certificate_path: PathBuf,
    pub enable_https: bool,
    pub http_health_check_path: String,
    pub http_status_path: String,
    /// Whether OTLP over gRPC is served on the HTTP port.
    pub open_telemetry_routes: bool,
    pub log_dead_letters: bool,
    /// `otlpGrpcPort`, a key of our own: where OTLP over gRPC is served besides, if a pipeline takes it.
    pub otlp_grpc_port: u16,
}

/// A place that takes what the daemon measures of itself, as records of version 3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonitoringSink {
    pub uri: String,
    pub tls: ClientTls,
}

const HTTP_SINK: &str = "com.arpnetworking.metrics.impl.ApacheHttpSink";
const OPEN_TELEMETRY_ROUTES: &str = "com.arpnetworking.metrics.mad.experimental.sources.OpenTelemetryGrpcSource$Routes";
const DEFAULT_URI: &str = "http://localhost:7090/metrics/v3/application";

impl Daemon {
    pub(super) fn read(value: &Value, notes: &mut Vec<Note>) -> Result<Self, Vec<Problem>> {
        let mut fields = Fields::of(value, "").map_err(|problem| vec![problem])?;
        let daemon = Self::read_fields(&mut fields, notes).map_err(|problem| vec![problem])?;
        fields.finish(notes);
        Ok(daemon)
    }

    fn read_fields(fields: &mut Fields<'_>, notes: &mut Vec<Note>) -> Result<Self, Problem> {
        // Java's actor system. One of the names is required there, by version; nothing in it applies here.
        fields.take("pekkoConfiguration");
        fields.take("akkaConfiguration");
        let monitoring_sinks = monitoring_sinks(fields, notes)?;
        Ok(Self {
            monitoring_cluster: fields.text("monitoringCluster")?,
            monitoring_service: fields.text_or("monitoringService", "mad")?,
            monitoring_host: fields.optional_text("monitoringHost")?,
            monitoring_sinks,
            jvm_metrics_collection_interval: fields.or("jvmMetricsCollectionInterval", Duration::from_secs(1))?,
            log_directory: fields.required("logDirectory")?,
            pipelines_directory: fields.required("pipelinesDirectory")?,
            http_host: fields.text("httpHost")?,
            http_port: fields.port("httpPort")?,
            https_host: fields.text("httpsHost")?,
            https_port: fields.port("httpsPort")?,
            https_key_path: fields.text_or("httpsKeyPath", "/opt/mad/tls/key.pem")?.into(),
            https_certificate_path: fields.text_or("httpsCertificatePath", "/opt/mad/tls/cert.pem")?.into(),
            enable_https: fields.or("enableHttps", false)?,
            http_health_check_path: fields.text_or("httpHealthCheckPath", "/ping")?,
            http_status_path: fields.text_or("httpStatusPath", "/status")?,
            open_telemetry_routes: match fields.optional_text("supplementalHttpRoutesClass")?.as_deref() {
                None => false,
                Some(OPEN_TELEMETRY_ROUTES) => true,
                Some(other) => {
                    let reason = format!("{other} is unknown; there is {OPEN_TELEMETRY_ROUTES}");
                    return Err(fields.problem("supplementalHttpRoutesClass", reason));
                }
            },
            log_dead_letters: fields.or("logDeadLetters", false)?,
            otlp_grpc_port: fields.port_or("otlpGrpcPort", 4317)?,
        })
    }
}

impl MonitoringSink {
    fn plain(uri: String) -> Self {
        Self { uri, tls: ClientTls::default() }
    }
}

/// The deprecated pair of host and port stands before the list.
fn monitoring_sinks(fields: &mut Fields<'_>, notes: &mut Vec<Note>) -> Result<Vec<MonitoringSink>, Problem> {
    let sinks = match fields.take("monitoringSinks") {
        None => vec![MonitoringSink::plain(DEFAULT_URI.to_owned())],
        Some(Value::List(items)) => {
            let at = fields.path("monitoringSinks");
            let mut sinks = Vec::new();
            for (index, item) in items.iter().enumerate() {
                let mut sink = Fields::of(item, &format!("{at}[{index}]"))?;
                // Without a class Java makes none of it.
                match sink.optional_text("class")?.as_deref() {
                    Some(HTTP_SINK) => {
                        let uri = sink.text_or("uri", DEFAULT_URI)?;
                        let tls = ClientTls::read_for(&uri, &mut sink, notes)?;
                        sinks.push(MonitoringSink { uri, tls });
                        // How that client batches; here each interval is one request.
                        for name in [
                            "bufferSize",
                            "parallelism",
                            "maxBatchSize",
                            "emptyQueueInterval",
                            "eventsDroppedLoggingInterval",
                            "dispatchErrorLoggingInterval",
                            "unsupportedDataLoggingInterval",
                        ] {
                            sink.take(name);
                        }
                    }
                    Some(other) => {
                        let reason = format!("{other} is unknown; there is {HTTP_SINK}");
                        return Err(sink.problem("class", reason));
                    }
                    None => {}
                }
                sink.finish(notes);
            }
            sinks
        }
        Some(other) => {
            return Err(fields.problem("monitoringSinks", format!("{} where a list is expected", other.what())));
        }
    };
    match (fields.optional_text("metricsClientHost")?, fields.optional_port("metricsClientPort")?) {
        (None, None) => Ok(sinks),
        (host, port) => {
            let (host, port) = (host.unwrap_or_else(|| "localhost".to_owned()), port.unwrap_or(7090));
            Ok(vec![MonitoringSink::plain(format!("http://{host}:{port}/metrics/v3/application"))])
        }
    }
}
