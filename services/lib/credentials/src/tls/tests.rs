use super::*;

fn refused(change: impl FnOnce(&mut TlsConfig)) -> &'static str {
    let mut config = TlsConfig { enabled: true, ..TlsConfig::default() };
    change(&mut config);
    config.check().expect_err("refused").key
}

#[test]
fn what_cannot_work_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("some.pem");
    std::fs::write(&path, "").expect("written");
    let (there, missing) = (Some(path), Some(folder.path().join("missing")));
    TlsConfig::default().check().expect("off");
    let whole =
        TlsConfig { enabled: true, ca_path: there.clone(), certificate_path: there.clone(), key_path: there.clone() };
    whole.check().expect("all is there");
    assert_eq!(refused(|tls| (tls.enabled, tls.ca_path) = (false, there.clone())), "tls.ca_path");
    assert_eq!(refused(|tls| tls.certificate_path = there.clone()), "tls.key_path");
    assert_eq!(refused(|tls| tls.key_path = there.clone()), "tls.certificate_path");
    assert_eq!(refused(|tls| tls.ca_path = missing.clone()), "tls.ca_path");
    assert_eq!(refused(|tls| (tls.certificate_path, tls.key_path) = (there, missing)), "tls.key_path");
}
