//! What turns bytes into records.

use super::fields::{Fields, unknown_type};
use super::value::Value;
use super::{Note, Problem};

#[derive(Clone, Debug, PartialEq)]
pub enum Parser {
    ProtobufV1,
    ProtobufV2,
    /// As V2, of the value of a message in a topic.
    ProtobufV2Bytes,
    ProtobufV3,
    Statsd,
    Prometheus(PrometheusParser),
    CollectdJson,
    GraphitePlaintext(GraphiteParser),
    TelegrafJson(TelegrafParser),
    Json(JsonParser),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrometheusParser {
    /// Reads the unit off the name's suffix.
    pub interpret_units: bool,
    pub output_debug_files: bool,
    /// Names that are kept although they end as those of an aggregation do.
    pub reserved_name_whitelist: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GraphiteParser {
    pub global_tags: Vec<(String, String)>,
    /// Whether `name;k=v` has dimensions in it.
    pub parse_carbon_tags: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TelegrafParser {
    pub timestamp_unit: TimestampUnit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampUnit {
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

/// Dimensions for query logs of the formats that do not carry them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JsonParser {
    /// None: the name of this host.
    pub default_host: Option<String>,
    pub default_service: Option<String>,
    pub default_cluster: Option<String>,
}

const PACKAGE: &str = "com.arpnetworking.metrics.mad.parsers.";

const KNOWN: [&str; 10] = [
    "ProtobufV1ToRecordParser",
    "ProtobufV2ToRecordParser",
    "ProtobufV2bytesToRecordParser",
    "ProtobufV3ToRecordParser",
    "StatsdToRecordParser",
    "PrometheusToRecordParser",
    "CollectdJsonToRecordParser",
    "GraphitePlaintextToRecordParser",
    "TelegrafJsonToRecordParser",
    "JsonToRecordParser",
];

impl Parser {
    /// The name of its class, without the package.
    pub fn class(&self) -> &'static str {
        match self {
            Self::ProtobufV1 => KNOWN[0],
            Self::ProtobufV2 => KNOWN[1],
            Self::ProtobufV2Bytes => KNOWN[2],
            Self::ProtobufV3 => KNOWN[3],
            Self::Statsd => KNOWN[4],
            Self::Prometheus(_) => KNOWN[5],
            Self::CollectdJson => KNOWN[6],
            Self::GraphitePlaintext(_) => KNOWN[7],
            Self::TelegrafJson(_) => KNOWN[8],
            Self::Json(_) => KNOWN[9],
        }
    }

    /// Whether it reads a line of text.
    pub fn reads_lines(&self) -> bool {
        matches!(self, Self::Statsd | Self::GraphitePlaintext(_) | Self::TelegrafJson(_) | Self::Json(_))
    }

    /// Whether it reads the body of an HTTP request.
    pub fn reads_requests(&self) -> bool {
        matches!(
            self,
            Self::ProtobufV1 | Self::ProtobufV2 | Self::ProtobufV3 | Self::Prometheus(_) | Self::CollectdJson
        )
    }

    pub(super) fn read(value: &Value, at: &str, notes: &mut Vec<Note>) -> Result<Self, Problem> {
        let mut fields = Fields::of(value, at)?;
        let class = fields.text("type")?;
        let parser = match class.strip_prefix(PACKAGE).unwrap_or_default() {
            "ProtobufV1ToRecordParser" => Self::ProtobufV1,
            "ProtobufV2ToRecordParser" => Self::ProtobufV2,
            "ProtobufV2bytesToRecordParser" => Self::ProtobufV2Bytes,
            "ProtobufV3ToRecordParser" => Self::ProtobufV3,
            "StatsdToRecordParser" => Self::Statsd,
            "PrometheusToRecordParser" => Self::Prometheus(PrometheusParser::read(&mut fields)?),
            "CollectdJsonToRecordParser" => Self::CollectdJson,
            "GraphitePlaintextToRecordParser" => Self::GraphitePlaintext(GraphiteParser {
                global_tags: fields.or("globalTags", Vec::new())?,
                parse_carbon_tags: fields.or("parseCarbonTags", false)?,
            }),
            "TelegrafJsonToRecordParser" => {
                let timestamp_unit = match fields.or("timestampUnit", "SECONDS".to_owned())?.as_str() {
                    "SECONDS" => TimestampUnit::Seconds,
                    "MILLISECONDS" => TimestampUnit::Milliseconds,
                    "MICROSECONDS" => TimestampUnit::Microseconds,
                    "NANOSECONDS" => TimestampUnit::Nanoseconds,
                    other => {
                        let reason = format!("{other:?} is none of SECONDS, MILLISECONDS, MICROSECONDS, NANOSECONDS");
                        return Err(fields.problem("timestampUnit", reason));
                    }
                };
                Self::TelegrafJson(TelegrafParser { timestamp_unit })
            }
            "JsonToRecordParser" => Self::Json(JsonParser {
                default_host: fields.optional("defaultHost")?,
                default_service: fields.optional("defaultService")?,
                default_cluster: fields.optional("defaultCluster")?,
            }),
            _ => {
                return Err(unknown_type(
                    at,
                    &class,
                    &KNOWN.map(|name| format!("{PACKAGE}{name}")).each_ref().map(|name| name.as_str()),
                ));
            }
        };
        fields.finish(notes);
        Ok(parser)
    }
}

impl PrometheusParser {
    pub(super) fn read(fields: &mut Fields<'_>) -> Result<Self, Problem> {
        Ok(Self {
            interpret_units: fields.or("interpretUnits", false)?,
            output_debug_files: fields.or("outputDebugFiles", false)?,
            reserved_name_whitelist: fields.or("reservedNameWhitelist", Vec::new())?,
        })
    }
}
