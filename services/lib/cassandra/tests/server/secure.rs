//! A node that wants TLS, a certificate and a password.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use tidegate_cassandra::{CassandraStore, Config, Metrics, OpenError, migrate};
use tidegate_credentials::Secret;
use tidegate_hotstore::HotStore;
use tidegate_model::{MetricId, TenantId};
use tidegate_testkit::{eventually, ports, stack};

use super::shared::{MINUTE, PARTITIONS, reopen, row};

/// Nothing that is shown may hold it.
const WRONG: &str = "wrong-password-of-a-test";
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs until it is dropped.
struct OwnNode {
    folder: TempDir,
    /// Of its ports, to those of the shared stack.
    offset: u16,
}

impl OwnNode {
    fn start() -> Self {
        // A lone node needs three, far apart: the tests' own range is moved by as much as its first port is.
        let offset = ports::free_port().expect("a port") - 19_042;
        let node = Self { folder: tempfile::tempdir().expect("a folder"), offset };
        node.run("up", &["cassandra-1"]);
        node
    }

    fn contact_point(&self) -> String {
        format!("127.0.0.1:{}", 19_042 + self.offset)
    }

    fn run(&self, script: &str, arguments: &[&str]) {
        let scripts = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../infra/stack");
        let output = Command::new(scripts.join(script))
            .args(arguments)
            .env("STACK_DIR", self.folder.path())
            .env("STACK_NODES", "1")
            .env("STACK_PORT_OFFSET", self.offset.to_string())
            .env("STACK_CASSANDRA_HEAP", "512m")
            .env("STACK_CASSANDRA_SECURE", "yes")
            .output()
            .expect("the script runs");
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for OwnNode {
    fn drop(&mut self) {
        self.run("down", &["--kill", "cassandra-1"]);
    }
}

fn secured(node: &OwnNode, certificates: &Path, password: &str) -> Config {
    let mut config = Config {
        contact_points: vec![node.contact_point()],
        replication_factor: 1,
        user: "cassandra".to_owned(),
        password: Secret::new(password),
        request_timeout_ms: 60_000,
        connect_timeout_ms: 60_000,
        ..Config::default()
    };
    config.tls.enabled = true;
    config.tls.ca_path = Some(certificates.join("ca.pem"));
    config.tls.certificate_path = Some(certificates.join("client.pem"));
    config.tls.key_path = Some(certificates.join("client.key"));
    config
}

/// As `tidegate migrate` sees it, and as the targets do.
async fn refusal(config: &Config) -> String {
    let Err(error) = migrate(config).await else { return "none".to_owned() };
    let opened = CassandraStore::open(config, Metrics::default()).await;
    let shown = format!("{error} {error:?} {:?}", opened.err().map(|error| error.to_string()));
    assert!(!shown.contains(WRONG), "{shown}");
    error.to_string()
}

#[tokio::test]
async fn a_node_that_wants_a_certificate_and_a_password_gets_them() {
    let test = "a_node_that_wants_a_certificate_and_a_password_gets_them";
    // Java and Cassandra are there when the stack runs.
    let Some(certificates) = stack::cassandra(test).and_then(|_| stack::certificates(test)) else { return };
    let node = OwnNode::start();
    let good = secured(&node, &certificates, "cassandra");

    // The user is made a moment after the node has begun to listen.
    let migrated =
        eventually("the user is there", PATIENCE, Duration::from_millis(200), async || match migrate(&good).await {
            Err(OpenError::Refused { key: "user", .. }) => Ok(None),
            result => Ok(Some(result)),
        });
    migrated.await.expect("in time").expect("the tables are made");
    let file = node.folder.path().join("password");
    std::fs::write(&file, "cassandra\n").expect("written");
    let by_file = Config { password: Secret::default(), password_file: Some(file), ..good.clone() };
    let store = reopen(&by_file).await;
    store.partition_count(PARTITIONS).await.expect("partition_count");
    store.write_rows(vec![row(1, MINUTE, 3)]).await.expect("write_rows");
    let found = store.read_rows(&TenantId::default(), &[MetricId(1)], MINUTE..MINUTE + 1).await.expect("read_rows");
    assert_eq!(found, [row(1, MINUTE, 3)]);

    let ours = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
    let [ca, key] = ["ours.pem", "ours.key"].map(|name| node.folder.path().join(name));
    std::fs::write(&ca, ours.cert.pem()).expect("written");
    std::fs::write(&key, ours.signing_key.serialize_pem()).expect("written");
    let changed = |change: &dyn Fn(&mut Config)| {
        let mut config = good.clone();
        change(&mut config);
        config
    };
    for (case, config, setting, why) in [
        ("a wrong password", changed(&|c| c.password = Secret::new(WRONG)), "user: ", "cassandra"),
        ("no password", changed(&|c| (c.user, c.password) = Default::default()), "user: ", "want user and password"),
        ("another authority", changed(&|c| c.tls.ca_path = Some(ca.clone())), "tls: ", "tls.ca_path"),
        ("the system's authorities", changed(&|c| c.tls.ca_path = None), "tls: ", "tls.ca_path"),
        (
            "another name",
            changed(&|c| c.certificate_name = "cassandra.example".to_owned()),
            "tls: ",
            "it lacks certificate_name",
        ),
        (
            "no certificate",
            changed(&|c| (c.tls.certificate_path, c.tls.key_path) = (None, None)),
            "tls.certificate_path: ",
            "",
        ),
        (
            "a certificate of another authority",
            changed(&|c| (c.tls.certificate_path, c.tls.key_path) = (Some(ca.clone()), Some(key.clone()))),
            "tls.certificate_path: ",
            "",
        ),
        ("no TLS", Config { tls: Default::default(), ..good.clone() }, "tls.enabled: ", "want TLS"),
    ] {
        let error = refusal(&config).await;
        assert!(error.starts_with(&format!("store.cassandra.{setting}")) && error.contains(why), "{case}: {error}");
    }
}
