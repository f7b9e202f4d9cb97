//! The `tidegate` program: reads the command line and the configuration, then
//! runs the targets that were asked for until it is told to stop.

mod assemble;
mod banner;
mod cli;
mod config;
mod data_dir;
mod process;
mod targets;

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;

use cli::{Cli, Command, ConfigCommand};
use config::Config;
use targets::Selection;

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
    let config: Config = tidegate_runtime::config::load(&cli.command.settings().sources())?;
    match cli.command {
        Command::Config(ConfigCommand::Check(_)) => cli::answer("the configuration is valid\n"),
        Command::Config(ConfigCommand::Print(_)) => cli::answer(&tidegate_runtime::config::print(&config)?),
        Command::Run(target) => run_targets(target.selection(), config),
    }
}

fn run_targets(selection: Selection, config: Config) -> anyhow::Result<ExitCode> {
    selection.check()?;
    let logs = tidegate_runtime::telemetry::start(&config.log, std::env::var("RUST_LOG").ok().as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting threads")?;
    let ended = runtime.block_on(process::run(selection, config, logs));
    // Whatever still blocks a thread has had its time.
    runtime.shutdown_background();
    ended
}
