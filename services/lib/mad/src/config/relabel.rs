//! Rules of relabelling as in a configuration of Prometheus, its regular
//! expressions and `$1` included.

use serde::de::IntoDeserializer;
use serde::{Deserialize, Serialize};

use super::fields::{Fields, NOT_NEGATIVE, Read};
use super::value::Value;
use super::{Note, Problem};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RelabelRule {
    pub source_labels: Vec<String>,
    /// Between the values of those.
    pub separator: String,
    /// Has to match all of them.
    pub regex: String,
    pub modulus: u64,
    pub target_label: String,
    /// `$1` and `${name}` stand for groups of the expression.
    pub replacement: String,
    pub action: RelabelAction,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RelabelAction {
    #[default]
    Replace,
    Keep,
    Drop,
    KeepEqual,
    DropEqual,
    HashMod,
    LabelMap,
    LabelDrop,
    LabelKeep,
    Lowercase,
    Uppercase,
}

impl Default for RelabelRule {
    fn default() -> Self {
        Self {
            source_labels: Vec::new(),
            separator: ";".into(),
            regex: "(.*)".into(),
            modulus: 0,
            target_label: String::new(),
            replacement: "$1".into(),
            action: RelabelAction::Replace,
        }
    }
}

impl RelabelRule {
    pub(super) fn read(value: &Value, at: &str, notes: &mut Vec<Note>) -> Result<Self, Problem> {
        let (mut fields, usual) = (Fields::of(value, at)?, Self::default());
        let rule = Self {
            source_labels: fields.or("sourceLabels", usual.source_labels)?,
            separator: fields.or("separator", usual.separator)?,
            regex: fields.or("regex", usual.regex)?,
            modulus: fields.count_or("modulus", 0, NOT_NEGATIVE)?.into(),
            target_label: fields.or("targetLabel", usual.target_label)?,
            replacement: fields.or("replacement", usual.replacement)?,
            action: fields.or("action", usual.action)?,
        };
        fields.finish(notes);
        Ok(rule)
    }
}

impl Read for RelabelAction {
    fn read(value: &Value, at: &str) -> Result<Self, Problem> {
        let name = String::read(value, at)?;
        let action = Self::deserialize(name.as_str().into_deserializer());
        action
            .map_err(|_: serde::de::value::Error| Problem::new(at, format!("{name:?} is not an action of relabelling")))
    }
}
