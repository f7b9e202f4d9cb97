//! Messages as the bytes of an event stream. What a client has not taken yet
//! counts towards the budget of unsent bytes; where that is spent, the stream
//! ends with word that its client lags.

use std::convert::Infallible;
use std::fmt::Write;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use futures::Stream;
use futures::stream::BoxStream;
use tidegate_runtime::{Budget, Exhausted};
use tokio::time::{Instant, Sleep};

use crate::stream::Message;

/// How long a browser waits before it connects again.
const RECONNECT: Bytes = Bytes::from_static(b"retry: 2000\n\n");
/// A comment.
const ALIVE: Bytes = Bytes::from_static(b": alive\n\n");

pub(super) struct Events {
    messages: BoxStream<'static, Message>,
    unsent: Budget,
    heartbeat: Duration,
    alive_at: Pin<Box<Sleep>>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Opening,
    Open,
    Ended,
}

impl Events {
    pub fn new(messages: BoxStream<'static, Message>, unsent: Budget, heartbeat: Duration) -> Self {
        let alive_at = Box::pin(tokio::time::sleep(heartbeat));
        Self { messages, unsent, heartbeat, alive_at, state: State::Opening }
    }

    fn event(&mut self, message: &Message) -> Bytes {
        let text = text(message);
        match self.unsent.reserve(text.len()) {
            Ok(held) => held.attach(text.into_bytes()),
            Err(Exhausted { limit_bytes }) => {
                self.state = State::Ended;
                Bytes::from(text_of_lagging(limit_bytes))
            }
        }
    }
}

impl Stream for Events {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        match this.state {
            State::Opening => {
                this.state = State::Open;
                return Poll::Ready(Some(Ok(RECONNECT)));
            }
            State::Open => {}
            State::Ended => return Poll::Ready(None),
        }
        let ready = match this.messages.as_mut().poll_next(cx) {
            Poll::Ready(Some(message)) => this.event(&message),
            Poll::Ready(None) => {
                this.state = State::Ended;
                return Poll::Ready(None);
            }
            Poll::Pending => {
                std::task::ready!(this.alive_at.as_mut().poll(cx));
                ALIVE
            }
        };
        this.alive_at.as_mut().reset(Instant::now() + this.heartbeat);
        Poll::Ready(Some(Ok(ready)))
    }
}

fn text(message: &Message) -> String {
    let mut text = String::with_capacity(message.data.len() + 96);
    let name = message.kind.name();
    // Writing to a string does not fail.
    if let Some(name) = name {
        writeln!(text, "event: {name}").ok();
    }
    if let Some(id) = &message.id {
        writeln!(text, "id: {id}").ok();
    }
    if let Some(retry) = message.retry {
        writeln!(text, "retry: {}", retry.as_millis()).ok();
    }
    // JSON has no line breaks; should there be one, it does not end the event.
    for line in message.data.split('\n') {
        writeln!(text, "data: {line}").ok();
    }
    text.push('\n');
    text
}

fn text_of_lagging(limit_bytes: usize) -> String {
    format!("event: lagging\ndata: {{\"limit_bytes\":{limit_bytes}}}\n\n")
}

#[cfg(test)]
mod tests;
