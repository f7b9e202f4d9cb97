//! What the lexer hands to the parser.

use std::ops::Range;

use crate::{AggregateOp, BinaryOp};

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    /// Where the token begins, in bytes.
    pub start: usize,
}

impl Token<'_> {
    pub fn span(&self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }

    /// As messages call it.
    pub fn describe(&self) -> String {
        match self.kind {
            Kind::End => "end of input".to_owned(),
            Kind::Number => format!("number {:?}", self.text),
            Kind::Duration => format!("duration {:?}", self.text),
            Kind::String => format!("string {}", self.text),
            Kind::Name | Kind::ColonName | Kind::Word(_) => format!("identifier {:?}", self.text),
            _ => format!("{:?}", self.text),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    End,
    Number,
    Duration,
    /// With its quotes.
    String,
    Name,
    /// A name with a colon, which only metrics may have.
    ColonName,
    Word(Word),
    Operator(BinaryOp),
    /// `=` of a matcher.
    Equals,
    RegexMatch,
    RegexNoMatch,
    At,
    Comma,
    Colon,
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
}

/// A name with a meaning, outside of braces and in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Aggregate(AggregateOp),
    /// `and`, `or`, `unless`, `atan2`.
    Operator(BinaryOp),
    By,
    Without,
    On,
    Ignoring,
    GroupLeft,
    GroupRight,
    Bool,
    Offset,
    Start,
    End,
    /// Behind a feature flag in Prometheus.
    Experimental,
}

impl Word {
    pub fn of(text: &str) -> Option<Self> {
        Some(match text.to_ascii_lowercase().as_str() {
            "sum" => Self::Aggregate(AggregateOp::Sum),
            "avg" => Self::Aggregate(AggregateOp::Avg),
            "count" => Self::Aggregate(AggregateOp::Count),
            "min" => Self::Aggregate(AggregateOp::Min),
            "max" => Self::Aggregate(AggregateOp::Max),
            "group" => Self::Aggregate(AggregateOp::Group),
            "stddev" => Self::Aggregate(AggregateOp::Stddev),
            "stdvar" => Self::Aggregate(AggregateOp::Stdvar),
            "topk" => Self::Aggregate(AggregateOp::Topk),
            "bottomk" => Self::Aggregate(AggregateOp::Bottomk),
            "count_values" => Self::Aggregate(AggregateOp::CountValues),
            "quantile" => Self::Aggregate(AggregateOp::Quantile),
            "and" => Self::Operator(BinaryOp::And),
            "or" => Self::Operator(BinaryOp::Or),
            "unless" => Self::Operator(BinaryOp::Unless),
            "atan2" => Self::Operator(BinaryOp::Atan2),
            "by" => Self::By,
            "without" => Self::Without,
            "on" => Self::On,
            "ignoring" => Self::Ignoring,
            "group_left" => Self::GroupLeft,
            "group_right" => Self::GroupRight,
            "bool" => Self::Bool,
            "offset" => Self::Offset,
            "start" => Self::Start,
            "end" => Self::End,
            "limitk" | "limit_ratio" | "step" | "range" | "max_of" | "min_of" | "anchored" | "smoothed" => {
                Self::Experimental
            }
            _ => return None,
        })
    }

    /// Whether a metric may be called so without quotes.
    pub fn is_metric_name(self) -> bool {
        !matches!(
            self,
            Self::On
                | Self::Ignoring
                | Self::GroupLeft
                | Self::GroupRight
                | Self::Bool
                | Self::Operator(BinaryOp::Atan2)
        )
    }
}
