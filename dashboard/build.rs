//! Puts the built page, or without one a page that says how to build it, where the crate embeds it from.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

const PLACEHOLDER: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tidegate</title>
<h1>Tidegate</h1>
<p>This binary was built without its dashboard. Build it with <code>make build</code>, which needs Node.js 20 or later.
<p>The API works: <a href="/api/v1/labels">/api/v1/labels</a>, <a href="/readyz">/readyz</a>, <a href="/metrics">/metrics</a>.
"#;

fn main() -> io::Result<()> {
    let to = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("dist");
    if to.exists() {
        fs::remove_dir_all(&to)?;
    }
    fs::create_dir_all(&to)?;
    let from = Path::new("ui/dist");
    if from.join("index.html").is_file() {
        println!("cargo::rerun-if-changed=ui/dist");
        return copy(from, &to);
    }
    // A path that does not exist would run this each time; the folder changes when dist appears in it.
    println!("cargo::rerun-if-changed=ui");
    fs::write(to.join("index.html"), PLACEHOLDER)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&target)?;
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
