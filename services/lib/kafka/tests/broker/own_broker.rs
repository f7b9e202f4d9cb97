//! A broker that a test may stop.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;
use tidegate_testkit::ports::free_port;

/// Runs until it is stopped or dropped.
pub struct OwnBroker {
    folder: TempDir,
    port: u16,
}

impl OwnBroker {
    pub fn start() -> Self {
        // The controller listens on the port after the broker's.
        let port = std::iter::repeat_with(|| free_port().expect("a free port"))
            .find(|port| std::net::TcpListener::bind(("127.0.0.1", port + 1)).is_ok())
            .expect("two free ports");
        let broker = Self { folder: tempfile::tempdir().expect("a folder"), port };
        broker.up();
        broker
    }

    pub fn addresses(&self) -> Vec<String> {
        vec![format!("127.0.0.1:{}", self.port)]
    }

    /// Starts it again where it was stopped.
    pub fn up(&self) {
        self.run("up", &[]);
    }

    /// Ends it as a crash does.
    pub fn kill(&self) {
        self.run("down", &["--kill"]);
    }

    fn run(&self, script: &str, arguments: &[&str]) {
        let scripts = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../infra/stack");
        let output = Command::new(scripts.join(script))
            .args(arguments)
            .arg("kafka-1")
            .env("STACK_DIR", self.folder.path())
            .env("STACK_BROKERS", "1")
            .env("STACK_KAFKA_PORT", self.port.to_string())
            .output()
            .expect("the script runs");
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for OwnBroker {
    fn drop(&mut self) {
        self.kill();
    }
}
