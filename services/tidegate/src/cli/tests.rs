use clap::CommandFactory;

use super::*;
use crate::config::Config;

fn configured(arguments: &[&str]) -> Configured {
    match parse(arguments).command {
        Command::Configured(command) => command,
        other => panic!("{other:?}"),
    }
}

fn parse(arguments: &[&str]) -> Cli {
    Cli::try_parse_from([&["tidegate"], arguments].concat()).expect("parses")
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn settings_follow_the_command() {
    let command =
        configured(&["all", "--set", "log.level=warn", "--data-dir", "/tmp/a: b", "--set", "http.listen=[::1]:0"]);
    assert!(matches!(command, Configured::Run(RunTarget::All(_))));
    let sources = Sources { environment: Vec::new(), ..command.settings().sources() };
    let config: Config = tidegate_runtime::config::load(&sources).expect("loads");
    assert_eq!(config.data_dir, PathBuf::from("/tmp/a: b"));
    assert_eq!(config.log.level, "warn");
    assert_eq!(config.http.listen, "[::1]:0".parse().expect("an address"));
}

#[test]
fn each_target_has_a_command() {
    for (command, expected) in [
        ("all", Selection::All),
        ("gateway", Selection::One(Name::Gateway)),
        ("rollup", Selection::One(Name::Rollup)),
        ("compactor", Selection::One(Name::Compactor)),
        ("query", Selection::One(Name::Query)),
        ("agent", Selection::One(Name::Agent)),
    ] {
        let Configured::Run(target) = configured(&[command]) else { panic!("{command} runs a target") };
        assert_eq!(target.selection(), expected);
    }
}

#[test]
fn config_commands() {
    assert!(matches!(configured(&["config", "check"]), Configured::Config(ConfigCommand::Check(_))));
    assert!(matches!(configured(&["config", "print"]), Configured::Config(ConfigCommand::Print(_))));
}

#[test]
fn verify_prints_a_table_or_json() {
    let format = |arguments: &[&str]| match configured(arguments) {
        Configured::Verify(verify) => verify.format(),
        other => panic!("{other:?}"),
    };
    assert_eq!(format(&["verify"]), ReportFormat::Table);
    assert_eq!(format(&["verify", "--data-dir", "d", "--json"]), ReportFormat::Json);
}

#[test]
fn the_agent_runs_and_checks_files_of_metrics_aggregator_daemons() {
    let mad = |arguments: &[&str]| configured(arguments).mad();
    assert_eq!(mad(&["agent", "config.conf"]), Some(Mad::Run("config.conf".into())));
    assert_eq!(mad(&["agent", "check", "config.conf"]), Some(Mad::Check("config.conf".into())));
    assert_eq!(mad(&["agent", "--config", "tidegate.yaml"]), None);
    assert_eq!(mad(&["agent"]), None);
    let mixed = Cli::try_parse_from(["tidegate", "agent", "config.conf", "--config", "tidegate.yaml"]);
    assert!(mixed.is_err(), "the one file says all");
}

#[test]
fn the_agent_compares_two_streams() {
    let diff = |arguments: &[&str]| match configured(arguments).mad() {
        Some(Mad::Diff(diff)) => diff,
        other => panic!("{other:?}"),
    };
    let listening = diff(&["agent", "diff", "--seconds", "9", "127.0.0.1:1", "127.0.0.1:2"]);
    assert_eq!((listening.left, listening.seconds), (Stream::Listen(([127, 0, 0, 1], 1).into()), 9));
    let files = diff(&["agent", "diff", "a.frames", "b.frames", "--tolerance", "1e-12"]);
    assert_eq!((files.right, files.tolerance), (Stream::File("b.frames".into()), 1e-12));
    assert!(Cli::try_parse_from(["tidegate", "agent", "diff", "127.0.0.1:1"]).is_err());
}
