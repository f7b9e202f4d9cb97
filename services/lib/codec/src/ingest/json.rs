//! The JSON push:
//! `{"metrics":[{"name","value","timestamp"?,"tags"?}]}`.
//!
//! `timestamp` is an integer of milliseconds since the epoch; without one the
//! server stamps. `value` is a number, or one of "NaN", "+Inf", "Inf", "-Inf",
//! for which JSON has no numbers. `tags` maps names to strings. A metric that
//! is not so is refused by itself; only text that is not JSON, or has no list
//! `metrics`, refuses the request. Read as a stream: no list is built.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use tidegate_model::METRIC_NAME;

use super::{DecodeError, SampleError, Scratch, SeriesError, Sink};

pub fn decode(body: &[u8], scratch: &mut Scratch, sink: &mut impl Sink) -> Result<(), DecodeError> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let reading = Reading { scratch, sink, index: 0 };
    let read = reading.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    read.map_err(|error| DecodeError::Json(error.to_string()))
}

struct Reading<'s, S> {
    scratch: &'s mut Scratch,
    sink: &'s mut S,
    index: u32,
}

/// The outer object.
impl<'de, S: Sink> DeserializeSeed<'de> for Reading<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, S: Sink> Visitor<'de> for Reading<'_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the list \"metrics\"")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut has_metrics = false;
        while let Some(Text(key)) = map.next_key()? {
            if key == "metrics" {
                has_metrics = true;
                map.next_value_seed(List(&mut self))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if has_metrics { Ok(()) } else { Err(A::Error::missing_field("metrics")) }
    }
}

struct List<'r, 's, S>(&'r mut Reading<'s, S>);

impl<'de, S: Sink> DeserializeSeed<'de> for List<'_, '_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, S: Sink> Visitor<'de> for List<'_, '_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of metrics")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list
            .next_element_seed(Metric { scratch: self.0.scratch, sink: self.0.sink, index: self.0.index })?
            .is_some()
        {
            self.0.index = self.0.index.saturating_add(1);
        }
        Ok(())
    }
}

/// One metric; whatever stands in its place is read to its end.
struct Metric<'r, S> {
    scratch: &'r mut Scratch,
    sink: &'r mut S,
    index: u32,
}

impl<S: Sink> Metric<'_, S> {
    fn malformed(self, what: &str) {
        let reason = format!("a metric must be an object, found {what}");
        self.sink.series(self.index, Err(SeriesError::Malformed(reason.clone())));
        self.sink.invalid_sample(SampleError::Malformed(reason));
    }
}

impl<'de, S: Sink> DeserializeSeed<'de> for Metric<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, S: Sink> Visitor<'de> for Metric<'_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a metric")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let labels = &mut self.scratch.labels;
        labels.begin();
        let (mut value, mut time): (Option<Loose<'de>>, Option<Loose<'de>>) = (None, None);
        while let Some(Text(key)) = map.next_key()? {
            match &*key {
                "name" => match map.next_value()? {
                    Loose::Text(name) => labels.pair(METRIC_NAME.as_bytes(), name.as_bytes()),
                    other => {
                        labels.refuse(SeriesError::Malformed(format!("name must be a string, found {}", other.what())))
                    }
                },
                "value" => value = Some(map.next_value()?),
                "timestamp" => time = Some(map.next_value()?),
                "tags" => map.next_value_seed(Tags(labels))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        self.sink.series(self.index, labels.finish());
        match (number(value), time_ms(time)) {
            (Ok(value), Ok(time_ms)) => self.sink.float(time_ms, value),
            (Err(reason), _) | (_, Err(reason)) => self.sink.invalid_sample(SampleError::Malformed(reason)),
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        self.malformed("a list");
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        self.malformed("a string");
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.malformed("a number");
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.malformed("a number");
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.malformed("a number");
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.malformed("a boolean");
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.malformed("null");
        Ok(())
    }
}

fn number(value: Option<Loose<'_>>) -> Result<f64, String> {
    match value {
        Some(Loose::Integer(value)) => Ok(value as f64),
        Some(Loose::Float(value)) => Ok(value),
        Some(Loose::Text(text)) => match &*text {
            "NaN" => Ok(f64::NAN),
            "+Inf" | "Inf" => Ok(f64::INFINITY),
            "-Inf" => Ok(f64::NEG_INFINITY),
            _ => Err("value must be a number, \"NaN\", \"+Inf\" or \"-Inf\"".into()),
        },
        Some(other) => Err(format!("value must be a number, found {}", other.what())),
        None => Err("value is missing".into()),
    }
}

fn time_ms(time: Option<Loose<'_>>) -> Result<Option<i64>, String> {
    const WANTED: &str = "timestamp must be an integer, milliseconds since 1970";
    match time {
        None | Some(Loose::Null) => Ok(None),
        Some(Loose::Integer(time)) => i64::try_from(time).map(Some).map_err(|_| WANTED.into()),
        Some(other) => Err(format!("{WANTED}; found {}", other.what())),
    }
}

/// The tags of a metric, straight into its labels.
struct Tags<'r>(&'r mut super::LabelBuilder);

impl<'de> DeserializeSeed<'de> for Tags<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Tags<'_> {
    fn malformed(self) {
        self.0.refuse(SeriesError::Malformed("tags must be an object of strings".into()));
    }
}

impl<'de> Visitor<'de> for Tags<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(name)) = map.next_key()? {
            match map.next_value()? {
                Loose::Text(value) => self.0.pair(name.as_bytes(), value.as_bytes()),
                other => {
                    let shown: String = name.chars().take(64).collect();
                    let reason = format!("tag {shown:?} must be a string, found {}", other.what());
                    self.0.refuse(SeriesError::Malformed(reason));
                }
            }
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        self.malformed();
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        self.malformed();
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.malformed();
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.malformed();
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.malformed();
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.malformed();
        Ok(())
    }
}

/// A string, borrowed where it has no escapes.
struct Text<'de>(Cow<'de, str>);

impl<'de> serde::Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Loose::deserialize(deserializer)? {
            Loose::Text(text) => Ok(Text(text)),
            other => Err(D::Error::custom(format!("expected a string, found {}", other.what()))),
        }
    }
}

/// Any JSON value, of which only scalars are kept.
enum Loose<'de> {
    Integer(i128),
    Float(f64),
    Text(Cow<'de, str>),
    Bool,
    Null,
    List,
    Object,
}

impl Loose<'_> {
    fn what(&self) -> &'static str {
        match self {
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a fraction",
            Self::Text(_) => "a string",
            Self::Bool => "a boolean",
            Self::Null => "null",
            Self::List => "a list",
            Self::Object => "an object",
        }
    }
}

impl<'de> serde::Deserialize<'de> for Loose<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Loose<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_u64<E>(self, value: u64) -> Result<Loose<'de>, E> {
        Ok(Loose::Integer(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Loose<'de>, E> {
        Ok(Loose::Integer(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Loose<'de>, E> {
        Ok(Loose::Float(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Loose<'de>, E> {
        Ok(Loose::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Loose<'de>, E> {
        Ok(Loose::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Loose<'de>, E> {
        Ok(Loose::Bool)
    }

    fn visit_unit<E>(self) -> Result<Loose<'de>, E> {
        Ok(Loose::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Loose<'de>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Loose::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Loose<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Loose::Object)
    }
}

#[cfg(test)]
mod tests;
