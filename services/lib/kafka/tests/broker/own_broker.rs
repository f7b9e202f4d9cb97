//! Brokers that a test may stop.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;
use tidegate_testkit::ports::free_ports;

/// Run until they are stopped or dropped; numbered from 1.
pub struct OwnBrokers {
    folder: TempDir,
    count: u16,
    first_port: u16,
}

impl OwnBrokers {
    pub fn start(count: u16) -> Self {
        // Each has a controller that listens on the port after the broker's. While it is down, they are still its own.
        let first_port = free_ports(2 * count).expect("free ports");
        let brokers = Self { folder: tempfile::tempdir().expect("a folder"), count, first_port };
        brokers.run("up", &[], 1..=count);
        brokers
    }

    pub fn addresses(&self) -> Vec<String> {
        (0..self.count).map(|n| format!("127.0.0.1:{}", self.first_port + 2 * n)).collect()
    }

    /// Starts one again that was stopped.
    pub fn up(&self, number: u16) {
        self.run("up", &[], number..=number);
    }

    /// Ends one as a crash does.
    pub fn kill(&self, number: u16) {
        self.run("down", &["--kill"], number..=number);
    }

    fn run(&self, script: &str, arguments: &[&str], numbers: std::ops::RangeInclusive<u16>) {
        let scripts = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../infra/stack");
        let output = Command::new(scripts.join(script))
            .args(arguments)
            .args(numbers.map(|number| format!("kafka-{number}")))
            .env("STACK_DIR", self.folder.path())
            .env("STACK_BROKERS", self.count.to_string())
            .env("STACK_KAFKA_PORT", self.first_port.to_string())
            .output()
            .expect("the script runs");
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for OwnBrokers {
    fn drop(&mut self) {
        self.run("down", &["--kill"], 1..=self.count);
    }
}
