//! The tables of the hot store on Cassandra and ScyllaDB, as numbered
//! migrations. A migration that was released is never changed: a later one
//! alters what it made. Each statement can be repeated without harm, so a
//! migration that was cut off is applied once more.
//!
//! A migration also says which programs may go on with the tables that it
//! makes of others. One that only adds what older programs can do without says
//! the version before it or an earlier one, and an upgrade over it can be taken
//! back; one whose tables mean something only if all write them says its own.

/// One file of `cql/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    /// Ascending from 1 without gaps.
    pub number: i32,
    pub name: &'static str,
    /// Programs that know the tables up to this version may use those of this
    /// migration. Never more than `number`, nor less than the migration before.
    pub needs: i32,
    pub text: &'static str,
}

pub const MIGRATIONS: &[Migration] = &[
    Migration { number: 1, name: "tables", needs: 1, text: include_str!("../cql/0001_tables.cql") },
    // A query keeps hours of which it finds no late samples here, so whoever folds has to write them.
    Migration { number: 2, name: "late_hours", needs: 2, text: include_str!("../cql/0002_late_hours.cql") },
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
