//! A comparison for a person to read.

use std::fmt::{self, Display, Formatter};

use super::{Identity, Report};
use crate::emit::aggregation::read::Value;
use crate::emit::java::Double;

/// Differences that are printed; of the others there is a count.
const MAX_PRINTED: usize = 50;
/// Buckets of a histogram that are printed.
const MAX_BUCKETS: usize = 8;

pub fn value(value: &Value) -> String {
    let unit = if value.unit.is_empty() { String::new() } else { format!(" {}", value.unit) };
    let asked = if value.user_specified { "" } else { " (not asked for)" };
    format!("{}{unit}{asked}", Double(value.value))
}

/// The buckets of one that the other has not, or counts otherwise.
pub fn histogram(one: &Value, other: &Value) -> String {
    let Some(own) = &one.histogram else { return "none".into() };
    let others = other.histogram.as_ref();
    let differing = own
        .entries
        .iter()
        .filter(|(bucket, count)| others.is_none_or(|others| others.entries.get(bucket) != Some(count)));
    let mut texts: Vec<String> =
        differing.map(|(bucket, count)| format!("{}×{count}", Double(f64::from_bits(*bucket)))).collect();
    let more = texts.len().saturating_sub(MAX_BUCKETS);
    texts.truncate(MAX_BUCKETS);
    if more > 0 {
        texts.push(format!("and {more} more"));
    }
    format!("[{}] {}", texts.join(" "), own.unit).trim_end().to_owned()
}

impl Display for Identity {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.metric, self.period, self.period_start)?;
        for (name, value) in &self.dimensions {
            write!(f, " {name}={value}")?;
        }
        Ok(())
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (left, right) = (&self.missing.left, &self.missing.right);
        writeln!(f, "results: {} left, {} right", self.results.left, self.results.right)?;
        writeln!(f, "equal: {}", self.equal)?;
        writeln!(f, "different: {}", self.different.len())?;
        writeln!(f, "only left: {}, only right: {}", right.len(), left.len())?;
        writeln!(f, "at the begin or end, not compared: {}", self.at_the_edges)?;
        writeln!(f, "greatest relative difference of two numbers: {:e}", self.greatest_difference)?;
        for (side, left_out) in [("left", self.left_out.left), ("right", self.left_out.right)] {
            if left_out > 0 {
                writeln!(f, "{side}: {left_out} results too many to keep")?;
            }
        }
        if !self.different.is_empty() {
            writeln!(f, "\ndifferent:")?;
        }
        for (identity, differences) in self.different.iter().take(MAX_PRINTED) {
            writeln!(f, "  {identity}")?;
            for difference in differences {
                let (left, right) = (&difference.sides.left, &difference.sides.right);
                writeln!(f, "    {}: {left} | {right}", difference.what)?;
            }
        }
        more(f, self.different.len())?;
        for (title, missing) in [("only left", right), ("only right", left)] {
            if !missing.is_empty() {
                writeln!(f, "\n{title}:")?;
            }
            for identity in missing.iter().take(MAX_PRINTED) {
                writeln!(f, "  {identity}")?;
            }
            more(f, missing.len())?;
        }
        if !self.uneven.is_empty() {
            writeln!(f, "\nsamples of a metric, edges included:")?;
        }
        for (metric, sides) in self.uneven.iter().take(MAX_PRINTED) {
            writeln!(f, "  {metric}: {} | {}", sides.left, sides.right)?;
        }
        more(f, self.uneven.len())
    }
}

fn more(f: &mut Formatter<'_>, count: usize) -> fmt::Result {
    match count.saturating_sub(MAX_PRINTED) {
        0 => Ok(()),
        more => writeln!(f, "  and {more} more"),
    }
}
