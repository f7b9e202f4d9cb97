//! A request body that fails when its sender pauses too long, or takes too
//! long in all.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

/// Why a body ended early. Those who read bodies find it among the sources of
/// their error.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    #[error("no byte of the body came for {} s", .0.as_secs())]
    Stalled(Duration),
    #[error("the body did not arrive within {} s", .0.as_secs())]
    TooSlow(Duration),
    #[error(transparent)]
    Transport(#[from] hyper::Error),
}

impl BodyError {
    /// The time that the sender had, if that is why reading a body failed with
    /// `error`.
    pub fn time_limit(error: &(dyn Error + 'static)) -> Option<Duration> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(Self::Stalled(limit) | Self::TooSlow(limit)) = error.downcast_ref() {
                return Some(*limit);
            }
            next = error.source();
        }
        None
    }
}

/// How long a sender may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub pause: Duration,
    pub whole: Duration,
}

pub(super) struct TimedBody {
    inner: Incoming,
    times: Times,
    ends: Instant,
    /// Made when the sender pauses first; most bodies are there at once.
    timer: Option<Pin<Box<Sleep>>>,
}

impl TimedBody {
    pub fn new(inner: Incoming, times: Times) -> Self {
        Self { inner, times, ends: Instant::now() + times.whole, timer: None }
    }

    fn pause_ends(&self) -> Instant {
        self.ends.min(Instant::now() + self.times.pause)
    }
}

impl Body for TimedBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let pause_ends = this.pause_ends();
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) {
            if let Some(timer) = &mut this.timer {
                timer.as_mut().reset(pause_ends);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(BodyError::from)));
        }
        let timer = this.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(pause_ends)));
        match timer.as_mut().poll(cx) {
            Poll::Ready(()) if Instant::now() >= this.ends => {
                Poll::Ready(Some(Err(BodyError::TooSlow(this.times.whole))))
            }
            Poll::Ready(()) => Poll::Ready(Some(Err(BodyError::Stalled(this.times.pause)))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
