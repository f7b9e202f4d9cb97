//! Clients that push whole numbers and remember what became of each.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use anyhow::bail;
use tidegate_testkit::{Random, Series, now_ms};
use tokio::sync::{OwnedRwLockWriteGuard, RwLock};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::push::{Answer, Batch, Gateway, Protocol};
use crate::tally::{Cell, Tally};

pub const LIVE: &str = "chaos_live";
pub const PAST: &str = "chaos_past";

const HOUR_MS: i64 = 3_600_000;
/// A batch that is still not acknowledged then ends the run as failed: nothing may stay unknown.
const BATCH_LIMIT: Duration = Duration::from_secs(300);
const GENERATION_BATCHES: u64 = 300;
/// The door takes samples from six days ago to ten minutes ahead. One that is refused though it is not nearly as far away is
/// refused wrongly.
const SURELY_TAKEN_MS: (i64, i64) = (-143 * HOUR_MS, 9 * 60_000);
/// Pauses of a client that had no answer, unless it was told how long to wait.
const RETRY_MS: std::ops::Range<u64> = 50..500;

/// What the clients do, the same for all of a run.
#[derive(Clone, Debug)]
pub struct Habits {
    pub clients: u64,
    pub live_series: u64,
    pub past_series: u64,
    /// Of each kind, in a batch.
    pub batch_series: u64,
    pub pause_ms: u64,
    /// Of a thousand answers, so many are lost: half on their way, half with the request under way.
    pub lost_answers_per_mille: u64,
    /// Of a thousand batches that were acknowledged, so many come four times more.
    pub repeated_per_mille: u64,
    /// Event times of past series, in ms before the begin of the hour.
    pub past_ms: std::ops::Range<i64>,
    /// Of a thousand live samples, so many are up to five minutes early or late.
    pub displaced_per_mille: u64,
    /// Of a thousand batches, so many hold a sample that must be refused.
    pub refusable_per_mille: u64,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            clients: 5,
            live_series: 24,
            past_series: 12,
            batch_series: 6,
            pause_ms: 60,
            lost_answers_per_mille: 20,
            repeated_per_mille: 10,
            past_ms: 0..HOUR_MS,
            displaced_per_mille: 20,
            refusable_per_mille: 5,
        }
    }
}

/// What became of a run's samples.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub acknowledged: Tally,
    pub refused: u64,
    /// Of those, so many should have been taken.
    pub wrongly_refused: u64,
    pub batches: u64,
    pub retries: u64,
}

/// What a fault does to the clients themselves.
#[derive(Debug, Default)]
pub struct Control {
    /// Held by a client while it has a batch that is not acknowledged.
    gate: Arc<RwLock<()>>,
    ahead_ms: AtomicI64,
    is_cut_off: AtomicBool,
}

impl Control {
    /// Returns when everything that was sent is acknowledged. Nothing more is sent while the guard is held.
    pub async fn pause(&self) -> OwnedRwLockWriteGuard<()> {
        Arc::clone(&self.gate).write_owned().await
    }

    /// Sets the clients' clocks, by so much against the true one.
    pub fn set_clocks(&self, ahead_ms: i64) {
        self.ahead_ms.store(ahead_ms, Ordering::Relaxed);
    }

    /// Clients that are cut off go on making batches, and send them when they are no longer.
    pub fn cut_off(&self, is_cut_off: bool) {
        self.is_cut_off.store(is_cut_off, Ordering::Relaxed);
    }

    fn is_cut_off(&self) -> bool {
        self.is_cut_off.load(Ordering::Relaxed)
    }
}

/// Clients at work.
pub struct Clients {
    /// Ended when they are dropped.
    tasks: JoinSet<anyhow::Result<Outcome>>,
    stop: CancellationToken,
    pub control: Arc<Control>,
    pub live_series: u64,
}

impl Clients {
    pub fn start(gateways: &[Gateway], habits: &Habits, random: &mut Random) -> Self {
        let (stop, control) = (CancellationToken::new(), Arc::<Control>::default());
        let mut tasks = JoinSet::new();
        for number in 0..habits.clients {
            let mut random = random.fork();
            let protocol = match number % 5 {
                3 => Protocol::Json,
                4 => Protocol::RemoteWrite,
                _ => Protocol::Native,
            };
            let client = Client {
                number,
                protocol,
                session: std::array::from_fn(|_| random.below(256) as u8),
                sequence: 0,
                gateways: gateways.to_vec(),
                habits: habits.clone(),
                control: Arc::clone(&control),
                waiting: VecDeque::new(),
                random,
                // Whole hours, and all event times of the past, are fixed when the run begins.
                hour_ms: now_ms().div_euclid(HOUR_MS) * HOUR_MS,
                times: HashMap::new(),
                outcome: Outcome::default(),
            };
            tasks.spawn(client.run(stop.clone()));
        }
        Self { tasks, stop, control, live_series: habits.clients * habits.live_series }
    }

    /// Lets each client have its last batch acknowledged.
    pub async fn finish(mut self) -> anyhow::Result<Outcome> {
        self.stop.cancel();
        let mut all = Outcome::default();
        while let Some(one) = self.tasks.join_next().await {
            let one = one??;
            all.acknowledged.merge(one.acknowledged);
            all.refused += one.refused;
            all.wrongly_refused += one.wrongly_refused;
            all.batches += one.batches;
            all.retries += one.retries;
        }
        Ok(all)
    }
}

struct Client {
    number: u64,
    protocol: Protocol,
    session: [u8; 16],
    sequence: u64,
    gateways: Vec<Gateway>,
    habits: Habits,
    control: Arc<Control>,
    /// Made and not acknowledged yet, in their order: one but for a client that is cut off.
    waiting: VecDeque<Waiting>,
    random: Random,
    hour_ms: i64,
    times: HashMap<String, HashSet<i64>>,
    outcome: Outcome,
}

struct Waiting {
    batch: Batch,
    sent: Vec<Sent>,
}

/// A sample as it is remembered.
struct Sent {
    /// Its series' label `id`.
    id: String,
    time_ms: i64,
    value: i64,
    /// There is no reason to refuse it.
    is_good: bool,
}

impl Client {
    async fn run(mut self, stop: CancellationToken) -> anyhow::Result<Outcome> {
        let gate = Arc::clone(&self.control.gate);
        while !stop.is_cancelled() {
            let passed = gate.read().await;
            self.make_batch()?;
            self.send_waiting().await?;
            drop(passed);
            let pause = Duration::from_millis(self.habits.pause_ms / 2 + self.random.below(self.habits.pause_ms));
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        self.control.cut_off(false);
        self.send_waiting().await?;
        Ok(self.outcome)
    }

    fn make_batch(&mut self) -> anyhow::Result<()> {
        self.sequence += 1;
        let (series, sent) = self.make();
        let batch = Batch::new(self.protocol, self.session, self.sequence, &series)?;
        self.waiting.push_back(Waiting { batch, sent });
        Ok(())
    }

    /// Has all that waits acknowledged, in order, one at a time; what is left when the client is cut off waits on.
    async fn send_waiting(&mut self) -> anyhow::Result<()> {
        while !self.control.is_cut_off()
            && let Some(Waiting { batch, sent }) = self.waiting.pop_front()
        {
            let Some(refused) = self.push(&batch).await? else {
                self.waiting.push_front(Waiting { batch, sent });
                return Ok(());
            };
            self.note(&sent, &refused);
            if self.random.strikes(self.habits.repeated_per_mille) {
                // What comes again is no news, and is answered the same.
                for _ in 0..4 {
                    self.push(&batch).await?;
                }
            }
        }
        Ok(())
    }

    /// Sends a batch until it is answered for good; the places that were refused. `None` when the client is cut off first,
    /// and nothing is known.
    async fn push(&mut self, batch: &Batch) -> anyhow::Result<Option<Vec<usize>>> {
        let begin = Instant::now();
        loop {
            // What is known by its content is forgotten after five minutes, so such a client is cut off between two batches.
            if matches!(batch, Batch::Native(_)) && self.control.is_cut_off() {
                return Ok(None);
            }
            let Some(gateway) = self.random.pick(&self.gateways).cloned() else { bail!("there is no gateway") };
            let (why, wait) = match self.send(&gateway, batch).await {
                Answer::Taken { refused } => {
                    self.outcome.batches += 1;
                    return Ok(Some(refused));
                }
                Answer::Refused(why) => bail!("client {}: a good batch was refused: {why}", self.number),
                Answer::Again { why, wait } => (why, wait),
            };
            if begin.elapsed() > BATCH_LIMIT {
                bail!("client {}: a batch was not acknowledged within {BATCH_LIMIT:?}: {why}", self.number);
            }
            self.outcome.retries += 1;
            let pause = RETRY_MS.start + self.random.below(RETRY_MS.end - RETRY_MS.start);
            tokio::time::sleep(wait.unwrap_or(Duration::from_millis(pause))).await;
        }
    }

    async fn send(&mut self, gateway: &Gateway, batch: &Batch) -> Answer {
        let lost = || Answer::Again { why: "the answer was lost on purpose".into(), wait: Some(Duration::ZERO) };
        if !self.random.strikes(self.habits.lost_answers_per_mille) {
            return gateway.send(batch).await;
        }
        if self.random.strikes(500) {
            gateway.send(batch).await;
        } else {
            let patience = Duration::from_millis(self.random.below(30));
            tokio::time::timeout(patience, gateway.send(batch)).await.ok();
        }
        lost()
    }

    fn note(&mut self, sent: &[Sent], refused: &[usize]) {
        for (index, Sent { id, time_ms, value, is_good }) in sent.iter().enumerate() {
            if refused.contains(&index) {
                self.outcome.refused += 1;
                self.outcome.wrongly_refused += u64::from(*is_good);
            } else {
                self.outcome.acknowledged.add(id, *time_ms, Cell { samples: 1, sum: *value });
            }
        }
    }

    /// One sample each of some series, live ones and past ones in turn.
    fn make(&mut self) -> (Vec<Series>, Vec<Sent>) {
        let habits = self.habits.clone();
        let clock_ms = now_ms() + self.control.ahead_ms.load(Ordering::Relaxed);
        let mut sent: Vec<(&str, Sent)> = Vec::new();
        // Now and then past series give way to new ones, which have to be made known.
        let generation = self.sequence / GENERATION_BATCHES;
        for place in 0..habits.batch_series {
            let turn = self.sequence * habits.batch_series + place;
            let value = i64::try_from(1 + turn % 100_003).unwrap_or(1);
            if let Some(index) = turn.checked_rem(habits.live_series) {
                let live_ms = clock_ms + self.displacement();
                let sample = self.at_its_own_time(format!("live-{}-{index}", self.number), live_ms, value);
                sent.push((LIVE, sample));
            }
            if let Some(index) = turn.checked_rem(habits.past_series) {
                let before = habits.past_ms.end - habits.past_ms.start;
                let before = self.random.below(before.max(1).cast_unsigned()).cast_signed() + habits.past_ms.start;
                let past_ms = self.hour_ms - 1 - before;
                let sample = self.at_its_own_time(format!("past-{}-{index}-{generation}", self.number), past_ms, value);
                sent.push((PAST, sample));
            }
        }
        if self.random.strikes(habits.refusable_per_mille) {
            // A week old: the door takes six days.
            let old_ms = clock_ms - 7 * 24 * HOUR_MS;
            sent.push((PAST, self.at_its_own_time(format!("old-{}", self.number), old_ms, 1)));
        }
        let series = sent.iter().map(|(name, Sent { id, time_ms, value, .. })| {
            Series::new(name, &[("id", id)]).at(*time_ms, *value as f64)
        });
        (series.collect(), sent.into_iter().map(|(_, sample)| sample).collect())
    }

    /// No series has two samples of one time: of those PromQL takes one.
    fn at_its_own_time(&mut self, id: String, mut time_ms: i64, value: i64) -> Sent {
        let times = self.times.entry(id.clone()).or_default();
        while !times.insert(time_ms) {
            time_ms -= 1;
        }
        let (oldest_ms, latest_ms) = SURELY_TAKEN_MS;
        let is_good = (oldest_ms..latest_ms).contains(&(time_ms - now_ms()));
        Sent { id, time_ms, value, is_good }
    }

    fn displacement(&mut self) -> i64 {
        const FURTHEST_MS: i64 = 300_000;
        if !self.random.strikes(self.habits.displaced_per_mille) {
            return 0;
        }
        self.random.below(FURTHEST_MS.cast_unsigned() * 2).cast_signed() - FURTHEST_MS
    }
}
