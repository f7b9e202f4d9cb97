//! `tidegate token new`: a token, shown once, and the entry that lets it in.

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use clap::{Args, Subcommand};
use tidegate_access::{Entry, Role, Secret, expiry};
use tidegate_model::TenantId;

use crate::cli;

#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Makes a token: prints it once, and the entry for the file of tokens
    New(New),
}

#[derive(Debug, Args)]
pub struct New {
    /// Whose data it is for
    #[arg(long, value_parser = tenant)]
    tenant: TenantId,
    /// push, read or admin; may be given more than once
    #[arg(long = "role", value_name = "ROLE", required = true)]
    roles: Vec<Role>,
    /// For logs and people [default: TENANT-ROLE]
    #[arg(long)]
    name: Option<String>,
    /// How long it is valid, such as 90d [default: for ever]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    expires_in: Option<Duration>,
}

fn tenant(name: &str) -> Result<TenantId, String> {
    TenantId::new(name).map_err(|error| error.to_string())
}

/// # Errors
/// When the system gives no random numbers, or the name is none.
pub fn run(command: &TokenCommand) -> anyhow::Result<ExitCode> {
    let TokenCommand::New(new) = command;
    cli::answer(&text(new, &Secret::generate()?, SystemTime::now())?)
}

fn text(new: &New, secret: &Secret, now: SystemTime) -> anyhow::Result<String> {
    let entry = || {
        let role_names: Vec<_> = new.roles.iter().map(|role| role.name()).collect();
        Entry {
            name: new.name.clone().unwrap_or_else(|| format!("{}-{}", new.tenant, role_names.join("-"))),
            hash: secret.digest().to_string(),
            tenant: new.tenant.to_string(),
            roles: new.roles.clone(),
            expires: new.expires_in.map(|lifetime| expiry(now, lifetime)),
            limits: None,
        }
    };
    entry().check().map_err(anyhow::Error::msg)?;
    let yaml = serde_yaml_ng::to_string(&[entry()]).context("writing the entry")?;
    Ok(format!(
        "{}\n\n# The token is above; it is shown this once. Into the file of auth.tokens_file, below `tokens:`, goes:\n{yaml}",
        secret.reveal()
    ))
}

#[cfg(test)]
mod tests {
    use tidegate_access::{Digest, Tokens};

    use super::*;

    #[test]
    fn the_entry_lets_the_token_in() {
        let new = New {
            tenant: TenantId::new("blue").expect("a name"),
            roles: vec![Role::Push, Role::Read],
            name: None,
            expires_in: Some(Duration::from_secs(86_400)),
        };
        let secret = Secret::generate().expect("random");
        let text = text(&new, &secret, SystemTime::UNIX_EPOCH).expect("a text");
        let (token, entry) = text.split_once("\n\n").expect("two parts");
        assert_eq!(token, secret.reveal());
        assert!(!entry.contains(token) && entry.contains("expires: 1970-01-02T00:00:00Z"), "{entry}");
        let tokens = Tokens::read(&format!("tokens:\n{entry}")).expect("reads");
        let found = tokens.find(&Digest::of(token)).expect("is in");
        assert_eq!((found.name.as_str(), found.tenant.as_str()), ("blue-push-read", "blue"));
        assert!(found.has(Role::Push) && found.has(Role::Read) && !found.has(Role::Admin));
    }
}
