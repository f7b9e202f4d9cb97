//! A page of metrics: Prometheus' text format and OpenMetrics.

use std::borrow::Cow;

use super::labels::Labels;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Times in milliseconds.
    Classic,
    /// Times in seconds; ends in `# EOF`; samples may have exemplars.
    OpenMetrics,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// `__name__` among them.
    pub labels: Labels,
    pub value: f64,
    pub timestamp_ms: Option<i64>,
}

/// What a page says of metrics of one name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Family {
    pub name: String,
    pub kind: String,
    pub help: String,
    pub unit: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    pub samples: Vec<Sample>,
    pub families: Vec<Family>,
}

/// Why a page cannot be read; nothing of it is taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    #[error("line {line}: {reason}")]
    Line { line: usize, reason: &'static str },
    #[error("the page does not end in # EOF")]
    NoEnd,
}

impl Format {
    pub fn of_content_type(content_type: &str) -> Self {
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if media_type.eq_ignore_ascii_case("application/openmetrics-text") { Self::OpenMetrics } else { Self::Classic }
    }
}

/// # Errors
/// The first line that is wrong.
pub fn parse(text: &str, format: Format) -> Result<Page, PageError> {
    let mut page = Page::default();
    let mut has_ended = false;
    for (at, line) in text.lines().enumerate() {
        let wrong = |reason| PageError::Line { line: at + 1, reason };
        let line = line.trim_matches([' ', '\t']);
        if has_ended {
            return Err(wrong("something follows # EOF"));
        }
        if let Some(comment) = line.strip_prefix('#') {
            match (format, comment.trim()) {
                (Format::OpenMetrics, "EOF") => has_ended = true,
                (_, comment) => describe(comment, &mut page.families).map_err(wrong)?,
            }
        } else if !line.is_empty() {
            page.samples.push(sample(line, format).map_err(wrong)?);
        }
    }
    if format == Format::OpenMetrics && !has_ended {
        return Err(PageError::NoEnd);
    }
    Ok(page)
}

/// `HELP name text`, `TYPE name kind` or `UNIT name unit`; others are comments.
fn describe(comment: &str, families: &mut Vec<Family>) -> Result<(), &'static str> {
    let Some((what, rest)) = comment.split_once([' ', '\t']) else { return Ok(()) };
    if !matches!(what, "HELP" | "TYPE" | "UNIT") {
        return Ok(());
    }
    let mut rest = Rest(rest.trim_start());
    let name = match rest.0.starts_with('"') {
        true => rest.quoted()?.into_owned(),
        false => rest.word(|c| !c.is_whitespace()).to_owned(),
    };
    let text = rest.0.trim_start();
    if families.last().is_none_or(|last| last.name != name) {
        families.push(Family { name, ..Family::default() });
    }
    let Some(family) = families.last_mut() else { return Ok(()) };
    match what {
        "HELP" => family.help = unescaped(text).into_owned(),
        "TYPE" => family.kind = text.to_owned(),
        _ => family.unit = text.to_owned(),
    }
    Ok(())
}

/// `name{label="value",…} value [time] [# exemplar]`; the name may also stand in
/// the braces, in quotes.
fn sample(line: &str, format: Format) -> Result<Sample, &'static str> {
    let mut rest = Rest(line);
    let mut labels = Labels::new();
    let name = rest.word(|c| c.is_alphanumeric() || matches!(c, '_' | ':'));
    if !name.is_empty() {
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err("a metric's name begins with a digit");
        }
        labels.insert("__name__".to_owned(), name.to_owned());
    }
    rest.skip_blanks();
    if rest.take('{') {
        rest.labels(&mut labels)?;
    }
    if !labels.contains_key("__name__") {
        return Err("a sample without a name");
    }
    rest.skip_blanks();
    let value = number(rest.word(|c| !matches!(c, ' ' | '\t'))).ok_or("a value that is no number")?;
    rest.skip_blanks();
    let timestamp_ms = match rest.word(|c| !matches!(c, ' ' | '\t' | '#')) {
        "" => None,
        time => Some(milliseconds(time, format).ok_or("a time that is no number")?),
    };
    rest.skip_blanks();
    // Exemplars are not kept, but may stand here.
    let is_exemplar = format == Format::OpenMetrics && rest.0.starts_with('#');
    if !rest.0.is_empty() && !is_exemplar {
        return Err("something follows the sample");
    }
    labels.retain(|_, value| !value.is_empty());
    Ok(Sample { labels, value, timestamp_ms })
}

fn milliseconds(text: &str, format: Format) -> Option<i64> {
    match format {
        Format::Classic => text.parse().ok(),
        Format::OpenMetrics => {
            let seconds = number(text).filter(|seconds| seconds.abs() < 1e15)?;
            Some((seconds * 1_000.0).round() as i64)
        }
    }
}

/// As Go reads it, but for underscores and hexadecimal digits.
fn number(text: &str) -> Option<f64> {
    let is_sane =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    text.parse().ok().filter(|_| is_sane(text))
}

/// What is left of a line.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn word(&mut self, is_part: impl Fn(char) -> bool) -> &'a str {
        let (word, rest) = self.0.split_at(self.0.find(|c| !is_part(c)).unwrap_or(self.0.len()));
        self.0 = rest;
        word
    }

    fn skip_blanks(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    fn take(&mut self, wanted: char) -> bool {
        let rest = self.0.strip_prefix(wanted);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// Up to and including the closing brace.
    fn labels(&mut self, labels: &mut Labels) -> Result<(), &'static str> {
        loop {
            self.skip_blanks();
            if self.take('}') {
                return Ok(());
            }
            let is_quoted = self.0.starts_with('"');
            let name = match is_quoted {
                true => self.quoted()?.into_owned(),
                false => self.word(|c| c.is_ascii_alphanumeric() || c == '_').to_owned(),
            };
            self.skip_blanks();
            let (name, value) = if self.take('=') {
                self.skip_blanks();
                (name, self.quoted()?.into_owned())
            } else if is_quoted {
                ("__name__".to_owned(), name)
            } else {
                return Err("a label without a value");
            };
            if name.is_empty() {
                return Err("a label without a name");
            }
            if labels.insert(name, value).is_some() {
                return Err("a label that comes twice");
            }
            self.skip_blanks();
            if !self.take(',') && !self.0.starts_with('}') {
                return Err("no comma between labels");
            }
        }
    }

    fn quoted(&mut self) -> Result<Cow<'a, str>, &'static str> {
        if !self.take('"') {
            return Err("a label's value is not in quotes");
        }
        let mut escaped = false;
        let end = self.0.char_indices().find(|(_, c)| {
            let ends = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            ends
        });
        let (end, _) = end.ok_or("a quote that does not end")?;
        let text = &self.0[..end];
        self.0 = &self.0[end + 1..];
        Ok(unescaped(text))
    }
}

fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some(c @ ('\\' | '"')) => out.push(c),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests;
