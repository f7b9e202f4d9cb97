//! Text to tokens. Braces and brackets have rules of their own: names in braces
//! are never keywords, and a colon in brackets is a token.

use super::token::{Kind, Token, Word};
use crate::{BinaryOp, ParseError};

pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    place: Place,
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Outside,
    Braces,
    Brackets,
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0, place: Place::Outside }
    }

    /// An error at a place in the query, by line and column.
    pub fn error_at(&self, start: usize, message: impl Into<String>) -> ParseError {
        let before = &self.text[..self.text.floor_char_boundary(start)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        ParseError::Syntax {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: message.into(),
        }
    }

    pub fn text_from(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    pub fn next(&mut self) -> Result<Token<'a>, ParseError> {
        self.skip_blank();
        let start = self.at;
        let rest = &self.text[start..];
        let Some(first) = rest.chars().next() else {
            return match self.place {
                Place::Outside => Ok(Token { kind: Kind::End, text: "", start }),
                Place::Braces => Err(self.error_at(start, "unexpected end of input inside braces")),
                Place::Brackets => Err(self.error_at(start, "unclosed left bracket")),
            };
        };
        let (kind, length) = match first {
            '"' | '\'' | '`' => (Kind::String, self.string_length(rest, first)?),
            _ if is_name_start(first) => self.name(rest)?,
            ':' if self.place == Place::Outside => self.name(rest)?,
            _ if self.place == Place::Braces => self.inside_braces(rest, first)?,
            _ if first.is_ascii_digit() || (first == '.' && next_is_digit(&rest[1..])) => number_or_duration(rest)
                .map_err(|length| {
                    self.error_at(start, format!("bad number or duration syntax: {:?}", &rest[..length]))
                })?,
            _ => self.outside(rest, first)?,
        };
        self.at += length;
        self.enter_or_leave(kind, start)?;
        Ok(Token { kind, text: &rest[..length], start })
    }

    /// Blanks and comments.
    fn skip_blank(&mut self) {
        loop {
            let rest = self.text[self.at..].trim_start_matches([' ', '\t', '\n', '\r']);
            self.at = self.text.len() - rest.len();
            if !rest.starts_with('#') {
                return;
            }
            self.at += rest.find(['\n', '\r']).unwrap_or(rest.len());
        }
    }

    fn enter_or_leave(&mut self, kind: Kind, start: usize) -> Result<(), ParseError> {
        self.place = match (kind, self.place) {
            (Kind::LeftBrace, _) => Place::Braces,
            (Kind::LeftBracket, Place::Brackets) => return Err(self.error_at(start, "unexpected left bracket '['")),
            (Kind::LeftBracket, _) => Place::Brackets,
            (Kind::RightBracket, Place::Outside) => {
                return Err(self.error_at(start, "unexpected right bracket ']'"));
            }
            (Kind::RightBrace | Kind::RightBracket, _) => Place::Outside,
            (_, place) => place,
        };
        Ok(())
    }

    fn name(&self, rest: &str) -> Result<(Kind, usize), ParseError> {
        let takes_colons = self.place == Place::Outside;
        let length = rest.find(|c| !(is_name(c) || (takes_colons && c == ':'))).unwrap_or(rest.len());
        let text = &rest[..length];
        let kind = match self.place {
            Place::Braces => Kind::Name,
            Place::Brackets => return Err(self.error_at(self.at, format!("unexpected {text:?} inside brackets"))),
            Place::Outside if text.contains(':') => Kind::ColonName,
            Place::Outside if text.eq_ignore_ascii_case("inf") || text.eq_ignore_ascii_case("nan") => Kind::Number,
            Place::Outside => Word::of(text).map_or(Kind::Name, Kind::Word),
        };
        Ok((kind, length))
    }

    fn inside_braces(&self, rest: &str, first: char) -> Result<(Kind, usize), ParseError> {
        let second = rest[first.len_utf8()..].chars().next();
        Ok(match (first, second) {
            (',', _) => (Kind::Comma, 1),
            ('}', _) => (Kind::RightBrace, 1),
            ('=', Some('~')) => (Kind::RegexMatch, 2),
            ('=', _) => (Kind::Equals, 1),
            ('!', Some('~')) => (Kind::RegexNoMatch, 2),
            ('!', Some('=')) => (Kind::Operator(BinaryOp::Ne), 2),
            _ => return Err(self.error_at(self.at, format!("unexpected character inside braces: {first:?}"))),
        })
    }

    fn outside(&self, rest: &str, first: char) -> Result<(Kind, usize), ParseError> {
        let second = rest[first.len_utf8()..].chars().next();
        let operator = |op, length| (Kind::Operator(op), length);
        Ok(match (first, second) {
            (',', _) => (Kind::Comma, 1),
            ('(', _) => (Kind::LeftParen, 1),
            (')', _) => (Kind::RightParen, 1),
            ('{', _) => (Kind::LeftBrace, 1),
            ('[', _) => (Kind::LeftBracket, 1),
            (']', _) => (Kind::RightBracket, 1),
            ('@', _) => (Kind::At, 1),
            (':', _) => (Kind::Colon, 1),
            ('+', _) => operator(BinaryOp::Add, 1),
            ('-', _) => operator(BinaryOp::Sub, 1),
            ('*', _) => operator(BinaryOp::Mul, 1),
            ('/', _) => operator(BinaryOp::Div, 1),
            ('%', _) => operator(BinaryOp::Mod, 1),
            ('^', _) => operator(BinaryOp::Pow, 1),
            ('=', Some('=')) => operator(BinaryOp::Eq, 2),
            ('!', Some('=')) => operator(BinaryOp::Ne, 2),
            ('<', Some('=')) => operator(BinaryOp::Le, 2),
            ('>', Some('=')) => operator(BinaryOp::Ge, 2),
            ('<', Some('/')) => operator(BinaryOp::TrimUpper, 2),
            ('>', Some('/')) => operator(BinaryOp::TrimLower, 2),
            ('<', _) => operator(BinaryOp::Lt, 1),
            ('>', _) => operator(BinaryOp::Gt, 1),
            _ => return Err(self.error_at(self.at, format!("unexpected character: {first:?}"))),
        })
    }

    fn string_length(&self, rest: &str, quote: char) -> Result<usize, ParseError> {
        let mut escaped = false;
        for (index, c) in rest.char_indices().skip(1) {
            match c {
                '\n' if quote != '`' => break,
                _ if escaped => escaped = false,
                '\\' if quote != '`' => escaped = true,
                _ if c == quote => return Ok(index + c.len_utf8()),
                _ => {}
            }
        }
        Err(self.error_at(self.at, "unterminated quoted string"))
    }
}

fn is_name_start(c: char) -> bool {
    c == '_' || c.is_ascii_alphabetic()
}

fn is_name(c: char) -> bool {
    is_name_start(c) || c.is_ascii_digit()
}

fn next_is_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// Kind and length, or the length of what is neither.
fn number_or_duration(text: &str) -> Result<(Kind, usize), usize> {
    let mut scan = Scan { bytes: text.as_bytes(), at: 0 };
    if scan.number() {
        return Ok((Kind::Number, scan.at));
    }
    if scan.rest_of_duration() { Ok((Kind::Duration, scan.at)) } else { Err(text.floor_char_boundary(scan.at)) }
}

/// Reads digits as Prometheus does, including what it refuses: `1__0`, `1_.5`,
/// `1e` at the end.
struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    fn accept(&mut self, wanted: &[u8]) -> bool {
        let found = self.at < self.bytes.len() && wanted.contains(&self.peek());
        self.at += usize::from(found);
        found
    }

    fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn number(&mut self) -> bool {
        let is_hex = self.accept(b"0") && self.accept(b"xX");
        if is_hex {
            self.accept(b"_");
        }
        let is_digit = |byte: u8| if is_hex { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() };
        self.accept(b".");
        self.at += usize::from(is_digit(self.peek()));
        let (mut has_dot, mut has_exponent) = (false, false);
        loop {
            match self.peek() {
                b'.' if has_dot || is_hex => return false,
                b'.' => {
                    has_dot = true;
                    self.at += 1;
                    if matches!(self.peek(), b'_' | b'.') {
                        return false;
                    }
                }
                b'e' | b'E' if has_exponent => return false,
                b'e' | b'E' => {
                    has_exponent = true;
                    self.at += 1;
                    self.accept(b"+-");
                    if matches!(self.peek(), b'.' | b'_' | b'e' | b'E') || self.is_at_end() {
                        return false;
                    }
                }
                b'_' => {
                    self.at += 1;
                    if matches!(self.peek(), b'.' | b'_' | b'e' | b'E') || self.is_at_end() {
                        return false;
                    }
                }
                byte if is_digit(byte) => {
                    while is_digit(self.peek()) {
                        self.at += 1;
                    }
                }
                byte => return !(byte == b'_' || byte.is_ascii_alphanumeric()),
            }
        }
    }

    /// From the first unit on.
    fn rest_of_duration(&mut self) -> bool {
        if !self.accept(b"smhdwy") {
            return false;
        }
        self.accept(b"s");
        while self.peek().is_ascii_digit() {
            while self.peek().is_ascii_digit() {
                self.at += 1;
            }
            if !self.accept(b"smhdw") {
                return false;
            }
            self.accept(b"s");
        }
        !(self.peek() == b'_' || self.peek().is_ascii_alphanumeric())
    }
}
