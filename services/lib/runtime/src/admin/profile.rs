//! How much CPU each kind of thread takes within some seconds, as the kernel
//! counts it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::sync::Semaphore;

const DEFAULT_SECONDS: u64 = 10;
const MOST_SECONDS: u64 = 60;

/// One at a time.
#[derive(Clone)]
pub struct Turn(Arc<Semaphore>);

impl Default for Turn {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

#[derive(Serialize)]
struct Profile {
    seconds: f64,
    /// The busiest first.
    threads: Vec<Threads>,
}

/// Those of one name.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Threads {
    name: String,
    count: u64,
    user_seconds: f64,
    system_seconds: f64,
}

/// Of a thread: its name, and its ticks in user and system mode.
type Ticks = BTreeMap<u64, (String, [u64; 2])>;

pub async fn answer(State(Turn(turn)): State<Turn>, RawQuery(query): RawQuery) -> Response {
    let Some(seconds) = seconds(query.as_deref()) else {
        let why = format!("the only parameter is seconds, 1 to {MOST_SECONDS}\n");
        return (StatusCode::BAD_REQUEST, why).into_response();
    };
    let Ok(_turn) = turn.try_acquire() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "another profile is under way\n").into_response();
    };
    match profile(Duration::from_secs(seconds)).await {
        Ok(profile) => Json(profile).into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("/proc/self/task: {error}\n")).into_response(),
    }
}

fn seconds(query: Option<&str>) -> Option<u64> {
    match query {
        None | Some("") => Some(DEFAULT_SECONDS),
        Some(text) => {
            text.strip_prefix("seconds=")?.parse().ok().filter(|seconds| (1..=MOST_SECONDS).contains(seconds))
        }
    }
}

async fn profile(length: Duration) -> io::Result<Profile> {
    let (before, begun) = (ticks()?, Instant::now());
    tokio::time::sleep(length).await;
    let (after, seconds) = (ticks()?, begun.elapsed().as_secs_f64());
    let ticks_per_second = rustix::param::clock_ticks_per_second() as f64;
    Ok(Profile { seconds, threads: difference(&before, &after, ticks_per_second) })
}

/// A thread that began meanwhile counts from its begin; what one did that has
/// ended is not known any more.
fn difference(before: &Ticks, after: &Ticks, ticks_per_second: f64) -> Vec<Threads> {
    let mut by_name: BTreeMap<&str, (u64, [u64; 2])> = BTreeMap::new();
    for (id, (name, now)) in after {
        let then = before.get(id).map_or([0; 2], |(_, ticks)| *ticks);
        let (count, sum) = by_name.entry(name).or_default();
        *count += 1;
        (0..2).for_each(|mode| sum[mode] += now[mode].saturating_sub(then[mode]));
    }
    let mut threads: Vec<_> = by_name
        .into_iter()
        .map(|(name, (count, ticks))| {
            let [user_seconds, system_seconds] = ticks.map(|ticks| ticks as f64 / ticks_per_second);
            Threads { name: name.to_owned(), count, user_seconds, system_seconds }
        })
        .collect();
    let busy = |threads: &Threads| threads.user_seconds + threads.system_seconds;
    threads.sort_by(|a, b| busy(b).total_cmp(&busy(a)));
    threads
}

fn ticks() -> io::Result<Ticks> {
    let mut all = Ticks::new();
    for entry in fs::read_dir("/proc/self/task")? {
        let entry = entry?;
        // One that has ended meanwhile has no file any more.
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        if let (Some(id), Some(read)) = (entry.file_name().to_str().and_then(|id| id.parse().ok()), parse(&stat)) {
            all.insert(id, read);
        }
    }
    Ok(all)
}

/// proc_pid_stat(5): the name in parentheses, which may hold any character;
/// fields 14 and 15.
fn parse(stat: &str) -> Option<(String, [u64; 2])> {
    let (before, after) = stat.rsplit_once(')')?;
    let name = before.split_once('(')?.1;
    let mut fields = after.split_ascii_whitespace().skip(14 - 3);
    let mut next = || fields.next()?.parse().ok();
    Some((name.to_owned(), [next()?, next()?]))
}

#[cfg(test)]
mod tests;
