//! The `tidegate` program under test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, bail};

/// The program: what `TIDEGATE_BIN` names, else the one of this profile next to the running test, which cargo is first
/// asked to bring up to date, once a process.
pub fn tidegate() -> anyhow::Result<&'static Path> {
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match BINARY.get_or_init(|| find().map_err(|error| format!("{error:#}"))) {
        Ok(path) => Ok(path),
        Err(error) => bail!("{error}"),
    }
}

fn find() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("TIDEGATE_BIN") {
        let path = PathBuf::from(path);
        return path.canonicalize().with_context(|| format!("TIDEGATE_BIN={}", path.display()));
    }
    let profile_dir = profile_dir().context("this program is not in a target folder: set TIDEGATE_BIN")?;
    let profile = match profile_dir.file_name().and_then(|name| name.to_str()) {
        Some("release") => "release",
        _ => "dev",
    };
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--package", "tidegate", "--profile", profile]);
    cargo.arg("--target-dir").arg(profile_dir.parent().context("no target folder")?);
    cargo.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    let status = cargo.status().context("starting cargo")?;
    if !status.success() {
        bail!("`cargo build -p tidegate` failed");
    }
    Ok(profile_dir.join("tidegate"))
}

/// `target/debug` or `target/release`, from the running program's own path (`…/deps/` for a test).
fn profile_dir() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let folder = program.parent()?;
    Some(if folder.ends_with("deps") { folder.parent()?.to_owned() } else { folder.to_owned() })
}

/// The target folder that the running program is in.
pub fn target_dir() -> Option<PathBuf> {
    profile_dir()?.parent().map(Path::to_owned)
}
