//! Packs the program's relocations. Start-up reads all of them, so as a plain table they alone would be 2 MB of what an idle process
//! holds. Loaders know the packed form since glibc 2.36.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if is_native_gnu_linux() && glibc().is_some_and(|version| version >= (2, 36)) {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// Whether the machine that builds tells of those that run it.
fn is_native_gnu_linux() -> bool {
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    is("CARGO_CFG_TARGET_OS", "linux")
        && is("CARGO_CFG_TARGET_ENV", "gnu")
        && std::env::var("HOST").ok() == std::env::var("TARGET").ok()
}

fn glibc() -> Option<(u32, u32)> {
    let told = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let told = String::from_utf8(told.stdout).ok()?;
    let (major, minor) = told.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
}
