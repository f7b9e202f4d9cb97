//! Breaks Tidegate in every way that is known, from a seed, and counts afterwards whether each acknowledged sample is
//! there once.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod client;
mod cluster;
mod cql;
mod faults;
mod node;
mod push;
mod recount;
mod report;
mod scenario;
mod session;
mod stack;
mod tally;
mod topic;
mod watch;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail};
use clap::{Args, Parser, Subcommand};
use tidegate_testkit::binary;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use cluster::Topology;
use report::Line;
use scenario::{SCENARIOS, Scenario, UPGRADE};
use session::Plan;

/// Breaks Tidegate from a seed and counts what is left.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs scenarios and adds a line for each session to the table
    Run(Run),
    /// Prints the table as it has accumulated
    Table(Place),
    /// Lists the scenarios
    List,
}

#[derive(Debug, Args)]
struct Place {
    /// Folder of the table and of sessions that went wrong [default: chaos in the target folder]
    #[arg(long)]
    folder: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Run {
    #[command(flatten)]
    place: Place,
    #[arg(long, value_enum, value_delimiter = ',', default_value = "embedded")]
    topology: Vec<Topology>,
    /// Of the first session; the others count on from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only these scenarios
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Runs of each scenario, instead of its own number
    #[arg(long)]
    runs: Option<u32>,
    /// Goes on where the table ends, instead of beginning it anew
    #[arg(long)]
    resume: bool,
    /// The short version: a few runs of the scenarios that find most
    #[arg(long)]
    quick: bool,
    /// Sessions at the same time
    #[arg(long, default_value_t = 1)]
    parallel: usize,
    /// Ends after so many sessions, to be resumed
    #[arg(long)]
    sessions: Option<usize>,
    /// Added to the ports of the servers that tests use; the stacks of three brokers and of three nodes take the next thousands
    #[arg(long, default_value_t = 1_000)]
    port_offset: u16,
    /// The program of an earlier version, which the scenario `upgrade` needs
    #[arg(long)]
    old: Option<PathBuf>,
    /// Leaves the folders of all sessions, not only of those that went wrong
    #[arg(long)]
    keep: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = tokio::select! {
        outcome = dispatch(Cli::parse().command) => outcome,
        // The processes end with the sessions, which are dropped.
        told = told_to_stop() => told.and_then(|()| bail!("stopped")),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("tidegate-chaos: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn told_to_stop() -> anyhow::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
        _ = terminated.recv() => Ok(()),
    }
}

async fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(run) => run.run().await,
        Command::Table(place) => {
            print!("{}", report::table(&report::read(&place.table()?)?));
            Ok(ExitCode::SUCCESS)
        }
        Command::List => {
            for scenario in SCENARIOS {
                println!("{:<32} {:?}, {} runs", scenario.name, scenario.topologies, scenario.runs);
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

impl Place {
    fn folder(&self) -> anyhow::Result<PathBuf> {
        if let Some(folder) = &self.folder {
            return Ok(folder.clone());
        }
        let target = binary::target_dir().context("this program is not in a target folder: give --folder")?;
        Ok(target.join("chaos"))
    }

    fn table(&self) -> anyhow::Result<PathBuf> {
        Ok(self.folder()?.join("table.jsonl"))
    }
}

/// One session to come.
struct Job {
    scenario: &'static Scenario,
    plan: Plan,
}

impl Run {
    async fn run(&self) -> anyhow::Result<ExitCode> {
        let (folder, table) = (self.place.folder()?, self.place.table()?);
        if !self.resume && table.exists() {
            std::fs::rename(&table, table.with_extension("jsonl.before"))?;
        }
        // Builds the program, if it is not there, before anything is timed.
        binary::tidegate()?;
        let mut jobs = self.jobs(&report::read(&table)?)?;
        jobs.truncate(self.sessions.unwrap_or(usize::MAX));
        let (places, keep) = (Arc::new(Semaphore::new(self.parallel.max(1))), self.keep);
        let (mut sessions, mut held) = (JoinSet::new(), true);
        for job in jobs {
            let (places, folder) = (Arc::clone(&places), folder.clone());
            sessions.spawn(async move {
                let _place = places.acquire_owned().await;
                session(&job, &folder, keep).await
            });
        }
        while let Some(line) = sessions.join_next().await {
            let line = line?;
            report::append(&table, &line)?;
            held &= line.holds();
        }
        print!("{}", report::table(&report::read(&table)?));
        Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// What is still to do, given what has been done.
    fn jobs(&self, done: &[Line]) -> anyhow::Result<Vec<Job>> {
        if let Some(unknown) = self.only.iter().find(|name| !SCENARIOS.iter().any(|one| one.name == **name)) {
            bail!("there is no scenario {unknown}; `tidegate-chaos list` names them");
        }
        if self.old.is_none() && self.only.iter().any(|name| name == UPGRADE) {
            bail!("{UPGRADE} needs the program of an earlier version: give --old");
        }
        let mut jobs = Vec::new();
        for (scenario, topology) in SCENARIOS.iter().flat_map(|one| self.topology.iter().map(move |at| (one, *at))) {
            let wanted = self.only.is_empty() || self.only.iter().any(|name| name == scenario.name);
            let possible = scenario.name != UPGRADE || self.old.is_some();
            if !wanted || !possible || !scenario.topologies.contains(&topology) {
                continue;
            }
            let of_it = || done.iter().filter(|line| line.scenario == scenario.name && line.topology == topology);
            let mut first_run = of_it().map(|line| line.runs).sum();
            let mut left = self.runs.unwrap_or(if self.quick { scenario.quick_runs(topology) } else { scenario.runs });
            left = left.saturating_sub(first_run);
            let mut seed = self.seed + of_it().count() as u64;
            while left > 0 {
                let runs = left.min(scenario.runs_a_session);
                let plan =
                    Plan { topology, seed, first_run, runs, port_offset: self.port_offset, old: self.old.clone() };
                jobs.push(Job { scenario, plan });
                (left, first_run, seed) = (left - runs, first_run + runs, seed + 1);
            }
        }
        Ok(jobs)
    }
}

/// Runs a session, tells how it went, and tidies up if it went well.
async fn session(job: &Job, folder: &Path, keep: bool) -> Line {
    let Plan { topology, seed, .. } = job.plan;
    let name = format!("{topology:?}-{}-{seed}", job.scenario.name).to_lowercase();
    let folder = folder.join(&name);
    let begun = Instant::now();
    let result = session::run(job.scenario, &job.plan, &folder).await;
    let line = match result {
        Ok(line) => line,
        Err(error) => Line::failed(job.scenario.name, topology, seed, &error),
    };
    let took = humantime::format_duration(std::time::Duration::from_secs(begun.elapsed().as_secs()));
    if line.holds() {
        println!("{name}: {} samples, each once; {took}", line.acknowledged);
        if !keep {
            std::fs::remove_dir_all(&folder).ok();
        }
    } else {
        let differs: String = line.examples.iter().map(|example| format!("\n    {example}")).collect();
        let error = line.error.as_deref().unwrap_or("it does not hold");
        println!(
            "{name}: FAILED after {took}: {error}; {} lost, {} twice, {} wrong, verify {}; see {}{differs}",
            line.lost,
            line.twice,
            line.wrong_sums,
            line.verified,
            folder.display()
        );
    }
    line
}
