//! From Java's syntax to that of fancy-regex. Nothing is handed on as it stands:
//! classes become sets of code points, anchors become look-arounds, flags are
//! resolved here, since the same text often means something else over there.

use super::input::Input;
use super::{class, escape};

/// What inline flags switch, (?idmsuxU).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flags {
    pub ignore_case: bool,
    pub unix_lines: bool,
    pub multiline: bool,
    pub dot_all: bool,
    pub unicode_case: bool,
    pub comments: bool,
    pub unicode_classes: bool,
}

pub(super) fn translate(pattern: &str) -> Result<String, String> {
    let mut translator =
        Translator { input: Input::new(pattern), flags: Flags::default(), names: Vec::new(), groups: 0 };
    let translated = translator.alternatives()?;
    match translator.peek() {
        None => Ok(translated.text),
        Some(_) => Err("a \")\" that closes nothing".to_owned()),
    }
}

/// Before a line terminator that ends the text, or at its very end.
const DOLLAR: &str = r"(?=\z|\r\n\z|(?<!\r)\n\z|[\r\x{85}\x{2028}\x{2029}]\z)";
const DOLLAR_UNIX: &str = r"(?=\n?\z)";
const DOLLAR_MULTILINE: &str = r"(?=\z|[\r\x{85}\x{2028}\x{2029}]|(?<!\r)\n)";
const DOLLAR_MULTILINE_UNIX: &str = r"(?=\z|\n)";
/// Never at the end of the text, even after a line terminator.
const CARET_MULTILINE: &str = r"(?!\z)(?:\A|(?<=[\n\x{85}\x{2028}\x{2029}])|(?<=\r)(?!\n))";
const CARET_MULTILINE_UNIX: &str = r"(?!\z)(?:\A|(?<=\n))";
const DOT: &str = r"[^\n\r\x{85}\x{2028}\x{2029}]";
const DOT_UNIX: &str = r"[^\n]";
const ANY: &str = r"(?s:.)";
const LINE_BREAK: &str = r"(?:\r\n|[\n-\r\x{85}\x{2028}\x{2029}])";
pub(super) const NEVER: &str = "(?!)";
/// `\b` knows letters and digits of all scripts, although `\w` does not, and
/// counts marks on them as part of the word.
const WORD_BEFORE: &str = r"(?<=[\p{L}\p{Nd}_]|[\p{L}\p{Nd}]\p{Mn}|[\p{L}\p{Nd}]\p{Mn}\p{Mn})";
const WORD_AFTER: &str = r"(?:(?=[\p{L}\p{Nd}_])|(?=\p{Mn})(?<=[\p{L}\p{Nd}]|[\p{L}\p{Nd}]\p{Mn}))";

pub(super) struct Translator {
    pub(super) input: Input,
    pub(super) flags: Flags,
    names: Vec<String>,
    groups: usize,
}

/// A part of the translation, and whether it can match more than the empty text.
struct Atom {
    text: String,
    width: Width,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Width {
    None,
    Some,
}

impl Atom {
    fn empty() -> Self {
        Self::none("")
    }

    fn none(text: impl Into<String>) -> Self {
        Self { text: text.into(), width: Width::None }
    }

    fn some(text: impl Into<String>) -> Self {
        Self { text: text.into(), width: Width::Some }
    }

    fn push(&mut self, next: &Self) {
        self.text.push_str(&next.text);
        self.width = self.width.max(next.width);
    }
}

impl Translator {
    /// The next character that counts: in comments mode spaces and comments do not.
    pub(super) fn peek(&mut self) -> Option<char> {
        if self.flags.comments {
            self.input.skip_comments(self.flags.unix_lines);
        }
        self.input.peek()
    }

    pub(super) fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted) && !self.input.is_quoted();
        if found {
            self.input.next();
        }
        found
    }

    fn alternatives(&mut self) -> Result<Atom, String> {
        let mut out = self.sequence()?;
        while self.eat('|') {
            let next = self.sequence()?;
            out.text.push('|');
            out.text.push_str(&next.text);
            out.width = out.width.max(next.width);
        }
        Ok(out)
    }

    fn sequence(&mut self) -> Result<Atom, String> {
        let mut out = Atom::empty();
        while let Some(c) = self.peek() {
            if self.input.is_quoted() {
                self.input.next();
                let atom = Atom::some(self.literal(c));
                self.quantified(&mut out, atom)?;
                continue;
            }
            let atom = match c {
                '|' | ')' => break,
                '(' => match self.group()? {
                    Some(atom) => atom,
                    // Flags for what follows.
                    None => continue,
                },
                '[' => {
                    self.input.next();
                    Atom::some(class::print(&self.class()?))
                }
                '^' => {
                    self.input.next();
                    Atom::none(match (self.flags.multiline, self.flags.unix_lines) {
                        (false, _) => r"\A",
                        (true, false) => CARET_MULTILINE,
                        (true, true) => CARET_MULTILINE_UNIX,
                    })
                }
                '$' => {
                    self.input.next();
                    Atom::none(match (self.flags.multiline, self.flags.unix_lines) {
                        (false, false) => DOLLAR,
                        (false, true) => DOLLAR_UNIX,
                        (true, false) => DOLLAR_MULTILINE,
                        (true, true) => DOLLAR_MULTILINE_UNIX,
                    })
                }
                '.' => {
                    self.input.next();
                    Atom::some(match (self.flags.dot_all, self.flags.unix_lines) {
                        (true, _) => ANY,
                        (false, false) => DOT,
                        (false, true) => DOT_UNIX,
                    })
                }
                '?' | '*' | '+' => return Err(format!("nothing for {c:?} to repeat")),
                // Repeats the nothing before it.
                '{' => Atom::empty(),
                '\\' => self.escape()?,
                other => {
                    self.input.next();
                    Atom::some(self.literal(other))
                }
            };
            self.quantified(&mut out, atom)?;
        }
        Ok(out)
    }

    /// Appends an atom with the quantifier that follows it, if one does.
    fn quantified(&mut self, out: &mut Atom, atom: Atom) -> Result<(), String> {
        let next = self.peek().filter(|_| !self.input.is_quoted());
        let (least, quantifier) = match next {
            Some(c @ ('?' | '*' | '+')) => {
                self.input.next();
                (u64::from(c == '+'), c.to_string())
            }
            Some('{') => {
                self.input.next();
                self.repetition()?
            }
            _ => {
                out.push(&atom);
                return Ok(());
            }
        };
        let lazy = self.eat('?');
        let possessive = !lazy && self.eat('+');
        let text = &atom.text;
        let repeated = match (atom.width, least) {
            (Width::Some, _) if lazy => format!("(?:{text}){quantifier}?"),
            (Width::Some, _) => format!("(?:{text}){quantifier}"),
            // What matches nothing matches once or not at all; fancy-regex wants it said so.
            (Width::None, 0) if lazy => format!("(?:|{text})"),
            (Width::None, 0) => format!("(?:{text}|)"),
            (Width::None, _) => format!("(?:{text})"),
        };
        let text = if possessive { format!("(?>{repeated})") } else { repeated };
        out.push(&Atom { text, width: atom.width });
        Ok(())
    }

    /// `{n}`, `{n,}` or `{n,m}`, after the brace.
    fn repetition(&mut self) -> Result<(u64, String), String> {
        let least = self.input.number().ok_or("a \"{\" that repeats nothing; a brace itself is \"\\{\"")?;
        let most = if self.input.eat(',') { self.input.number() } else { Some(least) };
        if !self.input.eat('}') {
            return Err("a repetition without \"}\"".to_owned());
        }
        let largest = i32::MAX as u64;
        if least > largest || most.is_some_and(|most| most > largest || most < least) {
            return Err("a repetition out of range".to_owned());
        }
        let repetition = match most {
            Some(most) if most == least => format!("{{{least}}}"),
            Some(most) => format!("{{{least},{most}}}"),
            None => format!("{{{least},}}"),
        };
        Ok((least, repetition))
    }

    /// After "(" comes a group, or flags for the rest of the one around.
    fn group(&mut self) -> Result<Option<Atom>, String> {
        self.input.next();
        let outside = self.flags;
        let open = if self.peek() == Some('?') && !self.input.is_quoted() {
            self.input.next();
            match self.input.next().ok_or("an unclosed group")? {
                ':' => "(?:".to_owned(),
                '=' => "(?=".to_owned(),
                '!' => "(?!".to_owned(),
                '>' => "(?>".to_owned(),
                '<' => match self.input.peek() {
                    Some('=') => {
                        self.input.next();
                        "(?<=".to_owned()
                    }
                    Some('!') => {
                        self.input.next();
                        "(?<!".to_owned()
                    }
                    _ => self.named_group()?,
                },
                first => {
                    self.input.back();
                    if !first.is_ascii_alphabetic() && first != '-' && first != ')' && first != ':' {
                        return Err(format!("an unknown kind of group, \"(?{first}\""));
                    }
                    match self.inline_flags()? {
                        ')' => return Ok(None),
                        _ => "(?:".to_owned(),
                    }
                }
            }
        } else {
            self.groups += 1;
            "(".to_owned()
        };
        let inside = self.alternatives()?;
        if !self.eat(')') {
            return Err("an unclosed group".to_owned());
        }
        self.flags = outside;
        let looks_around = ["(?=", "(?!", "(?<=", "(?<!"].contains(&open.as_str());
        let width = if looks_around { Width::None } else { inside.width };
        Ok(Some(Atom { text: format!("{open}{})", inside.text), width }))
    }

    fn named_group(&mut self) -> Result<String, String> {
        let name = self.group_name()?;
        if self.names.contains(&name) {
            return Err(format!("two groups are named {name:?}"));
        }
        self.groups += 1;
        let open = format!("(?<{name}>");
        self.names.push(name);
        Ok(open)
    }

    fn group_name(&mut self) -> Result<String, String> {
        let mut name = String::new();
        loop {
            match self.input.next() {
                Some('>') if !name.is_empty() => return Ok(name),
                Some(c) if c.is_ascii_alphabetic() || (!name.is_empty() && c.is_ascii_digit()) => name.push(c),
                _ => return Err("a group's name that is not of letters and digits".to_owned()),
            }
        }
    }

    /// Sets flags up to ")" or ":", which it returns.
    fn inline_flags(&mut self) -> Result<char, String> {
        let mut on = true;
        loop {
            let flags = &mut self.flags;
            let flag = match self.input.next() {
                Some('-') if on => {
                    on = false;
                    continue;
                }
                Some(end @ (')' | ':')) => return Ok(end),
                Some('i') => &mut flags.ignore_case,
                Some('d') => &mut flags.unix_lines,
                Some('m') => &mut flags.multiline,
                Some('s') => &mut flags.dot_all,
                Some('u') => &mut flags.unicode_case,
                Some('x') => &mut flags.comments,
                Some('U') => {
                    // It brings the other one with it, and takes it away.
                    flags.unicode_case = on;
                    &mut flags.unicode_classes
                }
                Some('c') => return Err("canonical equivalence, (?c), is not supported".to_owned()),
                Some(other) => return Err(format!("an unknown flag {other:?}")),
                None => return Err("an unclosed group".to_owned()),
            };
            *flag = on;
        }
    }

    /// Outside of a class; the backslash comes next.
    fn escape(&mut self) -> Result<Atom, String> {
        self.input.next();
        let c = self.input.peek().ok_or("a backslash at the end")?;
        let atom = match c {
            'A' => Atom::none(r"\A"),
            'z' => Atom::none(r"\z"),
            'Z' if self.flags.unix_lines => Atom::none(DOLLAR_UNIX),
            'Z' => Atom::none(DOLLAR),
            'R' => Atom::some(LINE_BREAK),
            'b' if self.input.peek_at(1) == Some('{') && self.input.peek_at(2) == Some('g') => {
                return Err(r"\b{g} is not supported".to_owned());
            }
            'b' | 'B' => Atom::none(self.word_boundary(c == 'b')),
            'G' | 'X' | 'N' => return Err(format!("\\{c} is not supported")),
            'k' => {
                self.input.next();
                if !self.input.eat('<') {
                    return Err(r"\k without the name of a group".to_owned());
                }
                let name = self.group_name()?;
                if !self.names.contains(&name) {
                    return Err(format!("\\k<{name}>: there is no such group before it"));
                }
                return Ok(Atom::some(self.without_case(&format!("\\k<{name}>"))));
            }
            '1'..='9' => return Ok(self.back_reference()),
            _ => {
                return match escape::escape(self)? {
                    escape::Escaped::One(c) => Ok(Atom::some(self.literal(c))),
                    escape::Escaped::Set(set) => Ok(Atom::some(class::print(&set))),
                };
            }
        };
        self.input.next();
        Ok(atom)
    }

    /// Digits belong to the number as long as there are so many groups.
    fn back_reference(&mut self) -> Atom {
        let mut group = 0;
        while let Some(digit) = self.input.peek().and_then(|c| c.to_digit(10)) {
            let longer = group * 10 + digit as usize;
            if group > 0 && longer > self.groups {
                break;
            }
            group = longer;
            self.input.next();
        }
        if group > self.groups {
            return Atom::none(NEVER);
        }
        Atom::some(self.without_case(&format!("(?:\\{group})")))
    }

    fn word_boundary(&self, at_one: bool) -> String {
        let (before, after) = if self.flags.unicode_classes {
            (r"(?<=\w)".to_owned(), r"(?=\w)".to_owned())
        } else {
            (WORD_BEFORE.to_owned(), WORD_AFTER.to_owned())
        };
        let (not_before, not_after) = (format!("(?!{before})"), format!("(?!{after})"));
        if at_one {
            format!("(?:{before}{not_after}|{not_before}{after})")
        } else {
            format!("(?:{before}{after}|{not_before}{not_after})")
        }
    }

    /// A character outside of a class. Without (?u) only ASCII has cases.
    fn literal(&self, c: char) -> String {
        if self.flags.ignore_case && (self.flags.unicode_case || c.is_ascii_alphabetic()) {
            return class::print(&class::single(c, self.flags));
        }
        let mut out = String::new();
        class::push(&mut out, c);
        out
    }

    fn without_case(&self, text: &str) -> String {
        if self.flags.ignore_case { format!("(?i:{text})") } else { text.to_owned() }
    }
}
