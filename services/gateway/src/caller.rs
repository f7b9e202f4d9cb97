//! Who sends a request, as its headers tell.

use std::net::SocketAddr;

use ::http::{Extensions, HeaderMap, HeaderName, HeaderValue};
use axum::extract::ConnectInfo;
use tidegate_access::Principal;
use tidegate_model::TenantId;
use xxhash_rust::xxh3::Xxh3Default;

use crate::error::Error;

pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");
const TENANT: HeaderName = HeaderName::from_static("x-scope-orgid");
const CLIENT: HeaderName = HeaderName::from_static("x-client-id");

const MAX_CORRELATION_BYTES: usize = 128;

/// Whose rate a request counts towards, hashed: what clients send is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientKey {
    pub client: u128,
    /// All clients of the tenant together.
    pub tenant: u128,
}

/// What names a client, by falling precedence.
#[derive(Clone, Copy)]
enum Name<'a> {
    Header(&'a [u8]),
    Agent(&'a str),
    Peer(Option<SocketAddr>),
}

#[derive(Clone, Debug)]
pub struct Caller {
    pub tenant: TenantId,
    pub client: ClientKey,
    /// Whose token it shows; `None` where no tokens are asked for.
    pub principal: Option<Principal>,
    named: bool,
}

/// The id by which a request is found in the logs of both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correlation {
    pub header: HeaderName,
    pub id: HeaderValue,
}

impl Correlation {
    /// The client's own id, or `fallback` in hexadecimal digits.
    pub fn of(headers: &HeaderMap, fallback: u64) -> Self {
        for header in [REQUEST_ID, CORRELATION_ID] {
            let given = headers.get(&header).filter(|id| {
                let bytes = id.as_bytes();
                (1..=MAX_CORRELATION_BYTES).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
            });
            if let Some(id) = given {
                return Self { header, id: id.clone() };
            }
        }
        let id = HeaderValue::from_str(&format!("{fallback:016x}"));
        Self { header: REQUEST_ID, id: id.unwrap_or(HeaderValue::from_static("0")) }
    }

    pub fn as_str(&self) -> &str {
        self.id.to_str().unwrap_or("")
    }
}

impl Caller {
    /// # Errors
    /// [`Error::Tenant`] when the tenant's name is none.
    pub fn of(headers: &HeaderMap, extensions: &Extensions) -> Result<Self, Error> {
        let tenant = match headers.get(&TENANT) {
            None => TenantId::default(),
            Some(name) => TenantId::new(name.to_str().map_err(|_| Error::Tenant("not ASCII".into()))?)?,
        };
        let given = headers.get(&CLIENT).map(HeaderValue::as_bytes).filter(|name| !name.is_empty());
        let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
        let name = given.map_or(Name::Peer(peer), Name::Header);
        let client = key(&tenant, name);
        let principal = extensions.get::<Principal>().cloned();
        Ok(Self { tenant, client, principal, named: given.is_some() })
    }

    /// Counts a request.
    ///
    /// # Errors
    /// [`Error::RateLimited`] when the token or the tenant has had its requests.
    pub fn count(&self) -> Result<(), Error> {
        self.principal.as_ref().map_or(Ok(()), |principal| principal.request().map_err(Error::from))
    }

    /// Takes the agent's id for the client where the headers named none.
    pub fn name_agent(&mut self, agent_id: &str) {
        if !self.named && !agent_id.is_empty() {
            self.client = key(&self.tenant, Name::Agent(agent_id));
        }
    }
}

fn key(tenant: &TenantId, name: Name<'_>) -> ClientKey {
    let mut hasher = Xxh3Default::new();
    hasher.update(tenant.as_str().as_bytes());
    let tenant = hasher.digest128();
    match name {
        Name::Header(bytes) => {
            hasher.update(b"\0h");
            hasher.update(bytes);
        }
        Name::Agent(id) => {
            hasher.update(b"\0a");
            hasher.update(id.as_bytes());
        }
        Name::Peer(peer) => {
            hasher.update(b"\0p");
            if let Some(peer) = peer {
                hasher.update(peer.ip().to_string().as_bytes());
            }
        }
    }
    ClientKey { client: hasher.digest128(), tenant }
}
