//! A pipeline that runs, and how another version of it takes its place.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use std::time::Duration;

use axum::Router;
use futures::future::join_all;
use tidegate_mad::aggregate::{self, Histograms};
use tidegate_mad::config::{Input, Pipeline, Source};
use tidegate_mad::transform::Transforms;
use tidegate_runtime::{TaskError, Tasks};
use tokio::sync::mpsc;

use super::feed::Feed;
use super::pipeline::{self, Intake};
use super::sink::{self, BuildError};
use super::source::http::HttpSource;
use super::source::{self, Started};

/// What all pipelines of a daemon share.
pub struct Shared {
    pub pipelines: pipeline::Metrics,
    pub sinks: sink::Context,
    pub sources: source::Context,
    pub environment: BTreeMap<String, String>,
    pub failures: mpsc::Sender<TaskError>,
}

pub struct Running {
    pub name: String,
    sources: Vec<RunningSource>,
    tasks: Tasks,
}

struct RunningSource {
    name: String,
    input: Input,
    feed: Feed,
    state: State,
}

enum State {
    /// It reads on tasks of its own.
    Reads(Tasks),
    Route(&'static str, HttpSource),
    Otlp(Router),
    Unreachable,
    /// It could not start; why, as it was told.
    Waits(String),
}

/// What one source at a time can have.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Claim {
    Udp(String, u16),
    Tcp(String, u16),
    Otlp,
}

impl Claim {
    fn of(input: &Input) -> Option<Self> {
        match input {
            Input::Statsd { host, port } => Some(Self::Udp(host.clone(), *port)),
            Input::TcpLine(input) => Some(Self::Tcp(input.host.clone(), input.port)),
            Input::OpenTelemetryGrpc { .. } => Some(Self::Otlp),
            Input::Http(_) | Input::Kafka(_) | Input::Scrape(_) => None,
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Udp(host, port) => write!(f, "another source reads {host}:{port}/udp"),
            Self::Tcp(host, port) => write!(f, "another source reads {host}:{port}/tcp"),
            Self::Otlp => f.write_str("another source takes OTLP"),
        }
    }
}

/// A pipeline that nothing feeds any longer.
#[must_use]
pub struct Retired {
    name: String,
    sources: Vec<RunningSource>,
    tasks: Tasks,
}

impl Running {
    /// Starts a pipeline. Those sources of `before` that are the same go on and
    /// feed the new one from now on; the rest of it is to be finished. `claimed`
    /// is what sources of other pipelines have; its own is added.
    ///
    /// # Errors
    /// When a sink cannot be; everything is as it was then.
    pub async fn start(
        config: &Pipeline,
        before: Option<Self>,
        claimed: &mut HashSet<Claim>,
        shared: &Shared,
    ) -> Result<(Self, Option<Retired>), (BuildError, Option<Self>)> {
        let sinks = match sinks(config, shared).await {
            Ok(sinks) => sinks,
            Err(error) => return Err((error, before)),
        };
        let mut tasks = Tasks::new(shared.failures.clone());
        let metrics = shared.pipelines.of(&config.name);
        let aggregate = aggregate_config(config);
        let intake = pipeline::start(aggregate, sinks, metrics, &mut tasks);
        let mut retired =
            before.map(|before| Retired { name: before.name, sources: before.sources, tasks: before.tasks });
        let mut sources = Vec::with_capacity(config.sources.len());
        for source in &config.sources {
            let kept = retired.as_mut().and_then(|retired| retired.give_up(source));
            let intake = intake_of(source, &intake, shared);
            let mut next = match kept {
                Some(kept) => kept.redirect(intake),
                None => RunningSource::new(source, intake),
            };
            next.start(claimed, shared).await;
            sources.push(next);
        }
        Ok((Self { name: config.name.clone(), sources, tasks }, retired))
    }

    /// Tries those sources again that could not start; tells whether one has.
    pub async fn start_waiting(&mut self, claimed: &mut HashSet<Claim>, shared: &Shared) -> bool {
        let mut started = false;
        for source in self.sources.iter_mut().filter(|source| source.waits()) {
            source.start(claimed, shared).await;
            started |= !source.waits();
        }
        started
    }

    /// Whether a source of it could not start yet.
    pub fn waits(&self) -> bool {
        self.sources.iter().any(RunningSource::waits)
    }

    /// What its sources have.
    pub fn claims(&self) -> impl Iterator<Item = Claim> {
        self.sources.iter().filter(|source| !source.waits()).filter_map(|source| Claim::of(&source.input))
    }

    /// What requests of each path go to.
    pub fn routes(&self) -> impl Iterator<Item = (&'static str, &HttpSource)> {
        self.sources.iter().filter_map(|source| match &source.state {
            State::Route(path, source) => Some((*path, source)),
            _ => None,
        })
    }

    /// What takes OTLP.
    pub fn open_telemetry(&self) -> Option<&Router> {
        self.sources.iter().find_map(|source| match &source.state {
            State::Otlp(router) => Some(router),
            _ => None,
        })
    }

    /// Nothing takes its place.
    pub fn retire(self) -> Retired {
        Retired { name: self.name, sources: self.sources, tasks: self.tasks }
    }
}

async fn sinks(config: &Pipeline, shared: &Shared) -> Result<Vec<Box<dyn sink::Sink>>, BuildError> {
    let context = sink::Context {
        pipeline: config.name.as_str().into(),
        periods_ms: config.periods_ms.clone(),
        ..shared.sinks.clone()
    };
    let mut sinks = Vec::with_capacity(config.sinks.len());
    for sink in &config.sinks {
        sinks.push(sink::build(sink, &context).await?);
    }
    Ok(sinks)
}

fn aggregate_config(config: &Pipeline) -> aggregate::Config {
    let histograms = match config.sinks.iter().any(sink::needs_histograms) {
        true => Histograms::Always,
        false => Histograms::WhereNeeded,
    };
    aggregate::Config { histograms, ..aggregate::Config::of(config) }
}

fn intake_of(source: &Source, intake: &Intake, shared: &Shared) -> Intake {
    let transforms = Transforms::new(source.transforms.clone(), shared.environment.clone());
    intake.through(transforms)
}

impl RunningSource {
    fn new(source: &Source, intake: Intake) -> Self {
        let feed = Feed::new(intake);
        Self { name: source.name.clone(), input: source.input.clone(), feed, state: State::Waits(String::new()) }
    }

    fn waits(&self) -> bool {
        matches!(self.state, State::Waits(_))
    }

    fn redirect(self, intake: Intake) -> Self {
        self.feed.redirect(intake);
        self
    }

    /// Starts it unless it runs. One that cannot start waits, and the rest of
    /// its pipeline runs; so does one whose port another process still has.
    async fn start(&mut self, claimed: &mut HashSet<Claim>, shared: &Shared) {
        let claim = Claim::of(&self.input);
        if let Some(taken) = claim.as_ref().filter(|claim| claimed.contains(claim)) {
            self.wait(taken.to_string());
            return;
        }
        if self.waits() {
            self.try_start(shared).await;
        }
        if !self.waits() {
            claimed.extend(claim);
        }
    }

    async fn try_start(&mut self, shared: &Shared) {
        let mut tasks = Tasks::new(shared.failures.clone());
        let source = Source { name: self.name.clone(), input: self.input.clone(), transforms: Vec::new() };
        match source::start(&source, self.feed.clone(), &shared.sources, &mut tasks).await {
            Ok(Started::Running) => {
                if matches!(&self.state, State::Waits(why) if !why.is_empty()) {
                    tracing::info!(source = self.name, "the source has started");
                }
                self.state = State::Reads(tasks);
            }
            Ok(Started::Route { path, source }) => self.state = State::Route(path, source),
            Ok(Started::Otlp(router)) => self.state = State::Otlp(router),
            Ok(Started::Unreachable) => {
                tracing::warn!(source = self.name, "nothing reaches the source: its actorName is that of no route");
                self.state = State::Unreachable;
            }
            Err(error) => self.wait(error.to_string()),
        }
    }

    /// It does not run, or not any longer.
    fn wait(&mut self, why: String) {
        if !matches!(&self.state, State::Waits(before) if *before == why) {
            tracing::error!(source = self.name, error = why, "the source cannot start, and is tried again");
        }
        if let State::Reads(tasks) = std::mem::replace(&mut self.state, State::Waits(why)) {
            tasks.cancel();
        }
    }
}

/// What is on its way when a source ends gets that long to arrive.
const FINISH: Duration = Duration::from_secs(10);

impl Retired {
    /// A source that reads the same as `wanted`, if there is one.
    fn give_up(&mut self, wanted: &Source) -> Option<RunningSource> {
        let same = |source: &RunningSource| source.input == wanted.input && source.name == wanted.name;
        let index = self.sources.iter().position(same)?;
        Some(self.sources.remove(index))
    }

    /// Stops the sources that are left, then lets the pipeline end: what is
    /// open is flushed.
    ///
    /// # Errors
    /// When a task does not end in time.
    pub async fn finish(self) -> Result<(), TaskError> {
        self.finish_within(FINISH, FINISH).await
    }

    /// As [`Retired::finish`], with limits for sources and for what comes after them.
    ///
    /// # Errors
    /// When a task does not end in time.
    pub async fn finish_within(self, sources: Duration, pipeline: Duration) -> Result<(), TaskError> {
        let stopping = self.sources.into_iter().map(|source| async move {
            match source.state {
                State::Reads(tasks) => tasks.stop(sources).await,
                _ => Ok(()),
            }
        });
        let ended = join_all(stopping).await.into_iter().find(Result::is_err).unwrap_or(Ok(()));
        // The last feeds are gone now, but for requests that are under way.
        let finished = self.tasks.finish(pipeline).await;
        tracing::debug!(pipeline = self.name, "ended");
        ended.and(finished)
    }
}
