//! The `tidegate` program: reads the command line and the configuration, then
//! runs the targets that were asked for until it is told to stop.

mod access;
mod adapters;
mod assemble;
mod background;
mod banner;
mod cli;
mod config;
mod data_dir;
mod failpoints;
mod mad;
mod migrate;
mod process;
mod small;
mod targets;
mod token;
mod unknown;
mod verify;
mod watched_log;

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use tidegate_runtime::telemetry::{self, Logs, TelemetryError};
use tidegate_runtime::{file_handles, memory, slice};

use cli::{Cli, Command, ConfigCommand, Configured, Mad};
use config::Config;

/// Many small allocations on many threads: faster than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            cli::complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let command = match cli.command {
        Command::Token(command) => return token::run(&command),
        Command::Configured(command) => command,
    };
    match command.mad() {
        Some(Mad::Run(file)) => return mad::run(file),
        Some(Mad::Check(file)) => return mad::check(&file),
        Some(Mad::Diff(sides)) => return on_threads(mad::diff(sides)),
        None => {}
    }
    let config: Config = tidegate_runtime::config::load(&command.settings().sources())?;
    match command {
        Configured::Config(ConfigCommand::Check(_)) => cli::answer("the configuration is valid\n"),
        Configured::Config(ConfigCommand::Print(_)) => cli::answer(&tidegate_runtime::config::print(&config)?),
        Configured::Verify(arguments) => {
            start_logs(&config)?;
            on_threads(verify::run(&config, arguments.format()))
        }
        Configured::Migrate(_) => {
            start_logs(&config)?;
            on_threads(migrate::run(&config))
        }
        Configured::Run(target) => {
            let selection = target.selection();
            selection.check(&config)?;
            let small = selection.is_small().then(small::begin);
            let logs = start_logs(&config)?;
            if small.is_none() {
                answer_soon();
            }
            raise_file_handles(&config);
            let failpoint = failpoints::from_environment()?;
            let background = background::runtime().context("starting background threads")?;
            let ended = on_threads(process::run(selection, config, logs, background.handle(), failpoint, small));
            background.shutdown_background();
            ended
        }
    }
}

/// Of a server: what keeps answers waiting and is the kernel's. Before all threads, which inherit it.
fn answer_soon() {
    if let Err(error) = memory::take_no_more_large_pages() {
        tracing::debug!(%error, "some memory is taken in large pages");
    }
    if let Err(error) = slice::set(slice::SHORTEST) {
        tracing::debug!(%error, "a thread that wakes up may wait for a core");
    }
}

/// Connections need file handles; so do the files of log and store.
fn raise_file_handles(config: &Config) {
    const FILES: u64 = 2_048;
    let wanted = FILES + (config.http.limits.max_connections + config.grpc.limits.max_connections) as u64;
    match file_handles::raise() {
        Ok(Some(allowed)) if allowed < wanted => {
            tracing::warn!(allowed, wanted, "the system allows fewer open files than max_connections need (ulimit -n)");
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "the number of open files stays as it was"),
    }
}

fn start_logs(config: &Config) -> Result<Logs, TelemetryError> {
    telemetry::start(&config.log, std::env::var("RUST_LOG").ok().as_deref())
}

fn on_threads(work: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting threads")?;
    let ended = runtime.block_on(work);
    // Whatever still blocks a thread has had its time.
    runtime.shutdown_background();
    ended
}
