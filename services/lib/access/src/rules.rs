//! Roles, and what a path needs.

use http::Method;
use serde::{Deserialize, Serialize};

/// What a token is for. None implies another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sending samples.
    Push,
    /// Queries, streams, the dashboard.
    Read,
    /// What concerns the whole process, of all tenants.
    Admin,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Push, Self::Read, Self::Admin];

    pub fn name(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|role| role.name() == name);
        found.ok_or_else(|| format!("{name:?} is no role; push, read and admin are"))
    }
}

/// What a client must show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Nothing,
    /// Nothing, or [`Role::Admin`]: as `auth.protect_metrics` says.
    Metrics,
    Role(Role),
}

/// A line of the table of all routes.
#[derive(Clone, Debug)]
pub struct Rule {
    /// `None`: all methods.
    pub method: Option<Method>,
    /// As the router has it: `{name}` stands for one segment.
    pub path: &'static str,
    pub need: Need,
}

impl Rule {
    fn matches(&self, method: &Method, path: &str) -> bool {
        let is_get = |method: &Method| *method == Method::GET || *method == Method::HEAD;
        let method_fits = self.method.as_ref().is_none_or(|own| own == method || is_get(own) && is_get(method));
        method_fits && path_matches(self.path, path)
    }
}

/// What a request needs. A path that is not in the table needs the most: a
/// route that was forgotten there is closed, not open.
pub fn need(rules: &[Rule], method: &Method, path: &str) -> Need {
    let rule = rules.iter().find(|rule| rule.matches(method, path));
    rule.map_or(Need::Role(Role::Admin), |rule| rule.need)
}

fn path_matches(pattern: &str, path: &str) -> bool {
    if !pattern.contains('{') {
        return pattern == path;
    }
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if wanted.starts_with('{') && !given.is_empty() => {}
            (Some(wanted), Some(given)) if wanted == given => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &[Rule] = &[
        Rule { method: Some(Method::POST), path: "/metrics", need: Need::Role(Role::Push) },
        Rule { method: Some(Method::GET), path: "/metrics", need: Need::Metrics },
        Rule { method: None, path: "/api/v1/label/{name}/values", need: Need::Role(Role::Read) },
        Rule { method: None, path: "/livez", need: Need::Nothing },
    ];

    #[test]
    fn the_table_says_what_a_request_needs() {
        for (method, path, wanted) in [
            (Method::POST, "/metrics", Need::Role(Role::Push)),
            (Method::GET, "/metrics", Need::Metrics),
            (Method::HEAD, "/metrics", Need::Metrics),
            (Method::DELETE, "/metrics", Need::Role(Role::Admin)),
            (Method::GET, "/api/v1/label/a%2Fb/values", Need::Role(Role::Read)),
            (Method::POST, "/livez", Need::Nothing),
        ] {
            assert_eq!(need(RULES, &method, path), wanted, "{method} {path}");
        }
    }

    #[test]
    fn what_is_not_in_the_table_needs_the_most() {
        for path in
            ["/", "/livez/", "//livez", "/livez/..", "/LIVEZ", "/api/v1/label//values", "/api/v1/label/a/b/values"]
        {
            assert_eq!(need(RULES, &Method::GET, path), Need::Role(Role::Admin), "{path}");
        }
    }
}
