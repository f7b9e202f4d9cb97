//! Lists the files of the built page, or without one a page that says how to build it, as code that embeds them.

use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};
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
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui/dist");
    let mut files = Vec::new();
    if dist.join("index.html").is_file() {
        println!("cargo::rerun-if-changed=ui/dist");
        find(&dist, "", &mut files)?;
    } else {
        // A path that does not exist would run this each time; the folder changes when dist appears in it.
        println!("cargo::rerun-if-changed=ui");
        let placeholder = out.join("index.html");
        fs::write(&placeholder, PLACEHOLDER)?;
        files.push(("index.html".to_owned(), placeholder));
    }
    files.sort();
    let mut code = String::from("&[\n");
    for (name, path) in files {
        let mut hasher = DefaultHasher::new();
        fs::read(&path)?.hash(&mut hasher);
        let tag = format!("\"{:016x}\"", hasher.finish());
        // Writing to memory does not fail.
        writeln!(code, "    File {{ name: {name:?}, tag: {tag:?}, bytes: include_bytes!({path:?}) }},").ok();
    }
    code.push_str("]\n");
    fs::write(out.join("files.rs"), code)
}

/// The files in `folder`, named from `prefix` on.
fn find(folder: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            find(&entry.path(), &format!("{name}/"), files)?;
        } else {
            files.push((name, entry.path()));
        }
    }
    Ok(())
}
