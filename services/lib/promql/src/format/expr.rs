//! A query as text: what parses to the same tree, with no more parentheses than
//! that needs.

use std::fmt::{self, Display, Formatter, Write};

use tidegate_model::METRIC_NAME;

use super::general;
use crate::{
    Aggregate, AggregateOp, At, Binary, BinaryOp, Cardinality, Expr, Grouping, MatchOp, Matcher, Matching,
    VectorSelector,
};

/// Loosest first.
const UNARY: u8 = 5;
const ATOM: u8 = 7;

impl Expr {
    fn strength(&self) -> u8 {
        match self {
            Self::Binary(binary) => binary.op.strength(),
            Self::Negate(_) => UNARY,
            Self::Number(number) if number.is_sign_negative() && !number.is_nan() => UNARY,
            _ => ATOM,
        }
    }
}

impl BinaryOp {
    fn strength(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And | Self::Unless => 2,
            Self::Add | Self::Sub => 4,
            Self::Mul | Self::Div | Self::Mod | Self::Atan2 => 5,
            Self::Pow => 6,
            _ => 3,
        }
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => f.write_str(&general(*number)),
            Self::String(text) => quoted(f, text),
            Self::Vector(selector) => write!(f, "{}{}", Series(selector), modifiers(selector.offset_ms, selector.at)),
            Self::Matrix(matrix) => {
                let VectorSelector { offset_ms, at, .. } = matrix.vector;
                write!(f, "{}[{}]{}", Series(&matrix.vector), Duration(matrix.range_ms), modifiers(offset_ms, at))
            }
            Self::Subquery(subquery) => {
                part(f, &subquery.expr, ATOM)?;
                let (range, step) = (Duration(subquery.range_ms), Duration(subquery.step_ms));
                write!(f, "[{range}:{step}]{}", modifiers(subquery.offset_ms, subquery.at))
            }
            Self::Call(call) => {
                write!(f, "{}(", call.function.name)?;
                list(f, &call.args, |f, arg| arg.fmt(f))?;
                f.write_char(')')
            }
            Self::Aggregate(aggregate) => aggregate.fmt(f),
            Self::Binary(binary) => binary.fmt(f),
            Self::Negate(inner) => {
                f.write_char('-')?;
                part(f, inner, UNARY + 1)
            }
        }
    }
}

/// An operand, in parentheses if it binds more loosely than `strength`.
fn part(f: &mut Formatter<'_>, expr: &Expr, strength: u8) -> fmt::Result {
    if expr.strength() < strength { write!(f, "({expr})") } else { expr.fmt(f) }
}

fn list<T>(f: &mut Formatter<'_>, items: &[T], each: impl Fn(&mut Formatter<'_>, &T) -> fmt::Result) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        each(f, item)?;
    }
    Ok(())
}

impl Display for Aggregate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self.op {
            AggregateOp::Sum => "sum",
            AggregateOp::Avg => "avg",
            AggregateOp::Min => "min",
            AggregateOp::Max => "max",
            AggregateOp::Count => "count",
            AggregateOp::Group => "group",
            AggregateOp::Stddev => "stddev",
            AggregateOp::Stdvar => "stdvar",
            AggregateOp::Quantile => "quantile",
            AggregateOp::Topk => "topk",
            AggregateOp::Bottomk => "bottomk",
            AggregateOp::CountValues => "count_values",
        })?;
        match &self.grouping {
            Grouping::By(names) if names.is_empty() => {}
            Grouping::By(names) => labels(f, " by (", names, ") ")?,
            Grouping::Without(names) => labels(f, " without (", names, ") ")?,
        }
        f.write_char('(')?;
        if let Some(param) = &self.param {
            write!(f, "{param}, ")?;
        }
        write!(f, "{})", self.expr)
    }
}

impl Display for Binary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // Powers group to the right, all others to the left. A sign on the left
        // of a power would take all of it.
        let around = |op: BinaryOp| match op {
            BinaryOp::Pow => (op.strength() + 1, op.strength()),
            _ => (op.strength(), op.strength() + 1),
        };
        let chain = self.chain();
        let needs_parentheses = |outer: &Binary| match &outer.left {
            Expr::Binary(left) => left.op.strength() < around(outer.op).0,
            _ => false,
        };
        for _ in chain.iter().filter(|binary| needs_parentheses(binary)) {
            f.write_char('(')?;
        }
        for binary in chain.iter().rev() {
            let (left, right) = around(binary.op);
            match &binary.left {
                Expr::Binary(_) if needs_parentheses(binary) => f.write_char(')')?,
                Expr::Binary(_) => {}
                first => part(f, first, left)?,
            }
            write!(f, " {}{}{} ", binary.op, if binary.returns_bool { " bool" } else { "" }, binary.matching)?;
            part(f, &binary.right, right)?;
        }
        Ok(())
    }
}

impl Display for BinaryOp {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Atan2 => "atan2",
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::And => "and",
            Self::Or => "or",
            Self::Unless => "unless",
            Self::TrimUpper => "</",
            Self::TrimLower => ">/",
        })
    }
}

impl Display for Matching {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (&self.on, &self.cardinality) {
            (Grouping::Without(names), Cardinality::OneToOne) if names.is_empty() => return Ok(()),
            (Grouping::By(names), _) => labels(f, " on (", names, ")")?,
            (Grouping::Without(names), _) => labels(f, " ignoring (", names, ")")?,
        }
        match &self.cardinality {
            Cardinality::OneToOne => Ok(()),
            Cardinality::ManyToOne(names) => labels(f, " group_left (", names, ")"),
            Cardinality::OneToMany(names) => labels(f, " group_right (", names, ")"),
        }
    }
}

fn labels(f: &mut Formatter<'_>, open: &str, names: &[String], close: &str) -> fmt::Result {
    f.write_str(open)?;
    list(f, names, |f, name| label(f, name))?;
    f.write_str(close)
}

fn label(f: &mut Formatter<'_>, name: &str) -> fmt::Result {
    if is_plain(name, false) { f.write_str(name) } else { quoted(f, name) }
}

/// Whether a name needs no quotes. Metrics may have colons.
fn is_plain(name: &str, colons: bool) -> bool {
    let is_start = |c: char| c == '_' || c.is_ascii_alphabetic() || (colons && c == ':');
    name.starts_with(is_start) && name.chars().all(|c| is_start(c) || c.is_ascii_digit())
}

/// Names that mean something else where a selector begins.
fn is_reserved(name: &str) -> bool {
    let words = ["inf", "nan", "bool", "on", "ignoring", "group_left", "group_right", "atan2"];
    words.iter().any(|word| name.eq_ignore_ascii_case(word))
}

/// `name{matchers}`.
struct Series<'a>(&'a VectorSelector);

impl Display for Series<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let matchers = &self.0.matchers;
        let names = matchers.iter().filter(|matcher| matcher.name == METRIC_NAME).count();
        let name = matchers.iter().find(|matcher| {
            let is_name = matcher.name == METRIC_NAME && matcher.op == MatchOp::Equal && names == 1;
            is_name && is_plain(&matcher.value, true) && !is_reserved(&matcher.value)
        });
        if let Some(name) = name {
            f.write_str(&name.value)?;
        }
        let rest: Vec<&Matcher> = matchers.iter().filter(|matcher| name.is_none_or(|name| *matcher != name)).collect();
        if name.is_some() && rest.is_empty() {
            return Ok(());
        }
        f.write_char('{')?;
        list(f, &rest, |f, matcher| {
            label(f, &matcher.name)?;
            f.write_str(match matcher.op {
                MatchOp::Equal => "=",
                MatchOp::NotEqual => "!=",
                MatchOp::Regex => "=~",
                MatchOp::NotRegex => "!~",
            })?;
            quoted(f, &matcher.value)
        })?;
        f.write_char('}')
    }
}

fn quoted(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            '\n' => f.write_str("\\n")?,
            '\t' => f.write_str("\\t")?,
            '\r' => f.write_str("\\r")?,
            c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

fn modifiers(offset_ms: i64, at: Option<At>) -> String {
    let at = match at {
        None => String::new(),
        Some(At::Start) => " @ start()".to_owned(),
        Some(At::End) => " @ end()".to_owned(),
        Some(At::Time { time_ms }) => format!(" @ {:.3}", time_ms as f64 / 1000.0),
    };
    match offset_ms {
        0 => at,
        back if back > 0 => format!("{at} offset {}", Duration(back)),
        ahead => format!("{at} offset -{}", Duration(ahead.saturating_neg())),
    }
}

/// Milliseconds as `1h30m`.
struct Duration(i64);

impl Display for Duration {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        if rest == 0 {
            return f.write_str("0s");
        }
        // 90d reads better than 12w6d.
        for (unit, length_ms) in [("y", 31_536_000_000), ("w", 604_800_000)] {
            if rest % length_ms == 0 {
                return write!(f, "{}{unit}", rest / length_ms);
            }
        }
        for (unit, length_ms) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
            if rest >= length_ms {
                write!(f, "{}{unit}", rest / length_ms)?;
                rest %= length_ms;
            }
        }
        Ok(())
    }
}
