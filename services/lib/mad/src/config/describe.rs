//! A configuration in words, defaults included, for a person who wants to know
//! what was understood. Secrets are left out.

use std::fmt::{self, Write};
use std::time::Duration;

use super::iso8601;
use super::{
    Daemon, HttpPost, Input, KafkaFormat, Parser, Pipeline, ScrapeInput, Sink, SinkKind, Source, Transform,
    Transformation,
};
use crate::Statistic;
use crate::aggregate::Limits;

impl fmt::Display for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (health, status) = (&self.http_health_check_path, &self.http_status_path);
        writeln!(f, "daemon")?;
        writeln!(
            f,
            "  listens on http://{}:{}, health at {health}, status at {status}",
            self.http_host, self.http_port
        )?;
        if self.enable_https {
            let (key, certificate) = (self.https_key_path.display(), self.https_certificate_path.display());
            writeln!(
                f,
                "  listens on https://{}:{}, key {key}, certificate {certificate}",
                self.https_host, self.https_port
            )?;
        }
        let otlp = if self.open_telemetry_routes { " and on the HTTP port" } else { "" };
        writeln!(f, "  takes OTLP on port {}{otlp}, if a pipeline does", self.otlp_grpc_port)?;
        writeln!(f, "  pipelines in {}", self.pipelines_directory.display())?;
        writeln!(f, "  files of its own in {}", self.log_directory.display())?;
        let (cluster, service) = (&self.monitoring_cluster, &self.monitoring_service);
        let host = self.monitoring_host.as_deref().unwrap_or("this host");
        write!(f, "  measures itself as cluster {cluster:?}, service {service:?}, host {host:?}")?;
        for sink in &self.monitoring_sinks {
            write!(f, ", to {}{}", sink.uri, sink.tls)?;
        }
        writeln!(f)
    }
}

impl fmt::Display for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "pipeline {:?}", self.name)?;
        let periods = self.periods_ms.iter().map(|ms| iso8601::format(Duration::from_millis(*ms)));
        writeln!(f, "  periods: {}", joined(periods))?;
        writeln!(f, "  forgets series after {}", iso8601::format(self.idle_timeout))?;
        let Limits { series, open } = self.limits;
        writeln!(f, "  at most {series} series, and {open} by open bucket")?;
        writeln!(f, "  counters: {}", names(&self.counter_statistics))?;
        writeln!(f, "  gauges: {}", names(&self.gauge_statistics))?;
        writeln!(f, "  timers: {}", names(&self.timer_statistics))?;
        for (pattern, statistics) in &self.statistics {
            writeln!(f, "  metrics that match {pattern:?}: {}", names(statistics))?;
        }
        for source in &self.sources {
            write_source(f, source)?;
        }
        for sink in &self.sinks {
            write_sink(f, sink, 1)?;
        }
        Ok(())
    }
}

fn joined(items: impl Iterator<Item = impl fmt::Display>) -> String {
    let mut text = String::new();
    for item in items {
        let comma = if text.is_empty() { "" } else { ", " };
        // A String takes everything.
        write!(text, "{comma}{item}").ok();
    }
    text
}

fn names(statistics: &[Statistic]) -> String {
    joined(statistics.iter().map(|statistic| statistic.name()))
}

fn pairs(pairs: &[(String, String)]) -> String {
    joined(pairs.iter().map(|(name, value)| format!("{name}={value:?}")))
}

fn write_source(f: &mut fmt::Formatter<'_>, source: &Source) -> fmt::Result {
    writeln!(f, "  source {:?}: {}", source.name, Described(&source.input))?;
    for transform in &source.transforms {
        match transform {
            Transform::TimeStamping => writeln!(f, "    the time of receipt stands for that of a record")?,
            Transform::Mapping(rules) => {
                for (pattern, replacements) in rules {
                    match replacements.as_slice() {
                        [] => writeln!(f, "    {pattern:?} is dropped")?,
                        _ => writeln!(f, "    {pattern:?} becomes {}", joined(replacements.iter()))?,
                    }
                }
            }
            Transform::Transforming(sets) => {
                for set in sets {
                    write_transformation(f, set)?;
                }
            }
            Transform::TagDropping(sets) => {
                for set in sets {
                    let (pattern, dimensions) = (&set.metric_pattern, joined(set.remove_dimensions.iter()));
                    writeln!(f, "    metrics that match {pattern:?} lose {dimensions}")?;
                }
            }
        }
    }
    Ok(())
}

fn write_transformation(f: &mut fmt::Formatter<'_>, set: &Transformation) -> fmt::Result {
    for (pattern, templates) in &set.transform_metrics {
        match templates.as_slice() {
            [] => writeln!(f, "    {pattern:?} is dropped")?,
            _ => writeln!(f, "    {pattern:?} becomes {}", joined(templates.iter()))?,
        }
    }
    for (name, injection) in &set.inject_dimensions {
        let when = if injection.overwrite { "" } else { " where it is absent" };
        writeln!(f, "    dimension {name:?} is set to {:?}{when}", injection.value)?;
    }
    if !set.remove_dimensions.is_empty() {
        writeln!(f, "    dimensions lost: {}", joined(set.remove_dimensions.iter()))?;
    }
    Ok(())
}

struct Described<'a, T>(&'a T);

impl fmt::Display for Described<'_, Input> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Input::Http(input) => match input.path() {
                Some(path) => write!(f, "POST {path}, {}", Described(&input.parser)),
                None => write!(f, "nothing reaches it, no route looks for {:?}", input.actor_name),
            },
            Input::Statsd { host, port } => write!(f, "StatsD at {host}:{port}/udp"),
            Input::TcpLine(input) => {
                write!(f, "lines at {}:{}/tcp, {}", input.host, input.port, Described(&input.parser))
            }
            Input::Kafka(input) => {
                let topics = joined(input.topics.iter());
                write!(f, "topics {topics}, {}, consumer {:?}", Described(&input.parser), input.configs)
            }
            Input::OpenTelemetryGrpc { .. } => f.write_str("OTLP over gRPC"),
            Input::Scrape(input) => Described(input).fmt(f),
        }
    }
}

impl fmt::Display for Described<'_, ScrapeInput> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (interval, timeout) = (iso8601::format(self.0.interval), iso8601::format(self.0.timeout));
        write!(f, "scrapes every {interval} for at most {timeout}")?;
        for target in &self.0.targets {
            write!(f, ", {}", target.uri)?;
            if !target.dimensions.is_empty() {
                write!(f, " ({})", pairs(&target.dimensions))?;
            }
        }
        for file in &self.0.target_files {
            write!(f, ", those of {}", file.display())?;
        }
        write!(f, "{}", self.0.tls)?;
        let rules = self.0.relabel.len() + self.0.metric_relabel.len();
        if rules > 0 { write!(f, ", {rules} rules of relabelling") } else { Ok(()) }
    }
}

impl fmt::Display for Described<'_, Parser> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.class())?;
        match self.0 {
            Parser::GraphitePlaintext(parser) => {
                if parser.parse_carbon_tags {
                    f.write_str(", tags in names")?;
                }
                if !parser.global_tags.is_empty() {
                    write!(f, ", {}", pairs(&parser.global_tags))?;
                }
                Ok(())
            }
            Parser::TelegrafJson(parser) => write!(f, ", times in {:?}", parser.timestamp_unit),
            Parser::Prometheus(parser) => {
                if parser.interpret_units {
                    f.write_str(", units from names")?;
                }
                match parser.reserved_name_whitelist.is_empty() {
                    true => Ok(()),
                    false => write!(f, ", keeps {}", joined(parser.reserved_name_whitelist.iter())),
                }
            }
            _ => Ok(()),
        }
    }
}

fn write_sink(f: &mut fmt::Formatter<'_>, sink: &Sink, depth: usize) -> fmt::Result {
    write!(f, "{:depth$}sink {:?}: ", "", sink.name, depth = 2 * depth)?;
    let inner: &[Sink] = match &sink.kind {
        SinkKind::AggregationServerHttp(post) => {
            writeln!(f, "posts frames to {}", Described(post))?;
            &[]
        }
        SinkKind::AggregationServer(server) => {
            let (address, port, queue) = (&server.server_address, server.server_port, server.max_queue_size);
            writeln!(f, "frames over TCP to {address}:{port}, at most {queue} waiting")?;
            &[]
        }
        SinkKind::PeriodFiltering(filter) => {
            write!(f, "by period")?;
            for (name, periods) in [("include", &filter.include), ("exclude", &filter.exclude)] {
                if !periods.is_empty() {
                    write!(f, ", {name} {}", joined(periods.iter().map(|period| iso8601::format(*period))))?;
                }
            }
            for (name, limit) in
                [("less than", filter.exclude_less_than), ("greater than", filter.exclude_greater_than)]
            {
                if let Some(limit) = limit {
                    write!(f, ", exclude {name} {}", iso8601::format(limit))?;
                }
            }
            writeln!(f)?;
            std::slice::from_ref(&*filter.sink)
        }
        SinkKind::TimeThreshold(filter) => {
            write!(f, "what is older than {}", iso8601::format(filter.threshold))?;
            f.write_str(if filter.log_only { " is logged" } else { " is dropped" })?;
            if !filter.excluded_services.is_empty() {
                write!(f, ", but of {}", joined(filter.excluded_services.iter()))?;
            }
            writeln!(f)?;
            std::slice::from_ref(&*filter.sink)
        }
        SinkKind::DimensionInjecting(inject) => {
            let (defaults, overrides) = (pairs(&inject.default_dimensions), pairs(&inject.override_dimensions));
            writeln!(f, "sets dimensions: by default {defaults}; in any case {overrides}")?;
            std::slice::from_ref(&*inject.sink)
        }
        SinkKind::Multi(sinks) => {
            writeln!(f, "all of these")?;
            sinks
        }
        other => {
            writeln!(f, "{}", Described(other))?;
            &[]
        }
    };
    inner.iter().try_for_each(|sink| write_sink(f, sink, depth + 1))
}

impl fmt::Display for Described<'_, HttpPost> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (concurrency, queue) = (self.0.maximum_concurrency, self.0.maximum_queue_size);
        // Whoever writes a password into an address does not want to read it here.
        let uri = match (self.0.uri.split_once("://"), self.0.uri.rfind('@')) {
            (Some((scheme, _)), Some(at)) => format!("{scheme}://…{}", &self.0.uri[at..]),
            _ => self.0.uri.clone(),
        };
        write!(f, "{uri}, {concurrency} at a time, at most {queue} waiting")?;
        if !self.0.spread_period.is_zero() {
            write!(f, ", spread over {}", iso8601::format(self.0.spread_period))?;
        }
        write!(f, ", accepted: {}{}", joined(self.0.accepted_status_codes.iter()), self.0.tls)
    }
}

/// Those that end in a line.
impl fmt::Display for Described<'_, SinkKind> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            SinkKind::Telemetry => f.write_str("telemetry streams"),
            SinkKind::MetricSeriesLogging => f.write_str("writes metrics_streams.json"),
            SinkKind::PeriodicStatistics(statistics) => {
                write!(f, "tells of its results every {} ms", statistics.interval_ms)?;
                let mapped = pairs(&statistics.mapped_dimensions);
                let dimensions = statistics.dimensions.iter().map(String::as_str);
                let all = joined(dimensions.chain(Some(mapped.as_str()).filter(|mapped| !mapped.is_empty())));
                if all.is_empty() { Ok(()) } else { write!(f, " by {all}") }
            }
            SinkKind::Tracing(patterns) => {
                let patterns = patterns.iter().map(|(name, pattern)| format!("{name}={pattern:?}"));
                write!(f, "counts metrics that match {}", joined(patterns))
            }
            SinkKind::Kafka(kafka) => {
                let format = match kafka.format {
                    KafkaFormat::Protobuf => "frames",
                    KafkaFormat::Json => "JSON",
                };
                let queue = kafka.maximum_queue_size;
                write!(f, "{format} to topic {:?}, at most {queue} waiting, producer {:?}", kafka.topic, kafka.configs)
            }
            SinkKind::HttpJson(json) => {
                let (batch, timeout) = (json.maximum_batch_size, iso8601::format(json.request_timeout));
                write!(f, "posts JSON to {}, up to {batch} together, {timeout} for each", Described(&json.post))
            }
            SinkKind::GatewayPush(push) => {
                let period = iso8601::format(push.buffer_period);
                write!(f, "sketches to the gateway {}, keeps {period} on disk{}", push.endpoint, push.tls)
            }
            // Told of by those that hold others.
            SinkKind::AggregationServerHttp(_)
            | SinkKind::AggregationServer(_)
            | SinkKind::PeriodFiltering(_)
            | SinkKind::TimeThreshold(_)
            | SinkKind::DimensionInjecting(_)
            | SinkKind::Multi(_) => Ok(()),
        }
    }
}
