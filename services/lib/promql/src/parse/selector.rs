//! Vector selectors, and the lists of labels of `by`, `on` and the like.

use tidegate_model::METRIC_NAME;

use super::grammar::{Node, Parser};
use super::token::{Kind, Token};
use super::{MAX_REGEX_MATCHERS, MAX_SELECTORS};
use crate::{BinaryOp, Expr, MatchOp, Matcher, ParseError, VectorSelector};

impl Parser<'_> {
    /// A selector whose name, if it stands before the braces, has been taken.
    pub fn selector(&mut self, name: Option<Token<'_>>) -> Result<Box<Node>, ParseError> {
        let start = name.as_ref().map_or(self.token.start, |name| name.start);
        self.selectors += 1;
        if self.selectors > MAX_SELECTORS {
            return Err(ParseError::TooManySelectors { limit: MAX_SELECTORS });
        }
        let mut matchers = Vec::new();
        if let Some(name) = &name {
            matchers.push(Matcher::new(MatchOp::Equal, METRIC_NAME, name.text)?);
        }
        if self.take_if(Kind::LeftBrace)? {
            self.matchers(&mut matchers)?;
        }
        if let Some(name) = &name {
            if let Some(second) = matchers[1..].iter().find(|matcher| matcher.name == METRIC_NAME) {
                let message = format!("metric name must not be set twice: {:?} or {:?}", name.text, second.value);
                return Err(self.lexer.error_at(start, message));
            }
        } else if matchers.iter().all(|matcher| matcher.matches_value("")) {
            let message = "vector selector must contain at least one non-empty matcher";
            return Err(self.lexer.error_at(start, message));
        }
        self.node(Expr::Vector(VectorSelector { matchers, offset_ms: 0, at: None }), start, 0)
    }

    /// Up to and with the closing brace.
    fn matchers(&mut self, matchers: &mut Vec<Matcher>) -> Result<(), ParseError> {
        while !self.take_if(Kind::RightBrace)? {
            matchers.push(self.matcher()?);
            if !matches!(self.token.kind, Kind::Comma | Kind::RightBrace) {
                return Err(self.unexpected("label matching", "\",\" or \"}\""));
            }
            self.take_if(Kind::Comma)?;
        }
        Ok(())
    }

    /// `name="value"`, or a quoted name of a metric alone.
    fn matcher(&mut self) -> Result<Matcher, ParseError> {
        let start = self.token.start;
        let is_quoted = self.token.kind == Kind::String;
        let name = match self.token.kind {
            Kind::String => self.string()?,
            Kind::Name => self.advance()?.text.to_owned(),
            _ => return Err(self.unexpected("label matching", "identifier or \"}\"")),
        };
        let op = match self.token.kind {
            Kind::Equals => MatchOp::Equal,
            Kind::Operator(BinaryOp::Ne) => MatchOp::NotEqual,
            Kind::RegexMatch => MatchOp::Regex,
            Kind::RegexNoMatch => MatchOp::NotRegex,
            _ if is_quoted => return Ok(Matcher::new(MatchOp::Equal, METRIC_NAME, name)?),
            _ => return Err(self.unexpected("label matching", "label matching operator")),
        };
        self.advance()?;
        if self.token.kind != Kind::String {
            return Err(self.unexpected("label matching", "string"));
        }
        if matches!(op, MatchOp::Regex | MatchOp::NotRegex) {
            self.regexes += 1;
            if self.regexes > MAX_REGEX_MATCHERS {
                return Err(ParseError::TooManyRegexes { limit: MAX_REGEX_MATCHERS });
            }
        }
        let value = self.string()?;
        Matcher::new(op, name, value).map_err(|error| match error {
            syntax @ crate::MatcherError::Syntax { .. } => self.lexer.error_at(start, syntax.to_string()),
            other => other.into(),
        })
    }

    /// `(a, "b.c", …)`.
    pub fn label_list(&mut self) -> Result<Vec<String>, ParseError> {
        const CONTEXT: &str = "grouping opts";
        self.expect(Kind::LeftParen, CONTEXT, "\"(\"")?;
        let mut labels = Vec::new();
        while !self.take_if(Kind::RightParen)? {
            let start = self.token.start;
            let label = match self.token.kind {
                Kind::String => self.string()?,
                Kind::Name | Kind::ColonName | Kind::Word(_) => self.advance()?.text.to_owned(),
                _ => return Err(self.unexpected(CONTEXT, "label")),
            };
            if label.is_empty() {
                return Err(self.lexer.error_at(start, "invalid label name for grouping: \"\""));
            }
            labels.push(label);
            if !matches!(self.token.kind, Kind::Comma | Kind::RightParen) {
                return Err(self.unexpected(CONTEXT, "\",\" or \")\""));
            }
            self.take_if(Kind::Comma)?;
        }
        Ok(labels)
    }
}
