//! Asked before any route sees a request: lets it in as a tenant, or not.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use http::header::{ACCESS_CONTROL_REQUEST_METHOD, HOST, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use parking_lot::RwLock;
use prometheus_client::registry::Registry;
use tidegate_model::TenantId;

use crate::Config;
use crate::account::{Account, TenantLimits, TokenUsage};
use crate::audit::{Audit, Line};
use crate::credentials::{self, Credentials};
use crate::file::{FileError, Token, Tokens};
use crate::metrics::Metrics;
use crate::principal::Principal;
use crate::refusal::Refusal;
use crate::rules::{self, Need, Role, Rule};
use crate::secret::{Digest, Secret, SecretError};

const TENANT: HeaderName = HeaderName::from_static("x-scope-orgid");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    #[error("auth.tokens_file: {0}")]
    File(#[from] FileError),
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// Clones are the same guard.
#[derive(Clone)]
pub struct Guard(Arc<Inner>);

struct Inner {
    file: PathBuf,
    rules: &'static [Rule],
    metrics_need: Need,
    tokens: RwLock<Arc<Tokens>>,
    /// Tokens of this process, which are in no file.
    issued: RwLock<Vec<Arc<Token>>>,
    tenants: RwLock<HashMap<TenantId, Arc<Account>>>,
    /// By name, of tokens that have limits.
    limited: RwLock<HashMap<String, Arc<Account>>>,
    metrics: Metrics,
    audit: Audit,
}

/// A request that was let in; says how it ended where that is to be told.
#[must_use]
pub struct Admitted {
    told: Option<Told>,
}

struct Told {
    guard: Guard,
    token: Arc<Token>,
    method: Method,
    path: String,
    peer: Option<SocketAddr>,
}

impl Guard {
    /// The guard that `config` asks for; `None` where it names no file.
    ///
    /// # Errors
    /// When the file cannot be read or makes no sense.
    pub fn load(config: &Config, rules: &'static [Rule], registry: &mut Registry) -> Result<Option<Self>, GuardError> {
        let Some(file) = &config.tokens_file else { return Ok(None) };
        let text = Tokens::text_of(file)?;
        let metrics = Metrics::register(registry);
        let guard = Self(Arc::new(Inner {
            file: file.clone(),
            rules,
            metrics_need: if config.protect_metrics { Need::Role(Role::Admin) } else { Need::Nothing },
            tokens: RwLock::default(),
            issued: RwLock::default(),
            tenants: RwLock::default(),
            limited: RwLock::default(),
            audit: Audit::new(metrics.skipped_audit_lines.clone()),
            metrics,
        }));
        guard.replace(Tokens::read_as(file, &text)?);
        Ok(Some(guard))
    }

    pub(crate) fn file(&self) -> &PathBuf {
        &self.0.file
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// From now on these are valid, and those that this process issued. A
    /// tenant's counts stay.
    pub(crate) fn replace(&self, tokens: Tokens) {
        let mut tenants = self.0.tenants.write();
        let issued = self.0.issued.read();
        let named = |id: &TenantId| tokens.tenants().any(|other| other == id);
        tenants.retain(|id, _| named(id) || issued.iter().any(|token| token.tenant == *id));
        for id in tokens.tenants().chain(issued.iter().map(|token| &token.tenant)) {
            let limits = tokens.limits(id);
            match tenants.get(id) {
                Some(tenant) => tenant.set_limits(limits),
                None => {
                    let tenant = Account::new(id.clone(), None, limits, self.0.metrics.clone());
                    tenants.insert(id.clone(), Arc::new(tenant));
                }
            }
        }
        let mut limited = self.0.limited.write();
        let mut before = std::mem::take(&mut *limited);
        let accounts = tokens.limited().map(|(token, limits)| {
            let limits = TenantLimits::from(limits.clone());
            let known = before.remove(&token.name).filter(|account| account.id == token.tenant);
            let account = known.unwrap_or_else(|| {
                let (id, name) = (token.tenant.clone(), Some(token.name.clone()));
                Arc::new(Account::new(id, name, TenantLimits::default(), self.0.metrics.clone()))
            });
            account.set_limits(limits);
            (token.name.clone(), account)
        });
        *limited = accounts.collect();
        drop(limited);
        self.0.metrics.tokens.set(tokens.len() as i64);
        *self.0.tokens.write() = Arc::new(tokens);
    }

    /// A token for a part of this process, valid as long as it runs.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn issue(&self, name: &str, tenant: TenantId, role: Role) -> Result<Secret, GuardError> {
        let secret = Secret::generate()?;
        let limits = self.0.tokens.read().limits(&tenant);
        let mut tenants = self.0.tenants.write();
        let new = || Arc::new(Account::new(tenant.clone(), None, limits, self.0.metrics.clone()));
        tenants.entry(tenant.clone()).or_insert_with(new);
        self.0.issued.write().push(Arc::new(Token::issued(name, tenant, secret.digest(), vec![role])));
        Ok(secret)
    }

    /// Lets a request in. Its `X-Scope-OrgID` is then the tenant of its token,
    /// and its extensions have the [`Principal`]; or, on a route that needs
    /// nothing, it has neither.
    ///
    /// # Errors
    /// Why it is not let in, which is in the audit log already.
    pub fn admit<B>(&self, request: &mut Request<B>, peer: Option<SocketAddr>) -> Result<Admitted, Refusal> {
        let need = match rules::need(self.0.rules, request.method(), request.uri().path()) {
            Need::Metrics => self.0.metrics_need,
            // A browser asks so, without a token, whether it may ask with one.
            _ if is_preflight(request.method(), request.headers()) => Need::Nothing,
            need => need,
        };
        let Need::Role(role) = need else {
            request.headers_mut().remove(&TENANT);
            return Ok(Admitted { told: None });
        };
        let (who, decided) = self.decide(request.method(), request.headers(), role);
        match decided {
            Ok(principal) => {
                let token = Arc::clone(&principal.token);
                let tenant = HeaderValue::from_str(principal.tenant.id.as_str());
                // A tenant's name has letters, digits and three signs.
                request.headers_mut().insert(TENANT, tenant.unwrap_or(HeaderValue::from_static("")));
                request.extensions_mut().insert(principal);
                let told = (role == Role::Admin).then(|| Told {
                    guard: self.clone(),
                    token,
                    method: request.method().clone(),
                    path: request.uri().path().to_owned(),
                    peer,
                });
                Ok(Admitted { told })
            }
            Err(refusal) => {
                let (method, path) = (request.method().as_str(), request.uri().path());
                self.refused(who.as_deref(), method, path, peer, &refusal);
                Err(refusal)
            }
        }
    }

    pub(crate) fn refused(
        &self,
        who: Option<&Token>,
        method: &str,
        path: &str,
        peer: Option<SocketAddr>,
        refusal: &Refusal,
    ) {
        self.0.metrics.refused(refusal.reason());
        let (who, tenant) = who.map_or(("", ""), |token| (token.name.as_str(), token.tenant.as_str()));
        let status = refusal.http_status().as_u16();
        self.0.audit.write(&Line { who, tenant, method, path, peer, outcome: refusal.reason(), status });
    }

    /// The token shown, where it is a known one, and what becomes of it.
    fn decide(
        &self,
        method: &Method,
        headers: &HeaderMap,
        role: Role,
    ) -> (Option<Arc<Token>>, Result<Principal, Refusal>) {
        let (text, by_itself) = match credentials::of(headers) {
            Credentials::None => return (None, Err(Refusal::Missing)),
            Credentials::Malformed(why) => return (None, Err(Refusal::Malformed(why))),
            Credentials::Header(text) => (text, false),
            Credentials::Cookie(text) => (text, true),
        };
        let Some(token) = self.find(&text) else { return (None, Err(Refusal::Unknown)) };
        let decided = check(&token, role).and_then(|()| {
            let foreign = |value: &HeaderValue| value.as_bytes() != token.tenant.as_str().as_bytes();
            if headers.get_all(&TENANT).iter().any(foreign) {
                return Err(Refusal::Tenant);
            }
            let is_safe = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
            if by_itself && !is_safe && !is_same_origin(headers) {
                return Err(Refusal::CrossSite);
            }
            // Between two reads of the file only.
            let tenant = self.0.tenants.read().get(&token.tenant).cloned().ok_or(Refusal::Unknown)?;
            let own = token.limits.as_ref().and_then(|_| self.0.limited.read().get(&token.name).cloned());
            Ok(Principal { token: Arc::clone(&token), tenant, own })
        });
        (Some(token), decided)
    }

    fn find(&self, text: &str) -> Option<Arc<Token>> {
        let digest = Digest::of(text);
        let of_file = self.0.tokens.read().find(&digest).cloned();
        of_file.or_else(|| self.0.issued.read().iter().find(|token| token.digest.is(&digest)).cloned())
    }

    /// The token with this text, if it is good for `role`.
    pub(crate) fn token(&self, text: &str, role: Role) -> Result<Arc<Token>, (Option<Arc<Token>>, Refusal)> {
        let token = self.find(text).ok_or((None, Refusal::Unknown))?;
        match check(&token, role) {
            Ok(()) => Ok(token),
            Err(refusal) => Err((Some(token), refusal)),
        }
    }

    /// Of the tenant's tokens that have limits, by name.
    pub(crate) fn usage_of_tokens(&self, tenant: &TenantId) -> Vec<TokenUsage> {
        let limited = self.0.limited.read();
        let of_tenant = limited.iter().filter(|(_, account)| account.id == *tenant);
        let mut usage: Vec<_> = of_tenant.map(|(name, account)| account.token_usage(name)).collect();
        usage.sort_by(|a, b| a.name.cmp(&b.name));
        usage
    }

    pub(crate) fn tell(&self, token: &Token, method: &str, path: &str, peer: Option<SocketAddr>, status: StatusCode) {
        let (who, tenant, status) = (token.name.as_str(), token.tenant.as_str(), status.as_u16());
        let outcome = if status < 400 { "done" } else { "failed" };
        self.0.audit.write(&Line { who, tenant, method, path, peer, outcome, status });
    }
}

fn check(token: &Token, role: Role) -> Result<(), Refusal> {
    if token.is_expired(SystemTime::now()) {
        return Err(Refusal::Expired);
    }
    if token.has(role) { Ok(()) } else { Err(Refusal::Role(role.name())) }
}

impl Admitted {
    /// To be told when the answer is known.
    pub fn answered(self, status: StatusCode) {
        if let Some(Told { guard, token, method, path, peer }) = self.told {
            guard.tell(&token, method.as_str(), &path, peer, status);
        }
    }
}

fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Whether a page of this very server sent the request, as browsers say: by
/// `Sec-Fetch-Site`, or where they do not send that by `Origin`.
pub(crate) fn is_same_origin(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get(&FETCH_SITE) {
        return site == "same-origin";
    }
    let host_of = |origin: &HeaderValue| Some(origin.to_str().ok()?.split_once("://")?.1.to_owned());
    let origin = headers.get(ORIGIN).and_then(host_of);
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    origin.is_some() && origin.as_deref() == host
}

#[cfg(test)]
pub(crate) mod tests;
