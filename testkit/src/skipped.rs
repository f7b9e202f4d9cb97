//! Tests that need a program from outside. Without it they pass, and are listed, with the line that installs it,
//! in `skipped.txt` of the target folder, which `make test` prints at its end.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::binary;

/// A program that tests use but do not bring along.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// Tried in order: paths, or names to be found through `PATH`.
    pub candidates: &'static [&'static str],
    /// What a user types to have it.
    pub install: &'static str,
}

pub const PROMETHEUS: Program = Program { candidates: &["prometheus"], install: "sudo apt-get install -y prometheus" };
pub const NODE_EXPORTER: Program = Program {
    candidates: &["prometheus-node-exporter", "node_exporter"],
    install: "sudo apt-get install -y prometheus-node-exporter",
};
pub const VICTORIA_METRICS: Program =
    Program { candidates: &["victoria-metrics"], install: "sudo apt-get install -y victoria-metrics" };
/// With what it hands over times that have a zone.
pub const DUCKDB: &[&str] = &["duckdb", "pytz"];
pub const UNSHARE: Program = Program { candidates: &["unshare"], install: "sudo apt-get install -y util-linux" };

impl Program {
    /// Where it is, if it is there.
    pub fn find(self) -> Option<PathBuf> {
        let folders: Vec<PathBuf> =
            std::env::var_os("PATH").map(|p| std::env::split_paths(&p).collect()).unwrap_or_default();
        self.candidates.iter().find_map(|candidate| folders.iter().map(|f| f.join(candidate)).find(|p| p.is_file()))
    }

    /// Where it is; otherwise the test is put on the list and gives up.
    pub fn or_skip(self, test: &str) -> Option<PathBuf> {
        let found = self.find();
        if found.is_none() {
            skip(test, self.install);
        }
        found
    }
}

/// A Python that can import all of `modules`.
pub fn python_with(modules: &[&str], test: &str) -> Option<PathBuf> {
    let install = format!("pip install {}", modules.join(" "));
    let candidates = std::env::var_os("TIDEGATE_TEST_PYTHON").map(PathBuf::from);
    let python = candidates.unwrap_or_else(|| PathBuf::from("python3"));
    let works = std::process::Command::new(&python)
        .args(["-c", &format!("import {}", modules.join(", "))])
        .stderr(std::process::Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !works {
        skip(test, &install);
    }
    works.then_some(python)
}

/// Puts a test on the list.
pub fn skip(test: &str, install: &str) {
    let path = list_path();
    let line = format!("{test}: {install}\n");
    // One write of a short line, so that tests running side by side do not mix theirs.
    let written =
        OpenOptions::new().create(true).append(true).open(&path).and_then(|mut f| f.write_all(line.as_bytes()));
    assert!(written.is_ok(), "{}: {written:?}", path.display());
}

/// The list.
pub fn list_path() -> PathBuf {
    binary::target_dir().unwrap_or_else(|| Path::new("target").to_owned()).join("skipped.txt")
}
