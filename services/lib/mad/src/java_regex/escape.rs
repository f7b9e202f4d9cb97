//! Escapes: what a backslash and what follows it stand for.

use super::class::{Set, negated};
use super::input::Input;
use super::property;
use super::translate::Translator;

/// What an escape stands for, in a class as well as outside of one.
pub(super) enum Escaped {
    One(char),
    Set(Set),
}

/// After the backslash: a character or a set.
pub(super) fn escape(translator: &mut Translator) -> Result<Escaped, String> {
    let flags = translator.flags;
    let input = &mut translator.input;
    let c = input.next().ok_or("a backslash at the end")?;
    let hex = |digits: Option<u32>| digits.and_then(char::from_u32).ok_or(format!("\\{c} with an illegal code"));
    Ok(match c {
        't' => Escaped::One('\t'),
        'n' => Escaped::One('\n'),
        'r' => Escaped::One('\r'),
        'f' => Escaped::One('\x0C'),
        'a' => Escaped::One('\x07'),
        'e' => Escaped::One('\x1B'),
        'c' => {
            let control = input.next().ok_or("\\c at the end")?;
            Escaped::One(hex(Some(u32::from(control) ^ 64))?)
        }
        '0' => Escaped::One(hex(octal_digits(input))?),
        'x' if input.eat('{') => Escaped::One(hex(digits_in_braces(input)?)?),
        'x' => Escaped::One(hex(hex_digits(input, 2))?),
        'u' => Escaped::One(hex(utf16(input))?),
        'd' | 'D' | 's' | 'S' | 'w' | 'W' | 'h' | 'H' | 'v' | 'V' => {
            let positive = property::shorthand(c.to_ascii_lowercase(), flags)?;
            Escaped::Set(if c.is_ascii_uppercase() { negated(positive) } else { positive })
        }
        'p' | 'P' => {
            let set = property::named(&property_name(input)?, flags)?;
            Escaped::Set(if c == 'P' { negated(set) } else { set })
        }
        c if c.is_ascii_alphabetic() => return Err(format!("\\{c} has no meaning")),
        c => Escaped::One(c),
    })
}

/// At most three, and one byte.
fn octal_digits(input: &mut Input) -> Option<u32> {
    let mut code = None;
    for _ in 0..3 {
        let Some(digit) = input.peek().and_then(|c| c.to_digit(8)) else { break };
        if code.is_some_and(|code| code * 8 + digit > 0o377) {
            break;
        }
        code = Some(code.unwrap_or(0) * 8 + digit);
        input.next();
    }
    code
}

/// After the opening brace, up to and with the closing one.
fn digits_in_braces(input: &mut Input) -> Result<Option<u32>, String> {
    let mut code: Option<u32> = None;
    while let Some(digit) = input.peek().and_then(|c| c.to_digit(16)) {
        code = Some(code.unwrap_or(0).saturating_mul(16).saturating_add(digit));
        input.next();
    }
    if input.eat('}') { Ok(code) } else { Err("\\x{ without }".to_owned()) }
}

/// After `\u`: a code, or two that are the halves of one.
fn utf16(input: &mut Input) -> Option<u32> {
    let unit = hex_digits(input, 4)?;
    let is_high = (0xD800..0xDC00).contains(&unit);
    if !is_high || input.peek() != Some('\\') || input.peek_at(1) != Some('u') {
        return Some(unit);
    }
    input.next();
    input.next();
    let low = hex_digits(input, 4).filter(|low| (0xDC00..0xE000).contains(low))?;
    Some(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00))
}

/// After `\p`: a letter, or a name in braces.
fn property_name(input: &mut Input) -> Result<String, String> {
    if !input.eat('{') {
        return Ok(input.next().ok_or("\\p at the end")?.to_string());
    }
    let mut name = String::new();
    loop {
        match input.next() {
            Some('}') => return Ok(name),
            Some(c) => name.push(c),
            None => return Err("an unclosed name of a property".to_owned()),
        }
    }
}

fn hex_digits(input: &mut Input, count: usize) -> Option<u32> {
    let mut code = 0;
    for _ in 0..count {
        code = code * 16 + input.peek().and_then(|c| c.to_digit(16))?;
        input.next();
    }
    Some(code)
}
