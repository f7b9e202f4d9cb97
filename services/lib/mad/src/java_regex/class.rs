//! Sets of characters: what stands between brackets.

use std::fmt::Write;

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

use super::escape::{Escaped, escape};
use super::translate::{Flags, NEVER, Translator};

pub(super) type Set = ClassUnicode;

pub(super) fn set(ranges: &[(char, char)]) -> Set {
    Set::new(ranges.iter().map(|(first, last)| ClassUnicodeRange::new(*first, *last)))
}

pub(super) fn negated(mut set: Set) -> Set {
    set.negate();
    set
}

/// A character, and the same in the other case where case does not count.
pub(super) fn single(c: char, flags: Flags) -> Set {
    range(c, c, flags)
}

fn range(first: char, last: char, flags: Flags) -> Set {
    let mut range = set(&[(first, last)]);
    if flags.ignore_case && flags.unicode_case {
        range.case_fold_simple();
    } else if flags.ignore_case {
        let mut ascii = range.clone();
        ascii.intersect(&set(&[('a', 'z'), ('A', 'Z')]));
        ascii.case_fold_simple();
        // Folding finds the long s and the sign of Kelvin as well.
        ascii.intersect(&set(&[('a', 'z'), ('A', 'Z')]));
        range.union(&ascii);
    }
    range
}

/// A literal character in the syntax of fancy-regex.
pub(super) fn push(out: &mut String, c: char) {
    if c.is_ascii_alphanumeric()
        || matches!(c, '_' | '/' | ':' | ',' | '=' | '"' | '\'' | ';' | '@' | '%')
        || !c.is_ascii()
    {
        out.push(c);
    } else {
        let _ = write!(out, "\\x{{{:X}}}", u32::from(c));
    }
}

pub(super) fn print(set: &Set) -> String {
    let ranges = set.ranges();
    match ranges {
        [] => return NEVER.to_owned(),
        [one] if one.start() == one.end() => {
            let mut out = String::new();
            push(&mut out, one.start());
            return out;
        }
        _ => {}
    }
    let mut out = String::from("[");
    for range in ranges {
        let _ = write!(out, "\\x{{{:X}}}", u32::from(range.start()));
        if range.end() != range.start() {
            let _ = write!(out, "-\\x{{{:X}}}", u32::from(range.end()));
        }
    }
    out.push(']');
    out
}

impl Translator {
    /// After the opening bracket, up to and with the closing one.
    pub(super) fn class(&mut self) -> Result<Set, String> {
        let negative = self.eat_caret();
        self.class_items(negative, Closing::Taken)
    }

    /// Directly behind the bracket only.
    fn eat_caret(&mut self) -> bool {
        self.peek();
        self.input.eat('^')
    }

    fn class_items(&mut self, negative: bool, closing: Closing) -> Result<Set, String> {
        let mut all: Option<Set> = None;
        loop {
            let c = self.peek().ok_or("an unclosed character class")?;
            let special = !self.input.is_quoted();
            let item = match c {
                '[' if special => {
                    self.input.next();
                    self.class()?
                }
                '&' if special && self.input.peek_at(1) == Some('&') => {
                    self.input.next();
                    self.input.next();
                    let right = self.right_of_and()?;
                    all = match (all, right) {
                        (Some(mut left), Some(right)) => {
                            left.intersect(&right);
                            Some(left)
                        }
                        (left, right) => left.or(right),
                    };
                    if all.is_none() {
                        return Err("\"&&\" with nothing on either side".to_owned());
                    }
                    continue;
                }
                ']' if special && all.is_some() => {
                    if matches!(closing, Closing::Taken) {
                        self.input.next();
                    }
                    let all = all.unwrap_or_else(Set::empty);
                    return Ok(if negative { negated(all) } else { all });
                }
                _ => self.class_item()?,
            };
            match &mut all {
                Some(all) => all.union(&item),
                None => all = Some(item),
            }
        }
    }

    /// The operand after "&&": classes and items up to the next "&" or the end.
    fn right_of_and(&mut self) -> Result<Option<Set>, String> {
        let mut right: Option<Set> = None;
        loop {
            let next = self.peek().ok_or("an unclosed character class")?;
            if !self.input.is_quoted() && matches!(next, ']' | '&') {
                return Ok(right);
            }
            let item = if next == '[' && self.input.eat('[') {
                self.class()?
            } else {
                self.class_items(false, Closing::Left)?
            };
            match &mut right {
                Some(right) => right.union(&item),
                None => right = Some(item),
            }
        }
    }

    /// One character, a range, or an escape.
    fn class_item(&mut self) -> Result<Set, String> {
        let first = match self.class_char()? {
            Escaped::Set(set) => return Ok(set),
            Escaped::One(c) => c,
        };
        if self.peek() == Some('-') && !self.input.is_quoted() {
            match self.input.peek_at(1) {
                Some('[' | ']') => {}
                _ => {
                    self.input.next();
                    let invalid = || "an illegal range of characters".to_owned();
                    self.peek().ok_or_else(invalid)?;
                    let Escaped::One(last) = self.class_char()? else { return Err(invalid()) };
                    if last < first {
                        return Err(invalid());
                    }
                    return Ok(range(first, last, self.flags));
                }
            }
        }
        Ok(single(first, self.flags))
    }

    fn class_char(&mut self) -> Result<Escaped, String> {
        let quoted = self.input.is_quoted();
        match self.input.next().ok_or("an unclosed character class")? {
            '\\' if !quoted => match self.input.peek() {
                Some(c @ ('A' | 'B' | 'G' | 'R' | 'X' | 'Z' | 'b' | 'k' | 'z' | '1'..='9')) => {
                    Err(format!("\\{c} has no meaning in a character class"))
                }
                _ => escape(self),
            },
            c => Ok(Escaped::One(c)),
        }
    }
}

/// Whether the bracket that ends a class belongs to it.
enum Closing {
    Taken,
    Left,
}
