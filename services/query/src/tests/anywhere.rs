//! Generated data in generated places: tail, store and archive, alone and in
//! any mix, give the same answers to the bit to generated queries.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tidegate_codec::stored::{LiveWindow, encode_chunk};
use tidegate_coldstore::{Coverage, ObjectKey, ObjectWriter, Period, Tier, series_order};
use tidegate_hotstore::HotStore;
use tidegate_model::time::{HOUR_MS, MINUTE_MS, hour_of, minute_of};
use tidegate_model::{Clock, MetricId, Row, RowKey, Touch, Window, stale_nan};
use tidegate_promql::{Evaluated, Range};

use crate::Config;
use crate::error::Error;
use crate::fragments::{Fragment, merge};
use crate::select::Cut;
use crate::service::{Purpose, Query, Task};
use crate::testing::{BASE_MS, PARTITIONS, Server, TestSeries, World, series};

const HOURS: i64 = 2;
const END_MS: i64 = BASE_MS + HOURS * HOUR_MS;
const NOW_MS: i64 = END_MS + HOUR_MS;
const SEEDS: u64 = 2;
const QUERIES: usize = 40;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn one_in(&mut self, chance: u64) -> bool {
        self.below(chance) == 0
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }
}

/// Windows of one fragment: of a series and a minute.
#[derive(Clone)]
struct Piece {
    series: usize,
    minute: u32,
    fragment: u32,
    windows: Vec<Window>,
}

fn generated(random: &mut Random) -> Vec<TestSeries> {
    let mut all = Vec::new();
    for number in 0..8 {
        let is_counter = number % 2 == 0;
        let step_ms = *random.pick(&[1_250, 2_500, 5_000, 15_000, 60_000]);
        let mut value = random.below(1_000) as f64;
        let mut samples = Vec::new();
        let mut time_ms = BASE_MS + random.below(5_000) as i64;
        while time_ms < END_MS {
            let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, stale_nan(), 1e300];
            value = match (is_counter, random.below(40)) {
                (true, 0) => 0.0,
                (true, by) => value + by as f64 * 0.1,
                (false, _) => random.below(2_000_001) as f64 / 1e4 - 100.0,
            };
            samples.push((time_ms, if random.one_in(50) { *random.pick(&odd) } else { value }));
            // Now and then nothing for longer than the look-back.
            let pause = if random.one_in(200) { 400_000 } else { step_ms };
            time_ms += pause + random.below(9) as i64;
        }
        let name = if is_counter { "requests_total" } else { "temperature" };
        let (job, host) = (["a", "b"][number / 2 % 2], number.to_string());
        all.push(series(&[("__name__", name), ("job", job), ("host", &host)], samples));
    }
    all
}

/// Some minutes have a second fragment of samples that came late.
fn pieces(data: &[TestSeries], random: &mut Random) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (index, one) in data.iter().enumerate() {
        let mut fragments: BTreeMap<(u32, u32), TestSeries> = BTreeMap::new();
        for (time_ms, value) in &one.samples {
            let minute = minute_of(*time_ms);
            let fragment = if minute.is_multiple_of(7) && random.one_in(3) { minute + 9 } else { 0 };
            let empty = || TestSeries { labels: one.labels.clone(), samples: Vec::new() };
            fragments.entry((minute, fragment)).or_insert_with(empty).samples.push((*time_ms, *value));
        }
        let piece = |((minute, fragment), part): ((u32, u32), TestSeries)| Piece {
            series: index,
            minute,
            fragment,
            windows: part.windows(),
        };
        pieces.extend(fragments.into_iter().map(piece));
    }
    pieces
}

/// Where a piece is; an hour is in the archive as a whole or not at all.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Tail,
    Store,
    Both,
}

fn row_of(world: &World, metric_id: MetricId, piece: &Piece) -> Row {
    let mut chunk = Vec::new();
    encode_chunk(&piece.windows, &[], &mut chunk);
    let (tenant, source) = (world.tenant.clone(), world.source(metric_id));
    let key = RowKey { tenant, metric_id, minute: piece.minute, source, era: 0, fragment: piece.fragment };
    let samples = piece.windows.iter().map(|window| window.value.samples()).sum();
    Row { key, samples, chunk: Bytes::from(chunk) }
}

async fn world_of(data: &[TestSeries], pieces: &[Piece], archived: &[u32], place: impl Fn(&Piece) -> Place) -> Server {
    let world = World::new(NOW_MS);
    let ids: Vec<MetricId> = data.iter().map(|one| one.id(&world.tenant)).collect();
    let (mut rows, mut live) = (Vec::new(), vec![Vec::new(); usize::from(PARTITIONS)]);
    let is_archived = |minute: u32| archived.contains(&(minute / 60));
    for piece in pieces.iter().filter(|piece| !is_archived(piece.minute)) {
        let (metric_id, place) = (ids[piece.series], place(piece));
        if place != Place::Tail {
            rows.push(row_of(&world, metric_id, piece));
        }
        if place != Place::Store {
            let (tenant, fragment) = (&world.tenant, piece.fragment);
            live[usize::from(metric_id.partition(PARTITIONS))].extend(piece.windows.iter().map(|window| LiveWindow {
                tenant: tenant.clone(),
                metric_id,
                era: 0,
                fragment,
                window: window.clone(),
            }));
        }
    }
    world.register(data).await;
    // Hours that are known to be untouched since are kept from query to query.
    for row in &rows {
        let touched = Clock { era: 0, effective_ms: NOW_MS };
        world.store.touch_hours(row.key.source, vec![Touch::on_time(row.key.minute / 60, touched)]).await.unwrap();
    }
    world.store.write_rows(rows).await.unwrap();
    for (partition, windows) in (0..).zip(live) {
        world.publish_record(partition, windows, NOW_MS).await;
    }
    for hour in archived {
        archive(&world, data, pieces, *hour).await;
    }
    let after_archived = archived.iter().max().map_or(hour_of(BASE_MS), |hour| hour + 1);
    let hot_retention_hours = hour_of(NOW_MS) - after_archived;
    world.start_with(Config { hot_retention_hours, tail_hold_ms: 1 << 40, ..Config::default() }).await
}

async fn archive(world: &World, data: &[TestSeries], pieces: &[Piece], hour: u32) {
    for shard in 0..PARTITIONS {
        let of_shard = |one: &&TestSeries| one.id(&world.tenant).partition(PARTITIONS) == shard;
        let mut sorted: Vec<_> = data.iter().enumerate().filter(|(_, one)| of_shard(one)).collect();
        sorted.sort_by(|(_, a), (_, b)| series_order(&a.labels, &b.labels));
        let period = Period::containing(Tier::FiveSeconds, hour);
        let mut writer = ObjectWriter::new(ObjectKey { tenant: world.tenant.clone(), period, shard }).unwrap();
        let (mut coverage, mut any) = (Coverage::default(), false);
        for (index, one) in sorted {
            let id = one.id(&world.tenant);
            let source = world.source(id);
            let mine = pieces.iter().filter(|piece| piece.series == index && piece.minute / 60 == hour);
            let fragments = mine.flat_map(|piece| {
                let fragment =
                    |Window { start_ms, value }| Fragment { start_ms, source, era: 0, fragment: piece.fragment, value };
                piece.windows.iter().cloned().map(fragment)
            });
            let windows = merge(fragments.collect());
            if !windows.is_empty() {
                any = true;
                coverage.count(source, 0, windows.iter().map(|window| u64::from(window.value.samples())).sum());
                writer.series(id, &one.labels, &windows).unwrap();
            }
        }
        if any {
            world.archive.put(&writer.finish(coverage).unwrap()).await.unwrap();
        }
    }
}

fn query(random: &mut Random) -> String {
    let selector = *random.pick(&[
        "requests_total",
        "temperature",
        "requests_total{job=\"a\"}",
        "temperature{host=~\"1|3\"}",
        "{job!=\"a\"}",
    ]);
    let range = *random.pick(&["30s", "1m", "5m", "17m", "90m"]);
    let offset = *random.pick(&["", "", " offset 7m", " offset -3m"]);
    let of_range = *random.pick(&[
        "rate",
        "increase",
        "delta",
        "irate",
        "resets",
        "changes",
        "sum_over_time",
        "avg_over_time",
        "min_over_time",
        "max_over_time",
        "count_over_time",
        "last_over_time",
        "stddev_over_time",
        "deriv",
        "present_over_time",
    ]);
    let inner = match random.below(4) {
        0 => format!("{selector}{offset}"),
        1 => format!("max_over_time({selector}[20m:90s])"),
        _ => format!("{of_range}({selector}[{range}]{offset})"),
    };
    match random.below(4) {
        0 => format!("{} by (job) ({inner})", random.pick(&["sum", "avg", "max", "count", "stddev"])),
        1 => format!("topk(2, {inner})"),
        2 => format!("{inner} / on (host) group_left () count by (host) ({selector}{offset})"),
        _ => inner,
    }
}

async fn answers(server: &Server, queries: &[(String, i64)]) -> Vec<String> {
    let seconds = |ms: i64| format!("{}.{:03}", ms / 1_000, ms % 1_000);
    let mut answers = Vec::new();
    for (query, time_ms) in queries {
        // Ambiguous matches are errors, the same everywhere.
        let instant = [("query", query.as_str()), ("time", &seconds(*time_ms))];
        answers.push(format!("{query} at {time_ms}: {:?}", server.get("/api/v1/query", &instant).await));
        let (start, end) = (seconds(time_ms - 1_800_000), seconds(*time_ms));
        let range = [("query", query.as_str()), ("start", &start), ("end", &end), ("step", "37")];
        answers.push(format!("{query} to {time_ms}: {:?}", server.get("/api/v1/query_range", &range).await));
    }
    answers
}

#[tokio::test]
async fn the_same_data_anywhere_give_the_same_answers() {
    let hours = [hour_of(BASE_MS), hour_of(BASE_MS) + 1];
    for seed in 0..SEEDS {
        let mut random = Random(seed);
        let data = generated(&mut random);
        let pieces = pieces(&data, &mut random);
        let time = |random: &mut Random| BASE_MS + random.below((HOURS * HOUR_MS / MINUTE_MS) as u64 * 60_000) as i64;
        let queries: Vec<_> = (0..QUERIES).map(|_| (query(&mut random), time(&mut random))).collect();
        let reference = world_of(&data, &pieces, &[], |_| Place::Store).await;
        let expected = answers(&reference, &queries).await;
        let with_data = expected.iter().filter(|answer| answer.contains("metric")).count();
        assert!(with_data * 10 > expected.len() * 7, "{with_data} of {} answers have data", expected.len());

        let mixed = |salt: u64| {
            move |piece: &Piece| {
                let mut random = Random(salt ^ (piece.series as u64) << 40 ^ u64::from(piece.minute) << 8);
                *random.pick(&[Place::Tail, Place::Store, Place::Both])
            }
        };
        let worlds = [
            ("store, kept from before", reference),
            ("tail", world_of(&data, &pieces, &[], |_| Place::Tail).await),
            ("archive", world_of(&data, &pieces, &hours, |_| Place::Store).await),
            ("store and tail", world_of(&data, &pieces, &[], mixed(seed)).await),
            ("archive, then tail", world_of(&data, &pieces, &hours[..1], |_| Place::Tail).await),
            ("archive, then store", world_of(&data, &pieces, &hours[..1], |_| Place::Store).await),
            ("archive, then both mixed", world_of(&data, &pieces, &hours[..1], mixed(!seed)).await),
        ];
        for (place, server) in worlds {
            for (answer, expected) in answers(&server, &queries).await.iter().zip(&expected) {
                assert_eq!(answer, expected, "{place}, seed {seed}");
            }
            server.stop().await;
        }
    }
}

/// What a fragment touches as it closes, by the fold's rules.
fn touch_of(piece: &Piece) -> Touch {
    let clock = |minutes: u32, grace_ms| Clock { era: 0, effective_ms: i64::from(minutes) * MINUTE_MS + grace_ms };
    match piece.fragment {
        0 => Touch::on_time(piece.minute / 60, clock(piece.minute + 1, 10_000)),
        late => Touch { hour: piece.minute / 60, closed: clock(late, 0), late: Some(clock(late, 0)) },
    }
}

#[tokio::test]
async fn hours_that_grow_give_what_a_first_reading_gives() {
    for seed in 0..SEEDS {
        let mut random = Random(seed);
        let data = generated(&mut random);
        let mut pieces = pieces(&data, &mut random);
        pieces.sort_by_key(|piece| touch_of(piece).closed);
        let world = World::new(NOW_MS);
        world.register(&data).await;
        let ids: Vec<MetricId> = data.iter().map(|one| one.id(&world.tenant)).collect();
        let config = Config { hot_retention_hours: 48, cache_bytes: 1 << 20, ..Config::default() };
        let kept = world.query(config.clone()).await;
        let mut cached = 0;
        for closed in pieces.chunk_by(|a, b| touch_of(a).closed == touch_of(b).closed) {
            let closed_ms = touch_of(&closed[0]).closed.effective_ms;
            for piece in closed {
                let metric_id = ids[piece.series];
                world.store.write_rows(vec![row_of(&world, metric_id, piece)]).await.unwrap();
                world.store.touch_hours(world.source(metric_id), vec![touch_of(piece)]).await.unwrap();
            }
            let hours = world.store.read_hours().await.unwrap();
            kept.hours.set_touched(&hours);
            if !random.one_in(3) {
                continue;
            }
            let fresh = world.query(config.clone()).await;
            let range = Range { start_ms: closed_ms - 1_800_000, end_ms: closed_ms, step_ms: 41_000 };
            for text in [query(&mut random), query(&mut random)] {
                // Some are refused, as they select everything.
                let Ok(expr) = tidegate_promql::parse(&text).map(Arc::new) else { continue };
                let run = async |query: &Arc<Query>| {
                    let (expr, tenant, timeout) = (expr.clone(), world.tenant.clone(), Duration::from_secs(60));
                    let task =
                        Task { purpose: Purpose::Query, tenant, expr, range, cut: Cut::None, timeout, principal: None };
                    query.run_explained(task).await.map(|(answer, explained)| (answer, explained.cached_hours))
                };
                // Ambiguous matches are errors, the same everywhere.
                let (answer, expected) = (run(&kept).await, run(&fresh).await);
                cached += answer.as_ref().map_or(0, |(_, cached)| *cached);
                let shown = |answer: Result<(Evaluated, u64), _>| {
                    format!("{:?}", answer.map(|(answer, _)| answer).map_err(|error: Error| error.to_string()))
                };
                assert_eq!(shown(answer), shown(expected), "{text} at {closed_ms}, seed {seed}");
            }
        }
        assert!(cached > 200, "only {cached} hours were at hand");
    }
}
