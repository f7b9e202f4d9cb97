//! `tidegate.HttpJsonSink`: posts arrays of results.

use std::sync::Arc;

use async_trait::async_trait;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use tidegate_mad::Periodic;
use tidegate_mad::config::Properties;
use tidegate_mad::emit::json;
use tokio::time::Instant;

use super::delivery::{Delivery, Outcome, Transport};
use super::metrics::SinkMetrics;
use super::poster::Poster;
use super::{Part, Sink};

/// Those of the configuration; the type of the content unless they name it.
///
/// # Errors
/// The name of the header that is none.
pub fn headers(given: &Properties) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    for (name, value) in given.iter() {
        let header: HeaderName = name.parse().map_err(|_| name.to_owned())?;
        let mut value: HeaderValue = value.parse().map_err(|_| name.to_owned())?;
        value.set_sensitive(true);
        headers.insert(header, value);
    }
    Ok(headers)
}

pub struct Arrays(pub Poster);

#[async_trait]
impl Transport for Arrays {
    type Message = Part;

    async fn send(&self, message: &Part) -> Outcome {
        let mut body = String::from("[");
        for (index, result) in message.results().iter().enumerate() {
            if index > 0 {
                body.push(',');
            }
            json::result(&mut body, result);
        }
        body.push(']');
        self.0.post(body.into()).await
    }
}

pub struct HttpJson {
    pub delivery: Delivery<Part>,
    pub max_batch: usize,
    pub metrics: SinkMetrics,
}

#[async_trait]
impl Sink for HttpJson {
    fn take(&mut self, results: &Arc<[Periodic]>) {
        self.metrics.results.inc_by(results.len() as u64);
        for part in Part::all(results, self.max_batch) {
            let results = part.results().len() as u64;
            self.delivery.send(part, results);
        }
    }

    async fn close(self: Box<Self>, deadline: Instant) {
        self.delivery.close(deadline).await;
    }
}

#[cfg(test)]
mod tests;
