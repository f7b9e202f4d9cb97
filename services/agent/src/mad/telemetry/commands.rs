//! What clients ask for.

use serde_json::Value;

use super::Version;

#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    Heartbeat,
    GetMetrics,
    Subscribe(Subscription),
    Unsubscribe(Subscription),
    /// Version 2; there are no logs.
    GetLogs,
    /// Of logs, which there are none of.
    Nothing,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Subscription {
    pub service: String,
    pub metric: String,
    pub statistic: String,
}

impl Command {
    /// `None` for what is no command of this version.
    pub fn parse(text: &str, version: Version) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let field = |name: &str| value.as_object()?.get(name).map(as_text);
        let subscription = || {
            let (service, metric) = (field("service")?, field("metric")?);
            Some(Subscription { service, metric, statistic: field("statistic")? })
        };
        Some(match (field("command")?.as_str(), version) {
            ("heartbeat", _) => Self::Heartbeat,
            ("getMetrics", _) => Self::GetMetrics,
            ("subscribe", Version::V1) | ("subscribeMetric", Version::V2) => Self::Subscribe(subscription()?),
            ("unsubscribe", Version::V1) | ("unsubscribeMetric", Version::V2) => Self::Unsubscribe(subscription()?),
            ("getLogs", Version::V2) => Self::GetLogs,
            ("subscribeLog" | "unsubscribeLog", Version::V2) => Self::Nothing,
            _ => return None,
        })
    }
}

/// As Jackson's `asText`: numbers are texts, too.
fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_has_its_own_names() {
        let parse = |text: &str| [Version::V1, Version::V2].map(|version| Command::parse(text, version));
        let of =
            |command: &str| format!(r#"{{"command":"{command}","service":"s","metric":7,"statistic":"mean","x":[]}}"#);
        let wanted = || Subscription { service: "s".into(), metric: "7".into(), statistic: "mean".into() };
        assert_eq!(parse(&of("heartbeat")), [Some(Command::Heartbeat), Some(Command::Heartbeat)]);
        assert_eq!(parse(&of("getMetrics")), [Some(Command::GetMetrics), Some(Command::GetMetrics)]);
        assert_eq!(parse(&of("subscribe")), [Some(Command::Subscribe(wanted())), None]);
        assert_eq!(parse(&of("subscribeMetric")), [None, Some(Command::Subscribe(wanted()))]);
        assert_eq!(parse(&of("unsubscribe")), [Some(Command::Unsubscribe(wanted())), None]);
        assert_eq!(parse(&of("unsubscribeMetric")), [None, Some(Command::Unsubscribe(wanted()))]);
        assert_eq!(parse(&of("getLogs")), [None, Some(Command::GetLogs)]);
        assert_eq!(parse(&of("subscribeLog")), [None, Some(Command::Nothing)]);
    }

    #[test]
    fn what_is_no_command_is_none() {
        for text in
            ["", "garbage", "{}", "[]", "\"heartbeat\"", r#"{"command":5}"#, r#"{"command":"subscribe","service":"s"}"#]
        {
            assert_eq!(Command::parse(text, Version::V1), None, "{text}");
        }
    }
}
