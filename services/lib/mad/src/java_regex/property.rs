//! Sets that have a name: `\d`, `\p{Lower}`, `\p{IsGreek}`.

use regex_syntax::hir::{Class, HirKind};

use super::class::{Set, negated, set};
use super::translate::Flags;

/// `\d`, `\s`, `\w`, `\h` and `\v`: ASCII, unless (?U) says otherwise.
pub(super) fn shorthand(letter: char, flags: Flags) -> Result<Set, String> {
    match (letter, flags.unicode_classes) {
        ('d', false) => Ok(set(&[('0', '9')])),
        ('s', false) => Ok(set(&[('\t', '\r'), (' ', ' ')])),
        ('w', false) => Ok(set(&[('0', '9'), ('A', 'Z'), ('a', 'z'), ('_', '_')])),
        ('d', true) => unicode(r"\p{Nd}"),
        ('s', true) => unicode(r"\s"),
        ('w', true) => unicode(r"\w"),
        ('h', _) => Ok(set(&[
            (' ', ' '),
            ('\t', '\t'),
            ('\u{A0}', '\u{A0}'),
            ('\u{1680}', '\u{1680}'),
            ('\u{180E}', '\u{180E}'),
            ('\u{2000}', '\u{200A}'),
            ('\u{202F}', '\u{202F}'),
            ('\u{205F}', '\u{205F}'),
            ('\u{3000}', '\u{3000}'),
        ])),
        _ => Ok(set(&[('\n', '\r'), ('\u{85}', '\u{85}'), ('\u{2028}', '\u{2029}')])),
    }
}

/// What stands in `\p{…}`.
pub(super) fn named(name: &str, flags: Flags) -> Result<Set, String> {
    let unknown = || format!("\\p{{{name}}} is unknown or not supported");
    let found = match name.split_once('=') {
        Some((key, value)) => match key.to_ascii_lowercase().as_str() {
            "sc" | "script" => script(value),
            "gc" | "general_category" => category(value),
            _ => None,
        },
        None => match name.strip_prefix("Is") {
            Some(name) => binary(name).or_else(|| category(name)).or_else(|| script(name)),
            None => posix(name, flags).or_else(|| java(name)).or_else(|| category(name)),
        },
    };
    let mut found = found.ok_or_else(unknown)?;
    if flags.ignore_case && is_of_one_case(name) {
        found.case_fold_simple();
        // Letters that are neither, such as the sign of Kelvin, stay out of ASCII's.
        if name.len() > 2 && !flags.unicode_classes && posix(name, flags).is_some() {
            found.intersect(&set(&[('\0', '\x7F')]));
        }
        if found.ranges().iter().any(|range| u32::from(range.end()) > 0x7F) {
            found.union(&unicode(r"[\p{Lu}\p{Ll}\p{Lt}]")?);
        }
    }
    Ok(found)
}

/// Those that a search without case takes for letters of any.
fn is_of_one_case(name: &str) -> bool {
    let name = name.rsplit('=').next().unwrap_or(name);
    let name = name.strip_prefix("Is").unwrap_or(name);
    [
        "lu",
        "ll",
        "lt",
        "lower",
        "upper",
        "lowercase",
        "uppercase",
        "titlecase",
        "javalowercase",
        "javauppercase",
        "javatitlecase",
    ]
    .contains(&name.to_ascii_lowercase().as_str())
}

fn unicode(class: &str) -> Result<Set, String> {
    let parsed = regex_syntax::parse(class).map_err(|error| error.to_string())?;
    match parsed.into_kind() {
        HirKind::Class(Class::Unicode(set)) => Ok(set),
        _ => Err(format!("{class} is not a class")),
    }
}

fn category(name: &str) -> Option<Set> {
    const CATEGORIES: [&str; 38] = [
        "Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Me", "Mc", "Nd", "Nl", "No", "Zs", "Zl", "Zp", "Cc", "Cf", "Co",
        "Cs", "Pd", "Ps", "Pe", "Pc", "Po", "Sm", "Sc", "Sk", "So", "Pi", "Pf", "L", "M", "N", "Z", "C", "P", "S",
        "LC",
    ];
    match name {
        // No text has a surrogate.
        "Cs" => Some(Set::empty()),
        "LD" => unicode(r"[\p{L}\p{Nd}]").ok(),
        "L1" => Some(set(&[('\0', '\u{FF}')])),
        "all" => Some(set(&[('\0', char::MAX)])),
        "ASCII" => Some(set(&[('\0', '\x7F')])),
        _ if CATEGORIES.contains(&name) => unicode(&format!("\\p{{gc={name}}}")).ok(),
        _ => None,
    }
}

fn script(name: &str) -> Option<Set> {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    plain.then(|| unicode(&format!("\\p{{sc={name}}}")).ok()).flatten()
}

/// Properties that are there or not, `\p{IsAlphabetic}`.
fn binary(name: &str) -> Option<Set> {
    let class = match name.to_ascii_uppercase().as_str() {
        "ALPHABETIC" => r"\p{Alphabetic}",
        "LETTER" => r"\p{L}",
        "IDEOGRAPHIC" => r"\p{Ideographic}",
        "LOWERCASE" => r"\p{Lowercase}",
        "UPPERCASE" => r"\p{Uppercase}",
        "TITLECASE" => r"\p{Lt}",
        "WHITE_SPACE" | "WHITESPACE" => r"\p{White_Space}",
        "CONTROL" => r"\p{Cc}",
        "PUNCTUATION" => r"\p{P}",
        "HEX_DIGIT" | "HEXDIGIT" => r"[\p{Nd}0-9A-Fa-f\x{FF10}-\x{FF19}\x{FF21}-\x{FF26}\x{FF41}-\x{FF46}]",
        "ASSIGNED" => r"\P{Cn}",
        "NONCHARACTER_CODE_POINT" | "NONCHARACTERCODEPOINT" => r"\p{Noncharacter_Code_Point}",
        "DIGIT" => r"\p{Nd}",
        "ALNUM" => r"[\p{Alphabetic}\p{Nd}]",
        "WORD" => r"\w",
        "JOIN_CONTROL" | "JOINCONTROL" => r"\p{Join_Control}",
        _ => return None,
    };
    unicode(class).ok()
}

fn posix(name: &str, flags: Flags) -> Option<Set> {
    if flags.unicode_classes {
        let class = match name.to_ascii_uppercase().as_str() {
            "LOWER" => r"\p{Lowercase}",
            "UPPER" => r"\p{Uppercase}",
            "ASCII" => return Some(set(&[('\0', '\x7F')])),
            "ALPHA" => r"\p{Alphabetic}",
            "DIGIT" => r"\p{Nd}",
            "ALNUM" => r"[\p{Alphabetic}\p{Nd}]",
            "PUNCT" => r"\p{P}",
            "GRAPH" => r"[^\p{White_Space}\p{Cc}\p{Cn}]",
            "PRINT" => r"[[^\p{White_Space}\p{Cc}\p{Cn}]\p{Zs}--\p{Cc}]",
            "BLANK" => r"[\p{Zs}\t]",
            "CNTRL" => r"\p{Cc}",
            "XDIGIT" => r"[\p{Nd}0-9A-Fa-f\x{FF10}-\x{FF19}\x{FF21}-\x{FF26}\x{FF41}-\x{FF46}]",
            "SPACE" => r"\p{White_Space}",
            _ => return None,
        };
        return unicode(class).ok();
    }
    Some(match name {
        "Lower" => set(&[('a', 'z')]),
        "Upper" => set(&[('A', 'Z')]),
        "ASCII" => set(&[('\0', '\x7F')]),
        "Alpha" => set(&[('A', 'Z'), ('a', 'z')]),
        "Digit" => set(&[('0', '9')]),
        "Alnum" => set(&[('0', '9'), ('A', 'Z'), ('a', 'z')]),
        "Punct" => set(&[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')]),
        "Graph" => set(&[('!', '~')]),
        "Print" => set(&[(' ', '~')]),
        "Blank" => set(&[(' ', ' '), ('\t', '\t')]),
        "Cntrl" => set(&[('\0', '\x1F'), ('\x7F', '\x7F')]),
        "XDigit" => set(&[('0', '9'), ('A', 'F'), ('a', 'f')]),
        "Space" => set(&[('\t', '\r'), (' ', ' ')]),
        _ => return None,
    })
}

/// Questions that `java.lang.Character` answers.
fn java(name: &str) -> Option<Set> {
    let class = match name {
        "javaLowerCase" => r"\p{Lowercase}",
        "javaUpperCase" => r"\p{Uppercase}",
        "javaAlphabetic" => r"\p{Alphabetic}",
        "javaIdeographic" => r"\p{Ideographic}",
        "javaTitleCase" => r"\p{Lt}",
        "javaDigit" => r"\p{Nd}",
        "javaDefined" => return Some(negated(unicode(r"\p{Cn}").ok()?)),
        "javaLetter" => r"\p{L}",
        "javaLetterOrDigit" => r"[\p{L}\p{Nd}]",
        "javaSpaceChar" => r"[\p{Zs}\p{Zl}\p{Zp}]",
        "javaWhitespace" => r"[\t-\r\x1C-\x1F[\p{Zs}--[\xA0\x{2007}\x{202F}]]\p{Zl}\p{Zp}]",
        "javaISOControl" => r"\p{Cc}",
        _ => return None,
    };
    unicode(class).ok()
}
