//! From text to our syntax tree. The only file that knows the parser crate.

mod guard;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use promql_parser::label::{MatchOp as ParsedOp, Matchers};
use promql_parser::parser::{self as promql, token};
use tidegate_model::METRIC_NAME;

use crate::functions::find;
use crate::{
    Aggregate, AggregateOp, At, Binary, BinaryOp, Call, Cardinality, Expr, Grouping, MatchOp, Matcher, Matching,
    MatrixSelector, ParseError, Subquery, ValueType, VectorSelector,
};

pub use guard::{MAX_DEPTH, MAX_QUERY_BYTES, MAX_REGEX_MATCHERS};

/// Step of a subquery that names none.
const DEFAULT_SUBQUERY_STEP_MS: i64 = 60_000;

/// Parses and checks a query.
///
/// # Errors
/// A query that is wrong, too large, or uses what is not there yet; the message
/// is meant for the query's author.
pub fn parse(query: &str) -> Result<Expr, ParseError> {
    guard::check(query)?;
    let parsed = promql::parse(query).map_err(ParseError::Syntax)?;
    translate(parsed)
}

fn translate(expr: promql::Expr) -> Result<Expr, ParseError> {
    match expr {
        promql::Expr::Paren(paren) => translate(*paren.expr),
        promql::Expr::NumberLiteral(number) => Ok(Expr::Number(number.val)),
        promql::Expr::StringLiteral(string) => Ok(Expr::String(string.val)),
        promql::Expr::VectorSelector(selector) => Ok(Expr::Vector(vector_selector(selector)?)),
        promql::Expr::MatrixSelector(matrix) => {
            Ok(Expr::Matrix(MatrixSelector { vector: vector_selector(matrix.vs)?, range_ms: range_ms(matrix.range)? }))
        }
        promql::Expr::Subquery(sub) => subquery(sub),
        promql::Expr::Unary(unary) => Ok(match translate(*unary.expr)? {
            Expr::Number(number) => Expr::Number(-number),
            inner => Expr::Negate(Box::new(inner)),
        }),
        promql::Expr::Call(parsed) => call(parsed),
        promql::Expr::Aggregate(parsed) => aggregate(parsed),
        promql::Expr::Binary(parsed) => binary(parsed),
        promql::Expr::Extension(_) => Err(ParseError::Unsupported("this kind of expression")),
    }
}

fn subquery(sub: promql::SubqueryExpr) -> Result<Expr, ParseError> {
    let expr = translate(*sub.expr)?;
    expect(ValueType::Vector, &expr, || "subquery".to_owned())?;
    let step_ms = match sub.step {
        Some(step) => range_ms(step)?,
        None => DEFAULT_SUBQUERY_STEP_MS,
    };
    Ok(Expr::Subquery(Box::new(Subquery {
        expr,
        range_ms: range_ms(sub.range)?,
        step_ms,
        offset_ms: offset_ms(sub.offset),
        at: at(sub.at),
    })))
}

fn vector_selector(selector: promql::VectorSelector) -> Result<VectorSelector, ParseError> {
    let Matchers { matchers: parsed, or_matchers } = selector.matchers;
    if !or_matchers.is_empty() {
        return Err(ParseError::Unsupported("\"or\" between label matchers"));
    }
    let mut matchers = Vec::with_capacity(parsed.len() + 1);
    if let Some(name) = selector.name {
        matchers.push(Matcher::new(MatchOp::Equal, METRIC_NAME, name)?);
    }
    for matcher in parsed {
        let op = match matcher.op {
            ParsedOp::Equal => MatchOp::Equal,
            ParsedOp::NotEqual => MatchOp::NotEqual,
            ParsedOp::Re(_) => MatchOp::Regex,
            ParsedOp::NotRe(_) => MatchOp::NotRegex,
        };
        matchers.push(Matcher::new(op, matcher.name, matcher.value)?);
    }
    Ok(VectorSelector { matchers, offset_ms: offset_ms(selector.offset), at: at(selector.at) })
}

fn call(parsed: promql::Call) -> Result<Expr, ParseError> {
    let name = parsed.func.name;
    let function = find(name).ok_or_else(|| ParseError::UnsupportedFunction(name.to_owned()))?;
    let args = parsed.args.args.into_iter().map(|arg| translate(*arg)).collect::<Result<Vec<_>, _>>()?;
    for (index, arg) in args.iter().enumerate() {
        let expected = function.args.get(index).or(function.args.last()).copied().unwrap_or(ValueType::Vector);
        expect(expected, arg, || format!("call to function \"{name}\""))?;
    }
    Ok(Expr::Call(Call { function, args }))
}

fn aggregate(parsed: promql::AggregateExpr) -> Result<Expr, ParseError> {
    let op = match parsed.op.id() {
        token::T_SUM => AggregateOp::Sum,
        token::T_AVG => AggregateOp::Avg,
        token::T_MIN => AggregateOp::Min,
        token::T_MAX => AggregateOp::Max,
        token::T_COUNT => AggregateOp::Count,
        token::T_GROUP => AggregateOp::Group,
        token::T_STDDEV => AggregateOp::Stddev,
        token::T_STDVAR => AggregateOp::Stdvar,
        token::T_QUANTILE => AggregateOp::Quantile,
        token::T_TOPK => AggregateOp::Topk,
        token::T_BOTTOMK => AggregateOp::Bottomk,
        token::T_COUNT_VALUES => AggregateOp::CountValues,
        _ => return Err(ParseError::UnsupportedFunction(parsed.op.to_string())),
    };
    let grouping = match parsed.modifier {
        Some(modifier) => grouping(modifier),
        None => Grouping::By(Vec::new()),
    };
    let expr = translate(*parsed.expr)?;
    expect(ValueType::Vector, &expr, || "aggregation expression".to_owned())?;
    let param = parsed.param.map(|param| translate(*param)).transpose()?;
    if let Some(param) = &param {
        let expected = if op == AggregateOp::CountValues { ValueType::String } else { ValueType::Scalar };
        expect(expected, param, || "aggregation parameter".to_owned())?;
    }
    Ok(Expr::Aggregate(Box::new(Aggregate { op, expr, param, grouping })))
}

fn binary(parsed: promql::BinaryExpr) -> Result<Expr, ParseError> {
    let op = match parsed.op.id() {
        token::T_ADD => BinaryOp::Add,
        token::T_SUB => BinaryOp::Sub,
        token::T_MUL => BinaryOp::Mul,
        token::T_DIV => BinaryOp::Div,
        token::T_MOD => BinaryOp::Mod,
        token::T_POW => BinaryOp::Pow,
        token::T_ATAN2 => BinaryOp::Atan2,
        token::T_EQLC => BinaryOp::Eq,
        token::T_NEQ => BinaryOp::Ne,
        token::T_LSS => BinaryOp::Lt,
        token::T_LTE => BinaryOp::Le,
        token::T_GTR => BinaryOp::Gt,
        token::T_GTE => BinaryOp::Ge,
        token::T_LAND => BinaryOp::And,
        token::T_LOR => BinaryOp::Or,
        token::T_LUNLESS => BinaryOp::Unless,
        _ => return Err(ParseError::Unsupported("this operator")),
    };
    let modifier = parsed.modifier.unwrap_or_default();
    if modifier.fill_values.lhs.is_some() || modifier.fill_values.rhs.is_some() {
        return Err(ParseError::Unsupported("the fill modifier"));
    }
    let cardinality = match modifier.card {
        promql::VectorMatchCardinality::ManyToOne(labels) => Cardinality::ManyToOne(labels.labels),
        promql::VectorMatchCardinality::OneToMany(labels) => Cardinality::OneToMany(labels.labels),
        _ => Cardinality::OneToOne,
    };
    let on = modifier.matching.map_or_else(|| Grouping::Without(Vec::new()), grouping);
    let (left, right) = (translate(*parsed.lhs)?, translate(*parsed.rhs)?);
    for side in [&left, &right] {
        if !matches!(side.value_type(), ValueType::Scalar | ValueType::Vector) {
            return Err(ParseError::Type {
                expected: "scalar or instant vector",
                context: "binary expression".to_owned(),
                actual: side.value_type().describe(),
            });
        }
    }
    Ok(Expr::Binary(Box::new(Binary {
        op,
        left,
        right,
        matching: Matching { on, cardinality },
        returns_bool: modifier.return_bool,
    })))
}

fn grouping(modifier: promql::LabelModifier) -> Grouping {
    match modifier {
        promql::LabelModifier::Include(labels) => Grouping::By(labels.labels),
        promql::LabelModifier::Exclude(labels) => Grouping::Without(labels.labels),
    }
}

fn expect(expected: ValueType, expr: &Expr, context: impl FnOnce() -> String) -> Result<(), ParseError> {
    let actual = expr.value_type();
    if actual == expected {
        return Ok(());
    }
    Err(ParseError::Type { expected: expected.describe(), context: context(), actual: actual.describe() })
}

fn range_ms(duration: Duration) -> Result<i64, ParseError> {
    match millis(duration) {
        0 => Err(ParseError::Syntax("duration must be greater than 0".to_owned())),
        range_ms => Ok(range_ms),
    }
}

fn offset_ms(offset: Option<promql::Offset>) -> i64 {
    match offset {
        None => 0,
        Some(promql::Offset::Pos(duration)) => millis(duration),
        Some(promql::Offset::Neg(duration)) => -millis(duration),
    }
}

fn at(modifier: Option<promql::AtModifier>) -> Option<At> {
    modifier.map(|modifier| match modifier {
        promql::AtModifier::Start => At::Start,
        promql::AtModifier::End => At::End,
        promql::AtModifier::At(time) => At::Time { time_ms: unix_ms(time) },
    })
}

fn unix_ms(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => millis(after),
        Err(before) => -millis(before.duration()),
    }
}

/// Longer than any time axis: half of what arithmetic on times can hold.
fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX).min(i64::MAX / 4)
}

#[cfg(test)]
mod tests;
