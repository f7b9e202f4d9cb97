//! What a wrapping source does to the records of the one inside.

use super::fields::{Fields, Read, key_at};
use super::value::Value;
use super::{Note, Problem};
use crate::transform::Template;
use crate::{JavaRegex, JavaReplacement};

#[derive(Clone, Debug, PartialEq)]
pub enum Transform {
    /// Each pattern that is found in a metric's name gives a metric for each of
    /// its replacements; no replacement drops it.
    Mapping(Vec<(JavaRegex, Vec<JavaReplacement>)>),
    /// The time of receipt in place of the record's.
    TimeStamping,
    Transforming(Vec<Transformation>),
    TagDropping(Vec<DropSet>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Transformation {
    pub transform_metrics: Vec<(JavaRegex, Vec<Template>)>,
    pub inject_dimensions: Vec<(String, Injection)>,
    pub remove_dimensions: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Injection {
    pub value: String,
    /// Whether it stands in place of what is there.
    pub overwrite: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct DropSet {
    /// Of whole names.
    pub metric_pattern: JavaRegex,
    pub remove_dimensions: Vec<String>,
}

impl Transform {
    pub(super) fn mapping(fields: &mut Fields<'_>) -> Result<Self, Problem> {
        let entries: Vec<(JavaRegex, Vec<String>)> = fields.required("findAndReplace")?;
        let at = fields.path("findAndReplace");
        let of_entry = |(pattern, replacements): (JavaRegex, Vec<String>)| {
            let at = key_at(&at, pattern.pattern());
            let parse = |text: String| {
                JavaReplacement::new(&text, &pattern).map_err(|error| Problem::new(at.as_str(), error.to_string()))
            };
            let replacements = replacements.into_iter().map(parse).collect::<Result<_, _>>()?;
            Ok((pattern, replacements))
        };
        entries.into_iter().map(of_entry).collect::<Result<_, _>>().map(Self::Mapping)
    }

    pub(super) fn transforming(fields: &mut Fields<'_>, notes: &mut Vec<Note>) -> Result<Self, Problem> {
        list(fields, "transformations", |value, at| Transformation::read(value, at, notes)).map(Self::Transforming)
    }

    pub(super) fn tag_dropping(fields: &mut Fields<'_>, notes: &mut Vec<Note>) -> Result<Self, Problem> {
        list(fields, "dropSets", |value, at| DropSet::read(value, at, notes)).map(Self::TagDropping)
    }
}

/// A required list that is not empty.
fn list<T>(
    fields: &mut Fields<'_>,
    name: &str,
    mut read: impl FnMut(&Value, &str) -> Result<T, Problem>,
) -> Result<Vec<T>, Problem> {
    match fields.take(name) {
        Some(Value::List(items)) if !items.is_empty() => {
            let at = fields.path(name);
            items.iter().enumerate().map(|(index, item)| read(item, &format!("{at}[{index}]"))).collect()
        }
        Some(Value::List(_)) => Err(fields.problem(name, "must not be empty")),
        Some(other) => Err(fields.problem(name, format!("{} where a list is expected", other.what()))),
        None => Err(fields.problem(name, "is required")),
    }
}

impl Transformation {
    fn read(value: &Value, at: &str, notes: &mut Vec<Note>) -> Result<Self, Problem> {
        let mut fields = Fields::of(value, at)?;
        let inject = match fields.take("injectDimensions") {
            None => Vec::new(),
            Some(Value::Object(entries)) => {
                let at = fields.path("injectDimensions");
                let of_entry = |(key, value): &(Box<str>, Value)| {
                    Ok((key.to_string(), Injection::read(value, &key_at(&at, key), notes)?))
                };
                entries.iter().map(of_entry).collect::<Result<_, _>>()?
            }
            Some(other) => {
                let reason = format!("{} where an object is expected", other.what());
                return Err(fields.problem("injectDimensions", reason));
            }
        };
        let at = fields.path("transformMetrics");
        let entries: Vec<(JavaRegex, Vec<String>)> = fields.or("transformMetrics", Vec::new())?;
        let of_entry = |(pattern, templates): (JavaRegex, Vec<String>)| {
            let at = key_at(&at, pattern.pattern());
            let parse = |text: String| {
                Template::new(&text, &pattern).map_err(|error| Problem::new(at.as_str(), error.to_string()))
            };
            let templates = templates.into_iter().map(parse).collect::<Result<_, _>>()?;
            Ok((pattern, templates))
        };
        let transformation = Self {
            transform_metrics: entries.into_iter().map(of_entry).collect::<Result<_, _>>()?,
            inject_dimensions: inject,
            remove_dimensions: fields.or("removeDimensions", Vec::new())?,
        };
        fields.finish(notes);
        Ok(transformation)
    }
}

impl Injection {
    fn read(value: &Value, at: &str, notes: &mut Vec<Note>) -> Result<Self, Problem> {
        let mut fields = Fields::of(value, at)?;
        let injection = Self { value: fields.text("value")?, overwrite: fields.or("overwrite", true)? };
        fields.finish(notes);
        Ok(injection)
    }
}

impl DropSet {
    fn read(value: &Value, at: &str, notes: &mut Vec<Note>) -> Result<Self, Problem> {
        let mut fields = Fields::of(value, at)?;
        let pattern = fields.text("metricPattern")?;
        let set = Self {
            metric_pattern: JavaRegex::read(&Value::String(pattern.into()), &fields.path("metricPattern"))?,
            remove_dimensions: fields.or("removeDimensions", Vec::new())?,
        };
        fields.finish(notes);
        Ok(set)
    }
}
