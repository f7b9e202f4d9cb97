use super::*;

fn valid() -> Config {
    Config { contact_points: vec!["127.0.0.1:9042".to_owned()], ..Config::default() }
}

#[test]
fn what_cannot_work_is_named() {
    valid().check().expect("valid");
    type Break = fn(&mut Config);
    let broken: [(&str, Break); 12] = [
        ("contact_points", |config| config.contact_points = vec![" ".to_owned()]),
        ("keyspace", |config| config.keyspace = "Metrics; DROP".to_owned()),
        ("keyspace", |config| config.keyspace = "9lives".to_owned()),
        ("datacenter", |config| config.datacenter = "a'b".to_owned()),
        ("user", |config| config.user = "tidegate".to_owned()),
        ("user", |config| config.password_env = "CASSANDRA_PASSWORD".to_owned()),
        ("password", |config| {
            (config.password, config.password_env) = (Secret::new("hunter2"), "CASSANDRA_PASSWORD".to_owned());
        }),
        ("tls.ca_path", |config| config.tls.ca_path = Some("/ca.pem".into())),
        ("certificate_name", |config| config.certificate_name = "cassandra.example".to_owned()),
        ("write_concurrency", |config| config.write_concurrency = 0),
        ("read_concurrency", |config| config.read_concurrency = 0),
        ("retention.rows_5s_days", |config| config.retention.rows_5s_days = 0),
    ];
    for (key, break_it) in broken {
        let mut config = valid();
        break_it(&mut config);
        let error = config.check().expect_err(key).to_string();
        assert!(error.starts_with(&format!("store.cassandra.{key}: ")), "{error}");
    }
}

#[test]
fn the_password_is_never_shown() {
    let config = Config { user: "tidegate".to_owned(), password: Secret::new("hunter2"), ..valid() };
    config.check().expect("valid");
    let printed = format!("{config:?} {}", serde_json::to_string(&config).expect("it serializes"));
    assert!(!printed.contains("hunter2"), "{printed}");
    assert_eq!(printed.matches("<hidden>").count(), 2, "{printed}");
    let read: Config = serde_json::from_str(r#"{"user": "tidegate", "password": "hunter2"}"#).expect("it is read");
    assert_eq!(read.password.reveal(), "hunter2");
}
