use std::collections::VecDeque;
use std::sync::Mutex;

use super::*;
use crate::mad::sink::testing::{metrics, policy, soon, until};

/// Takes numbers, in the order in which it answers.
#[derive(Clone, Default)]
struct Fake(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    outcomes: VecDeque<Outcome>,
    seen: Vec<u32>,
    open: usize,
    most_open: usize,
    hangs: bool,
    metrics: Option<SinkMetrics>,
    while_open: u32,
}

impl Fake {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().expect("not poisoned")
    }

    fn seen(&self) -> Vec<u32> {
        self.state().seen.clone()
    }
}

#[async_trait]
impl Transport for Fake {
    type Message = u32;

    async fn send(&self, message: &u32) -> Outcome {
        let hangs = {
            let mut state = self.state();
            state.seen.push(*message);
            state.open += 1;
            state.most_open = state.most_open.max(state.open);
            let is_open = state.metrics.as_ref().is_some_and(|metrics| metrics.breaker_open.get() == 1);
            state.while_open += u32::from(is_open);
            state.hangs
        };
        if hangs {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        let mut state = self.state();
        state.open -= 1;
        state.outcomes.pop_front().unwrap_or(Outcome::Taken)
    }
}

fn options(max_concurrency: usize, max_queue: u64) -> Options {
    Options { max_concurrency, max_queue, spread: Duration::ZERO, backoff: policy() }
}

fn start(fake: &Fake, options: Options) -> (Delivery<u32>, SinkMetrics) {
    let metrics = metrics();
    fake.state().metrics = Some(metrics.clone());
    (Delivery::start(fake.clone(), options, metrics.clone(), mpsc::channel(1).0), metrics)
}

fn failed() -> Outcome {
    Outcome::Failed { message: "no".into(), retry_after_ms: None }
}

#[tokio::test]
async fn messages_go_in_order_and_again_after_failures() {
    let fake = Fake::default();
    fake.state().outcomes = [failed(), failed(), Outcome::Taken, Outcome::Refused("bad".into())].into();
    let (delivery, metrics) = start(&fake, options(1, 100));
    for number in 1..=4 {
        delivery.send(number, 10);
    }
    delivery.close(soon()).await;
    assert_eq!(fake.seen(), [1, 1, 1, 2, 3, 4]);
    assert_eq!((metrics.sent_results.get(), metrics.failed_sends.get()), (30, 2));
    assert_eq!(metrics.dropped_so_far(Dropped::Refused), 10);
    assert_eq!((metrics.queued_results.get(), metrics.sends_in_flight.get()), (0, 0));
}

#[tokio::test]
async fn as_many_sends_at_once_as_allowed_but_one_after_a_failure() {
    let fake = Fake::default();
    let (delivery, _) = start(&fake, options(3, 100));
    for number in 0..20 {
        delivery.send(number, 1);
    }
    delivery.close(soon()).await;
    assert_eq!(fake.state().most_open, 3);
    assert_eq!(fake.seen().len(), 20);

    let fake = Fake::default();
    fake.state().outcomes = [failed()].into();
    let (delivery, metrics) = start(&fake, options(3, 100));
    delivery.send(0, 1);
    until("a failure", || metrics.failed_sends.get() == 1).await;
    fake.state().hangs = true;
    for number in 1..20 {
        delivery.send(number, 1);
    }
    until("the probe", || fake.seen().len() == 2).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(fake.seen(), [0, 0], "one send finds out");
}

#[tokio::test]
async fn a_full_queue_loses_its_oldest_and_counts_them() {
    let fake = Fake::default();
    fake.state().hangs = true;
    let (delivery, metrics) = start(&fake, options(1, 3));
    delivery.send(0, 1);
    until("the first", || fake.seen() == [0]).await;
    for number in 1..=5 {
        delivery.send(number, 1);
    }
    assert_eq!(metrics.dropped_so_far(Dropped::Evicted), 2);
    assert_eq!(metrics.queued_results.get(), 3);
    delivery.close(Instant::now()).await;
    assert_eq!(metrics.dropped_so_far(Dropped::Stopped), 4, "what hangs and what waits");
    assert_eq!(metrics.queued_results.get(), 0);
}

#[tokio::test]
async fn the_breaker_opens_probes_and_closes() {
    let fake = Fake::default();
    fake.state().outcomes = vec![failed(); 5].into();
    let (delivery, metrics) = start(&fake, options(2, 100));
    let began = Instant::now();
    delivery.send(1, 1);
    until("the message", || metrics.sent_results.get() == 1).await;
    // 10, 20 and 40 ms until the breaker opens, then probes every 60.
    assert!(began.elapsed() >= Duration::from_millis(10 + 20 + 40 + 60 + 60), "{:?}", began.elapsed());
    assert_eq!((metrics.breaker_open.get(), metrics.failed_sends.get()), (0, 5));
    assert_eq!(fake.state().while_open, 3, "the probes that failed, and the one that closed it");
    delivery.close(soon()).await;
}

#[tokio::test]
async fn what_waits_after_a_failure_is_tried_until_the_deadline() {
    let fake = Fake::default();
    fake.state().outcomes = vec![failed(); 2].into();
    let (delivery, metrics) = start(&fake, options(1, 100));
    delivery.send(1, 1);
    until("a failure", || metrics.failed_sends.get() >= 1).await;
    delivery.close(soon()).await;
    assert_eq!(metrics.sent_results.get(), 1);
}

#[tokio::test]
async fn what_comes_to_an_empty_queue_waits_for_the_spread() {
    let fake = Fake::default();
    let spread = Duration::from_millis(150);
    let (delivery, metrics) = start(&fake, Options { spread, ..options(1, 100) });
    tokio::time::sleep(Duration::from_millis(20)).await;
    let began = Instant::now();
    delivery.send(1, 1);
    delivery.send(2, 1);
    until("both", || metrics.sent_results.get() == 2).await;
    assert!(began.elapsed() >= spread);
    delivery.send(3, 1);
    let closing = Instant::now();
    delivery.close(soon()).await;
    assert!(closing.elapsed() < Duration::from_secs(60));
    assert_eq!(fake.seen(), [1, 2, 3], "closing does not wait for the spread");
}

#[tokio::test]
async fn an_owner_that_is_dropped_ends_the_task() {
    let fake = Fake::default();
    let (delivery, _) = start(&fake, options(1, 100));
    let shared = Arc::downgrade(&fake.0);
    drop(delivery);
    drop(fake);
    until("the end", || shared.strong_count() == 0).await;
}
