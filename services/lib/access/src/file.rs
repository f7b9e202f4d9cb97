//! The file of tokens.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tidegate_model::{TenantError, TenantId};

use crate::account::{TenantLimits, TokenLimits};
use crate::rules::Role;
use crate::secret::{Digest, redact};

const MAX_NAME_BYTES: usize = 128;
/// Tens of thousands of tokens; more is a mistake.
const MAX_FILE_BYTES: u64 = 16 << 20;

#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("cannot read the tokens in {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{} has more than {MAX_FILE_BYTES} bytes", path.display())]
    TooLarge { path: PathBuf },
    /// The text quotes no token.
    #[error("{}: {message}", path.display())]
    Invalid { path: PathBuf, message: String },
}

/// One entry, ready to compare with.
#[derive(Debug)]
pub struct Token {
    /// For people and logs.
    pub name: String,
    pub tenant: TenantId,
    pub(crate) digest: Digest,
    roles: Vec<Role>,
    expires: Option<SystemTime>,
    pub(crate) limits: Option<TokenLimits>,
}

impl Token {
    pub(crate) fn issued(name: &str, tenant: TenantId, digest: Digest, roles: Vec<Role>) -> Self {
        Self { name: name.to_owned(), tenant, digest, roles, expires: None, limits: None }
    }

    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    pub(crate) fn is_expired(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// All that a file says.
#[derive(Debug, Default)]
pub struct Tokens {
    by_digest: HashMap<[u8; 8], Vec<Arc<Token>>>,
    limits: BTreeMap<TenantId, TenantLimits>,
    tenants: HashSet<TenantId>,
    count: usize,
}

impl Tokens {
    /// # Errors
    /// Naming the entry that makes no sense. The text quotes no token.
    pub fn read(text: &str) -> Result<Self, String> {
        let file: Whole = serde_yaml_ng::from_str(text).map_err(|error| redact(&error.to_string()))?;
        let mut tokens = Self::default();
        for (name, limits) in file.tenants {
            let tenant = TenantId::new(&name).map_err(|error| format!("tenants: {name:?}: {error}"))?;
            limits.check().map_err(|error| format!("tenants: {name:?}: {error}"))?;
            tokens.tenants.insert(tenant.clone());
            tokens.limits.insert(tenant, limits);
        }
        let mut names = HashSet::new();
        for (index, entry) in file.tokens.into_iter().enumerate() {
            let name = redact(&entry.name);
            let token = entry.check().map_err(|why| format!("tokens: entry {} ({name:?}): {why}", index + 1))?;
            if !names.insert(token.name.clone()) {
                return Err(format!("tokens: the name {name:?} is given twice"));
            }
            if tokens.find(&token.digest).is_some() {
                return Err(format!("tokens: entry {} ({name:?}): an entry before it has the same hash", index + 1));
            }
            tokens.add(token);
        }
        Ok(tokens)
    }

    /// # Errors
    /// [`FileError::Read`] and [`FileError::TooLarge`].
    pub(crate) fn text_of(path: &Path) -> Result<String, FileError> {
        let unreadable = |source| FileError::Read { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(unreadable)?.len() > MAX_FILE_BYTES {
            return Err(FileError::TooLarge { path: path.to_owned() });
        }
        std::fs::read_to_string(path).map_err(unreadable)
    }

    /// # Errors
    /// [`FileError::Invalid`], naming `path`.
    pub(crate) fn read_as(path: &Path, text: &str) -> Result<Self, FileError> {
        Self::read(text).map_err(|message| FileError::Invalid { path: path.to_owned(), message })
    }

    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn find(&self, digest: &Digest) -> Option<&Arc<Token>> {
        self.by_digest.get(&digest.bucket())?.iter().find(|token| token.digest.is(digest))
    }

    pub(crate) fn add(&mut self, token: Token) {
        self.count += 1;
        self.tenants.insert(token.tenant.clone());
        self.by_digest.entry(token.digest.bucket()).or_default().push(Arc::new(token));
    }

    /// Those that have limits of their own.
    pub(crate) fn limited(&self) -> impl Iterator<Item = (&Arc<Token>, &TokenLimits)> {
        self.by_digest.values().flatten().filter_map(|token| Some((token, token.limits.as_ref()?)))
    }

    pub(crate) fn tenants(&self) -> impl Iterator<Item = &TenantId> {
        self.tenants.iter()
    }

    /// What the tenant may, where the file says so.
    pub(crate) fn limits(&self, tenant: &TenantId) -> TenantLimits {
        self.limits.get(tenant).cloned().unwrap_or_default()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    #[serde(default)]
    tokens: Vec<Entry>,
    #[serde(default)]
    tenants: BTreeMap<String, TenantLimits>,
}

/// An entry as it stands in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub name: String,
    /// Of the token, as [`Digest`] shows itself.
    pub hash: String,
    pub tenant: String,
    pub roles: Vec<Role>,
    /// A time of RFC 3339 or a day, from whose begin (UTC) on it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<TokenLimits>,
}

impl Entry {
    /// # Errors
    /// What makes no sense, without the values that may be secret.
    pub fn check(self) -> Result<Token, String> {
        let is_name =
            !self.name.is_empty() && self.name.len() <= MAX_NAME_BYTES && !self.name.contains(char::is_control);
        if !is_name {
            return Err(format!("a name has 1 to {MAX_NAME_BYTES} bytes and no control characters"));
        }
        let digest = Digest::parse(&self.hash);
        let digest =
            digest.ok_or("hash: it is not sha256: and 64 hexadecimal digits, as `tidegate token new` prints")?;
        let tenant = TenantId::new(&self.tenant).map_err(|error: TenantError| format!("tenant: {error}"))?;
        if self.roles.is_empty() {
            return Err("roles: there is none, so the token is of no use".into());
        }
        let expires = self.expires.as_deref().map(parse_time).transpose()?;
        let limits = self.limits;
        limits
            .clone()
            .map(TenantLimits::from)
            .unwrap_or_default()
            .check()
            .map_err(|error| format!("limits: {error}"))?;
        Ok(Token { name: self.name, tenant, digest, roles: self.roles, expires, limits })
    }
}

/// `2027-01-31` or `2027-01-31T12:00:00Z`.
fn parse_time(text: &str) -> Result<SystemTime, String> {
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    humantime::parse_rfc3339(&whole)
        .map_err(|error| format!("expires: {text:?} is no time such as 2027-01-31: {error}"))
}

/// The time after `lifetime`, as the file has it.
pub fn expiry(now: SystemTime, lifetime: Duration) -> String {
    humantime::format_rfc3339_seconds(now + lifetime).to_string()
}

#[cfg(test)]
mod tests;
