//! What is scraped: a target's labels, its address, and the labels of what is
//! found there.

use http::Uri;

use super::config::{Checked, Honor};
use super::discovery::Group;
use super::labels::Labels;
use super::relabel::{self, Verdict};

/// A target after relabelling. Equal ones are scraped once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// `job` and `instance` among them.
    pub labels: Labels,
    pub url: String,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{url:?} is no address: {reason}")]
pub struct AddressError {
    url: String,
    reason: String,
}

/// The targets of a group, without those that relabelling drops.
pub fn targets(job: &Checked, group: &Group) -> Vec<Result<Target, AddressError>> {
    group.targets.iter().filter_map(|address| target(job, group, address)).collect()
}

fn target(job: &Checked, group: &Group, address: &str) -> Option<Result<Target, AddressError>> {
    let own = &job.job;
    let general = [
        ("job", own.name.clone()),
        ("__address__", address.to_owned()),
        ("__scheme__", own.scheme.name().to_owned()),
        ("__metrics_path__", own.metrics_path.clone()),
        ("__scrape_interval__", format!("{}s", own.interval_seconds)),
        ("__scrape_timeout__", format!("{}s", own.timeout_seconds)),
        ("__meta_filepath", group.file.clone()),
    ];
    let mut labels: Labels = general.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    labels.extend(group.labels.clone());
    labels.retain(|_, value| !value.is_empty());
    if relabel::apply(&job.relabel, &mut labels) == Verdict::Dropped {
        return None;
    }
    let address = labels.get("__address__")?.clone();
    let get = |name: &str| labels.get(name).map_or("", String::as_str);
    let mut url = format!("{}://{address}{}", get("__scheme__"), get("__metrics_path__"));
    for (at, (name, value)) in labels.iter().filter(|(name, _)| name.starts_with("__param_")).enumerate() {
        let name = name.trim_start_matches("__param_");
        url.push(if at == 0 { '?' } else { '&' });
        url.push_str(&format!("{}={}", escaped(name), escaped(value)));
    }
    if let Err(error) = url.parse::<Uri>() {
        return Some(Err(AddressError { url, reason: error.to_string() }));
    }
    labels.entry("instance".to_owned()).or_insert(address);
    labels.retain(|name, _| !name.starts_with("__"));
    Some(Ok(Target { labels, url }))
}

/// For the query of a URL.
fn escaped(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

impl Target {
    /// The labels of a sample that was found here; `None` when relabelling drops it.
    pub fn sample_labels(&self, job: &Checked, mut found: Labels) -> Option<Labels> {
        for (name, value) in &self.labels {
            match (job.job.honor_labels, found.get(name)) {
                (_, None) => {
                    found.insert(name.clone(), value.clone());
                }
                (Honor::Page, Some(_)) => {}
                (Honor::Target, Some(_)) => {
                    let theirs = found.insert(name.clone(), value.clone());
                    let mut renamed = format!("exported_{name}");
                    while found.contains_key(&renamed) || self.labels.contains_key(&renamed) {
                        renamed.insert_str(0, "exported_");
                    }
                    found.extend(theirs.map(|theirs| (renamed, theirs)));
                }
            }
        }
        if relabel::apply(&job.metric_relabel, &mut found) == Verdict::Dropped {
            return None;
        }
        found.retain(|name, value| !value.is_empty() && (name == "__name__" || !name.starts_with("__")));
        found.contains_key("__name__").then_some(found)
    }
}

#[cfg(test)]
mod tests;
