//! Our answers beside those of Prometheus.
//!
//! Always: recorded answers. `make test-oracle` builds the program of `oracle/`,
//! names it in `TIDEGATE_ORACLE` and compares fresh cases:
//! `TIDEGATE_ORACLE_CASES` of them, from `TIDEGATE_ORACLE_SEED` on. With
//! `TIDEGATE_ORACLE_RECORD=1` it writes the recorded answers anew.

mod compare;
mod data;
mod queries;
mod random;
mod store;
mod wire;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use compare::difference;
use store::Store;
use wire::{Answer, Case, Query, Recorded};

const QUERIES_PER_SEED: usize = 50;
const DEFAULT_CASES: usize = 10_000;
const SHOWN_DIFFERENCES: usize = 40;

fn setting<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

struct Oracle {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Oracle {
    fn start(program: &str) -> Self {
        let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("starts");
        let input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, input, output }
    }

    fn ask(&mut self, case: &Case) -> Vec<Answer> {
        let mut line = serde_json::to_string(case).expect("a case is JSON");
        line.push('\n');
        self.input.write_all(line.as_bytes()).expect("the oracle reads");
        let mut answers = String::new();
        self.output.read_line(&mut answers).expect("the oracle answers");
        let answers: Vec<Answer> = serde_json::from_str(&answers).expect("answers are JSON");
        assert_eq!(answers.len(), case.queries.len());
        answers
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn case(seed: u64) -> Case {
    Case { series: data::series(seed), queries: queries::queries(seed, QUERIES_PER_SEED) }
}

fn describe(seed: u64, query: &Query, difference: &str) -> String {
    let shown: String = difference.chars().take(900).collect();
    format!("seed {seed}: {}\n  {}..{} by {} ms\n  {shown}\n", query.expr, query.start_ms, query.end_ms, query.step_ms)
}

fn report(differences: &[String], compared: usize) {
    let shown = differences.iter().take(SHOWN_DIFFERENCES).cloned().collect::<Vec<_>>().join("\n");
    assert!(differences.is_empty(), "{} of {compared} answers differ:\n{shown}", differences.len());
}

#[test]
#[ignore = "needs the oracle: make test-oracle"]
fn fresh_cases_answer_as_prometheus_does() {
    let program = std::env::var("TIDEGATE_ORACLE").expect("TIDEGATE_ORACLE names the oracle");
    let cases = setting("TIDEGATE_ORACLE_CASES").unwrap_or(DEFAULT_CASES);
    let first = setting("TIDEGATE_ORACLE_SEED").unwrap_or(1_000_u64);
    let mut oracle = Oracle::start(&program);
    let mut differences = Vec::new();
    let seeds = cases.div_ceil(QUERIES_PER_SEED);
    for seed in first..first + seeds as u64 {
        let case = case(seed);
        let answers = oracle.ask(&case);
        let store = Store::new(&case.series);
        for (query, answer) in case.queries.iter().zip(&answers) {
            if let Some(found) = difference(query, &store, answer) {
                differences.push(describe(seed, query, &found));
            }
        }
    }
    report(&differences, seeds * QUERIES_PER_SEED);
}

#[test]
fn recorded_cases_answer_as_prometheus_did() {
    if let Ok(program) = std::env::var("TIDEGATE_ORACLE")
        && setting("TIDEGATE_ORACLE_RECORD") == Some(1)
    {
        record(&program);
    }
    let mut stores: BTreeMap<u64, Store> = BTreeMap::new();
    let mut differences = Vec::new();
    let mut compared = 0;
    let file = std::fs::File::open(recorded()).expect("recorded answers");
    for line in BufReader::new(file).lines() {
        let Recorded { seed, query, answer } = serde_json::from_str(&line.expect("text")).expect("a recorded answer");
        let store = stores.entry(seed).or_insert_with(|| Store::new(&data::series(seed)));
        compared += 1;
        if let Some(found) = difference(&query, store, &answer) {
            differences.push(describe(seed, &query, &found));
        }
    }
    assert!(compared >= 500, "only {compared} recorded answers");
    report(&differences, compared);
}

#[test]
fn what_is_formatted_parses_to_the_same() {
    for query in (0..40).flat_map(|seed| case(seed).queries) {
        let Ok(expr) = tidegate_promql::parse(&query.expr) else { continue };
        let text = expr.to_string();
        let again = tidegate_promql::parse(&text).map(|expr| expr.to_string());
        assert_eq!(again.as_ref(), Ok(&text), "{}", query.expr);
        // NaN is no reason to differ.
        assert_eq!(tidegate_promql::parse(&text).map(|expr| format!("{expr:?}")), Ok(format!("{expr:?}")));
    }
}

#[test]
fn cases_have_every_function() {
    let written: String = (0..100).flat_map(|seed| case(seed).queries).map(|query| query.expr + "\n").collect();
    let missing: Vec<_> =
        tidegate_promql::function_names().filter(|name| !written.contains(&format!("{name}("))).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

fn recorded() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded/answers.jsonl")
}

/// Small answers of a few seeds, so that the file stays small.
fn record(program: &str) {
    const SEEDS: std::ops::Range<u64> = 0..32;
    const MAX_LINE_BYTES: usize = 8_000;
    let mut oracle = Oracle::start(program);
    let mut text = String::new();
    for seed in SEEDS {
        let case = case(seed);
        let answers = oracle.ask(&case);
        for (query, answer) in case.queries.into_iter().zip(answers) {
            let line = serde_json::to_string(&Recorded { seed, query, answer }).expect("an answer is JSON");
            if line.len() <= MAX_LINE_BYTES {
                text += &line;
                text.push('\n');
            }
        }
    }
    std::fs::write(recorded(), text).expect("writes the recorded answers");
}
