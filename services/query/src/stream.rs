//! Live results: which step comes next, when it is complete, and what is sent
//! for it.
//!
//! Steps are the multiples of the step length since 1970. The result of step T
//! is the instant query at T over the windows that start before T, so it is
//! the same whether it is evaluated a second after T or, for a client that
//! comes back, an hour later. Only samples that were late can change it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tidegate_model::TenantId;
use tidegate_promql::{Evaluated, Expr, QueryValue, Range, SampleValue};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::api::Json;
use crate::error::Error;
use crate::select::Cut;
use crate::service::{Query, StreamPlace, Task};
use crate::tail::Watermarks;

/// Steps sent without some partition that are sent again once it is there.
const MAX_CORRECTIONS: usize = 60;
const RETRY_PAUSE: Duration = Duration::from_secs(1);
const RETRIES: u32 = 10;
/// The log's clock may be set; no wait is longer than this before it is read
/// again.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// One message to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// `None` is a result; else the event's name: `correction`, `gap`,
    /// `lagging` or `failure` (browsers fire `error` events themselves).
    pub event: Option<&'static str>,
    /// Time of the latest step that needs not be sent again, in ms.
    pub id: Option<i64>,
    pub data: String,
}

/// What a client asked for.
pub(crate) struct Subscription {
    pub tenant: TenantId,
    pub expr: Arc<Expr>,
    pub step_ms: i64,
    /// How far the watermark must have passed a step.
    pub settle_ms: i64,
    /// First step to send.
    pub next_ms: i64,
}

pub(crate) struct Stream {
    query: Arc<Query>,
    subscription: Subscription,
    watermarks: watch::Receiver<Watermarks>,
    /// Steps sent incomplete, ascending.
    incomplete: VecDeque<i64>,
    /// By the log's clock, since when the stream waits for partitions. After a
    /// restart those that were ahead before it need a moment to be so again.
    waiting_since_ms: Option<i64>,
    /// When the client was given the last message.
    given: Option<Instant>,
    ended: bool,
    _place: StreamPlace,
}

/// A step to evaluate now.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Due {
    Next { missing: Vec<u16> },
    Correction { step_ms: i64 },
}

impl Stream {
    pub fn new(query: Arc<Query>, place: StreamPlace, subscription: Subscription) -> Self {
        let watermarks = query.tail.watermarks();
        Self {
            query,
            subscription,
            watermarks,
            incomplete: VecDeque::new(),
            waiting_since_ms: None,
            given: None,
            ended: false,
            _place: place,
        }
    }

    /// The next message; `None` ends the stream. A client that is slow is
    /// simply not asked for more: nothing piles up for it.
    pub async fn next(&mut self) -> Option<Message> {
        if self.ended {
            return None;
        }
        let message = match self.lagging() {
            Some(message) => message,
            None => match self.gap() {
                Some(message) => message,
                None => self.step().await,
            },
        };
        self.given = Some(Instant::now());
        self.query.metrics.stream_events.inc();
        Some(message)
    }

    /// Tells a client that was too slow so, and lets it go.
    fn lagging(&mut self) -> Option<Message> {
        let limit = Duration::from_millis(self.query.config.stream_slow_client_ms);
        let late = self.given.map(|given| given.elapsed()).filter(|late| *late > limit)?;
        self.ended = true;
        self.query.metrics.stream_lagging.inc();
        let data = format!(r#"{{"lagging_ms":{},"limit_ms":{}}}"#, late.as_millis(), limit.as_millis());
        Some(Message { event: Some("lagging"), id: None, data })
    }

    /// Skips what lies further back than streams go, and says so.
    fn gap(&mut self) -> Option<Message> {
        let history_ms = i64::try_from(self.query.config.stream_history_ms).unwrap_or(i64::MAX);
        let Subscription { step_ms, next_ms, .. } = self.subscription;
        let first_ms = first_step_after(self.query.now_ms().saturating_sub(history_ms), step_ms);
        if next_ms >= first_ms {
            return None;
        }
        self.subscription.next_ms = first_ms;
        let mut json = Json::default();
        json.raw(r#"{"from":"#);
        json.time(next_ms);
        json.raw(r#","to":"#);
        json.time(first_ms);
        json.raw("}");
        Some(Message { event: Some("gap"), id: Some(first_ms - step_ms), data: json.into_string() })
    }

    async fn step(&mut self) -> Message {
        let due = self.due().await;
        let step_ms = match &due {
            Due::Next { .. } => self.subscription.next_ms,
            Due::Correction { step_ms } => *step_ms,
        };
        let evaluated = match self.evaluate(step_ms).await {
            Ok(evaluated) => evaluated,
            Err(error) => {
                self.ended = true;
                return Message { event: Some("failure"), id: None, data: error.to_json() };
            }
        };
        match due {
            Due::Correction { .. } => {
                Message { event: Some("correction"), id: None, data: result(step_ms, &evaluated, &[]) }
            }
            Due::Next { missing } => {
                self.subscription.next_ms += self.subscription.step_ms;
                if !missing.is_empty() {
                    self.incomplete.push_back(step_ms);
                    if self.incomplete.len() > MAX_CORRECTIONS {
                        self.incomplete.pop_front();
                    }
                }
                Message { event: None, id: Some(step_ms), data: result(step_ms, &evaluated, &missing) }
            }
        }
    }

    /// Waits until a step is complete, or until those that are missing have
    /// held it back for long enough.
    async fn due(&mut self) -> Due {
        let Subscription { settle_ms, next_ms, .. } = self.subscription;
        let stall_ms = i64::try_from(self.query.config.stream_stall_ms).unwrap_or(i64::MAX);
        loop {
            let wait_ms = {
                let watermarks = self.watermarks.borrow_and_update();
                if watermarks.caught_up {
                    let complete = |step_ms: &i64| watermarks.reached(step_ms.saturating_add(settle_ms));
                    if let Some(step_ms) = self.incomplete.front().copied().filter(complete) {
                        self.incomplete.pop_front();
                        return Due::Correction { step_ms };
                    }
                    let missing = watermarks.behind(next_ms.saturating_add(settle_ms));
                    let now_ms = self.query.now_ms();
                    let waiting_since_ms = self.waiting_since_ms.map_or(now_ms, |since_ms| since_ms.min(now_ms));
                    self.waiting_since_ms = Some(waiting_since_ms);
                    let due_ms = next_ms.saturating_add(settle_ms).max(waiting_since_ms);
                    let wait_ms = due_ms.saturating_add(stall_ms).saturating_sub(now_ms);
                    if missing.is_empty() || wait_ms <= 0 {
                        return Due::Next { missing };
                    }
                    wait_ms
                } else {
                    i64::MAX
                }
            };
            let wait = Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0)).min(LONGEST_SLEEP);
            // The sender lives as long as the tail, which the query holds.
            tokio::time::timeout(wait, self.watermarks.changed()).await.ok();
        }
    }

    async fn evaluate(&self, step_ms: i64) -> Result<Evaluated, Error> {
        let mut tries = 0;
        loop {
            let task = Task {
                tenant: self.subscription.tenant.clone(),
                expr: self.subscription.expr.clone(),
                range: Range { start_ms: step_ms, end_ms: step_ms, step_ms: 0 },
                cut: Cut::StartsBefore(step_ms),
                timeout: self.query.config.timeout(),
            };
            match self.query.run(task).await {
                Err(error) if error.is_temporary() && tries < RETRIES => tries += 1,
                other => return other,
            }
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    }
}

/// The first multiple of `step_ms` after `time_ms`.
pub(crate) fn first_step_after(time_ms: i64, step_ms: i64) -> i64 {
    time_ms.div_euclid(step_ms).saturating_add(1).saturating_mul(step_ms)
}

fn result(step_ms: i64, evaluated: &Evaluated, missing: &[u16]) -> String {
    let mut json = Json::default();
    json.raw(r#"{"time":"#);
    json.time(step_ms);
    json.raw(r#","result":["#);
    match &evaluated.value {
        QueryValue::Scalar(points) => json.list(points, |json, (_, value)| {
            json.raw(r#"{"metric":{},"value":"#);
            json.number(*value);
            json.raw("}");
        }),
        QueryValue::Vector(samples) => json.list(samples, |json, sample| {
            json.raw(r#"{"metric":"#);
            json.labels(&sample.labels);
            match &sample.value {
                SampleValue::Float(value) => {
                    json.raw(r#","value":"#);
                    json.number(*value);
                }
                SampleValue::Histogram(histogram) => {
                    json.raw(r#","histogram":"#);
                    json.histogram(histogram);
                }
            }
            json.raw("}");
        }),
        // Refused when the stream was opened.
        QueryValue::Matrix(_) | QueryValue::String(_) => {}
    }
    json.raw("]");
    if !missing.is_empty() {
        json.raw(r#","missing_partitions":["#);
        json.list(missing, |json, partition| json.raw(&partition.to_string()));
        json.raw("]");
    }
    json.notes("warnings", &evaluated.warnings);
    json.notes("infos", &evaluated.infos);
    json.raw("}");
    json.into_string()
}

#[cfg(test)]
mod tests;
