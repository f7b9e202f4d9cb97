use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Example {
    http: Http,
    agent: Agent,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Http {
    listen: String,
    max_connections: usize,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Agent {
    interval_seconds: u64,
    labels: BTreeMap<String, String>,
    host: Option<String>,
    interfaces: Vec<String>,
}

impl Default for Example {
    fn default() -> Self {
        let agent =
            Agent { interval_seconds: 10, labels: BTreeMap::new(), host: None, interfaces: vec!["eth0".into()] };
        Self { http: Http::default(), agent }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self { listen: "127.0.0.1:9470".into(), max_connections: 1_024 }
    }
}

impl Default for Agent {
    fn default() -> Self {
        Example::default().agent
    }
}

fn from_file(text: &str) -> Result<Example, ConfigError> {
    merge(Some((Path::new("tidegate.yaml"), text)), &[], &[])
}

fn set(assignments: &[&str]) -> Result<Example, ConfigError> {
    let assignments: Vec<_> = assignments.iter().map(|&text| text.to_owned()).collect();
    merge(None, &[], &assignments)
}

fn environment(name: &str, value: &str) -> Result<Example, ConfigError> {
    merge(None, &[(name.to_owned(), value.to_owned())], &[])
}

fn message(result: Result<Example, ConfigError>) -> String {
    result.expect_err("is wrong").to_string()
}

#[test]
fn later_layers_win() {
    let file = "http: {listen: '0.0.0.0:1', max_connections: 7}\nagent:\n  labels: {rack: a1}\n";
    let variables = [
        ("TIDEGATE__HTTP__LISTEN".to_owned(), "0.0.0.0:2".to_owned()),
        ("TIDEGATE__AGENT__LABELS__ZONE".to_owned(), "north".to_owned()),
        ("PATH".to_owned(), "/bin".to_owned()),
    ];
    let assignments = ["http.listen=0.0.0.0:3".to_owned()];
    let config: Example = merge(Some((Path::new("f"), file)), &variables, &assignments).expect("loads");
    assert_eq!(config.http, Http { listen: "0.0.0.0:3".into(), max_connections: 7 });
    let labels = BTreeMap::from([("rack".to_owned(), "a1".to_owned()), ("zone".to_owned(), "north".to_owned())]);
    assert_eq!(config.agent.labels, labels);
}

#[test]
fn nothing_given_gives_the_defaults() {
    assert_eq!(set(&[]).expect("loads"), Example::default());
    assert_eq!(from_file("").expect("loads"), Example::default());
    assert_eq!(from_file("# nothing\nhttp:\n").expect("loads"), Example::default());
}

#[test]
fn what_is_printed_reads_back() {
    let mut config = Example::default();
    config.agent.labels.insert("rack".into(), "007".into());
    config.agent.host = Some("true".into());
    let text = print(&config).expect("prints");
    assert_eq!(from_file(&text).expect("loads"), config);
}

#[test]
fn an_unknown_key_names_its_layer_and_the_nearest() {
    assert_eq!(
        message(from_file("http: {listn: x}")),
        "the file tidegate.yaml: there is no key http.listn; did you mean http.listen?"
    );
    assert_eq!(message(set(&["htp.listen=x"])), "--set htp.listen=x: there is no key htp; did you mean http?",);
    assert_eq!(
        message(environment("TIDEGATE__AGENT__INTERVAL", "5")),
        "the environment variable TIDEGATE__AGENT__INTERVAL: there is no key agent.interval; \
         did you mean agent.interval_seconds?"
    );
    assert_eq!(
        message(set(&["http.interval_seconds=5"])),
        "--set http.interval_seconds=5: there is no key http.interval_seconds; did you mean agent.interval_seconds?"
    );
    assert_eq!(message(set(&["zzz=1"])), "--set zzz=1: there is no key zzz");
}

#[test]
fn a_wrong_type_names_the_key_and_what_was_expected() {
    let text = message(from_file("http: {max_connections: many}"));
    assert!(text.starts_with("the file tidegate.yaml: http.max_connections: "), "{text}");
    assert!(text.contains("many") && text.contains("expected usize"), "{text}");
    let text = message(set(&["agent.interval_seconds=-1"]));
    assert!(text.starts_with("--set agent.interval_seconds=-1: agent.interval_seconds: "), "{text}");
    let text = message(set(&["agent.interfaces=[eth0, 3]"]));
    assert!(text.starts_with("--set agent.interfaces=[eth0, 3]: agent.interfaces[1]: "), "{text}");
    assert_eq!(message(set(&["http=5"])), "--set http=5: http: a number where a mapping of keys was expected");
}

#[test]
fn values_given_as_text_are_read_as_yaml() {
    let config = set(&[
        "http.listen=[::1]:9470",
        "http.max_connections=0x10",
        "agent.interfaces=[lo, eth1]",
        "agent.labels.a=b=c",
        "agent.host=web-1",
    ])
    .expect("loads");
    assert_eq!(config.http, Http { listen: "[::1]:9470".into(), max_connections: 16 });
    assert_eq!(config.agent.interfaces, ["lo", "eth1"]);
    assert_eq!(config.agent.labels["a"], "b=c");
    assert_eq!(config.agent.host.as_deref(), Some("web-1"));
}

#[test]
fn a_number_for_a_text_is_that_text() {
    assert_eq!(set(&["http.listen=007"]).expect("loads").http.listen, "007");
    assert_eq!(environment("TIDEGATE__HTTP__LISTEN", "").expect("loads").http.listen, "");
}

#[test]
fn malformed_layers_are_named() {
    assert_eq!(message(set(&["http.listen"])), r#"--set "http.listen" is not of the form section.key=value"#);
    assert_eq!(message(set(&[".listen=1"])), r#"--set ".listen=1" is not of the form section.key=value"#);
    assert_eq!(message(from_file("- a")), "the file tidegate.yaml: a list where a mapping of keys was expected");
    assert!(message(from_file("http: {listen: [")).starts_with("the file tidegate.yaml is not valid YAML: "));
    assert!(message(from_file("http: {listen: a}\nhttp: {listen: b}")).contains("duplicate entry"));
    let missing = Sources { file: Some("/nowhere/tidegate.yaml".into()), ..Sources::default() };
    let text = load::<Example>(&missing).expect_err("no file").to_string();
    assert!(text.starts_with("cannot read the configuration file /nowhere/tidegate.yaml: "), "{text}");
}
