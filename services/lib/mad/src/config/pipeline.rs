//! One pipeline: sources, what is computed of their records, sinks.

use std::time::Duration;

use super::fields::{Fields, POSITIVE, distinct};
use super::sink::Sink;
use super::source::Source;
use super::value::Value;
use super::{Note, Problem};
use crate::aggregate::Limits;
use crate::{JavaRegex, Statistic};

#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    pub name: String,
    pub sources: Vec<Source>,
    pub sinks: Vec<Sink>,
    /// Each once, the shortest first.
    pub periods_ms: Vec<u64>,
    /// How long a set of dimensions is kept without a sample.
    pub idle_timeout: Duration,
    /// Not of Java, which has none.
    pub limits: Limits,
    pub timer_statistics: Vec<Statistic>,
    pub counter_statistics: Vec<Statistic>,
    pub gauge_statistics: Vec<Statistic>,
    /// For metrics whose whole name matches: the first that does stands before the lists above.
    pub statistics: Vec<(JavaRegex, Vec<Statistic>)>,
}

impl Pipeline {
    /// As many problems as there are sources, sinks and keys with one.
    pub(super) fn read(value: &Value, notes: &mut Vec<Note>) -> Result<Self, Vec<Problem>> {
        let mut fields = Fields::of(value, "").map_err(|problem| vec![problem])?;
        let mut problems = Vec::new();
        let sources = each(&mut fields, "sources", &mut problems, |value, at| Source::read(value, at, notes));
        let sinks = each(&mut fields, "sinks", &mut problems, |value, at| Sink::read(value, at, notes));
        let rest = Self::read_rest(&mut fields);
        fields.finish(notes);
        match rest {
            Ok(pipeline) if problems.is_empty() => {
                Ok(Self { sources: sources.into_iter().flatten().collect(), sinks, ..pipeline })
            }
            Ok(_) => Err(problems),
            Err(problem) => {
                problems.insert(0, problem);
                Err(problems)
            }
        }
    }

    fn read_rest(fields: &mut Fields<'_>) -> Result<Self, Problem> {
        use Statistic::{Count, Max, Mean, Median, Min, Sum, Tp90, Tp99};
        let second = Duration::from_secs(1);
        let Limits { series, open } = Limits::default();
        let periods = not_empty(fields, "periods", &[second, 60 * second])?;
        let mut periods_ms = Vec::with_capacity(periods.len());
        for period in periods {
            let millis = u64::try_from(period.as_millis()).ok().filter(|millis| *millis > 0);
            let whole = millis.filter(|millis| Duration::from_millis(*millis) == period);
            periods_ms.push(whole.ok_or_else(|| fields.problem("periods", "a period must be of whole milliseconds"))?);
        }
        periods_ms.sort_unstable();
        Ok(Self {
            name: fields.text("name")?,
            sources: Vec::new(),
            sinks: Vec::new(),
            periods_ms,
            idle_timeout: fields.or("idleTimeout", Duration::from_secs(300))?,
            limits: Limits {
                series: fields.count_or("maximumSeries", series as u32, POSITIVE)? as usize,
                open: fields.count_or("maximumOpenSeries", open as u32, POSITIVE)? as usize,
            },
            timer_statistics: not_empty(fields, "timerStatistics", &[Median, Tp90, Tp99, Mean, Count])?,
            counter_statistics: not_empty(fields, "counterStatistics", &[Mean, Sum, Count])?,
            gauge_statistics: not_empty(fields, "gaugeStatistics", &[Min, Max, Mean])?,
            statistics: fields.or("statistics", Vec::new())?,
        })
    }
}

fn not_empty<T: super::fields::Read + PartialEq + Clone>(
    fields: &mut Fields<'_>,
    name: &str,
    default: &[T],
) -> Result<Vec<T>, Problem> {
    let items: Vec<T> = fields.or(name, default.to_vec())?;
    if items.is_empty() { Err(fields.problem(name, "must not be empty")) } else { Ok(distinct(items)) }
}

/// Reads a list, with the problem of each of its items.
fn each<T>(
    fields: &mut Fields<'_>,
    name: &str,
    problems: &mut Vec<Problem>,
    mut read: impl FnMut(&Value, &str) -> Result<T, Problem>,
) -> Vec<T> {
    match fields.take(name) {
        None => Vec::new(),
        Some(Value::List(items)) => {
            let at = fields.path(name);
            let mut one = |(index, item)| match read(item, &format!("{at}[{index}]")) {
                Ok(item) => Some(item),
                Err(problem) => {
                    problems.push(problem);
                    None
                }
            };
            items.iter().enumerate().filter_map(&mut one).collect()
        }
        Some(other) => {
            problems.push(fields.problem(name, format!("{} where a list is expected", other.what())));
            Vec::new()
        }
    }
}
