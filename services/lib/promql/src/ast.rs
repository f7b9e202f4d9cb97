//! The syntax tree that is evaluated. Parentheses are gone, types are checked.

use crate::{Function, Matcher};

#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    Number(f64),
    String(String),
    Vector(VectorSelector),
    Matrix(MatrixSelector),
    Subquery(Box<Subquery>),
    Call(Call),
    Aggregate(Box<Aggregate>),
    Binary(Box<Binary>),
    Negate(Box<Expr>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    Scalar,
    String,
    Vector,
    Matrix,
}

/// `name{matchers} offset … @ …`; the name is a matcher of `__name__`.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorSelector {
    pub matchers: Vec<Matcher>,
    /// Positive: back in time.
    pub offset_ms: i64,
    pub at: Option<At>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct MatrixSelector {
    pub vector: VectorSelector,
    pub range_ms: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Subquery {
    pub expr: Expr,
    pub range_ms: i64,
    pub step_ms: i64,
    pub offset_ms: i64,
    pub at: Option<At>,
}

/// The time of an `@` modifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    Start,
    End,
    Time { time_ms: i64 },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    pub function: &'static Function,
    pub args: Vec<Expr>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    pub op: AggregateOp,
    pub expr: Expr,
    /// k of topk, φ of quantile, label of count_values.
    pub param: Option<Expr>,
    pub grouping: Grouping,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AggregateOp {
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Group,
    Stddev,
    Stdvar,
    Quantile,
    Topk,
    Bottomk,
    CountValues,
}

/// Which labels tell groups (or matching pairs) apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// `by`, `on`: these.
    By(Vec<String>),
    /// `without`, `ignoring`: all but these and the name.
    Without(Vec<String>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Binary {
    pub op: BinaryOp,
    pub left: Expr,
    pub right: Expr,
    pub matching: Matching,
    /// A comparison that gives 0 or 1 where it would filter.
    pub returns_bool: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matching {
    pub on: Grouping,
    pub cardinality: Cardinality,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cardinality {
    OneToOne,
    /// `group_left(labels)`.
    ManyToOne(Vec<String>),
    /// `group_right(labels)`.
    OneToMany(Vec<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    And,
    Or,
    Unless,
    /// `</`: a histogram's observations up to a value.
    TrimUpper,
    /// `>/`: a histogram's observations from a value on.
    TrimLower,
}

impl BinaryOp {
    pub fn is_comparison(self) -> bool {
        matches!(self, Self::Eq | Self::Ne | Self::Lt | Self::Le | Self::Gt | Self::Ge)
    }

    pub fn is_trim(self) -> bool {
        matches!(self, Self::TrimUpper | Self::TrimLower)
    }

    pub fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }
}

impl Expr {
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Number(_) => ValueType::Scalar,
            Self::String(_) => ValueType::String,
            Self::Vector(_) | Self::Aggregate(_) => ValueType::Vector,
            Self::Matrix(_) | Self::Subquery(_) => ValueType::Matrix,
            Self::Call(call) => call.function.returns,
            Self::Negate(inner) => inner.value_type(),
            Self::Binary(binary) => {
                let chain = binary.chain();
                let are_scalars = chain.iter().all(|binary| binary.right.value_type() == ValueType::Scalar);
                let first = chain.last().map_or(&binary.left, |last| &last.left);
                if are_scalars && first.value_type() == ValueType::Scalar {
                    ValueType::Scalar
                } else {
                    ValueType::Vector
                }
            }
        }
    }
}

impl Binary {
    /// This one, the binary on its left, the one on the left of that, and so on:
    /// `a + b + c` is a chain of two. Chains are walked along, not down into,
    /// so that their length is not bound by the stack.
    pub(crate) fn chain(&self) -> Vec<&Self> {
        let mut chain = vec![self];
        let mut binary = self;
        while let Expr::Binary(left) = &binary.left {
            chain.push(left);
            binary = left;
        }
        chain
    }
}

impl Drop for Binary {
    fn drop(&mut self) {
        let mut left = std::mem::replace(&mut self.left, Expr::Number(0.0));
        while let Expr::Binary(mut binary) = left {
            left = std::mem::replace(&mut binary.left, Expr::Number(0.0));
        }
    }
}

/// Functions whose answer depends on the step even when their arguments do not.
const OF_THE_STEP: [&str; 11] = [
    "days_in_month",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "hour",
    "minute",
    "month",
    "year",
    "predict_linear",
    "time",
    "timestamp",
];

impl Expr {
    /// Whether there is a subquery in it, whose own grid may be much finer than
    /// that of the query.
    pub fn has_subquery(&self) -> bool {
        match self {
            Self::Number(_) | Self::String(_) | Self::Vector(_) | Self::Matrix(_) => false,
            Self::Subquery(_) => true,
            Self::Call(call) => call.args.iter().any(Self::has_subquery),
            Self::Aggregate(aggregate) => {
                aggregate.expr.has_subquery() || aggregate.param.as_ref().is_some_and(Self::has_subquery)
            }
            Self::Binary(binary) => {
                let chain = binary.chain();
                let first = chain.last().map_or(&binary.left, |last| &last.left);
                chain.iter().any(|binary| binary.right.has_subquery()) || first.has_subquery()
            }
            Self::Negate(inner) => inner.has_subquery(),
        }
    }

    /// Whether the answer is the same at every step, because of `@`.
    pub(crate) fn is_step_invariant(&self) -> bool {
        match self {
            Self::Number(_) | Self::String(_) => true,
            Self::Vector(selector) => selector.at.is_some(),
            Self::Matrix(matrix) => matrix.vector.at.is_some(),
            Self::Subquery(subquery) => subquery.at.is_some(),
            Self::Call(call) => {
                let of_time = OF_THE_STEP.contains(&call.function.name);
                let of_samples =
                    call.function.name == "timestamp" && matches!(call.args.first(), Some(Self::Vector(_)));
                (!of_time || of_samples) && call.args.iter().all(Self::is_step_invariant)
            }
            Self::Aggregate(aggregate) => aggregate.expr.is_step_invariant(),
            Self::Binary(binary) => {
                let chain = binary.chain();
                let first = chain.last().map_or(&binary.left, |last| &last.left);
                chain.iter().all(|binary| binary.right.is_step_invariant()) && first.is_step_invariant()
            }
            Self::Negate(inner) => inner.is_step_invariant(),
        }
    }
}

impl ValueType {
    /// As Prometheus' messages call it.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::String => "string",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
        }
    }
}
