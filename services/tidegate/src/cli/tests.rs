use clap::CommandFactory;

use super::*;
use crate::config::Config;

fn parse(arguments: &[&str]) -> Cli {
    Cli::try_parse_from([&["tidegate"], arguments].concat()).expect("parses")
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn settings_follow_the_command() {
    let cli = parse(&["all", "--set", "log.level=warn", "--data-dir", "/tmp/a: b", "--set", "http.listen=[::1]:0"]);
    assert!(matches!(cli.command, Command::Run(RunTarget::All(_))));
    let sources = Sources { environment: Vec::new(), ..cli.command.settings().sources() };
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
        let Command::Run(target) = parse(&[command]).command else { panic!("{command} runs a target") };
        assert_eq!(target.selection(), expected);
    }
}

#[test]
fn config_commands() {
    assert!(matches!(parse(&["config", "check"]).command, Command::Config(ConfigCommand::Check(_))));
    assert!(matches!(parse(&["config", "print"]).command, Command::Config(ConfigCommand::Print(_))));
}

#[test]
fn verify_prints_a_table_or_json() {
    let format = |arguments: &[&str]| match parse(arguments).command {
        Command::Verify(verify) => verify.format(),
        other => panic!("{other:?}"),
    };
    assert_eq!(format(&["verify"]), ReportFormat::Table);
    assert_eq!(format(&["verify", "--data-dir", "d", "--json"]), ReportFormat::Json);
}
