//! Makes the topics where they are missing and refuses those that are not as
//! they must be.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, ConfigResourceResult, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::error::KafkaResult;
use rdkafka::types::RDKafkaErrorCode as Code;
use tidegate_eventlog::Topic;
use tokio::time::Instant;

use crate::config::Config;
use crate::context::Reports;
use crate::error::{OpenError, brief};
use crate::native::{self, Description, Descriptions};
use crate::per_topic::PerTopic;
use crate::refusal::Certainty;

/// For brokers that are just starting, and for a new topic to have leaders.
const SETTLE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(100);
/// For brokers that have hung up as if they were asked in another way than their
/// port wants: as long as one needs to start again, if it was that.
const GUESS_FOR: Duration = Duration::from_secs(10);

/// A topic that is as it must be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Opened {
    pub name: String,
    pub id: u128,
    pub partitions: u16,
}

/// A setting of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Setting {
    name: &'static str,
    value: String,
    rule: Rule,
}

/// What an existing topic must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Same,
    AtLeast,
    /// A matter of economy: only set when the topic is made.
    Any,
}

fn settings(config: &Config, topic: Topic) -> Vec<Setting> {
    let retention_ms = config.retention_ms(topic);
    // Brokers drop whole segments, so one may hold a part of the retention
    // only.
    let segment_ms = (retention_ms / 8).clamp(60_000, 3_600_000);
    let setting = |name, rule, value: &dyn ToString| Setting { name, value: value.to_string(), rule };
    vec![
        setting("message.timestamp.type", Rule::Same, &"LogAppendTime"),
        setting("cleanup.policy", Rule::Same, &"delete"),
        setting("retention.ms", Rule::Same, &retention_ms),
        setting("min.insync.replicas", Rule::Same, &config.min_insync_replicas),
        // A leader that lacks records would take acknowledged ones back.
        setting("unclean.leader.election.enable", Rule::Same, &false),
        // Batches stay as the producer made them: this program reads no gzip.
        setting("compression.type", Rule::Same, &"producer"),
        setting("max.message.bytes", Rule::AtLeast, &config.max_batch_bytes()),
        setting("retention.bytes", Rule::Any, &-1),
        setting("segment.ms", Rule::Any, &segment_ms),
    ]
}

/// Topics, made or found. `recorded` is the number of partitions that the store
/// was filled from, where it is known.
pub(crate) async fn open(
    admin: &Arc<AdminClient<Reports>>,
    config: &Config,
    recorded: Option<u16>,
) -> Result<PerTopic<Opened>, OpenError> {
    let names = PerTopic::try_new(|topic| Ok::<_, OpenError>(config.topic_name(topic)))?;
    let until = Instant::now() + SETTLE;
    let found = describe(admin, config, &names, until).await?;
    let count = count_of(&found, names.get(Topic::MetricsRaw));
    let partitions = recorded.or(count).unwrap_or(config.partitions);
    for (topic, name) in names.iter() {
        if matches!(found.get(name), Some(Err(Code::UnknownTopicOrPartition))) {
            create(admin, config, topic, partitions).await?;
        }
    }
    let described = settled(admin, config, &names, until).await?;
    for (topic, name) in names.iter() {
        let description = described.get(topic);
        if description.partitions.len() != usize::from(partitions) {
            let found = description.partitions.len();
            return Err(OpenError::PartitionCount { topic: name.clone(), found, wanted: partitions });
        }
        check_replication(config, name, description)?;
        check_settings(admin, config, topic, until).await?;
    }
    PerTopic::try_new(|topic| Ok(Opened { name: names.get(topic).clone(), id: described.get(topic).id, partitions }))
}

fn count_of(found: &Descriptions, name: &str) -> Option<u16> {
    let description = found.get(name)?.as_ref().ok()?;
    u16::try_from(description.partitions.len()).ok()
}

/// Asks until there is an answer.
async fn describe(
    admin: &Arc<AdminClient<Reports>>,
    config: &Config,
    names: &PerTopic<String>,
    until: Instant,
) -> Result<Descriptions, OpenError> {
    let mut guess = None;
    loop {
        let (admin, names, timeout) = (Arc::clone(admin), names.clone(), config.request_timeout());
        let ask = move || {
            let names: Vec<&str> = names.iter().map(|(_, name)| name.as_str()).collect();
            let described = native::describe_topics(admin.inner(), &names, timeout);
            (described, native::reported(admin.inner()))
        };
        let unavailable = |why: String| OpenError::Unavailable { doing: "describing the topics".to_owned(), why };
        match tokio::task::spawn_blocking(ask).await {
            Ok((Ok(described), _)) => return Ok(described),
            // Nobody answers, and it is not for being away.
            Ok((Err(_), Some(refusal))) if refusal.certainty == Certainty::Known => return Err(refusal.into()),
            Ok((Err(error), refusal)) => {
                guess = guess.or_else(|| Some((Instant::now(), refusal?)));
                match &guess {
                    Some((since, guess)) if since.elapsed() >= GUESS_FOR => return Err(guess.clone().into()),
                    _ if Instant::now() >= until => return Err(unavailable(error.to_string())),
                    _ => tracing::info!(%error, "waiting for the brokers"),
                }
            }
            Err(error) => return Err(unavailable(error.to_string())),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Waits until all topics exist on the brokers, with a leader for each
/// partition.
async fn settled(
    admin: &Arc<AdminClient<Reports>>,
    config: &Config,
    names: &PerTopic<String>,
    until: Instant,
) -> Result<PerTopic<Description>, OpenError> {
    loop {
        let mut described = describe(admin, config, names, until).await?;
        let all = PerTopic::try_new(|topic| {
            let name = names.get(topic);
            let found = described.remove(name).unwrap_or(Err(Code::UnknownTopicOrPartition));
            let found = found.map_err(|error| format!("{name}: {error}"))?;
            let led = !found.partitions.is_empty() && found.partitions.iter().all(|partition| partition.has_leader);
            if led { Ok(found) } else { Err(format!("{name} has partitions without a leader")) }
        });
        match all {
            Ok(all) => return Ok(all),
            Err(why) if Instant::now() >= until => {
                return Err(OpenError::Unavailable { doing: "waiting for the topics".to_owned(), why });
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

fn options(config: &Config) -> AdminOptions {
    let timeout = config.request_timeout();
    AdminOptions::new().request_timeout(Some(timeout)).operation_timeout(Some(timeout))
}

async fn create(admin: &AdminClient<Reports>, config: &Config, topic: Topic, partitions: u16) -> Result<(), OpenError> {
    let name = config.topic_name(topic);
    let settings = settings(config, topic);
    let new = NewTopic::new(&name, partitions.into(), TopicReplication::Fixed(config.replication.into()));
    let new = settings.iter().fold(new, |new, setting| new.set(setting.name, &setting.value));
    let failed = |why: String| OpenError::Create { topic: name.clone(), why };
    let results = admin.create_topics([&new], &options(config)).await.map_err(|error| failed(brief(&error)))?;
    for result in results {
        match result {
            Ok(_) => tracing::info!(topic = name, partitions, "topic created"),
            // Another process was faster.
            Err((_, Code::TopicAlreadyExists)) => {}
            Err((_, error)) => return Err(failed(error.to_string())),
        }
    }
    Ok(())
}

fn check_replication(config: &Config, name: &str, description: &Description) -> Result<(), OpenError> {
    let wanted = usize::from(config.replication);
    match description.partitions.iter().map(|partition| partition.replicas).find(|replicas| *replicas != wanted) {
        None => Ok(()),
        Some(found) => Err(OpenError::Setting {
            topic: name.to_owned(),
            setting: "replication.factor",
            found: found.to_string(),
            wanted: wanted.to_string(),
        }),
    }
}

async fn check_settings(
    admin: &AdminClient<Reports>,
    config: &Config,
    topic: Topic,
    until: Instant,
) -> Result<(), OpenError> {
    let name = config.topic_name(topic);
    loop {
        let answer = admin.describe_configs([&ResourceSpecifier::Topic(&name)], &options(config)).await;
        let why = match described(answer) {
            Ok(resource) => return compare(&name, &settings(config, topic), &values(&resource)),
            Err(why) => why,
        };
        if Instant::now() >= until {
            return Err(OpenError::Unavailable { doing: format!("reading the settings of topic {name}"), why });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The one resource that was asked for. A broker that has not heard of a new
/// topic yet says so for the resource, which the library passes over: what it
/// gives then has no settings at all.
fn described(answer: KafkaResult<Vec<ConfigResourceResult>>) -> Result<ConfigResource, String> {
    match answer.map_err(|error| brief(&error))?.pop() {
        Some(Ok(resource)) if resource.entries.is_empty() => Err("the broker does not know the topic yet".to_owned()),
        Some(Ok(resource)) => Ok(resource),
        Some(Err(code)) => Err(code.to_string()),
        None => Err("no answer".to_owned()),
    }
}

fn values(resource: &ConfigResource) -> HashMap<&str, &str> {
    resource.entries.iter().filter_map(|entry| Some((entry.name.as_str(), entry.value.as_deref()?))).collect()
}

/// Refuses the first setting that is wrong.
fn compare(topic: &str, wanted: &[Setting], found: &HashMap<&str, &str>) -> Result<(), OpenError> {
    for setting in wanted {
        let value = found.get(setting.name).copied().unwrap_or_default();
        let (is_right, at_least) = match setting.rule {
            Rule::Same => (value == setting.value, ""),
            Rule::AtLeast => (number(value) >= number(&setting.value), "at least "),
            Rule::Any => (true, ""),
        };
        if !is_right {
            return Err(OpenError::Setting {
                topic: topic.to_owned(),
                setting: setting.name,
                found: value.to_owned(),
                wanted: format!("{at_least}{}", setting.value),
            });
        }
    }
    Ok(())
}

fn number(value: &str) -> Option<u64> {
    value.parse().ok()
}

#[cfg(test)]
mod tests;
