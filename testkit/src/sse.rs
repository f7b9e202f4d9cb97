//! A reader of server-sent events.

use std::time::Duration;

use anyhow::{Context, bail};
use futures::StreamExt;
use futures::stream::BoxStream;

/// One event; comments and `retry` are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    pub id: String,
    pub event: String,
    pub data: String,
}

/// An open stream.
pub struct EventStream {
    bytes: BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    pending: Vec<u8>,
}

impl EventStream {
    /// Follows a query, from after an earlier event's id when one is given.
    pub async fn open(http_url: &str, query: &str, last_event_id: Option<&str>) -> anyhow::Result<Self> {
        let mut request = reqwest::Client::new().get(format!("{http_url}/api/v1/stream")).query(&[("query", query)]);
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await?;
        if !response.status().is_success() {
            bail!("stream: {}: {}", response.status(), response.text().await?);
        }
        Ok(Self { bytes: response.bytes_stream().boxed(), pending: Vec::new() })
    }

    /// The next event; `None` when the server ended the stream.
    pub async fn next(&mut self, timeout: Duration) -> anyhow::Result<Option<Event>> {
        let read = async {
            loop {
                if let Some(event) = take_event(&mut self.pending)? {
                    return Ok(Some(event));
                }
                match self.bytes.next().await {
                    Some(Ok(bytes)) => self.pending.extend_from_slice(&bytes),
                    Some(Err(_)) | None => return Ok(None),
                }
            }
        };
        tokio::time::timeout(timeout, read).await.with_context(|| format!("no event within {timeout:?}"))?
    }
}

/// Takes the first whole event off the front.
fn take_event(pending: &mut Vec<u8>) -> anyhow::Result<Option<Event>> {
    while let Some(end) = pending.windows(2).position(|two| two == b"\n\n") {
        let block: Vec<u8> = pending.drain(..end + 2).collect();
        let block = std::str::from_utf8(&block).context("an event is not UTF-8")?;
        let mut event = Event::default();
        let mut data = Vec::new();
        for line in block.lines() {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "id" => event.id = value.to_owned(),
                "event" => event.event = value.to_owned(),
                "data" => data.push(value),
                _ => {}
            }
        }
        if !data.is_empty() {
            event.data = data.join("\n");
            return Ok(Some(event));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
