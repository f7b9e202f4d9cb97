use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;

fn unavailable(cause: &str) -> EngineError {
    EngineError::Unavailable(cause.to_owned())
}

#[test]
fn a_failed_write_opens_the_database_again() {
    let opened = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&opened);
    let engine = Engine::open("log", Box::new(move |opening| Ok((count.fetch_add(1, Ordering::SeqCst), opening))));
    let engine = engine.expect("open");
    assert_eq!(engine.write(|nth| Ok(*nth)).expect("write"), (0, Opening::First));
    assert!(engine.write(|_| Err::<(), _>(unavailable("disk full"))).is_err());
    assert_eq!(engine.read(|nth| Ok(*nth)).expect("read"), (1, Opening::AfterFailure));
    assert!(engine.read(|_| Err::<(), _>(unavailable("a read"))).is_err());
    assert!(engine.write(|_| Err::<(), _>(EngineError::Refused("no".to_owned()))).is_err());
    assert_eq!(engine.write(|nth| Ok(nth.0)).expect("a failed read or a refusal changes nothing"), 1);
}

#[test]
fn it_answers_with_the_cause_until_it_opens() {
    let fails = Arc::new(AtomicBool::new(false));
    let failing = Arc::clone(&fails);
    let open = move |_| if failing.load(Ordering::SeqCst) { Err(unavailable("still full")) } else { Ok(()) };
    let mut engine = Engine::open("log", Box::new(open)).expect("open");
    fails.store(true, Ordering::SeqCst);
    assert!(engine.write(|()| Err::<(), _>(unavailable("full"))).is_err());
    assert_eq!(engine.read(|()| Ok(())).expect_err("closed").to_string(), "still full");
    assert_eq!(engine.write(|()| Ok(())).expect_err("closed").to_string(), "still full");
    fails.store(false, Ordering::SeqCst);
    assert!(engine.write(|()| Ok(())).is_err(), "not tried again at once");
    engine.reopen_pause = Duration::ZERO;
    engine.write(|()| Ok(())).expect("opened again");
    engine.read(|()| Ok(())).expect("and read");
}

#[test]
fn a_write_that_does_not_return_lets_others_fail_and_not_wait() {
    let limits = Limits {
        stalled_after: Duration::from_millis(30),
        end_after: Duration::from_secs(3_600),
        interval: Duration::from_millis(5),
        end: |_, _| {},
    };
    let engine = Engine::open_watched("log", Box::new(|_| Ok(())), limits).expect("open");
    let (release, released) = std::sync::mpsc::sync_channel::<()>(1);
    let released = Mutex::new(released);
    std::thread::scope(|scope| {
        let stuck = scope.spawn(|| engine.write(|()| released.lock().recv().map_err(|_| unavailable("released"))));
        while engine.write(|()| Ok(())).is_ok() {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        engine.read(|()| Ok(())).expect("reading goes on");
        release.send(()).expect("it waits");
        stuck.join().expect("thread").expect("it returned after all");
    });
    while engine.write(|()| Ok(())).is_err() {
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

#[test]
fn a_panic_while_opening_is_an_error() {
    let opened = open_guarded::<()>(Path::new("/data/log"), || panic!("unreadable"));
    let error = opened.expect_err("a panic").to_string();
    assert!(error.contains("/data/log"), "{error}");
}
