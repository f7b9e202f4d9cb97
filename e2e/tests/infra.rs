//! That what deploys the fleet agrees with the program: infra/compose.yaml, its configuration, what Prometheus scrapes and
//! what Grafana shows.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_yaml_ng::Value;
use tidegate_testkit::binary;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A YAML file whose merge keys (`<<`) are resolved.
fn yaml(path: &str) -> Value {
    let mut value: Value = serde_yaml_ng::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    value.apply_merge().unwrap_or_else(|error| panic!("{path}: {error}"));
    value
}

fn strings(value: &Value) -> Vec<String> {
    let items = value.as_sequence().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

fn services() -> BTreeMap<String, Value> {
    let compose = yaml("infra/compose.yaml");
    let services = compose["services"].as_mapping().expect("services").clone();
    services.into_iter().map(|(name, service)| (name.as_str().expect("a name").to_owned(), service)).collect()
}

fn is_ours(service: &Value) -> bool {
    service["image"].as_str() == Some("tidegate:local")
}

#[test]
fn compose_starts_every_target_with_a_configuration_that_it_accepts() {
    let program = binary::tidegate().unwrap();
    let mut started = BTreeMap::new();
    for (name, service) in services().iter().filter(|(_, service)| is_ours(service)) {
        let command = strings(&service["command"]);
        let [target, option, file] = &command[..] else { panic!("{name}: {command:?}") };
        assert_eq!((option.as_str(), file.as_str()), ("--config", "/etc/tidegate/fleet.yaml"), "{name}");
        *started.entry(target.clone()).or_insert(0) += 1;
        let help = Command::new(program).args([target, "--help"]).output().unwrap();
        assert!(help.status.success(), "{name}: there is no `tidegate {target}`");

        let mut check = Command::new(program);
        check.args(["config", "check", "--config"]).arg(root().join("infra/config/fleet.yaml"));
        for (key, value) in service["environment"].as_mapping().into_iter().flatten() {
            check.env(key.as_str().expect("a name"), value.as_str().expect("a string"));
        }
        let checked = check.output().unwrap();
        assert!(checked.status.success(), "{name}: {}", String::from_utf8_lossy(&checked.stderr));
    }
    let expected =
        [("agent", 1), ("compactor", 2), ("gateway", 2), ("migrate", 1), ("query", 2), ("rollup", 3)].into_iter();
    assert_eq!(started, expected.map(|(target, count)| (target.to_owned(), count)).collect());

    let table = read("services/tidegate/src/targets.rs");
    let names: Vec<_> = table.lines().filter_map(|line| line.trim().strip_prefix("Spec { name: Name::")).collect();
    assert!(names.len() >= 5, "the table of targets has another form: {names:?}");
    for name in names {
        let name = name.split(',').next().expect("a name").to_lowercase();
        assert!(started.contains_key(&name), "no service is a {name}");
    }
}

/// That the configuration is accepted means nothing if everything is.
#[test]
fn a_configuration_that_is_wrong_is_refused() {
    let mut check = Command::new(binary::tidegate().unwrap());
    check.args(["config", "check", "--config"]).arg(root().join("infra/config/fleet.yaml"));
    let checked = check.env("TIDEGATE__EVENTLOG__KAFKA__BROKER", "kafka-1:9092").output().unwrap();
    assert!(!checked.status.success());
    assert!(String::from_utf8_lossy(&checked.stderr).contains("broker"), "{checked:?}");
}

/// `name:tag`, and the tag says more than the latest there is.
fn is_pinned(image: &str) -> bool {
    let tag = image.rsplit('/').next().and_then(|name| name.split_once(':')).map(|(_, tag)| tag);
    tag.is_some_and(|tag| !tag.is_empty() && tag != "latest")
}

#[test]
fn images_are_pinned() {
    for (name, service) in services() {
        let image = service["image"].as_str().unwrap_or_else(|| panic!("{name} has no image"));
        let has_number = image.contains(|c: char| c.is_ascii_digit());
        assert!(is_pinned(image) && (has_number || is_ours(&service)), "{name}: {image}");
    }
    let dockerfile = read("infra/images/Dockerfile");
    let images: Vec<_> = dockerfile.lines().filter_map(|line| line.strip_prefix("FROM ")).collect();
    assert_eq!(images.len(), 3);
    for image in images.iter().map(|image| image.split(' ').next().expect("an image")) {
        assert!(is_pinned(image), "{image}");
    }
    assert!(!is_pinned("minio/minio") && !is_pinned("registry:5000/minio") && !is_pinned("minio:latest"));
}

/// The image is built by the Rust that the project asks for, and runs as somebody who may do nothing.
#[test]
fn the_image_is_built_by_our_rust_and_does_not_run_as_root() {
    let manifest = read("Cargo.toml");
    let version = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).expect("a version");
    let dockerfile = read("infra/images/Dockerfile");
    assert!(dockerfile.contains(&format!("FROM rust:{}-", version.trim_matches('"'))), "{version}");
    let (_, last) = dockerfile.rsplit_once("\nFROM ").expect("stages");
    assert!(last.starts_with("gcr.io/distroless/") && last.contains("\nUSER 65532:65532\n"), "{last}");
    // What is built must be copied: all that the workspace consists of.
    let ignored = read("infra/images/Dockerfile.dockerignore");
    let members =
        manifest.lines().skip_while(|line| !line.starts_with("members")).take_while(|line| !line.starts_with(']'));
    for member in members.flat_map(|line| line.split('"').skip(1).step_by(2)) {
        let folder = member.split('/').next().expect("a folder");
        assert!(ignored.lines().any(|line| line == format!("!{folder}")), "{member} is not copied into the image");
    }
}

#[test]
fn published_ports_are_of_this_machine_alone_and_told_in_the_readme() {
    let readme = read("infra/README.md");
    let mut published = Vec::new();
    for (name, service) in services() {
        for port in strings(&service["ports"]) {
            let [address, outside, inside] = port.split(':').collect::<Vec<_>>()[..] else { panic!("{name}: {port}") };
            assert_eq!(address, "127.0.0.1", "{name}: {port}");
            assert!(readme.contains(outside), "{name}: infra/README.md has no {outside}");
            published.push(outside.to_owned());
            if is_ours(&service) {
                let fleet = yaml("infra/config/fleet.yaml");
                let listens = |section: &str| {
                    fleet[section]["listen"].as_str().is_some_and(|at| at.ends_with(&format!(":{inside}")))
                };
                assert!(listens("http") || listens("grpc"), "{name}: nothing listens at {inside}");
            }
        }
    }
    published.sort();
    let all = published.len();
    published.dedup();
    assert_eq!(published.len(), all, "two services on one port");
    assert!(all >= 8, "{all} ports");
}

#[test]
fn what_compose_mounts_and_waits_for_exists() {
    let compose = yaml("infra/compose.yaml");
    let services = services();
    for (name, service) in &services {
        for volume in strings(&service["volumes"]) {
            let source = volume.split(':').next().expect("a source");
            let exists = match source.strip_prefix("./") {
                Some(file) => root().join("infra").join(file).exists(),
                None => source.starts_with('/') || compose["volumes"].get(source).is_some(),
            };
            assert!(exists, "{name} mounts {volume}");
        }
        for (other, _) in service["depends_on"].as_mapping().into_iter().flatten() {
            assert!(services.contains_key(other.as_str().expect("a name")), "{name} waits for {other:?}");
        }
    }
}

#[test]
fn fleet_prometheus_and_grafana_name_services_of_compose() {
    let services = services();
    let fleet = yaml("infra/config/fleet.yaml");
    let mut addresses = strings(&fleet["eventlog"]["kafka"]["brokers"]);
    addresses.extend(strings(&fleet["store"]["cassandra"]["contact_points"]));
    let s3 = fleet["archive"]["s3"]["endpoint"].as_str().expect("an endpoint");
    addresses.push(s3.trim_start_matches("http://").to_owned());
    let agents = fleet["agent"]["push"]["endpoint"].as_str().expect("an endpoint");
    addresses.push(agents.trim_start_matches("http://").to_owned());

    let prometheus = yaml("infra/prometheus/prometheus.yml");
    let scraped = strings(&prometheus["scrape_configs"][0]["static_configs"][0]["targets"]);
    let processes = services.iter().filter(|(name, service)| is_ours(service) && *name != "migrate");
    let expected: Vec<_> = processes.map(|(name, _)| format!("{name}:9470")).collect();
    let mut sorted = scraped.clone();
    sorted.sort();
    assert_eq!(sorted, expected, "Prometheus scrapes every process");
    addresses.extend(scraped);

    let sources = yaml("infra/grafana/provisioning/datasources/tidegate.yaml");
    for source in sources["datasources"].as_sequence().expect("sources") {
        addresses.push(source["url"].as_str().expect("an address").trim_start_matches("http://").to_owned());
    }
    for address in addresses {
        let host = address.split(':').next().expect("a host");
        assert!(services.contains_key(host), "{address} is no service");
    }
}

#[test]
fn compose_runs_the_versions_that_are_tested() {
    let versions = read("infra/stack/versions.sh");
    let version = |name: &str| {
        let line = versions.lines().find_map(|line| line.strip_prefix(&format!("{name}_VERSION=")));
        line.unwrap_or_else(|| panic!("no version of {name}")).to_owned()
    };
    let services = services();
    for (prefix, image, version) in
        [("kafka-", "apache/kafka", version("KAFKA")), ("cassandra-", "cassandra", version("CASSANDRA"))]
    {
        let images: Vec<_> = services.iter().filter(|(name, _)| name.starts_with(prefix)).collect();
        assert_eq!(images.len(), 3);
        for (name, service) in images {
            assert_eq!(service["image"].as_str(), Some(format!("{image}:{version}").as_str()), "{name}");
        }
    }
}

/// `tidegate_gateway_samples_total` is registered as `samples` somewhere in the crate `gateway`; a unit may be given apart.
fn is_registered(metric: &str, sources: &[(PathBuf, String)]) -> bool {
    let suffixes = ["_total", "_bucket", "_sum", "_count"];
    let base = suffixes.iter().find_map(|suffix| metric.strip_suffix(suffix)).unwrap_or(metric);
    let Some((part, name)) = base.strip_prefix("tidegate_").and_then(|rest| rest.split_once('_')) else { return false };
    let spellings = [format!("\"{name}\""), format!("\"{}\"", name.trim_end_matches("_seconds"))];
    let of_part = sources.iter().filter(|(path, _)| path.components().any(|component| component.as_os_str() == part));
    of_part.into_iter().any(|(_, text)| spellings.iter().any(|spelling| text.contains(spelling)))
}

fn rust_sources(folder: &Path, into: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            rust_sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            into.push((path, text));
        }
    }
}

#[test]
fn grafana_shows_metrics_that_there_are() {
    let mut sources = Vec::new();
    rust_sources(&root().join("services"), &mut sources);
    let mut seen = 0;
    for entry in fs::read_dir(root().join("infra/grafana/dashboards")).unwrap().flatten() {
        let name = entry.file_name();
        let text = fs::read_to_string(entry.path()).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap_or_else(|error| panic!("{name:?}: {error}"));
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        for metric in words.filter(|word| word.starts_with("tidegate_")) {
            assert!(is_registered(metric, &sources), "{name:?}: there is no {metric}");
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen} metrics found");
    assert!(!is_registered("tidegate_gateway_nonsense_total", &sources));
}
