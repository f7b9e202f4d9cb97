//! The pattern as characters, those between `\Q` and `\E` marked as quoted.

pub(super) struct Input {
    chars: Vec<(char, bool)>,
    at: usize,
}

impl Input {
    pub fn new(pattern: &str) -> Self {
        let mut chars = Vec::with_capacity(pattern.len());
        let mut rest = pattern;
        loop {
            // Up to the next \Q; other escapes go by in pairs.
            let mut escaped = false;
            let quote = rest.char_indices().find_map(|(at, c)| {
                let found = escaped && c == 'Q';
                escaped = !escaped && c == '\\';
                found.then(|| at - 1)
            });
            let Some(at) = quote else {
                chars.extend(rest.chars().map(|c| (c, false)));
                return Self { chars, at: 0 };
            };
            chars.extend(rest[..at].chars().map(|c| (c, false)));
            let quoted = &rest[at + 2..];
            let end = quoted.find("\\E");
            chars.extend(quoted[..end.unwrap_or(quoted.len())].chars().map(|c| (c, true)));
            rest = end.map_or("", |end| &quoted[end + 2..]);
        }
    }

    pub fn peek(&self) -> Option<char> {
        self.peek_at(0)
    }

    pub fn peek_at(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).map(|(c, _)| *c)
    }

    pub fn is_quoted(&self) -> bool {
        self.chars.get(self.at).is_some_and(|(_, quoted)| *quoted)
    }

    pub fn next(&mut self) -> Option<char> {
        let next = self.peek();
        self.at += usize::from(next.is_some());
        next
    }

    pub fn back(&mut self) {
        self.at -= 1;
    }

    pub fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted) && !self.is_quoted();
        self.at += usize::from(found);
        found
    }

    /// Decimal digits, if there are any.
    pub fn number(&mut self) -> Option<u64> {
        let mut number: Option<u64> = None;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            number = Some(number.unwrap_or(0).saturating_mul(10).saturating_add(u64::from(digit)));
            self.at += 1;
        }
        number
    }

    pub fn skip_comments(&mut self, unix_lines: bool) {
        while let Some(c) = self.peek().filter(|_| !self.is_quoted()) {
            match c {
                ' ' | '\t'..='\r' => self.at += 1,
                '#' => {
                    let ends = |c: char| match c {
                        '\n' => true,
                        '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => !unix_lines,
                        _ => false,
                    };
                    while self.peek().is_some_and(|c| !ends(c)) {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }
}
