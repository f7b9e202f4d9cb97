use std::path::PathBuf;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;
use tidegate_credentials::TlsConfig;

use super::*;

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["one", "other"] {
            let CertifiedKey { cert, signing_key } =
                generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
            std::fs::write(folder.path().join(format!("{name}.pem")), cert.pem()).expect("written");
            std::fs::write(folder.path().join(format!("{name}.key")), signing_key.serialize_pem()).expect("written");
        }
        std::fs::write(folder.path().join("empty.pem"), "").expect("written");
        Self(folder)
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        Some(self.0.path().join(name))
    }
}

fn tls(ca_path: Option<PathBuf>, certificate_path: Option<PathBuf>, key_path: Option<PathBuf>) -> Config {
    let tls = TlsConfig { enabled: true, ca_path, certificate_path, key_path };
    Config { contact_points: vec!["127.0.0.1:9042".to_owned()], tls, ..Config::default() }
}

fn refused(config: &Config) -> String {
    match context(config) {
        Ok(_) => "none".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn files_are_read() {
    let files = Files::new();
    assert!(context(&Config::default()).expect("off").is_none());
    let config = tls(files.path("one.pem"), files.path("one.pem"), files.path("one.key"));
    assert!(context(&config).expect("on").is_some());
    let config = Config { certificate_name: "cassandra.example".to_owned(), ..config };
    assert!(context(&config).expect("on").is_some());
}

#[test]
fn what_cannot_be_used_is_named() {
    let files = Files::new();
    let empty = refused(&tls(files.path("empty.pem"), None, None));
    assert!(empty.starts_with("store.cassandra.tls.ca_path: ") && empty.contains("empty.pem"), "{empty}");
    let unfit = refused(&tls(files.path("one.pem"), files.path("one.pem"), files.path("other.key")));
    assert!(unfit.starts_with("store.cassandra.tls.key_path: ") && unfit.contains("mismatch"), "{unfit}");
    let no_key = refused(&tls(files.path("one.pem"), files.path("one.pem"), files.path("empty.pem")));
    assert!(no_key.starts_with("store.cassandra.tls.key_path: "), "{no_key}");
}
