//! Calls, aggregations and binary operations: what they may be made of.

use super::find;
use super::grammar::{Node, Parser};
use super::token::{Kind, Token, Word};
use crate::{
    Aggregate, AggregateOp, Arity, Binary, BinaryOp, Call, Cardinality, Expr, Grouping, Matching, ParseError, ValueType,
};

/// What stands between an operator and its right side.
pub(super) struct BinaryModifiers {
    returns_bool: bool,
    on: Option<Grouping>,
    cardinality: Cardinality,
}

impl Parser<'_> {
    pub fn call(&mut self, name: &Token<'_>) -> Result<Box<Node>, ParseError> {
        let Some(function) = find(name.text) else {
            let message = format!("unknown function with name {:?}", name.text);
            return Err(self.lexer.error_at(name.start, message));
        };
        let args = self.arguments()?;
        let depth = deepest(&args) + 1;
        let (least, most) = match function.arity {
            Arity::Fixed => (function.args.len(), function.args.len()),
            Arity::LastOptional => (function.args.len() - 1, function.args.len()),
            Arity::LastRepeats => (function.args.len() - 1, usize::MAX),
        };
        if !(least..=most).contains(&args.len()) {
            let bound = if least == most {
                ""
            } else if args.len() < least {
                "at least "
            } else {
                "at most "
            };
            let wanted = if args.len() < least { least } else { most };
            let message =
                format!("expected {bound}{wanted} argument(s) in call to {:?}, got {}", name.text, args.len());
            return Err(self.lexer.error_at(name.start, message));
        }
        for (index, arg) in args.iter().enumerate() {
            let expected = function.args.get(index).or(function.args.last()).copied().unwrap_or(ValueType::Vector);
            self.expect_type(expected, arg, || format!("call to function \"{}\"", name.text))?;
        }
        let args = args.into_iter().map(|node| node.expr).collect();
        self.node(Expr::Call(Call { function, args }), name.start, depth)
    }

    fn arguments(&mut self) -> Result<Vec<Node>, ParseError> {
        self.expect(Kind::LeftParen, "function call", "\"(\"")?;
        let mut args = Vec::new();
        if self.take_if(Kind::RightParen)? {
            return Ok(args);
        }
        loop {
            args.push(*self.any_expression()?);
            if self.take_if(Kind::RightParen)? {
                return Ok(args);
            }
            self.expect(Kind::Comma, "function call", "\",\" or \")\"")?;
        }
    }

    /// The grouping stands before or after the arguments.
    pub fn aggregate(&mut self, op: AggregateOp, name: &Token<'_>) -> Result<Box<Node>, ParseError> {
        let before = self.grouping()?;
        let mut args = self.arguments()?;
        let grouping = match before {
            Some(grouping) => grouping,
            None => self.grouping()?.unwrap_or(Grouping::By(Vec::new())),
        };
        let param_type = match op {
            AggregateOp::Topk | AggregateOp::Bottomk | AggregateOp::Quantile => Some(ValueType::Scalar),
            AggregateOp::CountValues => Some(ValueType::String),
            _ => None,
        };
        let wanted = 1 + usize::from(param_type.is_some());
        let depth = deepest(&args) + 1;
        let got = args.len();
        let (Some(last), true) = (args.pop(), got == wanted) else {
            let message =
                format!("wrong number of arguments for aggregate expression provided, expected {wanted}, got {got}");
            return Err(self.lexer.error_at(name.start, message));
        };
        self.expect_type(ValueType::Vector, &last, || "aggregation expression".to_owned())?;
        let param = args.pop();
        if let (Some(param), Some(expected)) = (&param, param_type) {
            self.expect_type(expected, param, || "aggregation parameter".to_owned())?;
        }
        let aggregate = Aggregate { op, expr: last.expr, param: param.map(|node| node.expr), grouping };
        self.node(Expr::Aggregate(Box::new(aggregate)), name.start, depth)
    }

    fn grouping(&mut self) -> Result<Option<Grouping>, ParseError> {
        let make = match self.token.kind {
            Kind::Word(Word::By) => Grouping::By,
            Kind::Word(Word::Without) => Grouping::Without,
            _ => return Ok(None),
        };
        self.advance()?;
        self.label_list().map(make).map(Some)
    }

    pub fn binary_modifiers(&mut self) -> Result<BinaryModifiers, ParseError> {
        let returns_bool = self.take_if(Kind::Word(Word::Bool))?;
        let make = match self.token.kind {
            Kind::Word(Word::On) => Grouping::By,
            Kind::Word(Word::Ignoring) => Grouping::Without,
            _ => return Ok(BinaryModifiers { returns_bool, on: None, cardinality: Cardinality::OneToOne }),
        };
        self.advance()?;
        let on = Some(make(self.label_list()?));
        let make = match self.token.kind {
            Kind::Word(Word::GroupLeft) => Cardinality::ManyToOne,
            Kind::Word(Word::GroupRight) => Cardinality::OneToMany,
            _ => return Ok(BinaryModifiers { returns_bool, on, cardinality: Cardinality::OneToOne }),
        };
        self.advance()?;
        // The list may be left out; a parenthesis is always taken for it.
        let included = if self.token.kind == Kind::LeftParen { self.label_list()? } else { Vec::new() };
        Ok(BinaryModifiers { returns_bool, on, cardinality: make(included) })
    }

    pub fn binary(
        &self,
        op: BinaryOp,
        operator: &Token<'_>,
        modifiers: BinaryModifiers,
        left: Node,
        right: Node,
    ) -> Result<Box<Node>, ParseError> {
        let BinaryModifiers { returns_bool, on, cardinality } = modifiers;
        let error = |message: String| Err(self.lexer.error_at(operator.start, message));
        for side in [&left, &right] {
            if !matches!(side.value_type, ValueType::Scalar | ValueType::Vector) {
                let message = "binary expression must contain only scalar and instant vector types";
                return Err(self.lexer.error_at(side.span.start, message));
            }
        }
        let is_scalar = |node: &Node| node.value_type == ValueType::Scalar;
        let scalars = usize::from(is_scalar(&left)) + usize::from(is_scalar(&right));
        if returns_bool && !op.is_comparison() {
            return error("bool modifier can only be used on comparison operators".into());
        }
        if op.is_comparison() && !returns_bool && scalars == 2 {
            return error("comparisons between scalars must use BOOL modifier".into());
        }
        if op.is_trim() && scalars == 2 {
            return error(format!("operator {:?} not allowed for Scalar operations", operator.text));
        }
        if let (Some(Grouping::By(labels)), Cardinality::ManyToOne(included) | Cardinality::OneToMany(included)) =
            (&on, &cardinality)
            && let Some(twice) = labels.iter().find(|label| included.contains(label))
        {
            return error(format!("label {twice:?} must not occur in ON and GROUP clause at once"));
        }
        let names_labels = matches!(&on, Some(Grouping::By(labels) | Grouping::Without(labels)) if !labels.is_empty());
        if scalars > 0 && names_labels {
            return error("vector matching only allowed between instant vectors".into());
        }
        if op.is_set() && scalars > 0 {
            return error(format!("set operator {:?} not allowed in binary scalar expression", operator.text));
        }
        if op.is_set() && cardinality != Cardinality::OneToOne {
            return error(format!("no grouping allowed for {:?} operation", operator.text));
        }
        // A chain of operators goes on, it does not get deeper.
        let left_depth = if matches!(left.expr, Expr::Binary(_)) { left.depth } else { left.depth + 1 };
        let (start, depth) = (left.span.start, left_depth.max(right.depth + 1));
        let value_type = if scalars == 2 { ValueType::Scalar } else { ValueType::Vector };
        let matching = Matching { on: on.unwrap_or(Grouping::Without(Vec::new())), cardinality };
        let binary = Binary { op, left: left.expr, right: right.expr, matching, returns_bool };
        self.node_of(Expr::Binary(Box::new(binary)), value_type, start, depth)
    }

    fn expect_type(
        &self,
        expected: ValueType,
        node: &Node,
        context: impl FnOnce() -> String,
    ) -> Result<(), ParseError> {
        let actual = node.value_type;
        if actual == expected {
            return Ok(());
        }
        Err(ParseError::Type { expected: expected.describe(), context: context(), actual: actual.describe() })
    }
}

fn deepest(nodes: &[Node]) -> usize {
    nodes.iter().map(|node| node.depth).max().unwrap_or(0)
}
