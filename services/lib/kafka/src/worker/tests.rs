use std::sync::mpsc;
use std::time::Instant;

use super::*;

#[test]
fn stops_when_dropped_and_is_waited_for() {
    let (ended, end) = mpsc::sync_channel(1);
    let failed = ended.clone();
    let worker = Worker::start(
        "test",
        move || failed.send("failed").expect("heard"),
        move |stop| {
            while !stop.is_asked() {
                stop.sleep(Duration::from_secs(3_600));
            }
            ended.send("stopped").expect("heard");
        },
    );
    let begin = Instant::now();
    drop(worker.expect("a thread"));
    assert_eq!(end.try_recv(), Ok("stopped"));
    assert!(end.try_recv().is_err(), "an end that was asked for is no failure");
    assert!(begin.elapsed() < Duration::from_secs(60), "a sleep does not hold up the stop");
}

#[test]
fn a_panic_is_told() {
    let (failed, failure) = mpsc::sync_channel(1);
    let worker = Worker::start("test", move || failed.send(()).expect("heard"), |_| panic!("as tested"));
    assert_eq!(failure.recv_timeout(Duration::from_secs(60)), Ok(()));
    drop(worker);
}
