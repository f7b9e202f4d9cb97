//! The tables of the hot store on Cassandra and ScyllaDB, as numbered
//! migrations. A migration that was released is never changed: a later one
//! alters what it made. Each statement can be repeated without harm, so a
//! migration that was cut off is applied once more.

/// One file of `cql/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    /// Ascending from 1 without gaps.
    pub number: i32,
    pub name: &'static str,
    pub text: &'static str,
}

pub const MIGRATIONS: &[Migration] = &[
    Migration { number: 1, name: "tables", text: include_str!("../cql/0001_tables.cql") },
    Migration { number: 2, name: "late_hours", text: include_str!("../cql/0002_late_hours.cql") },
];

impl Migration {
    /// The statements, without comments and without the semicolons between
    /// them. No statement may hold a semicolon or `--` in a string.
    pub fn statements(&self) -> Vec<String> {
        let code: Vec<&str> = self.text.lines().map(|line| line.split("--").next().unwrap_or("").trim_end()).collect();
        let statements = code.join("\n");
        statements.split(';').map(|statement| statement.trim().to_owned()).filter(|s| !s.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests;
