//! Walking the tree: every expression is evaluated for all steps at once.

use std::sync::Arc;

use hashbrown::hash_map::Entry;
use hashbrown::{HashMap, HashSet};
use tidegate_model::Labels;

use crate::functions::{Implementation, RangeFunction, Subject};
use crate::labels::without_name;
use crate::limits::Budget;
use crate::notes::{Note, NoteSet, Notes};
use crate::operators::negate;
use crate::source::selection;
use crate::steps::Steps;
use crate::track::{Cursor, InstantCursor, RangeView, Track};
use crate::value::{Cell, Series, Value};
use crate::{
    Call, EvalError, Expr, InstantSample, Limits, MatrixSelector, QueryValue, Range, RangeSeries, SampleValue,
    SeriesData, SeriesSource, Subquery, ValueType, VectorSelector, Windows, aggregate, binary,
};

/// An answer and what should be known about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluated {
    pub value: QueryValue,
    pub warnings: Vec<String>,
    pub infos: Vec<String>,
}

/// Evaluates an expression at each time of the range. Vectors come sorted by
/// labels, except where the query orders them (`sort`, `topk`, …). A scalar stays
/// a scalar over a range too; Prometheus' API shows it as a matrix of one series
/// without labels.
///
/// # Errors
/// A limit is exceeded, the source fails, or the data do not fit the query
/// (ambiguous matches).
pub fn evaluate(
    expr: &Expr,
    range: &Range,
    source: &dyn SeriesSource,
    limits: &Limits,
) -> Result<Evaluated, EvalError> {
    let steps = Steps::of(range).ok_or(EvalError::BadRange)?;
    let budget = Budget::new(limits);
    budget.steps(steps.count)?;
    let mut evaluator = Evaluator { source, range: *range, budget, notes: Notes::default(), depth: 0 };
    let is_instant = range.start_ms == range.end_ms;
    let value = match expr {
        Expr::Matrix(_) | Expr::Subquery(_) if !is_instant => return Err(EvalError::MatrixOverRange),
        Expr::String(_) if range.step_ms > 0 => return Err(EvalError::StringOverRange),
        Expr::Matrix(_) | Expr::Subquery(_) => evaluator.raw_matrix(expr, &steps)?,
        _ => present(evaluator.eval(expr, &steps)?, &steps, is_instant, is_ordered(expr)),
    };
    let (warnings, infos) = evaluator.notes.into_parts();
    Ok(Evaluated { value, warnings, infos })
}

/// Whether the order of an instant vector is the query's own.
fn is_ordered(expr: &Expr) -> bool {
    use crate::AggregateOp::{Bottomk, Topk};
    match expr {
        Expr::Call(call) => matches!(call.function.name, "sort" | "sort_desc"),
        Expr::Aggregate(aggregate) => matches!(aggregate.op, Topk | Bottomk),
        _ => false,
    }
}

fn present(value: Value, steps: &Steps, is_instant: bool, is_ordered: bool) -> QueryValue {
    let mut vector = match value {
        Value::Scalar(numbers) => {
            return QueryValue::Scalar(
                numbers.into_iter().enumerate().map(|(step, number)| (steps.time_ms(step), number)).collect(),
            );
        }
        Value::String(text) => return QueryValue::String(text),
        Value::Vector(vector) => vector,
    };
    if !(is_instant && is_ordered) {
        vector.sort_by(|a, b| a.labels.iter().cmp(b.labels.iter()));
    }
    if is_instant {
        let sample = |series: Series| {
            let value = series.cells.into_iter().next().flatten()?;
            Some(InstantSample { labels: series.labels, time_ms: steps.start_ms, value })
        };
        return QueryValue::Vector(vector.into_iter().filter_map(sample).collect());
    }
    let series = |series: Series| {
        let cells = series.cells.into_iter().enumerate();
        let points: Vec<_> = cells.filter_map(|(step, cell)| Some((steps.time_ms(step), cell?))).collect();
        (!points.is_empty()).then_some(RangeSeries { labels: series.labels, points })
    };
    QueryValue::Matrix(vector.into_iter().filter_map(series).collect())
}

pub(crate) struct Evaluator<'a> {
    source: &'a dyn SeriesSource,
    range: Range,
    pub budget: Budget<'a>,
    pub notes: Notes,
    depth: usize,
}

/// A series of a range vector. Its samples are laid out only while it is
/// evaluated: all at once would take many times the windows' memory.
pub(crate) enum Held {
    Windows(Arc<SeriesData>),
    /// Of a subquery.
    Values(Labels, Track),
}

impl Held {
    pub fn lay_out(self) -> (Labels, Track) {
        match self {
            Self::Windows(data) => (data.labels.clone(), Track::of(&data.windows)),
            Self::Values(labels, track) => (labels, track),
        }
    }
}

/// A range vector: series, and from where to where each step looks.
pub(crate) struct RangeInput {
    pub series: Vec<Held>,
    /// The ends of the ranges.
    pub ends: Steps,
    pub range_ms: i64,
}

impl Evaluator<'_> {
    pub fn eval(&mut self, expr: &Expr, steps: &Steps) -> Result<Value, EvalError> {
        self.depth += 1;
        self.budget.depth(self.depth)?;
        let value = match expr {
            Expr::Number(number) => Value::Scalar(vec![*number; steps.count]),
            Expr::String(text) => Value::String(text.clone()),
            Expr::Vector(selector) => Value::Vector(self.instant_vector(selector, steps)?),
            Expr::Matrix(_) | Expr::Subquery(_) => {
                return Err(EvalError::Type { expected: "instant vector or scalar", context: "this place" });
            }
            Expr::Call(call) => self.call(call, steps)?,
            Expr::Aggregate(aggregate) => Value::Vector(aggregate::eval(self, aggregate, steps)?),
            Expr::Binary(binary) => {
                let chain = binary.chain();
                let mut value = self.eval(chain.last().map_or(&binary.left, |last| &last.left), steps)?;
                for binary in chain.iter().rev() {
                    value = binary::eval(self, binary, value, steps)?;
                }
                value
            }
            Expr::Negate(inner) => {
                let value = self.eval(inner, steps)?;
                self.negated(value)?
            }
        };
        self.depth -= 1;
        Ok(value)
    }

    pub fn vector(&mut self, expr: &Expr, steps: &Steps) -> Result<Vec<Series>, EvalError> {
        match self.eval(expr, steps)? {
            Value::Vector(vector) => Ok(vector),
            _ => Err(EvalError::Type { expected: "an instant vector", context: "an argument" }),
        }
    }

    pub fn scalar(&mut self, expr: &Expr, steps: &Steps) -> Result<Vec<f64>, EvalError> {
        match self.eval(expr, steps)? {
            Value::Scalar(numbers) => Ok(numbers),
            _ => Err(EvalError::Type { expected: "a scalar", context: "an argument" }),
        }
    }

    /// Cells that are about to be made.
    pub fn spend(&mut self, series: usize, steps: &Steps) -> Result<(), EvalError> {
        self.budget.spend(series.saturating_mul(steps.count))
    }

    fn negated(&mut self, value: Value) -> Result<Value, EvalError> {
        Ok(match value {
            Value::Scalar(numbers) => Value::Scalar(numbers.into_iter().map(|number| -number).collect()),
            Value::Vector(mut vector) => {
                for series in &mut vector {
                    series.labels = without_name(&series.labels);
                    series.cells.iter_mut().flatten().for_each(|value| *value = negate(value));
                }
                Value::Vector(merge_equal(vector)?)
            }
            Value::String(_) => return Err(EvalError::Type { expected: "a number", context: "a negation" }),
        })
    }

    fn call(&mut self, call: &Call, steps: &Steps) -> Result<Value, EvalError> {
        match &call.function.implementation {
            Implementation::Range(function) => Ok(Value::Vector(self.over_range(call, function, steps)?)),
            Implementation::Math(map) => {
                let Some(arg) = call.args.first() else {
                    return Err(EvalError::Type { expected: "an argument", context: "a function" });
                };
                let vector = self.vector(arg, steps)?;
                Ok(Value::Vector(self.map_floats(vector, |value, _| map(value))?))
            }
            Implementation::Custom(eval) => eval(self, call, steps),
        }
    }

    /// Applies a function to the float cells; histograms are left out, and the
    /// name is dropped.
    pub fn map_floats(
        &mut self,
        mut vector: Vec<Series>,
        map: impl Fn(f64, usize) -> f64,
    ) -> Result<Vec<Series>, EvalError> {
        for series in &mut vector {
            series.labels = without_name(&series.labels);
            for (step, cell) in series.cells.iter_mut().enumerate() {
                *cell = match cell.take() {
                    Some(SampleValue::Float(value)) => Some(SampleValue::Float(map(value, step))),
                    _ => None,
                };
            }
        }
        merge_equal(vector)
    }

    fn instant_vector(&mut self, selector: &VectorSelector, steps: &Steps) -> Result<Vec<Series>, EvalError> {
        self.instant_with(selector, steps, |_, value| value)
    }

    /// Looks a selector up; `show` makes the cell from a sample's own time and
    /// its value.
    pub fn instant_with(
        &mut self,
        selector: &VectorSelector,
        steps: &Steps,
        show: impl Fn(i64, SampleValue) -> SampleValue,
    ) -> Result<Vec<Series>, EvalError> {
        let seen = steps.shifted(selector.at, selector.offset_ms, &self.range);
        let found = self.load(&selection(&selector.matchers, &seen, crate::LOOKBACK_MS))?;
        let mut vector = Vec::with_capacity(found.len());
        for data in found {
            self.budget.spend(steps.count)?;
            let (labels, track) = Held::Windows(data).lay_out();
            let mut cursor = InstantCursor::default();
            let mut noted = NoteSet::default();
            let mut cell = |step| {
                let (time_ms, value) = cursor.at(&track, seen.time_ms(step), &mut noted)?;
                Some(show(time_ms, value))
            };
            let cells: Vec<_> = (0..steps.count).map(&mut cell).collect();
            self.notes.take(noted, labels.metric_name());
            let series = Series { labels, cells };
            if !series.is_empty() {
                vector.push(series);
            }
        }
        Ok(vector)
    }

    fn load(&mut self, selection: &crate::Selection) -> Result<Vec<Arc<SeriesData>>, EvalError> {
        let found = self.source.select(selection)?;
        self.budget.series(found.len())?;
        for data in &found {
            self.budget.spend(data.windows.len())?;
        }
        Ok(found)
    }

    pub fn range_input(&mut self, expr: &Expr, steps: &Steps) -> Result<RangeInput, EvalError> {
        match expr {
            Expr::Matrix(MatrixSelector { vector, range_ms }) => {
                let ends = steps.shifted(vector.at, vector.offset_ms, &self.range);
                let found = self.load(&selection(&vector.matchers, &ends, *range_ms))?;
                Ok(RangeInput { series: found.into_iter().map(Held::Windows).collect(), ends, range_ms: *range_ms })
            }
            Expr::Subquery(subquery) => self.subquery(subquery, steps),
            _ => Err(EvalError::Type { expected: "a range vector", context: "an argument" }),
        }
    }

    fn subquery(&mut self, subquery: &Subquery, steps: &Steps) -> Result<RangeInput, EvalError> {
        let inner = steps.subquery(subquery, &self.range);
        // A subquery has a grid of its own, up to many times the outer one: it
        // is held to the samples, not to the resolution of what is shown.
        self.budget.spend(inner.count)?;
        let ends = steps.shifted(subquery.at, subquery.offset_ms, &self.range);
        let vector = if inner.count == 0 { Vec::new() } else { self.vector(&subquery.expr, &inner)? };
        let track = |series: Series| {
            let cells = series.cells.into_iter().enumerate();
            Held::Values(series.labels, Track::of_cells(cells.map(|(step, cell)| (inner.time_ms(step), cell))))
        };
        Ok(RangeInput { series: vector.into_iter().map(track).collect(), ends, range_ms: subquery.range_ms })
    }

    fn over_range(&mut self, call: &Call, function: &RangeFunction, steps: &Steps) -> Result<Vec<Series>, EvalError> {
        let missing = EvalError::Type { expected: "a range vector", context: "a function" };
        let is_range = |arg: &&Expr| arg.value_type() == ValueType::Matrix;
        let Some(range_arg) = call.args.iter().find(is_range) else { return Err(missing) };
        let params = match call.args.iter().find(|arg| !is_range(arg)) {
            Some(param) => self.scalar(param, steps)?,
            None => Vec::new(),
        };
        let input = self.range_input(range_arg, steps)?;
        let cells = input.series.len().saturating_mul(steps.count);
        self.budget.spend(cells)?;
        let over = OverRange { function, ends: input.ends, range_ms: input.range_ms, steps, params: &params };
        let deadline = self.budget.deadline();
        let evaluated = self.budget.workers().map(input.series, cells, |held| {
            // A step may look at thousands of samples.
            deadline().map(|()| over.series(held))
        });
        let mut vector = Vec::with_capacity(evaluated.len());
        for one in evaluated {
            let (series, noted, name) = one?;
            self.notes.take(noted, &name);
            vector.extend(series);
        }
        all_different(vector)
    }

    /// The samples themselves, for an instant query of a range vector.
    fn raw_matrix(&mut self, expr: &Expr, steps: &Steps) -> Result<QueryValue, EvalError> {
        let input = self.range_input(expr, steps)?;
        let end_ms = input.ends.start_ms;
        let mut matrix = Vec::new();
        for held in input.series {
            let (labels, track) = held.lay_out();
            let mut cursor = Cursor::default();
            let view = cursor.view(&track, end_ms.saturating_sub(input.range_ms), end_ms);
            let mut noted = NoteSet::default();
            if view.floats.has_blocks() || view.floats.is_cut() {
                noted.add(Note::EverySample);
            }
            self.notes.take(noted, labels.metric_name());
            let floats = view.floats.known_points().chain(view.deltas.iter().copied());
            let histograms = view.histograms.iter().chain(view.distributions);
            let mut points: Vec<_> = floats
                .map(|point| (point.time_ms, SampleValue::Float(point.value)))
                .chain(histograms.map(|point| (point.time_ms, SampleValue::Histogram(point.value.clone()))))
                .collect();
            points.sort_by_key(|(time_ms, _)| *time_ms);
            if !points.is_empty() {
                matrix.push(RangeSeries { labels, points });
            }
        }
        matrix.sort_by(|a, b| a.labels.iter().cmp(b.labels.iter()));
        Ok(QueryValue::Matrix(matrix))
    }
}

/// A function of a range vector, ready for each of its series.
struct OverRange<'a> {
    function: &'a RangeFunction,
    ends: Steps,
    range_ms: i64,
    steps: &'a Steps,
    /// By step; none: NaN.
    params: &'a [f64],
}

impl OverRange<'_> {
    /// The series if it has any value, what is to be noted, and of which name.
    fn series(&self, held: Held) -> (Option<Series>, NoteSet, String) {
        let mut noted = NoteSet::default();
        let mut of_track = |track: &Track| (self.cells(track, &mut noted), !track.floats.entries.is_empty());
        let (labels, (cells, has_floats)) = match held {
            Held::Values(labels, track) => (labels, of_track(&track)),
            Held::Windows(data) => {
                let cells = match (self.function.of_points, &data.windows) {
                    (Some(of_points), Windows::Points(points)) => {
                        (of_points(points, &self.ends, self.range_ms), !points.is_empty())
                    }
                    (_, windows) => of_track(&Track::of(windows)),
                };
                (data.labels.clone(), cells)
            }
        };
        let name = labels.metric_name();
        let is_float = |cell: &Cell| matches!(cell, Some(SampleValue::Float(_)));
        let is_of_counters = self.function.subject == Subject::Counters;
        if is_of_counters && !name.is_empty() && !is_counter_name(name) && has_floats && cells.iter().any(is_float) {
            noted.add(Note::NotACounter);
        }
        let name = name.to_owned();
        let series = Series { labels: if self.function.keeps_name { labels } else { without_name(&labels) }, cells };
        ((!series.is_empty()).then_some(series), noted, name)
    }

    /// A cell a step.
    fn cells(&self, track: &Track, noted: &mut NoteSet) -> Vec<Cell> {
        let Self { function, ends, range_ms, steps, params } = self;
        let is_of_counters = function.subject == Subject::Counters;
        let mut cursor = if is_of_counters { Cursor::counting(track) } else { Cursor::default() };
        let cell = |step| {
            let end_ms = ends.time_ms(step);
            let view = cursor.view(track, end_ms.saturating_sub(*range_ms), end_ms);
            let view = RangeView { step_ms: steps.time_ms(step), ..view };
            let param = params.get(step).copied().unwrap_or(f64::NAN);
            (function.apply)(&view, param, noted)
        };
        (0..steps.count).map(cell).collect()
    }
}

fn is_counter_name(name: &str) -> bool {
    ["_total", "_sum", "_count", "_bucket"].iter().any(|suffix| name.ends_with(suffix))
}

/// Series must not have come to have the same labels, at any step.
fn all_different(vector: Vec<Series>) -> Result<Vec<Series>, EvalError> {
    let mut seen: HashSet<&Labels> = HashSet::with_capacity(vector.len());
    let are_different = vector.iter().all(|series| seen.insert(&series.labels));
    drop(seen);
    if are_different { Ok(vector) } else { Err(EvalError::DuplicateLabels) }
}

/// Joins series that have come to have the same labels, as long as they have no
/// step in common.
pub(crate) fn merge_equal(vector: Vec<Series>) -> Result<Vec<Series>, EvalError> {
    let mut places: HashMap<Labels, usize> = HashMap::with_capacity(vector.len());
    let mut merged: Vec<Series> = Vec::with_capacity(vector.len());
    for series in vector {
        match places.entry(series.labels.clone()) {
            Entry::Vacant(place) => {
                place.insert(merged.len());
                merged.push(series);
            }
            Entry::Occupied(place) => {
                for (cell, other) in merged[*place.get()].cells.iter_mut().zip(series.cells) {
                    match (cell.is_some(), other) {
                        (true, Some(_)) => return Err(EvalError::DuplicateLabels),
                        (false, Some(value)) => *cell = Some(value),
                        (_, None) => {}
                    }
                }
            }
        }
    }
    Ok(merged)
}
