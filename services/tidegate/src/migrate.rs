//! `tidegate migrate`: makes what the shared servers lack before the targets start. Topics are made by the targets.

use std::process::ExitCode;

use anyhow::{Context, bail};
use tidegate_coldstore::create_bucket;

use crate::adapters::{Place, place};
use crate::cli;
use crate::config::Config;
use crate::targets::Need;

/// # Errors
/// When a server does not answer, or has tables of a later version.
pub async fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let is_shared = |need| place(config, need) == Place::Shared;
    if !is_shared(Need::Store) && !is_shared(Need::Archive) {
        bail!("neither store.cassandra.contact_points nor archive.s3.bucket is given: a folder needs no migration");
    }
    let mut done = String::new();
    if is_shared(Need::Store) {
        let cassandra = &config.store.cassandra;
        let migrated = tidegate_cassandra::migrate(cassandra).await.context("migrating the store")?;
        done += &match migrated.applied.as_slice() {
            [] => format!("keyspace {}: version {} already\n", cassandra.keyspace, migrated.version),
            applied => format!(
                "keyspace {}: {} applied, version {}\n",
                cassandra.keyspace,
                applied.join(", "),
                migrated.version
            ),
        };
    }
    if is_shared(Need::Archive) {
        let s3 = &config.archive.s3;
        create_bucket(s3).await.with_context(|| format!("making the bucket {}", s3.bucket))?;
        done += &format!("bucket {}: there\n", s3.bucket);
    }
    cli::answer(&done)
}
