//! The agent's numbers without its sockets: messages go through its parsers, transformations and aggregation in this
//! process, by a clock that is set.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::Context;
use bytes::Bytes;
use tidegate_mad::aggregate::{Aggregator, Config};
use tidegate_mad::config::{Input, Parser, load_pipeline};
use tidegate_mad::emit::aggregation::statistic_set;
use tidegate_mad::parse::{self, ParseError};
use tidegate_mad::transform::Transforms;
use tidegate_mad::{Periodic, Record};

use crate::cases::{Message, To};

pub struct Inside {
    pipelines: Vec<Pipeline>,
    now_ms: i64,
    frames: Vec<Bytes>,
}

struct Pipeline {
    sources: Vec<(String, Input, Transforms)>,
    aggregator: Aggregator,
}

impl Inside {
    /// # Errors
    /// When a file in the folder is no pipeline.
    pub fn start(pipelines: &Path, now_ms: i64) -> anyhow::Result<Self> {
        let mut inside = Self { pipelines: Vec::new(), now_ms, frames: Vec::new() };
        for file in ["client.conf", "lines.conf"] {
            let config = load_pipeline(&pipelines.join(file), &HashMap::new())?.config;
            let aggregator = Aggregator::new(Config::of(&config));
            let sources = config.sources.into_iter();
            let sources =
                sources.map(|source| (source.name, source.input, Transforms::new(source.transforms, BTreeMap::new())));
            inside.pipelines.push(Pipeline { sources: sources.collect(), aggregator });
        }
        Ok(inside)
    }

    /// The status that each HTTP request is answered.
    pub fn send(&mut self, messages: &[&Message]) -> anyhow::Result<Vec<Option<u16>>> {
        messages.iter().map(|message| self.take(message)).collect()
    }

    fn take(&mut self, message: &Message) -> anyhow::Result<Option<u16>> {
        let (source, is_http) = match &message.to {
            To::Http { path, .. } => (path.as_str(), true),
            To::Statsd => ("statsd", false),
            To::Graphite => ("graphite", false),
            To::Telegraf => ("telegraf", false),
            To::Mapped => ("mapping", false),
            To::Stamped => ("stamping", false),
        };
        let is_it = |(name, input, _): &&(String, Input, Transforms)| match input {
            Input::Http(http) => http.path() == Some(source),
            _ => name == source,
        };
        for pipeline in &mut self.pipelines {
            let Some((_, input, transforms)) = pipeline.sources.iter().find(is_it) else { continue };
            let (records, status) = match read(input, message, self.now_ms) {
                Ok(records) => (records, 200),
                Err(error) => (Vec::new(), error.http_status()),
            };
            for record in transforms.apply(records, self.now_ms).0 {
                pipeline.aggregator.add(record, self.now_ms);
            }
            return Ok(is_http.then_some(status));
        }
        anyhow::bail!("no source for {source}")
    }

    /// Lets time pass.
    pub fn wait(&mut self, ms: i64) -> anyhow::Result<()> {
        self.now_ms += ms;
        for pipeline in &mut self.pipelines {
            let results = pipeline.aggregator.close_due(self.now_ms, usize::MAX);
            emit(&results, &mut self.frames)?;
        }
        Ok(())
    }

    /// What it would have posted.
    pub fn take_frames(&mut self) -> Vec<Bytes> {
        std::mem::take(&mut self.frames)
    }
}

fn emit(results: &[Periodic], frames: &mut Vec<Bytes>) -> anyhow::Result<()> {
    for result in results {
        frames.push(statistic_set(result).with_context(|| result.metric.to_string())?.into());
    }
    Ok(())
}

fn read(input: &Input, message: &Message, now_ms: i64) -> Result<Vec<Record>, ParseError> {
    let body = &message.body;
    match input {
        Input::Http(http) => match &http.parser {
            Parser::ProtobufV1 => parse::client::v1(body),
            Parser::ProtobufV2 => parse::client::v2(body),
            Parser::ProtobufV3 => parse::client::v3(body),
            Parser::Prometheus(config) => parse::prometheus::parse(config, body, usize::MAX),
            Parser::CollectdJson => {
                let headers: &[(String, String)] = match &message.to {
                    To::Http { headers, .. } => headers,
                    _ => &[],
                };
                parse::collectd::parse(body, headers.iter().map(|(name, value)| (name.as_str(), value.as_str())))
            }
            other => panic!("{other:?} of an HTTP source"),
        },
        Input::Statsd { .. } => {
            let mut records = Vec::new();
            let mut never = || 0.5;
            parse::statsd::Statsd::default().parse(body, now_ms, &mut never, &mut records)?;
            Ok(records)
        }
        Input::TcpLine(line) => {
            let mut records = Vec::new();
            // A bad line is none; the others count.
            for text in body.split_inclusive(|byte| *byte == b'\n').filter_map(|line| line.strip_suffix(b"\n")) {
                match &line.parser {
                    Parser::GraphitePlaintext(config) => {
                        records.extend(parse::graphite::parse(config, text, now_ms).ok());
                    }
                    Parser::TelegrafJson(config) => {
                        records.extend(parse::telegraf::parse(*config, text).into_iter().flatten());
                    }
                    other => panic!("{other:?} of a line source"),
                }
            }
            Ok(records)
        }
        other => panic!("{other:?} is not compared"),
    }
}
