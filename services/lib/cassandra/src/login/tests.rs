use super::*;

async fn shown(login: &Login) -> Vec<u8> {
    login.start_authentication_session("PasswordAuthenticator").await.map(|(text, _)| text).unwrap().unwrap()
}

#[tokio::test]
async fn each_connection_shows_what_the_file_holds_then() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    std::fs::write(&path, "first\n").unwrap();
    let config = Config { user: "tidegate".into(), password_file: Some(path.clone()), ..Config::default() };
    let login = Login::new(&config).unwrap();
    assert_eq!(shown(&login).await, b"\0tidegate\0first");
    std::fs::write(&path, "second\n").unwrap();
    assert_eq!(shown(&login).await, b"\0tidegate\0second");
    for unusable in ["", "\n"] {
        std::fs::write(&path, unusable).unwrap();
        assert_eq!(shown(&login).await, b"\0tidegate\0second", "{unusable:?}");
    }
    std::fs::remove_file(&path).unwrap();
    assert_eq!(shown(&login).await, b"\0tidegate\0second");
    std::fs::write(&path, "third").unwrap();
    assert_eq!(shown(&login).await, b"\0tidegate\0third");
    std::fs::remove_file(&path).unwrap();
    assert!(Login::new(&config).is_err(), "there is nothing to begin with");
}
