use super::*;

fn config(jobs: Vec<Job>) -> Config {
    Config { jobs, ..Config::default() }
}

fn job(name: &str) -> Job {
    Job { name: name.into(), ..Job::default() }
}

#[test]
fn a_job_has_the_sections_times_unless_it_has_its_own() {
    let own = Job { interval_seconds: 5, ..job("b") };
    let checked = config(vec![job("a"), own]).check().unwrap();
    let times = |checked: &Checked| (checked.job.interval_seconds, checked.job.timeout_seconds);
    assert_eq!((times(&checked[0]), times(&checked[1])), ((15, 10), (5, 5)));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let refused = |job: Job| config(vec![job]).check().err().map(|error| error.to_string());
    assert!(refused(job("")).unwrap().contains("without a name"));
    assert!(refused(Job { timeout_seconds: 16, ..job("a") }).unwrap().contains("a: interval_seconds"));
    assert!(refused(Job { metrics_path: "x".into(), ..job("a") }).unwrap().contains("metrics_path"));
    let labels = Labels::from([("a-b".into(), "x".into())]);
    assert!(refused(Job { labels, ..job("a") }).unwrap().contains("a-b"));
    let rule = RelabelRule { regex: "(".into(), ..RelabelRule::default() };
    assert!(refused(Job { relabel: vec![rule], ..job("a") }).unwrap().starts_with("agent.scrape.jobs: a: "));
    assert!(config(vec![job("a"), job("a")]).check().unwrap_err().to_string().contains("two jobs"));
    assert_eq!(refused(job("a")), None);
}
