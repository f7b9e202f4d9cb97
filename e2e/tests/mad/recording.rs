//! What the Java daemon was sent and what it posted, kept in a file for a comparison without it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::cases::{Cases, Message, Phase, To};

pub struct Recording {
    pub cases: Cases,
    /// Of each message, where it was an HTTP request.
    pub statuses: Vec<Option<u16>>,
    pub frames: Vec<Bytes>,
}

impl Recording {
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let messages: Vec<Value> = self.cases.messages.iter().zip(&self.statuses).map(of_message).collect();
        let mut text = format!("{}\n", json!(self.cases.names));
        for message in messages {
            text.push_str(&format!("{message}\n"));
        }
        for frame in &self.frames {
            text.push_str(&format!("{}\n", json!(hex(frame))));
        }
        std::fs::write(path, text).with_context(|| format!("{}", path.display()))
    }

    /// # Errors
    /// When the text is none.
    pub fn read(text: &str) -> anyhow::Result<Self> {
        let mut lines = text.lines();
        let names: BTreeMap<String, String> = serde_json::from_str(lines.next().context("an empty recording")?)?;
        let mut recording =
            Self { cases: Cases { names, ..Cases::default() }, statuses: Vec::new(), frames: Vec::new() };
        for line in lines {
            match serde_json::from_str(line)? {
                Value::String(frame) => recording.frames.push(unhex(&frame)?.into()),
                message => {
                    recording.statuses.push(message["status"].as_u64().map(u16::try_from).transpose()?);
                    recording.cases.messages.push(to_message(&message)?);
                }
            }
        }
        Ok(recording)
    }
}

fn of_message((message, status): (&Message, &Option<u16>)) -> Value {
    let (to, headers) = match &message.to {
        To::Http { path, headers } => (path.as_str(), headers.clone()),
        To::Statsd => ("statsd", Vec::new()),
        To::Graphite => ("graphite", Vec::new()),
        To::Telegraf => ("telegraf", Vec::new()),
        To::Mapped => ("mapped", Vec::new()),
        To::Stamped => ("stamped", Vec::new()),
    };
    json!({
        "name": message.name,
        "late": message.phase == Phase::Late,
        "to": to,
        "headers": headers,
        "status": status,
        "body": hex(&message.body),
    })
}

fn to_message(value: &Value) -> anyhow::Result<Message> {
    let text = |name: &str| value[name].as_str().with_context(|| format!("a message without {name}"));
    let to = match text("to")? {
        "statsd" => To::Statsd,
        "graphite" => To::Graphite,
        "telegraf" => To::Telegraf,
        "mapped" => To::Mapped,
        "stamped" => To::Stamped,
        path => To::Http { path: path.to_owned(), headers: serde_json::from_value(value["headers"].clone())? },
    };
    let phase = if value["late"] == true { Phase::Late } else { Phase::First };
    Ok(Message { name: text("name")?.to_owned(), phase, to, body: unhex(text("body")?)? })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> anyhow::Result<Vec<u8>> {
    let digit = |at: usize| u8::from_str_radix(text.get(at..at + 2).context("half a byte")?, 16).context("not hex");
    (0..text.len()).step_by(2).map(digit).collect()
}
