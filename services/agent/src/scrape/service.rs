//! A task that keeps track of the targets, and one for each of them.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tidegate_runtime::Tasks;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::batch::Describe;
use super::config::{Checked, Config, ConfigError};
use super::destination::Destination;
use super::discovery::Files;
use super::fetch::{FetchError, Fetcher};
use super::series::{Memory, Scraped, TooMany};
use super::target::{Target, targets};
use crate::clock::unix_ms;

/// Scrapes between two that carry types and help texts.
const DESCRIBE_EVERY: u64 = 60;

#[derive(Clone, Debug, Default)]
pub struct Metrics {
    targets: Gauge,
    scrapes: Counter,
    failures: Counter,
    samples: Counter,
}

impl Metrics {
    /// Counts there instead of in metrics of its own.
    pub fn counting(scrapes: &Counter, failures: &Counter) -> Self {
        Self { scrapes: scrapes.clone(), failures: failures.clone(), ..Self::default() }
    }

    fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = registry.sub_registry_with_prefix("tidegate_agent_scrape");
        registry.register("targets", "Targets that are scraped", metrics.targets.clone());
        registry.register("pages", "Pages asked for", metrics.scrapes.clone());
        registry.register("failures", "Pages that could not be had or read", metrics.failures.clone());
        registry.register("samples", "Samples handed on, those about the scrapes included", metrics.samples.clone());
        metrics
    }
}

/// Scrapes the targets of the configuration.
///
/// # Errors
/// When it makes no sense.
pub fn start(
    config: &Config,
    destination: impl Destination,
    registry: &mut Registry,
    tasks: &mut Tasks,
) -> Result<(), ConfigError> {
    let jobs = config.check()?;
    if !jobs.is_empty() {
        let discovery_interval = Duration::from_secs(config.discovery_interval_seconds.max(1));
        start_jobs(jobs, destination, Metrics::register(registry), discovery_interval, tasks)?;
    }
    Ok(())
}

/// Scrapes the targets of the jobs. Their files are looked at once an interval.
///
/// # Errors
/// When certificates cannot be used.
pub fn start_jobs(
    jobs: Vec<Checked>,
    destination: impl Destination,
    metrics: Metrics,
    discovery_interval: Duration,
    tasks: &mut Tasks,
) -> Result<(), ConfigError> {
    let manager = Manager {
        files: jobs.iter().map(|_| Files::default()).collect(),
        jobs: jobs.into_iter().map(Job::new).collect::<Result<_, _>>()?,
        shared: Arc::new(Shared { destination: Box::new(destination), metrics }),
        discovery_interval,
        running: BTreeMap::new(),
        scraping: JoinSet::new(),
        told: HashSet::new(),
    };
    tasks.spawn("agent-scrape", |cancel| manager.run(cancel));
    Ok(())
}

/// Refuses what [`start_jobs`] would.
///
/// # Errors
/// When certificates cannot be used.
pub fn check_job(job: Checked) -> Result<(), ConfigError> {
    Job::new(job).map(drop)
}

/// What all targets share.
struct Shared {
    destination: Box<dyn Destination>,
    metrics: Metrics,
}

/// What the targets of a job share.
struct Job {
    checked: Checked,
    fetcher: Fetcher,
}

impl Job {
    fn new(checked: Checked) -> Result<Arc<Self>, ConfigError> {
        let tls = |source| ConfigError::Tls { job: checked.job.name.clone(), source };
        let fetcher = Fetcher::new(&checked.job.tls).map_err(tls)?;
        Ok(Arc::new(Self { checked, fetcher }))
    }
}

struct Manager {
    jobs: Vec<Arc<Job>>,
    files: Vec<Files>,
    shared: Arc<Shared>,
    discovery_interval: Duration,
    /// By the number of the job; cancelled when the target is gone.
    running: BTreeMap<(usize, Target), CancellationToken>,
    scraping: JoinSet<()>,
    /// What is wrong with files and addresses, so that it is told once.
    told: HashSet<String>,
}

impl Manager {
    async fn run(mut self, cancel: CancellationToken) -> Result<(), JoinError> {
        let mut ticks = tokio::time::interval(self.discovery_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = cancel.cancelled() => {
                    // Series do not end because the agent does.
                    self.scraping.shutdown().await;
                    return Ok(());
                }
                Some(ended) = self.scraping.join_next() => ended?,
                _ = ticks.tick() => self.discover().await?,
            }
        }
    }

    async fn discover(&mut self) -> Result<(), JoinError> {
        let patterns: Vec<Vec<PathBuf>> = self.jobs.iter().map(|job| job.checked.job.target_files.clone()).collect();
        let mut files = std::mem::take(&mut self.files);
        let read = tokio::task::spawn_blocking(move || {
            let read: Vec<_> = files.iter_mut().zip(&patterns).map(|(files, patterns)| files.read(patterns)).collect();
            (files, read)
        });
        let (files, read) = read.await?;
        self.files = files;
        let mut wanted = BTreeMap::new();
        let mut wrong = HashSet::new();
        for (number, (groups, errors)) in read.into_iter().enumerate() {
            let job = &self.jobs[number].checked;
            wrong.extend(errors.iter().map(ToString::to_string));
            for target in groups.iter().chain(&job.groups).flat_map(|group| targets(job, group)) {
                match target {
                    Ok(target) => {
                        wanted.insert((number, target), ());
                    }
                    Err(error) => {
                        wrong.insert(format!("{}: {error}", job.job.name));
                    }
                }
            }
        }
        for problem in wrong.difference(&self.told) {
            tracing::warn!(problem, "some targets cannot be scraped");
        }
        self.told = wrong;
        self.running.retain(|key, gone| {
            let stays = wanted.contains_key(key);
            if !stays {
                gone.cancel();
            }
            stays
        });
        for (number, target) in wanted.into_keys() {
            let key = (number, target.clone());
            if self.running.contains_key(&key) {
                continue;
            }
            let gone = CancellationToken::new();
            self.running.insert(key, gone.clone());
            let (job, shared) = (Arc::clone(&self.jobs[number]), Arc::clone(&self.shared));
            let scraper = Scraper { job, shared, target, memory: Memory::default(), scrapes: 0 };
            self.scraping.spawn(scraper.run(gone));
        }
        self.shared.metrics.targets.set(self.running.len() as i64);
        Ok(())
    }
}

struct Scraper {
    job: Arc<Job>,
    shared: Arc<Shared>,
    target: Target,
    memory: Memory,
    scrapes: u64,
}

#[derive(Debug, thiserror::Error)]
enum ScrapeError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    TooMany(#[from] TooMany),
}

impl Scraper {
    async fn run(mut self, gone: CancellationToken) {
        let interval = Duration::from_secs(self.job.checked.job.interval_seconds);
        let mut ticks = tokio::time::interval_at(Instant::now() + offset(&self.target, interval), interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                biased;
                () = gone.cancelled() => break,
                _ = ticks.tick() => self.scrape().await,
            }
        }
        let ended = self.memory.gone(&self.target, unix_ms());
        self.hand_on(&ended, Describe::Nothing).await;
    }

    async fn scrape(&mut self) {
        let (now_ms, began) = (unix_ms(), Instant::now());
        self.shared.metrics.scrapes.inc();
        let Job { checked, fetcher } = &*self.job;
        let timeout = Duration::from_secs(checked.job.timeout_seconds);
        let page = fetcher.page(&self.target.url, timeout, checked.max_page_bytes).await;
        let duration_seconds = began.elapsed().as_secs_f64();
        let read = page
            .map_err(ScrapeError::from)
            .and_then(|page| Ok(self.memory.read(checked, &self.target, page, now_ms, duration_seconds)?));
        let scraped = read.unwrap_or_else(|error| {
            self.shared.metrics.failures.inc();
            tracing::debug!(target = self.target.url, %error, "not scraped");
            self.memory.failed(&self.target, now_ms, duration_seconds)
        });
        let describe = if self.scrapes.is_multiple_of(DESCRIBE_EVERY) { Describe::Families } else { Describe::Nothing };
        self.scrapes += 1;
        self.hand_on(&scraped, describe).await;
    }

    async fn hand_on(&self, scraped: &Scraped, describe: Describe) {
        self.shared.metrics.samples.inc_by(scraped.points.len() as u64);
        self.shared.destination.hand_on(scraped, describe).await;
    }
}

/// Where in its interval a target is scraped: spread over all of it, and the
/// same after a restart.
fn offset(target: &Target, interval: Duration) -> Duration {
    let mut hasher = DefaultHasher::new();
    target.hash(&mut hasher);
    let interval_ms = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).max(1);
    let now_ms = unix_ms().unsigned_abs();
    Duration::from_millis((hasher.finish() % interval_ms + interval_ms - now_ms % interval_ms) % interval_ms)
}

#[cfg(test)]
mod tests;
