//! What is checked before a query reaches the parser, whose recursion and
//! duration arithmetic trust their input.

use crate::ParseError;

/// Longest query taken, in bytes.
pub const MAX_QUERY_BYTES: usize = 64 * 1024;
/// Deepest tree: nesting plus chained operators, which nest to the left.
pub const MAX_DEPTH: usize = 250;
/// Regular expressions in one query.
pub const MAX_REGEX_MATCHERS: usize = 200;
/// Longest duration that may be given as a bare number of seconds: 1000 years.
const MAX_DURATION_SECONDS: f64 = 365.0 * 86_400.0 * 1000.0;

/// Refuses what could overflow the stack, the clock arithmetic or the memory.
pub(super) fn check(query: &str) -> Result<(), ParseError> {
    if query.len() > MAX_QUERY_BYTES {
        return Err(ParseError::TooLong { length_bytes: query.len(), limit_bytes: MAX_QUERY_BYTES });
    }
    let mut depth = Depth::default();
    let mut regexes = 0;
    let mut previous = Token::Other;
    for token in (Tokens { rest: query }) {
        match token {
            Token::Open(bracket) => {
                if bracket == '[' {
                    depth.chain()?;
                }
                depth.open(bracket)?;
            }
            Token::Close => depth.close(),
            Token::Comma => depth.next_argument(),
            Token::Operator(text) => {
                if matches!(text, "=~" | "!~") {
                    regexes += 1;
                    if regexes > MAX_REGEX_MATCHERS {
                        return Err(ParseError::TooManyRegexes { limit: MAX_REGEX_MATCHERS });
                    }
                }
                depth.chain()?;
            }
            Token::Word(word) if ["and", "or", "unless", "atan2"].iter().any(|op| word.eq_ignore_ascii_case(op)) => {
                depth.chain()?;
            }
            Token::Number(text) => {
                let is_duration =
                    depth.in_brackets() || matches!(previous, Token::Word(word) if word.eq_ignore_ascii_case("offset"));
                if is_duration {
                    check_duration(text)?;
                }
            }
            Token::Word(_) | Token::Comment | Token::Other => {}
        }
        // A sign or comment between `offset` and its number changes nothing.
        let is_between = matches!(token, Token::Comment | Token::Operator("+" | "-"));
        if !(is_between && matches!(previous, Token::Word(_))) {
            previous = token;
        }
    }
    Ok(())
}

/// The parser turns numbers of seconds into durations without a check, and
/// silently drops parts of durations that it cannot hold.
fn check_duration(text: &str) -> Result<(), ParseError> {
    let too_large = || ParseError::DurationTooLarge { text: text.to_owned() };
    let is_hex = text.starts_with("0x") || text.starts_with("0X");
    if !is_hex && let Ok(seconds) = text.parse::<f64>() {
        return if seconds <= MAX_DURATION_SECONDS { Ok(()) } else { Err(too_large()) };
    }
    let longest_run = text.split(|c: char| !c.is_ascii_hexdigit()).map(str::len).max().unwrap_or(0);
    if longest_run > 9 { Err(too_large()) } else { Ok(()) }
}

#[derive(Default)]
struct Depth {
    /// Per open bracket: the bracket and the operators seen in it.
    levels: Vec<(char, usize)>,
    top: usize,
    total: usize,
}

impl Depth {
    fn open(&mut self, bracket: char) -> Result<(), ParseError> {
        self.levels.push((bracket, 0));
        self.grow()
    }

    fn close(&mut self) {
        if let Some((_, operators)) = self.levels.pop() {
            self.total -= operators + 1;
        }
    }

    fn chain(&mut self) -> Result<(), ParseError> {
        *self.operators() += 1;
        self.grow()
    }

    fn next_argument(&mut self) {
        self.total -= std::mem::take(self.operators());
    }

    fn in_brackets(&self) -> bool {
        self.levels.last().is_some_and(|(bracket, _)| *bracket == '[')
    }

    fn operators(&mut self) -> &mut usize {
        match self.levels.last_mut() {
            Some((_, operators)) => operators,
            None => &mut self.top,
        }
    }

    fn grow(&mut self) -> Result<(), ParseError> {
        self.total += 1;
        if self.total > MAX_DEPTH { Err(ParseError::TooDeep { limit: MAX_DEPTH }) } else { Ok(()) }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Token<'a> {
    Open(char),
    Close,
    Comma,
    Operator(&'a str),
    Word(&'a str),
    Number(&'a str),
    Comment,
    Other,
}

/// A rough lexer: strings and comments are skipped, the rest is told apart only
/// as far as `check` needs.
struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.rest = self.rest.trim_start();
        let first = self.rest.chars().next()?;
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.');
        let length = match first {
            '"' | '\'' | '`' => string_length(self.rest, first),
            '#' => self.rest.find(['\n', '\r']).unwrap_or(self.rest.len()),
            '0'..='9' | '.' => number_length(self.rest),
            // Of a subquery; a name may begin with it too, which does no harm.
            ':' => 1,
            _ if is_word(first) => self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len()),
            '=' | '!' | '<' | '>' => 1 + usize::from(self.rest[1..].starts_with(['=', '~'])),
            _ => first.len_utf8(),
        };
        let (text, rest) = self.rest.split_at(length);
        self.rest = rest;
        Some(match first {
            '(' | '[' | '{' => Token::Open(first),
            ')' | ']' | '}' => Token::Close,
            ',' => Token::Comma,
            '+' | '-' | '*' | '/' | '%' | '^' | '@' | '=' | '!' | '<' | '>' => Token::Operator(text),
            '0'..='9' | '.' => Token::Number(text),
            '#' => Token::Comment,
            _ if is_word(first) => Token::Word(text),
            _ => Token::Other,
        })
    }
}

/// A number or duration; `1e+9` is one token, as it is to the parser.
fn number_length(text: &str) -> usize {
    let is_hex = text.starts_with("0x") || text.starts_with("0X");
    let mut after_exponent = false;
    for (index, c) in text.char_indices() {
        let is_sign = after_exponent && matches!(c, '+' | '-');
        if !(c.is_ascii_alphanumeric() || c == '.' || is_sign) {
            return index;
        }
        after_exponent = !is_hex && matches!(c, 'e' | 'E');
    }
    text.len()
}

fn string_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (index, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            _ if c == quote => return index + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}
