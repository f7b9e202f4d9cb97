use super::*;

fn environment(name: &str) -> Option<OsString> {
    match name {
        "KAFKA_PASSWORD" => Some("hunter2".into()),
        "EMPTY" => Some(OsString::new()),
        _ => None,
    }
}

fn read(value: &str, file: Option<&Path>, variable: &str) -> Result<String, String> {
    let value = Secret::new(value);
    let password = Password { value: &value, file, variable };
    password.read(environment).map(|secret| secret.reveal().to_owned()).map_err(|error| error.to_string())
}

#[test]
fn it_is_in_the_configuration_a_file_or_the_environment() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("password");
    std::fs::write(&file, " with spaces \r\n").expect("written");
    assert_eq!(read("", None, ""), Ok(String::new()));
    assert_eq!(read("hunter2", None, ""), Ok("hunter2".to_owned()));
    assert_eq!(read("", Some(&file), ""), Ok(" with spaces ".to_owned()));
    assert_eq!(read("", None, "KAFKA_PASSWORD"), Ok("hunter2".to_owned()));
}

#[test]
fn what_holds_none_is_named_and_never_quoted() {
    let folder = tempfile::tempdir().expect("a folder");
    let (empty, missing) = (folder.path().join("empty"), folder.path().join("missing"));
    std::fs::write(&empty, "\n").expect("written");
    let error = read("hunter2", None, "KAFKA_PASSWORD").expect_err("two");
    assert!(error.starts_with("password: ") && !error.contains("hunter2"), "{error}");
    for path in [&empty, &missing] {
        let error = read("", Some(path), "").expect_err("no password");
        assert!(error.starts_with("password_file: ") && error.contains(&path.display().to_string()), "{error}");
    }
    // As if the password stood there itself.
    for variable in ["EMPTY", "hunter2"] {
        let error = read("", None, variable).expect_err("no password");
        assert!(error.starts_with("password_env: ") && !error.contains(variable), "{error}");
    }
}
