//! The files of the project.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use cargo_metadata::{Metadata, MetadataCommand};

/// Folders that hold no source of ours.
const LEFT_OUT: [&str; 6] = ["target", "data", "results", "corpus", "node_modules", ".git"];

/// The project's top folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tidy is in the project").to_owned()
}

/// What cargo knows about the workspace and its dependencies on this platform.
pub fn metadata() -> &'static Metadata {
    static METADATA: OnceLock<Metadata> = OnceLock::new();
    METADATA.get_or_init(|| {
        let platform = ["--filter-platform".to_owned(), format!("{}-unknown-linux-gnu", std::env::consts::ARCH)];
        let mut command = MetadataCommand::new();
        command.manifest_path(root().join("Cargo.toml")).other_options(platform);
        command.exec().expect("cargo metadata")
    })
}

/// A file of text.
pub struct File {
    /// From the project's top folder.
    pub path: String,
    pub text: String,
}

impl File {
    /// Tests, benches and fuzz targets: code that no product runs.
    pub fn is_test(&self) -> bool {
        let parts: Vec<&str> = self.path.split('/').collect();
        let folders = ["tests", "benches", "fuzz", "testkit", "e2e", "tidy"];
        parts.iter().any(|part| folders.contains(part)) || parts.last() == Some(&"tests.rs")
    }

    /// The lines of code before any test module in the file, with their numbers; comments left out.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        lines
            .take_while(|(_, line)| !line.starts_with("mod tests {"))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

/// All files below `folder` whose names end with one of `endings`.
pub fn files(folder: &str, endings: &[&str]) -> Vec<File> {
    let mut found = Vec::new();
    walk(&root().join(folder), endings, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn walk(folder: &Path, endings: &[&str], found: &mut Vec<File>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if path.is_dir() {
            if !LEFT_OUT.contains(&name.as_str()) {
                walk(&path, endings, found);
            }
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            let relative = path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
            // A file may vanish between listing and reading while someone edits.
            if let Ok(text) = fs::read_to_string(&path) {
                found.push(File { path: relative, text });
            }
        }
    }
}
