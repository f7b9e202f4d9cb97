//! Expressions by precedence. `Node` carries beside the tree what only the
//! parser needs: where it stands, whether it is in parentheses, how deep it is.

use std::ops::Range;

use super::lexer::Lexer;
use super::literal::{self, BadDuration};
use super::token::{Kind, Token, Word};
use super::{DEFAULT_SUBQUERY_STEP_MS, MAX_DEPTH};
use crate::{At, BinaryOp, Expr, MatrixSelector, ParseError, Subquery, ValueType};

pub(super) struct Parser<'a> {
    pub lexer: Lexer<'a>,
    /// The token to come.
    pub token: Token<'a>,
    /// Where the last token taken ends.
    pub last_end: usize,
    pub regexes: usize,
    pub selectors: usize,
    nesting: usize,
}

pub(super) struct Node {
    pub expr: Expr,
    pub span: Range<usize>,
    pub depth: usize,
    pub value_type: ValueType,
    /// Parentheses keep modifiers off a selector.
    parenthesised: bool,
    /// Where `offset` and `@` were given.
    modified: Modified,
}

#[derive(Clone, Copy, Default)]
struct Modified {
    offset: bool,
    at: bool,
}

/// Binding strength of the operators; unary ones bind as `*` does.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Strength {
    Or,
    And,
    Comparison,
    Sum,
    Product,
    Power,
}

fn strength(op: BinaryOp) -> Strength {
    match op {
        BinaryOp::Or => Strength::Or,
        BinaryOp::And | BinaryOp::Unless => Strength::And,
        BinaryOp::Add | BinaryOp::Sub => Strength::Sum,
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod | BinaryOp::Atan2 => Strength::Product,
        BinaryOp::Pow => Strength::Power,
        _ => Strength::Comparison,
    }
}

impl<'a> Parser<'a> {
    pub fn new(query: &'a str) -> Result<Self, ParseError> {
        let mut lexer = Lexer::new(query);
        let token = lexer.next()?;
        Ok(Self { lexer, token, last_end: 0, regexes: 0, selectors: 0, nesting: 0 })
    }

    pub fn whole(mut self) -> Result<Expr, ParseError> {
        if self.token.kind == Kind::End {
            return Err(self.lexer.error_at(0, "no expression found in input"));
        }
        let node = self.expression(Strength::Or)?;
        if self.token.kind != Kind::End {
            return Err(self.unexpected("", ""));
        }
        Ok(node.expr)
    }

    /// The token to come, taken.
    pub fn advance(&mut self) -> Result<Token<'a>, ParseError> {
        let next = self.lexer.next()?;
        let taken = std::mem::replace(&mut self.token, next);
        self.last_end = taken.span().end;
        Ok(taken)
    }

    pub fn take_if(&mut self, kind: Kind) -> Result<bool, ParseError> {
        let found = self.token.kind == kind;
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    pub fn expect(&mut self, kind: Kind, context: &str, expected: &str) -> Result<Token<'a>, ParseError> {
        if self.token.kind == kind { self.advance() } else { Err(self.unexpected(context, expected)) }
    }

    pub fn unexpected(&self, context: &str, expected: &str) -> ParseError {
        let mut message = format!("unexpected {}", self.token.describe());
        if !context.is_empty() {
            message += &format!(" in {context}");
        }
        if !expected.is_empty() {
            message += &format!(", expected {expected}");
        }
        self.lexer.error_at(self.token.start, message)
    }

    /// A node of the given depth below the query's limit.
    pub fn node(&self, expr: Expr, start: usize, depth: usize) -> Result<Box<Node>, ParseError> {
        let value_type = expr.value_type();
        self.node_of(expr, value_type, start, depth)
    }

    /// Likewise, of a known type: finding that of a chain takes its length.
    pub fn node_of(
        &self,
        expr: Expr,
        value_type: ValueType,
        start: usize,
        depth: usize,
    ) -> Result<Box<Node>, ParseError> {
        if depth > MAX_DEPTH {
            return Err(ParseError::TooDeep { limit: MAX_DEPTH });
        }
        let span = start..self.last_end;
        Ok(Box::new(Node { expr, span, depth, value_type, parenthesised: false, modified: Modified::default() }))
    }

    pub fn any_expression(&mut self) -> Result<Box<Node>, ParseError> {
        self.expression(Strength::Or)
    }

    /// Operators that bind at least as strongly as `weakest`.
    fn expression(&mut self, weakest: Strength) -> Result<Box<Node>, ParseError> {
        self.nesting += 1;
        // The leaf is no level of its own.
        if self.nesting > MAX_DEPTH + 1 {
            return Err(ParseError::TooDeep { limit: MAX_DEPTH });
        }
        let mut left = self.unary()?;
        while let Kind::Operator(op) | Kind::Word(Word::Operator(op)) = self.token.kind {
            if strength(op) < weakest {
                break;
            }
            left = self.operation(op, left)?;
        }
        self.nesting -= 1;
        Ok(left)
    }

    #[expect(clippy::boxed_local, reason = "nested powers recurse through here: frames have to be small")]
    fn operation(&mut self, op: BinaryOp, left: Box<Node>) -> Result<Box<Node>, ParseError> {
        let operator = self.advance()?;
        let modifiers = self.binary_modifiers()?;
        // All but powers group to the left.
        let right = self.expression(match strength(op) {
            Strength::Or => Strength::And,
            Strength::And => Strength::Comparison,
            Strength::Comparison => Strength::Sum,
            Strength::Sum => Strength::Product,
            Strength::Product | Strength::Power => Strength::Power,
        })?;
        self.binary(op, &operator, modifiers, *left, *right)
    }

    fn unary(&mut self) -> Result<Box<Node>, ParseError> {
        match self.token.kind {
            Kind::Operator(op @ (BinaryOp::Add | BinaryOp::Sub)) => self.signed(op),
            _ => self.postfix(),
        }
    }

    fn signed(&mut self, op: BinaryOp) -> Result<Box<Node>, ParseError> {
        let start = self.advance()?.start;
        let inner = self.expression(Strength::Power)?;
        let depth = inner.depth + 1;
        let value_type = inner.value_type;
        if !matches!(value_type, ValueType::Scalar | ValueType::Vector) {
            let message = format!(
                "unary expression only allowed on expressions of type scalar or instant vector, got {:?}",
                value_type.describe()
            );
            return Err(self.lexer.error_at(start, message));
        }
        let expr = match (op, inner.expr) {
            (BinaryOp::Add, expr) => expr,
            (_, Expr::Number(number)) => Expr::Number(-number),
            (_, expr) => Expr::Negate(Box::new(expr)),
        };
        let mut node = self.node(expr, start, depth)?;
        // As with parentheses, modifiers do not reach through a sign.
        node.parenthesised = true;
        Ok(node)
    }

    fn postfix(&mut self) -> Result<Box<Node>, ParseError> {
        let node = self.primary()?;
        match self.token.kind {
            Kind::LeftBracket | Kind::Word(Word::Offset) | Kind::At => self.modified(node),
            _ => Ok(node),
        }
    }

    /// Ranges, `offset` and `@` after an expression. Apart from `postfix`, which
    /// lies on the path of the recursion and has to be small.
    fn modified(&mut self, mut node: Box<Node>) -> Result<Box<Node>, ParseError> {
        loop {
            node = match self.token.kind {
                Kind::LeftBracket => self.range_of(*node)?,
                Kind::Word(Word::Offset) => self.offset_of(node)?,
                Kind::At => self.at_of(node)?,
                _ => return Ok(node),
            };
        }
    }

    fn primary(&mut self) -> Result<Box<Node>, ParseError> {
        let start = self.token.start;
        match self.token.kind {
            Kind::Number | Kind::Duration => {
                let number = self.number_or_duration()?;
                self.node(Expr::Number(number), start, 0)
            }
            Kind::String => {
                let text = self.string()?;
                self.node(Expr::String(text), start, 0)
            }
            Kind::LeftParen => self.parentheses(),
            Kind::LeftBrace => self.selector(None),
            Kind::Name | Kind::ColonName | Kind::Word(_) => self.named(),
            _ => Err(self.unexpected("", "an expression")),
        }
    }

    fn parentheses(&mut self) -> Result<Box<Node>, ParseError> {
        let start = self.advance()?.start;
        let mut inner = self.any_expression()?;
        self.expect(Kind::RightParen, "parentheses", "\")\"")?;
        inner.span = start..self.last_end;
        inner.parenthesised = true;
        Ok(inner)
    }

    /// A selector, call or aggregation, which all begin with a name.
    fn named(&mut self) -> Result<Box<Node>, ParseError> {
        if matches!(self.token.kind, Kind::Word(word) if !word.is_metric_name()) {
            return Err(self.unexpected("", "an expression"));
        }
        let name = self.advance()?;
        match (name.kind, self.token.kind) {
            (Kind::Name, Kind::LeftParen) => self.call(&name),
            (Kind::Word(Word::Aggregate(op)), Kind::LeftParen | Kind::Word(Word::By | Word::Without)) => {
                self.aggregate(op, &name)
            }
            (Kind::Word(Word::Start | Word::End | Word::Experimental), Kind::LeftParen) => {
                Err(self.lexer.error_at(name.start, format!("function {:?} is not enabled", name.text)))
            }
            _ => self.selector(Some(name)),
        }
    }

    fn number_or_duration(&mut self) -> Result<f64, ParseError> {
        let token = self.advance()?;
        let error = |message: String| self.lexer.error_at(token.start, message);
        if token.kind == Kind::Number {
            return literal::number(token.text).ok_or_else(|| error(format!("error parsing number {:?}", token.text)));
        }
        literal::duration_s(token.text).map_err(|bad| match bad {
            BadDuration::Syntax => error(format!("not a valid duration: {:?}", token.text)),
            BadDuration::TooLarge => ParseError::DurationTooLarge { text: token.text.to_owned() },
        })
    }

    pub fn string(&mut self) -> Result<String, ParseError> {
        let token = self.advance()?;
        literal::unquote(token.text).map_err(|message| self.lexer.error_at(token.start, message))
    }

    /// Signs and a number or duration, in seconds.
    fn signed_seconds(&mut self, context: &str, most_signs: usize) -> Result<f64, ParseError> {
        let mut sign = 1.0;
        for _ in 0..most_signs {
            match self.token.kind {
                Kind::Operator(BinaryOp::Add) => {}
                Kind::Operator(BinaryOp::Sub) => sign = -sign,
                _ => break,
            }
            self.advance()?;
        }
        if !matches!(self.token.kind, Kind::Number | Kind::Duration) {
            return Err(self.unexpected(context, "number or duration"));
        }
        Ok(sign * self.number_or_duration()?)
    }

    /// Unlike elsewhere, a sign may stand before parentheses.
    fn offset_seconds(&mut self) -> Result<f64, ParseError> {
        let sign = match self.token.kind {
            Kind::Operator(BinaryOp::Add) => 1.0,
            Kind::Operator(BinaryOp::Sub) => -1.0,
            _ => return self.signed_seconds("offset", 0),
        };
        self.advance()?;
        if !self.take_if(Kind::LeftParen)? {
            return Ok(sign * self.signed_seconds("offset", 0)?);
        }
        let seconds = self.signed_seconds("offset", MAX_DEPTH)?;
        self.expect(Kind::RightParen, "offset", "\")\"")?;
        Ok(sign * seconds)
    }

    fn millis(&self, seconds: f64, start: usize) -> Result<i64, ParseError> {
        let text = || self.lexer.text_from(start, self.last_end).trim().to_owned();
        literal::millis(seconds).ok_or_else(|| ParseError::DurationTooLarge { text: text() })
    }

    fn positive_millis(&mut self) -> Result<i64, ParseError> {
        let start = self.token.start;
        let seconds = self.signed_seconds("subquery or range selector", MAX_DEPTH)?;
        if seconds <= 0.0 {
            return Err(self.lexer.error_at(start, "duration must be greater than 0"));
        }
        self.millis(seconds, start)
    }

    /// `[5m]` or `[5m:1m]` after an expression.
    fn range_of(&mut self, node: Node) -> Result<Box<Node>, ParseError> {
        let bracket = self.advance()?;
        let range_ms = self.positive_millis()?;
        let start = node.span.start;
        if self.take_if(Kind::Colon)? {
            let step_ms = match self.token.kind {
                Kind::RightBracket => DEFAULT_SUBQUERY_STEP_MS,
                _ => self.positive_millis()?.max(1),
            };
            self.expect(Kind::RightBracket, "subquery selector", "\"]\"")?;
            let value_type = node.value_type;
            if value_type != ValueType::Vector {
                let message =
                    format!("subquery is only allowed on instant vector, got {} instead", value_type.describe());
                return Err(self.lexer.error_at(start, message));
            }
            let subquery = Subquery { expr: node.expr, range_ms, step_ms, offset_ms: 0, at: None };
            return self.node(Expr::Subquery(Box::new(subquery)), start, node.depth + 1);
        }
        self.expect(Kind::RightBracket, "subquery or range", "\":\" or \"]\"")?;
        let error = |message: &str| Err(self.lexer.error_at(bracket.start, message));
        match node.expr {
            Expr::Vector(_) if node.modified.offset => error("no offset modifiers allowed before range"),
            Expr::Vector(_) if node.modified.at => error("no @ modifiers allowed before range"),
            Expr::Vector(vector) if !node.parenthesised => {
                self.node(Expr::Matrix(MatrixSelector { vector, range_ms }), start, node.depth + 1)
            }
            _ => error("ranges only allowed for vector selectors"),
        }
    }

    fn offset_of(&mut self, mut node: Box<Node>) -> Result<Box<Node>, ParseError> {
        self.advance()?;
        let start = self.token.start;
        let seconds = self.offset_seconds()?;
        let millis = self.millis(seconds, start)?;
        let message =
            "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery";
        let (offset_ms, _) = self.modifiers_of(&mut node, message)?;
        if std::mem::replace(offset_ms, millis) != 0 {
            return Err(self.lexer.error_at(node.span.start, "offset may not be set multiple times"));
        }
        node.modified.offset = millis != 0;
        node.span.end = self.last_end;
        Ok(node)
    }

    fn at_of(&mut self, mut node: Box<Node>) -> Result<Box<Node>, ParseError> {
        self.advance()?;
        let time = match self.token.kind {
            Kind::Word(word @ (Word::Start | Word::End)) => {
                self.advance()?;
                self.expect(Kind::LeftParen, "@", "\"(\"")?;
                self.expect(Kind::RightParen, "@", "\")\"")?;
                if word == Word::Start { At::Start } else { At::End }
            }
            _ => {
                let start = self.token.start;
                let seconds = self.signed_seconds("@", 1)?;
                if seconds.is_nan() || seconds.abs() >= i64::MAX as f64 {
                    return Err(self.lexer.error_at(start, "timestamp out of bounds for @ modifier"));
                }
                At::Time { time_ms: (seconds * 1000.0).round() as i64 }
            }
        };
        let message =
            "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery";
        let (_, at) = self.modifiers_of(&mut node, message)?;
        if at.replace(time).is_some() {
            return Err(self.lexer.error_at(node.span.start, "@ <timestamp> may not be set multiple times"));
        }
        node.modified.at = true;
        node.span.end = self.last_end;
        Ok(node)
    }

    fn modifiers_of<'n>(
        &self,
        node: &'n mut Node,
        message: &str,
    ) -> Result<(&'n mut i64, &'n mut Option<At>), ParseError> {
        match &mut node.expr {
            _ if node.parenthesised => {}
            Expr::Vector(vector) => return Ok((&mut vector.offset_ms, &mut vector.at)),
            Expr::Matrix(matrix) => return Ok((&mut matrix.vector.offset_ms, &mut matrix.vector.at)),
            Expr::Subquery(subquery) => return Ok((&mut subquery.offset_ms, &mut subquery.at)),
            _ => {}
        }
        Err(self.lexer.error_at(node.span.start, message))
    }
}
