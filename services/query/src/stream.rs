//! Live results: which step comes next, when it is complete, and what is sent
//! for it.
//!
//! Steps are the multiples of the step length since 1970. The result of step T
//! is the instant query at T over the windows that start before T, so it is
//! the same whether it is evaluated a second after T or, for a client that
//! comes back, an hour later. Only samples that were late can change it.

mod feed;
mod frame;
mod id;
mod shared;

use std::sync::Arc;
use std::time::Duration;

use tidegate_promql::Expr;
use tokio::sync::watch;
use tokio::time::Instant;

pub(crate) use id::EventId;
pub(crate) use shared::{Place, Streams};

use crate::api::Json;
use crate::tail::Watermarks;
use feed::{Failure, Missed};
use frame::{Frame, SeriesList};

/// The log's clock may be set; no wait is longer than this before it is read
/// again.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// A late change is told to those who are there within this.
const TOLD_WITHIN_MS: i64 = 10_000;
/// Clients of a server that stops come back after this, and up to as much
/// later, so that not all come at once.
const COME_BACK_MS: u64 = 1_000;

/// One message to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub kind: Kind,
    pub id: Option<EventId>,
    pub data: String,
    /// When the client shall connect again after the end.
    pub retry: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Step,
    Correction,
    Gap,
    Lagging,
    Failure,
    End,
}

impl Kind {
    /// The event's name; steps have none, so that browsers give them to
    /// `onmessage`.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Step => None,
            Self::Correction => Some("correction"),
            Self::Gap => Some("gap"),
            Self::Lagging => Some("lagging"),
            // Browsers fire `error` events themselves.
            Self::Failure => Some("failure"),
            Self::End => Some("end"),
        }
    }
}

/// What a client asked for.
pub(crate) struct Subscription {
    pub tenant: tidegate_model::TenantId,
    pub expr: Arc<Expr>,
    pub step_ms: i64,
    /// How far the watermark must have passed a step.
    pub settle_ms: i64,
    pub begin: Begin,
}

/// Where a stream begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    /// With this step.
    At(i64),
    /// After what the client has.
    After(EventId),
}

pub(crate) struct Stream {
    place: Place,
    step_ms: i64,
    settle_ms: i64,
    next_ms: i64,
    /// The client has the steps from here to before `next_ms`, as far as it
    /// wants corrections of them.
    has_from_ms: i64,
    /// The client had the steps from here to before `next_ms` incomplete, or
    /// some of them.
    incomplete_from_ms: Option<i64>,
    /// Series that the client's latest step had.
    known: Option<Arc<SeriesList>>,
    /// Corrections for late data that it needs no more.
    corrected: u64,
    watermarks: watch::Receiver<Watermarks>,
    /// Told when the last partition has come further.
    passed: watch::Receiver<Option<i64>>,
    /// By the log's clock, since when the stream waits for partitions. After a
    /// restart those that were ahead before it need a moment to be so again.
    waiting_since_ms: Option<i64>,
    /// When the client was given the last message.
    given: Option<Instant>,
    /// It has come to the present.
    live: bool,
    ended: bool,
}

/// What is to be done now.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Due {
    Next {
        missing: Vec<u16>,
    },
    /// A step that was incomplete is complete.
    Completion {
        step_ms: i64,
    },
    /// Wait.
    Nothing {
        longest: Duration,
    },
}

impl Stream {
    pub fn new(place: Place, subscription: &Subscription) -> Self {
        let Subscription { step_ms, settle_ms, begin, .. } = *subscription;
        let (next_ms, has_from_ms, incomplete_from_ms) = match begin {
            Begin::At(next_ms) => (next_ms, next_ms, None),
            Begin::After(id) => {
                let next_ms = first_step_after(id.step_ms, step_ms);
                // What changed since the client went it has not been told. When it
                // went it had the step, so the partitions had come as far.
                let since_ms = id.step_ms.saturating_sub(TOLD_WITHIN_MS);
                let changed_ms = place.query.tail.late().first_since(&subscription.tenant, since_ms);
                let from_ms = id.incomplete_from_ms.map(|from_ms| first_step_after(from_ms - 1, step_ms));
                let from_ms = from_ms.into_iter().chain(changed_ms.map(|at| first_step_after(at, step_ms))).min();
                (next_ms, i64::MIN, from_ms.filter(|from_ms| *from_ms < next_ms))
            }
        };
        Self {
            step_ms,
            settle_ms,
            next_ms,
            has_from_ms,
            incomplete_from_ms,
            known: None,
            corrected: place.feed.corrected(),
            watermarks: place.query.tail.watermarks(),
            passed: place.query.tail.passed(),
            waiting_since_ms: None,
            given: None,
            live: false,
            ended: false,
            place,
        }
    }

    /// The next message; `None` ends the stream. A client that is slow is
    /// simply not asked for more: nothing piles up for it.
    pub async fn next(&mut self) -> Option<Message> {
        if self.ended {
            return None;
        }
        let stopping = self.place.query.stopping.clone();
        let message = tokio::select! {
            biased;
            () = stopping.cancelled() => self.end(r#"{"reason":"shutdown"}"#),
            message = self.message() => message,
        };
        self.given = Some(Instant::now());
        self.place.query.metrics.stream_event(message.kind);
        Some(message)
    }

    async fn message(&mut self) -> Message {
        if let Some(late) = self.given.map(|given| given.elapsed()).filter(|late| *late > self.limit()) {
            return self.lagging(late);
        }
        loop {
            if let Some(message) = self.gap() {
                return message;
            }
            match self.place.feed.correction(self.corrected) {
                Ok(Some(frame)) => {
                    self.corrected += 1;
                    if self.is_settled(frame.step_ms) {
                        return Message::new(Kind::Correction, None, frame.data(None));
                    }
                    continue;
                }
                Ok(None) => {}
                Err(Missed) => return self.lagging(self.limit()),
            }
            match self.due() {
                Due::Completion { step_ms } => return self.complete(step_ms).await,
                Due::Next { missing } => return self.step(&missing).await,
                Due::Nothing { longest } => {
                    self.place.feed.correct(&self.place.query).await;
                    // The sender lives as long as the tail, which the query holds.
                    tokio::time::timeout(longest, self.passed.changed()).await.ok();
                }
            }
        }
    }

    fn limit(&self) -> Duration {
        Duration::from_millis(self.place.query.config.stream_slow_client_ms)
    }

    /// The client has the step, and not as an incomplete one.
    fn is_settled(&self, step_ms: i64) -> bool {
        let until_ms = self.incomplete_from_ms.unwrap_or(self.next_ms);
        (self.has_from_ms..until_ms).contains(&step_ms)
    }

    /// Tells a client that was too slow so, and lets it go.
    fn lagging(&mut self, late: Duration) -> Message {
        self.ended = true;
        let data = format!(r#"{{"lagging_ms":{},"limit_ms":{}}}"#, late.as_millis(), self.limit().as_millis());
        Message::new(Kind::Lagging, None, data)
    }

    fn fail(&mut self, failure: &Failure) -> Message {
        if failure.is_temporary {
            return self.end(&format!(r#"{{"reason":"unavailable","answer":{}}}"#, failure.json));
        }
        self.ended = true;
        Message::new(Kind::Failure, None, failure.json.to_string())
    }

    /// Ends the stream for now: the client shall come back.
    fn end(&mut self, data: &str) -> Message {
        self.ended = true;
        // Neighbours in time lie far apart.
        let spread_ms = self.place.number.wrapping_mul(617) % COME_BACK_MS;
        let retry = Some(Duration::from_millis(COME_BACK_MS + spread_ms));
        Message { retry, ..Message::new(Kind::End, None, data.to_owned()) }
    }

    /// Skips what lies further back than streams go, and says so.
    fn gap(&mut self) -> Option<Message> {
        let query = &self.place.query;
        let history_ms = i64::try_from(query.config.stream_history_ms).unwrap_or(i64::MAX);
        let first_ms = first_step_after(query.now_ms().saturating_sub(history_ms), self.step_ms);
        self.incomplete_from_ms = self.incomplete_from_ms.map(|from_ms| from_ms.max(first_ms));
        if self.next_ms >= first_ms {
            return None;
        }
        let from_ms = std::mem::replace(&mut self.next_ms, first_ms);
        (self.has_from_ms, self.incomplete_from_ms) = (first_ms, None);
        let mut json = Json::default();
        json.raw(r#"{"from":"#);
        json.time(from_ms);
        json.raw(r#","to":"#);
        json.time(first_ms);
        json.raw("}");
        Some(Message::new(Kind::Gap, self.id(), json.into_string()))
    }

    /// All that the client has to say to go on elsewhere.
    fn id(&self) -> Option<EventId> {
        Some(EventId { step_ms: self.next_ms - self.step_ms, incomplete_from_ms: self.incomplete_from_ms })
    }

    async fn step(&mut self, missing: &[u16]) -> Message {
        let Place { query, feed, .. } = &self.place;
        let frame: Arc<Frame> = match feed.step(query, self.next_ms, missing).await {
            Ok(frame) => frame,
            Err(failure) => return self.fail(&failure),
        };
        let waited = frame.made.elapsed();
        if self.live && waited > self.limit() {
            return self.lagging(waited);
        }
        if !frame.missing.is_empty() {
            self.incomplete_from_ms.get_or_insert(self.next_ms);
        }
        self.next_ms += self.step_ms;
        let message = Message::new(Kind::Step, self.id(), frame.data(self.known.as_ref()));
        self.known = Some(frame.series().clone());
        message
    }

    async fn complete(&mut self, step_ms: i64) -> Message {
        let Place { query, feed, .. } = &self.place;
        let frame = match feed.step(query, step_ms, &[]).await {
            Ok(frame) => frame,
            Err(failure) => return self.fail(&failure),
        };
        self.incomplete_from_ms = Some(step_ms + self.step_ms).filter(|from_ms| *from_ms < self.next_ms);
        Message::new(Kind::Correction, self.id(), frame.data(None))
    }

    /// Whether a step is complete, or those that are missing have held it back
    /// for long enough.
    fn due(&mut self) -> Due {
        let query = &self.place.query;
        self.passed.mark_unchanged();
        let watermarks = self.watermarks.borrow();
        if !watermarks.caught_up {
            return Due::Nothing { longest: LONGEST_SLEEP };
        }
        let complete_ms = |step_ms: i64| step_ms.saturating_add(self.settle_ms);
        if let Some(step_ms) = self.incomplete_from_ms.filter(|step_ms| watermarks.reached(complete_ms(*step_ms))) {
            return Due::Completion { step_ms };
        }
        let missing = watermarks.behind(complete_ms(self.next_ms));
        let now_ms = query.now_ms();
        let waiting_since_ms = self.waiting_since_ms.map_or(now_ms, |since_ms| since_ms.min(now_ms));
        self.waiting_since_ms = Some(waiting_since_ms);
        if missing.is_empty() {
            return Due::Next { missing };
        }
        let stall_ms = i64::try_from(query.config.stream_stall_ms).unwrap_or(i64::MAX);
        let due_ms = complete_ms(self.next_ms).max(waiting_since_ms);
        let wait_ms = due_ms.saturating_add(stall_ms).saturating_sub(now_ms);
        if wait_ms <= 0 {
            return Due::Next { missing };
        }
        self.live |= self.next_ms > now_ms - self.step_ms;
        let longest = Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0)).min(LONGEST_SLEEP);
        Due::Nothing { longest }
    }
}

impl Message {
    fn new(kind: Kind, id: Option<EventId>, data: String) -> Self {
        Self { kind, id, data, retry: None }
    }
}

/// The first multiple of `step_ms` after `time_ms`.
pub(crate) fn first_step_after(time_ms: i64, step_ms: i64) -> i64 {
    time_ms.div_euclid(step_ms).saturating_add(1).saturating_mul(step_ms)
}

#[cfg(test)]
mod tests;
