//! What equal subscriptions share: each step is evaluated once, by whoever
//! needs it first, and kept for the others for a while.
//!
//! Nothing is pushed to clients. Each asks for the step that it needs next, so
//! a client that is slow makes nothing pile up, and no task runs for steps that
//! nobody wants.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tidegate_access::Principal;
use tidegate_model::TenantId;
use tidegate_promql::{Evaluated, Expr, Range};
use tidegate_runtime::{Budget, Reservation};
use tokio::time::Instant;

use super::frame::{Frame, SeriesList};
use crate::error::Error;
use crate::select::Cut;
use crate::service::{Purpose, Query, Task};

/// Steps that are kept: twenty minutes of the shortest ones.
const KEPT_STEPS: usize = 240;
/// What they and the corrections may take; the latest step is always kept.
const KEPT_BYTES: usize = 4 << 20;
const KEPT_CORRECTIONS: usize = 120;
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LONGEST: Duration = Duration::from_secs(2);
const RETRIES: u32 = 10;
/// How often late data are looked for, at most.
const CORRECT_EVERY: Duration = Duration::from_secs(1);
/// For how long those who waited for an evaluation that failed get its error
/// instead of trying themselves.
const FAILURE_COUNTS: Duration = Duration::from_secs(2);

/// Why a stream cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The same may succeed later.
    pub is_temporary: bool,
    /// The body of an error answer.
    pub json: Arc<str>,
}

/// The corrections that a client had not seen are not kept any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Missed;

pub(crate) struct Feed {
    tenant: TenantId,
    /// The tenant's limits hold, those of a token do not: a feed is for all.
    principal: Option<Principal>,
    expr: Arc<Expr>,
    kept: Mutex<Kept>,
    /// Held while something is evaluated.
    turn: tokio::sync::Mutex<()>,
}

struct Kept {
    /// Complete steps.
    steps: BTreeMap<i64, Arc<Frame>>,
    steps_bytes: usize,
    /// The latest step that was evaluated without some partition.
    partial: Option<Arc<Frame>>,
    failed: Option<(i64, Instant, Failure)>,
    corrections: VecDeque<Arc<Frame>>,
    corrections_bytes: usize,
    /// Corrections made so far; those of `corrections` are the latest.
    corrected: u64,
    /// The change of the tail up to which steps are corrected.
    late_seen: u64,
    correct_after: Instant,
    series: Option<Arc<SeriesList>>,
}

impl Feed {
    pub fn new(query: &Query, tenant: TenantId, principal: Option<Principal>, expr: Arc<Expr>) -> Self {
        let kept = Kept {
            steps: BTreeMap::new(),
            steps_bytes: 0,
            partial: None,
            failed: None,
            corrections: VecDeque::new(),
            corrections_bytes: 0,
            corrected: 0,
            late_seen: query.tail.late().latest(),
            correct_after: Instant::now() + CORRECT_EVERY,
            series: None,
        };
        Self { tenant, principal, expr, kept: Mutex::new(kept), turn: tokio::sync::Mutex::default() }
    }

    /// The result of a step: one that is complete if there is one already, else
    /// without the partitions that are `missing` now.
    pub async fn step(&self, query: &Query, step_ms: i64, missing: &[u16]) -> Result<Arc<Frame>, Failure> {
        if let Some(known) = self.kept.lock().find(step_ms, missing) {
            return known;
        }
        let _turn = self.turn.lock().await;
        if let Some(known) = self.kept.lock().find(step_ms, missing) {
            return known;
        }
        match self.evaluate(query, step_ms).await {
            Ok(evaluated) => {
                let series = self.kept.lock().series.clone();
                let mut frame = Frame::new(&self.tenant, step_ms, evaluated, missing.to_vec(), series.as_ref());
                let mut kept = self.kept.lock();
                frame.held = kept.make_room(frame.size_bytes, &query.streams.history);
                let frame = Arc::new(frame);
                kept.keep(frame.clone());
                Ok(frame)
            }
            Err(error) => {
                let failure = Failure { is_temporary: error.is_temporary(), json: error.to_json().into() };
                self.kept.lock().failed = Some((step_ms, Instant::now(), failure.clone()));
                Err(failure)
            }
        }
    }

    /// How many corrections there were so far.
    pub fn corrected(&self) -> u64 {
        self.kept.lock().corrected
    }

    /// The correction after the first `seen` ones.
    pub fn correction(&self, seen: u64) -> Result<Option<Arc<Frame>>, Missed> {
        let kept = self.kept.lock();
        let first = kept.corrected - kept.corrections.len() as u64;
        let at = seen.checked_sub(first).ok_or(Missed)?;
        Ok(usize::try_from(at).ok().and_then(|at| kept.corrections.get(at)).cloned())
    }

    /// Evaluates the kept steps again that late data may have changed since the
    /// last time, and keeps those that they did.
    pub async fn correct(&self, query: &Query) {
        let changed = |kept: &Kept| query.tail.late().after(&self.tenant, kept.late_seen);
        {
            let mut kept = self.kept.lock();
            if Instant::now() < kept.correct_after || changed(&kept).is_none() {
                return;
            }
            kept.correct_after = Instant::now() + CORRECT_EVERY;
        }
        let _turn = self.turn.lock().await;
        let (changed, steps) = {
            let kept = self.kept.lock();
            let Some(changed) = changed(&kept) else { return };
            // A window counts for steps after its start.
            let steps: Vec<_> =
                kept.steps.range(changed.first_start_ms + 1..).map(|(_, frame)| frame.clone()).collect();
            (changed, steps)
        };
        for old in steps {
            match self.evaluate(query, old.step_ms).await {
                Ok(evaluated) => {
                    let mut new = Frame::new(&self.tenant, old.step_ms, evaluated, Vec::new(), Some(old.series()));
                    if new.differs(&old) {
                        let mut kept = self.kept.lock();
                        new.held = kept.make_room(new.size_bytes, &query.streams.history);
                        kept.keep_correction(Arc::new(new));
                        query.metrics.stream_corrected_steps.inc();
                    }
                }
                // What was corrected already is equal the next time.
                Err(error) => {
                    tracing::warn!(%error, "steps of a stream cannot be corrected now; trying again");
                    return;
                }
            }
        }
        self.kept.lock().late_seen = changed.number;
    }

    async fn evaluate(&self, query: &Query, step_ms: i64) -> Result<Evaluated, Error> {
        let (mut tries, mut pause) = (0, RETRY_FIRST);
        loop {
            let task = Task {
                purpose: Purpose::StreamStep,
                tenant: self.tenant.clone(),
                expr: self.expr.clone(),
                range: Range { start_ms: step_ms, end_ms: step_ms, step_ms: 0 },
                cut: Cut::StartsBefore(step_ms),
                timeout: query.config.timeout(),
                principal: self.principal.clone(),
            };
            query.metrics.stream_evaluations.inc();
            match query.run(task).await {
                Err(error) if error.is_temporary() && tries < RETRIES => tries += 1,
                other => return other,
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_LONGEST);
        }
    }
}

impl Kept {
    fn find(&self, step_ms: i64, missing: &[u16]) -> Option<Result<Arc<Frame>, Failure>> {
        let partial = self.partial.as_ref().filter(|frame| frame.step_ms == step_ms && frame.missing == missing);
        if let Some(frame) = self.steps.get(&step_ms).or(partial) {
            return Some(Ok(frame.clone()));
        }
        let (failed_ms, when, failure) = self.failed.as_ref()?;
        (*failed_ms == step_ms && when.elapsed() < FAILURE_COUNTS).then(|| Err(failure.clone()))
    }

    /// A part of what all feeds may keep. Where it is taken, this one gives up
    /// its oldest steps and corrections; without any, its latest is kept
    /// beyond.
    fn make_room(&mut self, size_bytes: usize, history: &Budget) -> Option<Reservation> {
        loop {
            if let Ok(held) = history.reserve(size_bytes) {
                return Some(held);
            }
            if !self.drop_oldest() {
                return None;
            }
        }
    }

    fn drop_oldest(&mut self) -> bool {
        if let Some(old) = self.corrections.pop_front() {
            self.corrections_bytes = self.corrections_bytes.saturating_sub(old.size_bytes);
        } else if let Some((_, old)) = self.steps.pop_first() {
            self.steps_bytes = self.steps_bytes.saturating_sub(old.size_bytes);
        } else {
            return false;
        }
        true
    }

    fn keep(&mut self, frame: Arc<Frame>) {
        self.series = Some(frame.series().clone());
        if !frame.missing.is_empty() {
            self.partial = Some(frame);
            return;
        }
        self.steps_bytes += frame.size_bytes;
        if let Some(old) = self.steps.insert(frame.step_ms, frame) {
            self.steps_bytes = self.steps_bytes.saturating_sub(old.size_bytes);
        }
        while self.steps.len() > 1 && (self.steps.len() > KEPT_STEPS || self.steps_bytes > KEPT_BYTES) {
            if let Some((_, old)) = self.steps.pop_first() {
                self.steps_bytes = self.steps_bytes.saturating_sub(old.size_bytes);
            }
        }
    }

    fn keep_correction(&mut self, frame: Arc<Frame>) {
        self.corrected += 1;
        self.corrections_bytes += frame.size_bytes;
        self.corrections.push_back(frame.clone());
        let full = |kept: &Self| kept.corrections.len() > KEPT_CORRECTIONS || kept.corrections_bytes > KEPT_BYTES;
        while self.corrections.len() > 1 && full(self) {
            if let Some(old) = self.corrections.pop_front() {
                self.corrections_bytes = self.corrections_bytes.saturating_sub(old.size_bytes);
            }
        }
        self.keep(frame);
    }
}
