//! What a request shows of itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};

/// Holds the token of a browser that logged in.
pub const SESSION_COOKIE: &str = "tidegate_session";

#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    None,
    /// From `Authorization`.
    Header(String),
    /// From the session's cookie, which browsers send by themselves.
    Cookie(String),
    /// There, but not to be understood.
    Malformed(&'static str),
}

/// A bearer token, or the password of Basic; else the session's cookie.
pub fn of(headers: &HeaderMap) -> Credentials {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let Some(first) = given.next() else { return session(headers).map_or(Credentials::None, Credentials::Cookie) };
    if given.next().is_some() {
        return Credentials::Malformed("there is more than one Authorization header");
    }
    let Some((scheme, value)) = first.to_str().ok().and_then(|text| text.split_once(' ')) else {
        return Credentials::Malformed("the Authorization header is not `Bearer TOKEN`");
    };
    let value = value.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        Credentials::Header(value.to_owned())
    } else if scheme.eq_ignore_ascii_case("basic") {
        let password = basic_password(value).map(Credentials::Header);
        password.unwrap_or(Credentials::Malformed("the Authorization header's Basic value cannot be read"))
    } else {
        Credentials::Malformed("Authorization is Bearer, or Basic with the token as password")
    }
}

/// The user's name says nothing here: the token does.
fn basic_password(value: &str) -> Option<String> {
    let decoded = String::from_utf8(STANDARD.decode(value).ok()?).ok()?;
    decoded.split_once(':').map(|(_, password)| password.to_owned())
}

fn session(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == SESSION_COOKIE).map(|(_, value)| value.to_owned())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn with(headers: &[(http::HeaderName, &str)]) -> Credentials {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, HeaderValue::from_str(value).expect("a value"));
        }
        of(&map)
    }

    #[test]
    fn tokens_come_in_three_ways() {
        let header = |token: &str| Credentials::Header(token.to_owned());
        assert!(with(&[]) == Credentials::None);
        assert!(with(&[(AUTHORIZATION, "Bearer tdg_a")]) == header("tdg_a"));
        assert!(with(&[(AUTHORIZATION, "bearer  tdg_a")]) == header("tdg_a"));
        // grafana:tdg_a
        assert!(with(&[(AUTHORIZATION, "Basic Z3JhZmFuYTp0ZGdfYQ==")]) == header("tdg_a"));
        assert!(with(&[(COOKIE, "a=b; tidegate_session=tdg_a")]) == Credentials::Cookie("tdg_a".into()));
    }

    #[test]
    fn a_header_goes_before_the_cookie() {
        let both = with(&[(COOKIE, "tidegate_session=tdg_b"), (AUTHORIZATION, "Bearer tdg_a")]);
        assert!(both == Credentials::Header("tdg_a".into()));
    }

    #[test]
    fn what_cannot_be_understood_is_no_token() {
        for wrong in ["tdg_a", "Digest a", "Basic !!!", "Basic dGRnX2E=", ""] {
            assert!(matches!(with(&[(AUTHORIZATION, wrong)]), Credentials::Malformed(_)), "{wrong}");
        }
        let twice = with(&[(AUTHORIZATION, "Bearer tdg_a"), (AUTHORIZATION, "Bearer tdg_b")]);
        assert!(matches!(twice, Credentials::Malformed(_)));
    }
}
