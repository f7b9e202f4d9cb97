//! A parser as it is configured, with what it remembers.

use tidegate_mad::Record;
use tidegate_mad::config::Parser;
use tidegate_mad::parse::{ParseError, client, collectd, graphite, prometheus, query_log, statsd, telegraf};

/// Reads bodies, lines or messages. Not shared between tasks: each has its own.
#[derive(Debug)]
pub struct Reader {
    parser: Parser,
    statsd: statsd::Statsd,
    max_bytes: usize,
}

impl Reader {
    /// `max_bytes` holds after decompression.
    pub fn new(parser: Parser, max_bytes: usize) -> Self {
        Self { parser, statsd: statsd::Statsd::default(), max_bytes }
    }

    /// Adds what is read to `records`. `headers` are those of a request.
    ///
    /// # Errors
    /// When the input is refused; nothing was added then.
    pub fn read<'a>(
        &mut self,
        input: &[u8],
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
        now_ms: i64,
        records: &mut Vec<Record>,
    ) -> Result<(), ParseError> {
        let read = match &self.parser {
            Parser::ProtobufV1 => client::v1(input)?,
            Parser::ProtobufV2 | Parser::ProtobufV2Bytes => client::v2(input)?,
            Parser::ProtobufV3 => client::v3(input)?,
            Parser::Prometheus(config) => prometheus::parse(config, input, self.max_bytes)?,
            Parser::CollectdJson => collectd::parse(input, headers)?,
            Parser::TelegrafJson(config) => telegraf::parse(*config, input)?,
            Parser::GraphitePlaintext(config) => {
                records.push(graphite::parse(config, input, now_ms)?);
                return Ok(());
            }
            Parser::Statsd => {
                self.statsd.parse(input, now_ms, &mut rand::random::<f64>, records)?;
                return Ok(());
            }
            Parser::Json(_) => {
                records.push(query_log::parse(input)?);
                return Ok(());
            }
        };
        records.extend(read);
        Ok(())
    }
}
