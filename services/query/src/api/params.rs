//! What a request asks: its tenant and its parameters, from the URL and, for a
//! POST, from a form.

use std::time::Duration;

use axum::RequestExt;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request};
use http::request::Parts;
use http::{HeaderMap, Method, header};
use tidegate_access::{Held, Principal, Role};
use tidegate_model::TenantId;
use tidegate_promql::{Expr, Matcher};

use super::body;
use super::times::{parse_duration_ms, parse_time_ms};
use crate::error::Error;

const TENANT_HEADER: &str = "x-scope-orgid";
const FORM: &str = "application/x-www-form-urlencoded";

pub(crate) struct Ask {
    pub tenant: TenantId,
    pub headers: HeaderMap,
    /// Whose token it shows; `None` where no tokens are asked for.
    pub principal: Option<Principal>,
    /// The variable part of the path.
    pub name: Option<String>,
    pairs: Vec<(String, String)>,
}

impl Ask {
    pub async fn read(mut request: Request, max_bytes: usize) -> Result<Self, Error> {
        let name = match request.extract_parts::<RawPathParams>().await {
            Ok(variable) => variable.iter().next().map(|(_, value)| value.to_owned()),
            Err(RawPathParamsRejection::MissingPathParams(_)) => None,
            Err(error) => return Err(Error::Request(error.to_string())),
        };
        let (parts, body) = request.into_parts();
        let principal = parts.extensions.get::<Principal>().cloned();
        if let Some(principal) = &principal {
            principal.request()?;
        }
        let body = body::read(&parts.headers, body, max_bytes).await?;
        let mut pairs = form(&parts, &body)?;
        pairs.append(&mut parse_pairs(parts.uri.query().unwrap_or_default().as_bytes())?);
        let tenant = tenant(&parts.headers)?;
        Ok(Self { tenant, headers: parts.headers, principal, name, pairs })
    }

    /// Whether it may know of other tenants: where tokens are asked for, with
    /// the role admin.
    pub fn sees_all_tenants(&self) -> bool {
        self.principal.as_ref().is_none_or(|principal| principal.token.has(Role::Admin))
    }

    /// A place among the queries of its token and its tenant.
    pub fn begin_query(&self) -> Result<Vec<Held>, Error> {
        Ok(self.principal.as_ref().map(Principal::query).transpose()?.unwrap_or_default())
    }

    /// The first value of a parameter; an empty one counts as not given.
    pub fn get<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(n, value)| n == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    fn required(&self, name: &'static str) -> Result<&str, Error> {
        self.get(name).ok_or(Error::Parameter { name, reason: "it is missing".into() })
    }

    pub fn expr(&self) -> Result<Expr, Error> {
        Ok(tidegate_promql::parse(self.required("query")?)?)
    }

    pub fn time_ms(&self, name: &'static str) -> Result<Option<i64>, Error> {
        let parse = |text| parse_time_ms(text).map_err(|reason| Error::Parameter { name, reason });
        self.get(name).map(parse).transpose()
    }

    pub fn duration_ms(&self, name: &'static str) -> Result<Option<i64>, Error> {
        let parse = |text| parse_duration_ms(text).map_err(|reason| Error::Parameter { name, reason });
        self.get(name).map(parse).transpose()
    }

    /// `timeout`, no longer than `longest`.
    pub fn timeout(&self, longest: Duration) -> Result<Duration, Error> {
        let given = self.duration_ms("timeout")?;
        let reason = || Error::Parameter { name: "timeout", reason: "it must be positive".into() };
        match given {
            None => Ok(longest),
            Some(ms) => u64::try_from(ms).ok().filter(|ms| *ms > 0).map(Duration::from_millis).ok_or_else(reason),
        }
        .map(|timeout| timeout.min(longest))
    }

    /// `1` or `true`; none and `0` and `false` are no.
    pub fn flag(&self, name: &'static str) -> Result<bool, Error> {
        match self.get(name) {
            None | Some("0" | "false") => Ok(false),
            Some("1" | "true") => Ok(true),
            Some(other) => Err(Error::Parameter { name, reason: format!("{other:?} is neither 1 nor 0") }),
        }
    }

    /// A count; 0 and none mean no limit.
    pub fn limit(&self, name: &'static str) -> Result<usize, Error> {
        let reason = |text: &str| format!("{text:?} is not a whole number of 0 or more");
        let parse = |text: &str| text.parse().map_err(|_| Error::Parameter { name, reason: reason(text) });
        Ok(self.get(name).map(parse).transpose()?.filter(|limit| *limit > 0).unwrap_or(usize::MAX))
    }

    /// The selectors of all `match[]`.
    pub fn selectors(&self) -> Result<Vec<Vec<Matcher>>, Error> {
        let matchers = |text| match tidegate_promql::parse(text) {
            Ok(Expr::Vector(selector)) => Ok(selector.matchers),
            Ok(other) => Err(format!("{text:?} is no selector of series but a {}", other.value_type().describe())),
            Err(error) => Err(error.to_string()),
        };
        let selectors = self.all("match[]").map(matchers).collect::<Result<_, String>>();
        selectors.map_err(|reason| Error::Parameter { name: "match[]", reason })
    }
}

fn tenant(headers: &HeaderMap) -> Result<TenantId, Error> {
    let Some(value) = headers.get(TENANT_HEADER) else { return Ok(TenantId::default()) };
    let name = value.to_str().map_err(|_| tidegate_model::TenantError::Character)?;
    Ok(TenantId::new(name)?)
}

fn form(parts: &Parts, body: &[u8]) -> Result<Vec<(String, String)>, Error> {
    if parts.method != Method::POST || body.is_empty() {
        return Ok(Vec::new());
    }
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case(FORM) {
        return Err(Error::Request(format!("the content type of a form is {FORM}, not {content_type:?}")));
    }
    parse_pairs(body)
}

/// `a=1&b=%20+`, strictly: broken escapes and bytes that are not UTF-8 are
/// errors, so that no query is evaluated that nobody wrote.
fn parse_pairs(bytes: &[u8]) -> Result<Vec<(String, String)>, Error> {
    let parts = bytes.split(|byte| *byte == b'&').filter(|part| !part.is_empty());
    let pair = |part: &[u8]| {
        let (name, value) = match part.iter().position(|byte| *byte == b'=') {
            Some(at) => (&part[..at], &part[at + 1..]),
            None => (part, &[][..]),
        };
        Ok((unescape(name)?, unescape(value)?))
    };
    parts.map(pair).collect::<Result<_, &str>>().map_err(|reason| Error::Request(reason.into()))
}

fn unescape(text: &[u8]) -> Result<String, &'static str> {
    const BROKEN: &str = "a % is not followed by two hexadecimal digits";
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|digit| char::from(*digit).to_digit(16));
                let (Some(high), Some(low)) = (digit(), digit()) else { return Err(BROKEN) };
                (high * 16 + low) as u8
            }
            other => *other,
        });
    }
    String::from_utf8(bytes).map_err(|_| "a parameter is not UTF-8")
}

#[cfg(test)]
mod tests;
