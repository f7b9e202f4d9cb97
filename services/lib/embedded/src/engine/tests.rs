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
    let engine = Engine::open(Box::new(move || Ok(count.fetch_add(1, Ordering::SeqCst)))).expect("open");
    assert_eq!(engine.write(|nth| Ok(*nth)).expect("write"), 0);
    assert!(engine.write(|_| Err::<(), _>(unavailable("disk full"))).is_err());
    assert_eq!(engine.read(|nth| Ok(*nth)).expect("read"), 1);
    assert!(engine.read(|_| Err::<(), _>(unavailable("a read"))).is_err());
    assert!(engine.write(|_| Err::<(), _>(EngineError::Refused("no".to_owned()))).is_err());
    assert_eq!(engine.write(|nth| Ok(*nth)).expect("a failed read or a refusal changes nothing"), 1);
}

#[test]
fn it_answers_with_the_cause_until_it_opens() {
    let fails = Arc::new(AtomicBool::new(false));
    let failing = Arc::clone(&fails);
    let open = move || if failing.load(Ordering::SeqCst) { Err(unavailable("still full")) } else { Ok(()) };
    let mut engine = Engine::open(Box::new(open)).expect("open");
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
fn a_panic_while_opening_is_an_error() {
    let opened = open_guarded::<()>(Path::new("/data/log"), || panic!("unreadable"));
    let error = opened.expect_err("a panic").to_string();
    assert!(error.contains("/data/log"), "{error}");
}
