//! What Java's reader of HOCON refuses and ours would take for text: a key whose comma before it is missing, and what follows
//! the end of all.

use hocon::{Token, TokenKind};

/// Where in a file, from 1 on, and what is wrong there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misplaced {
    pub line: usize,
    pub column: usize,
    pub reason: String,
}

/// Finds the first of it.
pub(super) fn check(tokens: &[Token]) -> Result<(), Misplaced> {
    let mut open = vec![Place::Key];
    let first = tokens.iter().position(|token| token.kind != TokenKind::Newline);
    // Braces around all of it.
    let mut whole = false;
    for (index, token) in tokens.iter().enumerate() {
        let misplaced = |reason: String| Misplaced { line: token.line, column: token.col, reason };
        let outermost = open.len() == 1;
        let Some(place) = open.last_mut() else {
            match token.kind {
                TokenKind::Newline | TokenKind::Eof => continue,
                _ => return Err(misplaced("the file's braces are closed already".to_owned())),
            }
        };
        match token.kind {
            TokenKind::Newline if *place == Place::Value => *place = Place::Key,
            TokenKind::Comma if *place != Place::List => *place = Place::Key,
            TokenKind::Newline | TokenKind::Comma | TokenKind::Eof => {}
            TokenKind::Equals | TokenKind::Colon | TokenKind::PlusEquals => match place {
                Place::Key => *place = Place::Separated,
                // Two separators: the reader tells of that.
                Place::Separated => {}
                Place::Value | Place::List => return Err(misplaced(within_value(tokens, index))),
            },
            TokenKind::LBrace => {
                if first == Some(index) {
                    whole = true;
                } else {
                    place.begin();
                    open.push(Place::Key);
                }
            }
            TokenKind::LBracket => {
                place.begin();
                open.push(Place::List);
            }
            TokenKind::RBrace if outermost && !whole => {
                return Err(misplaced("`}` without a `{` before it".to_owned()));
            }
            // The reader refuses one that does not fit.
            TokenKind::RBrace if *place == Place::List => return Ok(()),
            TokenKind::RBracket if *place != Place::List => return Ok(()),
            TokenKind::RBrace | TokenKind::RBracket => drop(open.pop()),
            _ => {
                if *place == Place::Separated {
                    *place = Place::Value;
                }
            }
        }
    }
    Ok(())
}

/// What comes next, in an object or a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Key,
    /// After `=` or `:`; the value may begin on another line.
    Separated,
    /// It has begun.
    Value,
    List,
}

impl Place {
    /// An object may follow its key at once.
    fn begin(&mut self) {
        if *self != Self::List {
            *self = Self::Value;
        }
    }
}

fn within_value(tokens: &[Token], index: usize) -> String {
    let separator = match tokens[index].kind {
        TokenKind::Colon => ":",
        TokenKind::PlusEquals => "+=",
        _ => "=",
    };
    let before = |back: usize| index.checked_sub(back).map(|at| &tokens[at]);
    let begins_the_value = |token: &Token| {
        matches!(
            token.kind,
            TokenKind::Equals | TokenKind::Colon | TokenKind::PlusEquals | TokenKind::LBracket | TokenKind::Comma
        )
    };
    match before(1) {
        Some(key)
            if matches!(key.kind, TokenKind::Unquoted | TokenKind::QuotedString)
                && !before(2).is_some_and(begins_the_value) =>
        {
            format!("`{separator}` within a value: before `{}` a comma or the end of the line is missing", key.value)
        }
        _ => format!("`{separator}` within a value, which must be quoted then"),
    }
}

#[cfg(test)]
mod tests;
