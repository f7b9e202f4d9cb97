//! Sources behind the daemon's HTTP port. Its router calls them by path.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, StatusCode};
use tidegate_mad::config::Parser;
use tidegate_mad::parse::ParseError;
use tidegate_mad::{Record, parse};

use super::{Reader, SourceMetrics};
use crate::clock::unix_ms;
use crate::mad::feed::Feed;

/// Reads requests and answers with a status alone. Clones are the same source.
#[derive(Clone, Debug)]
pub struct HttpSource {
    parser: Parser,
    feed: Feed,
    metrics: SourceMetrics,
    max_body_bytes: usize,
    /// Bodies written to files, where that is asked for.
    written: Arc<AtomicU32>,
}

/// Bodies of remote write that are kept to look at.
const DEBUG_FILES: u32 = 9;

impl HttpSource {
    pub fn new(parser: &Parser, feed: Feed, metrics: SourceMetrics, max_body_bytes: usize) -> Self {
        Self { parser: parser.clone(), feed, metrics, max_body_bytes, written: Arc::default() }
    }

    /// Takes the body of a POST; the answer has this status and no body. It
    /// waits while the pipeline has no room.
    pub async fn take(&self, headers: &HeaderMap, body: Bytes) -> StatusCode {
        self.metrics.received.inc();
        self.write_debug_file(&body).await;
        match self.read(headers, &body) {
            Ok(records) => match self.feed.send(records).await {
                Ok(()) => StatusCode::OK,
                Err(_) => StatusCode::SERVICE_UNAVAILABLE,
            },
            Err(error) => {
                self.metrics.refuse(&error);
                StatusCode::from_u16(error.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }

    fn read(&self, headers: &HeaderMap, body: &[u8]) -> Result<Vec<Record>, ParseError> {
        let encoding = headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok());
        let mut buffer = Vec::new();
        // Remote write is in snappy by itself, whatever the header says.
        let body = match &self.parser {
            Parser::Prometheus(_) => body,
            _ => parse::decompress(encoding, body, self.max_body_bytes, &mut buffer)?,
        };
        let headers = headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let mut records = Vec::new();
        // Nothing that it would remember between requests is read here.
        let mut reader = Reader::new(self.parser.clone(), self.max_body_bytes);
        reader.read(body, headers, unix_ms(), &mut records)?;
        Ok(records)
    }

    async fn write_debug_file(&self, body: &Bytes) {
        let wanted = matches!(&self.parser, Parser::Prometheus(config) if config.output_debug_files);
        if !wanted || self.written.load(Ordering::Relaxed) >= DEBUG_FILES {
            return;
        }
        let number = self.written.fetch_add(1, Ordering::Relaxed) + 1;
        if number > DEBUG_FILES {
            return;
        }
        let (name, body) = (format!("prometheus_debug_{number}"), body.clone());
        let write = move || std::fs::File::create(&name).and_then(|mut file| file.write_all(&body));
        match tokio::task::spawn_blocking(write).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(source = self.metrics.name(), %error, "a debug file cannot be written"),
            Err(error) => tracing::error!(%error, "writing a debug file failed"),
        }
    }
}

#[cfg(test)]
mod tests;
