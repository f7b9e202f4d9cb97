//! However a client is cut off, and wherever it goes on, it has in the end what
//! an uninterrupted stream gave, and what a range query gives.

use std::cell::Cell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::Value;

use super::*;
use crate::testing::Server;

const STEPS: i64 = 12;

/// What happens after a step's data are published.
#[derive(Clone, Copy, Debug)]
enum Happens {
    Nothing,
    /// The client goes after so many more events, and comes back.
    Leaves(usize),
    /// The server stops; the client goes to the next one.
    Restarts,
    /// One partition's data come only with the next step.
    Stalls,
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        2 => Just(Happens::Nothing),
        3 => (0usize..3).prop_map(Happens::Leaves),
        2 => Just(Happens::Restarts),
        2 => Just(Happens::Stalls),
    ]
}

fn hosts(from_ms: i64, until_ms: i64) -> Vec<TestSeries> {
    let host = |host: i64| {
        // Some come and go.
        let samples = (from_ms / 5_000..until_ms / 5_000).filter(|n| host < 3 || (n / host) % 2 == 0);
        let samples = samples.map(|n| (n * 5_000 + 1_000 + host, (n * host % 17) as f64 / 3.0)).collect();
        series(&[("__name__", "m"), ("host", &format!("host-{host}"))], samples)
    };
    (1..7).map(host).filter(|one| !one.samples.is_empty()).collect()
}

type Points = BTreeMap<i64, BTreeMap<String, Value>>;

struct Follower {
    has: Points,
    /// Steps that came as such, in their order.
    steps: Vec<i64>,
    corrections: usize,
    last_id: Option<String>,
}

impl Follower {
    /// Reads until there is nothing more, `limit` events at most.
    async fn read(&mut self, client: &mut Client, until_ms: i64, limit: usize) {
        for _ in 0..limit {
            let complete = self.last_id.as_deref().is_some_and(|id| !id.contains('-'));
            if self.steps.last().is_some_and(|last| *last >= until_ms) && complete {
                return;
            }
            let step = client.next().await;
            match step.is_correction() {
                true => self.corrections += 1,
                false => self.steps.push(step.time_ms),
            }
            if step.points.is_empty() {
                self.has.remove(&step.time_ms);
            } else {
                self.has.insert(step.time_ms, step.points);
            }
            self.last_id.clone_from(&client.last_id);
        }
    }
}

/// The steps' points by a range query.
async fn ranged(server: &Server, query: &str, from_ms: i64, until_ms: i64) -> Points {
    let (start, end) = ((from_ms / 1_000).to_string(), (until_ms / 1_000).to_string());
    let parameters = [("query", query), ("start", &start), ("end", &end), ("step", "5")];
    let (status, body) = server.get("/api/v1/query_range", &parameters).await;
    assert_eq!(status, 200, "{body}");
    let mut points = Points::new();
    for series in body["data"]["result"].as_array().unwrap() {
        for point in series["values"].as_array().unwrap() {
            let time_ms = point[0].as_i64().unwrap() * 1_000;
            points.entry(time_ms).or_default().insert(series["metric"].to_string(), point[1].clone());
        }
    }
    points
}

/// Gives the number of corrections.
async fn run(query: &str, plan: &[Happens]) -> usize {
    let world = World::new(NOW_MS);
    world.publish(&hosts(BASE_MS, NOW_MS), NOW_MS + 1_000).await;
    let config = || Config { stream_stall_ms: 0, ..Config::default() };
    let mut server = world.start_with(config()).await;
    let first_ms = NOW_MS - 20_000;
    let start = (first_ms / 1_000).to_string();
    let parameters = [("query", query), ("start", &*start)];
    let mut follower = Follower { has: Points::new(), steps: Vec::new(), corrections: 0, last_id: None };
    let mut client = Client::open(&server, &parameters, None).await;
    // Partitions that hold data back, and since when.
    let mut held: Vec<(u16, i64)> = Vec::new();
    let mut from_ms = NOW_MS;
    for (n, happens) in (1..).zip(plan) {
        let end_ms = NOW_MS + n * 5_000;
        world.clock.set(end_ms + 1_000);
        let stalled = matches!(happens, Happens::Stalls).then_some((n % i64::from(PARTITIONS)) as u16);
        for partition in (0..PARTITIONS).filter(|partition| Some(*partition) != stalled) {
            // With what it held back before.
            let since_ms = held.iter().find(|(held, _)| *held == partition).map_or(from_ms, |(_, since_ms)| *since_ms);
            held.retain(|(held, _)| *held != partition);
            publish_of(&world, partition, since_ms, end_ms).await;
        }
        if let Some(partition) = stalled
            && held.iter().all(|(held, _)| *held != partition)
        {
            held.push((partition, from_ms));
        }
        from_ms = end_ms;
        match happens {
            Happens::Nothing => {}
            Happens::Stalls => {
                // The step comes without it: that is the one event more.
                let have = follower.steps.len() as i64;
                let due = ((end_ms - first_ms) / 5_000 + 1 - have).max(0) as usize;
                follower.read(&mut client, i64::MAX, due).await;
            }
            Happens::Leaves(after) => {
                let available = ((end_ms - first_ms) / 5_000 + 1 - follower.steps.len() as i64).max(0) as usize;
                follower.read(&mut client, i64::MAX, (*after).min(available)).await;
                client = Client::open(&server, &parameters, follower.last_id.as_deref()).await;
            }
            Happens::Restarts => {
                // As the store may have it meanwhile.
                server.stop().await;
                world.store(&hosts(BASE_MS, NOW_MS)).await;
                server = world.start_with(config()).await;
                client = Client::open(&server, &parameters, follower.last_id.as_deref()).await;
            }
        }
    }
    // What was held back comes, and then all is there.
    let end_ms = NOW_MS + STEPS * 5_000;
    for (partition, since_ms) in held {
        publish_of(&world, partition, since_ms, end_ms).await;
    }
    follower.read(&mut client, end_ms, usize::MAX).await;
    assert_eq!(follower.steps, steps(first_ms, 5 + STEPS), "each step once, in order: {plan:?}");

    let mut whole = Client::open(&server, &parameters, None).await;
    let whole = whole.take(5 + STEPS as usize).await;
    let whole: Points =
        whole.into_iter().map(|step| (step.time_ms, step.points)).filter(|(_, p)| !p.is_empty()).collect();
    assert_eq!(follower.has, whole, "{plan:?}");
    assert_eq!(whole, ranged(&server, query, first_ms, end_ms).await, "{plan:?}");
    server.stop().await;
    follower.corrections
}

async fn publish_of(world: &World, partition: u16, from_ms: i64, end_ms: i64) {
    let all = hosts(from_ms, end_ms);
    world.register(&all).await;
    let own = all.iter().filter(|one| one.id(&world.tenant).partition(PARTITIONS) == partition);
    let windows = own.flat_map(|one| {
        let (tenant, metric_id) = (world.tenant.clone(), one.id(&world.tenant));
        let live = move |window| tidegate_codec::stored::LiveWindow {
            tenant: tenant.clone(),
            metric_id,
            era: 0,
            fragment: 0,
            window,
        };
        one.windows().into_iter().map(live)
    });
    world.publish_record(partition, windows.collect(), end_ms + 1_000).await;
}

#[test]
fn the_union_is_what_an_uninterrupted_stream_gives_and_a_range_query() {
    let queries = prop::sample::select(vec!["m", "sum(m)", "rate(m[30s])", "topk(2, m)", "sum_over_time(m[20s:10s])"]);
    let plans = prop::collection::vec(happens(), STEPS as usize);
    let config =
        ProptestConfig { cases: 16, max_shrink_iters: 20, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new(config);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let corrections = Cell::new(0);
    let outcome = runner.run(&(queries, plans), |(query, plan)| {
        corrections.set(corrections.get() + runtime.block_on(run(query, &plan)));
        Ok(())
    });
    outcome.unwrap();
    assert!(corrections.get() > 0, "no plan needed any");
}
