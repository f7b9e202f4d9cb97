use super::*;
use crate::scrape::config::{Config, Job};
use crate::scrape::discovery::Group;
use crate::scrape::page::{Format, parse};
use crate::scrape::target;

struct Scraping {
    job: Checked,
    target: Target,
    memory: Memory,
}

fn scraping(job: Job) -> Scraping {
    let job = Job { name: "j".into(), ..job };
    let job = Config { jobs: vec![job], ..Config::default() }.check().unwrap().remove(0);
    let group = Group { targets: vec!["h:1".into()], ..Group::default() };
    let target = target::targets(&job, &group).remove(0).unwrap();
    Scraping { job, target, memory: Memory::default() }
}

impl Scraping {
    fn read(&mut self, page: &str, now_ms: i64) -> Result<Scraped, TooMany> {
        self.memory.read(&self.job, &self.target, parse(page, Format::Classic).unwrap(), now_ms, 0.5)
    }
}

/// Names with values and times; `stale` for an end.
fn told(scraped: &Scraped) -> Vec<String> {
    let one = |point: &Point| {
        let value = if point.value.to_bits() == STALE.to_bits() { "stale".into() } else { point.value.to_string() };
        assert_eq!((point.labels["job"].as_str(), point.labels["instance"].as_str()), ("j", "h:1"));
        format!("{}={value}@{}", point.labels["__name__"], point.timestamp_ms)
    };
    scraped.points.iter().map(one).collect()
}

fn about(up: u8, found: usize, kept: usize, added: usize, now_ms: i64) -> Vec<String> {
    let duration = if up == 1 { "0.5" } else { "0.25" };
    vec![
        format!("up={up}@{now_ms}"),
        format!("scrape_duration_seconds={duration}@{now_ms}"),
        format!("scrape_samples_scraped={found}@{now_ms}"),
        format!("scrape_samples_post_metric_relabeling={kept}@{now_ms}"),
        format!("scrape_series_added={added}@{now_ms}"),
    ]
}

#[test]
fn samples_come_with_the_series_about_the_scrape() {
    let mut scraping = scraping(Job::default());
    let scraped = scraping.read("a 1\nb{x=\"1\"} 2 77\na 3\n", 100).unwrap();
    let expected = [vec!["a=1@100".to_owned(), "b=2@77".to_owned()], about(1, 3, 2, 1, 100)].concat();
    assert_eq!(told(&scraped), expected);
}

#[test]
fn series_that_are_no_longer_there_end() {
    let mut scraping = scraping(Job::default());
    scraping.read("a 1\nb 1\nc 1 50\n", 100).unwrap();
    let scraped = scraping.read("a 2\nd 1\n", 200).unwrap();
    let expected = [&["a=2@200", "d=1@200", "b=stale@200"].map(str::to_owned)[..], &about(1, 2, 2, 1, 200)].concat();
    assert_eq!(told(&scraped), expected, "what had a time of its own does not end");
    let failed = scraping.memory.failed(&scraping.target, 300, 0.25);
    let expected = [&["a=stale@300", "d=stale@300"].map(str::to_owned)[..], &about(0, 0, 0, 0, 300)].concat();
    assert_eq!(told(&failed), expected);
    assert_eq!(told(&scraping.memory.failed(&scraping.target, 400, 0.25)), about(0, 0, 0, 0, 400), "ends come once");
    scraping.read("a 1\n", 500).unwrap();
    let gone = told(&scraping.memory.gone(&scraping.target, 600));
    assert_eq!((gone.len(), gone[0].as_str(), gone[1].as_str()), (6, "a=stale@600", "up=stale@600"));
    assert!(gone.iter().all(|point| point.ends_with("=stale@600")));
}

#[test]
fn times_of_the_page_can_be_left_unheeded() {
    let mut scraping = scraping(Job { honor_timestamps: Honor::Target, ..Job::default() });
    assert_eq!(told(&scraping.read("a 1 50\n", 100).unwrap())[0], "a=1@100");
    assert_eq!(told(&scraping.read("", 200).unwrap())[0], "a=stale@200");
}

#[test]
fn too_many_samples_are_a_failure() {
    let mut scraping = scraping(Job { sample_limit: 2, ..Job::default() });
    assert!(scraping.read("a 1\nb 1\n", 100).is_ok());
    assert_eq!(scraping.read("a 1\nb 1\nc 1\n", 200), Err(TooMany { samples: 3, limit: 2 }));
    let failed = told(&scraping.memory.failed(&scraping.target, 200, 0.25));
    assert_eq!(failed[..2], ["a=stale@200", "b=stale@200"]);
}
