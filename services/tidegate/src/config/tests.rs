use std::path::Path;

use tidegate_runtime::config::{merge, print};

use super::*;

fn set(assignments: &[&str]) -> Result<Config, String> {
    let assignments: Vec<_> = assignments.iter().map(|&text| text.to_owned()).collect();
    merge(None, &[], &assignments).map_err(|error| error.to_string())
}

#[test]
fn ports_are_where_the_documentation_says() {
    let config = Config::default();
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:9470");
    assert_eq!(config.grpc.listen.to_string(), "127.0.0.1:4317");
}

#[test]
fn what_is_printed_reads_back_to_the_same() {
    for config in [Config::default(), set(&["http.listen=0.0.0.0:1", "log.level='off'"]).expect("loads")] {
        let text = print(&config).expect("prints");
        let read: Config = merge(Some((Path::new("printed.yaml"), &text)), &[], &[]).expect("loads");
        assert_eq!(print(&read).expect("prints"), text);
    }
}

#[test]
fn an_unknown_key_names_the_nearest() {
    for (given, nearest) in [
        ("http.listn=127.0.0.1:1", "http.listen"),
        ("grcp.listen=127.0.0.1:1", "grpc"),
        ("http.max_connections=1", "http.limits.max_connections"),
        ("datadir=/tmp", "data_dir"),
    ] {
        let error = set(&[given]).expect_err("is unknown");
        assert!(error.ends_with(&format!("did you mean {nearest}?")), "{error}");
    }
}

#[test]
fn a_wrong_address_names_the_key() {
    let error = set(&["http.listen=localhost"]).expect_err("no address");
    assert!(error.starts_with("--set http.listen=localhost: http.listen: invalid socket address"), "{error}");
}
