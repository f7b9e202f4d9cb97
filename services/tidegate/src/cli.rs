//! The command line.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tidegate_agent::mad::diff::Stream;
use tidegate_runtime::config::Sources;

use crate::targets::{Name, Selection};
use crate::token::TokenCommand;

/// Keeps every acknowledged metric sample exactly once, rolls it up, serves it live and from history.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command, after its name: before and after would not add up.
#[derive(Debug, Args)]
pub struct Settings {
    /// Configuration file, YAML
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Sets one key; may be given more than once, goes before file and environment
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    assignments: Vec<String>,
    /// Folder for everything that is kept on disk [default: ./data]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    #[command(flatten)]
    Configured(Configured),
    /// Makes tokens for clients
    #[command(subcommand)]
    Token(TokenCommand),
}

/// Commands that read the configuration.
#[derive(Debug, Subcommand)]
pub enum Configured {
    #[command(flatten)]
    Run(RunTarget),
    /// Recounts ledger, store and archive; succeeds only if nothing is lost or counted twice
    Verify(Verify),
    /// Makes what the servers lack: the tables of the store, the archive's bucket
    Migrate(Settings),
    /// Checks or prints the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Debug, Subcommand)]
pub enum RunTarget {
    /// Everything in one process, on a folder of its own
    All(Settings),
    /// Takes pushes and appends them to the log
    Gateway(Settings),
    /// Folds the log into windows and writes them to the store
    Rollup(Settings),
    /// Ships sealed hours from the store to the archive
    Compactor(Settings),
    /// Answers queries and streams
    Query(Settings),
    /// Reads this host and pushes to a gateway; or runs as a Metrics Aggregator Daemon does
    Agent(Agent),
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Agent {
    #[command(subcommand)]
    command: Option<AgentCommand>,
    /// A Metrics Aggregator Daemon's configuration, HOCON (*.conf) or JSON; nothing else is needed
    #[arg(value_name = "FILE", conflicts_with_all = ["config", "assignments", "data_dir"])]
    file: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Subcommand)]
enum AgentCommand {
    /// Prints what a Metrics Aggregator Daemon's configuration, or one of its pipelines, is understood as
    Check {
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Compares what two daemons send that get the same samples; succeeds if it is the same
    Diff(Diff),
}

/// Both sides are addresses that an AggregationServerHttpSink posts to, or files of its frames.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct Diff {
    #[arg(value_name = "LEFT")]
    pub left: Stream,
    #[arg(value_name = "RIGHT")]
    pub right: Stream,
    /// How long to listen
    #[arg(long = "seconds", default_value_t = 60)]
    pub seconds: u64,
    /// Results of one side alone so close to the begin or the end do not count
    #[arg(long = "edge-seconds", default_value_t = 5)]
    pub edge_seconds: u64,
    /// Part of a number by which the other may differ; 0 for bit by bit
    #[arg(long, default_value_t = 0.0)]
    pub tolerance: f64,
}

/// What is done with the files of a Metrics Aggregator Daemon, or with what it sends.
#[derive(Debug, PartialEq)]
pub enum Mad {
    Run(PathBuf),
    Check(PathBuf),
    Diff(Diff),
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Reads all layers; tells the first mistake, if there is one
    Check(Settings),
    /// Prints the whole configuration, defaults included
    Print(Settings),
}

#[derive(Debug, Args)]
pub struct Verify {
    #[command(flatten)]
    settings: Settings,
    /// Prints the report as JSON instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportFormat {
    Table,
    Json,
}

impl Verify {
    pub fn format(&self) -> ReportFormat {
        if self.json { ReportFormat::Json } else { ReportFormat::Table }
    }
}

impl Configured {
    pub fn settings(&self) -> &Settings {
        match self {
            Configured::Config(ConfigCommand::Check(settings) | ConfigCommand::Print(settings)) => settings,
            Configured::Verify(verify) => &verify.settings,
            Configured::Migrate(settings) => settings,
            Configured::Run(target) => match target {
                RunTarget::All(settings)
                | RunTarget::Gateway(settings)
                | RunTarget::Rollup(settings)
                | RunTarget::Compactor(settings)
                | RunTarget::Query(settings) => settings,
                RunTarget::Agent(agent) => &agent.settings,
            },
        }
    }

    /// The file of a Metrics Aggregator Daemon, if it is about one alone.
    pub fn mad(&self) -> Option<Mad> {
        let Configured::Run(RunTarget::Agent(agent)) = self else { return None };
        match (&agent.command, &agent.file) {
            (Some(AgentCommand::Check { file }), _) => Some(Mad::Check(file.clone())),
            (Some(AgentCommand::Diff(diff)), _) => Some(Mad::Diff(diff.clone())),
            (None, Some(file)) => Some(Mad::Run(file.clone())),
            (None, None) => None,
        }
    }
}

impl Settings {
    /// The layers of configuration above the defaults.
    pub fn sources(&self) -> Sources {
        let mut assignments = self.assignments.clone();
        if let Some(data_dir) = &self.data_dir {
            // A JSON string is YAML, whatever the folder is called.
            let folder = serde_json::Value::from(data_dir.to_string_lossy());
            assignments.push(format!("data_dir={folder}"));
        }
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Sources { file: self.config.clone(), environment, assignments }
    }
}

impl RunTarget {
    pub fn selection(&self) -> Selection {
        match self {
            RunTarget::All(_) => Selection::All,
            RunTarget::Gateway(_) => Selection::One(Name::Gateway),
            RunTarget::Rollup(_) => Selection::One(Name::Rollup),
            RunTarget::Compactor(_) => Selection::One(Name::Compactor),
            RunTarget::Query(_) => Selection::One(Name::Query),
            RunTarget::Agent(_) => Selection::One(Name::Agent),
        }
    }
}

/// Writes a command's answer to standard output.
pub fn answer(text: &str) -> anyhow::Result<ExitCode> {
    match std::io::stdout().write_all(text.as_bytes()) {
        // A reader that has seen enough, such as `head`.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error.into()),
        Ok(()) => Ok(ExitCode::SUCCESS),
    }
}

/// Tells on standard error why the program ends.
pub fn complain(error: &anyhow::Error) {
    // Nobody is left to tell when this fails.
    writeln!(std::io::stderr(), "tidegate: {error:#}").ok();
}

#[cfg(test)]
mod tests;
