use super::*;

#[test]
fn no_more_than_the_limit_is_held_and_all_is_given_back() {
    let gauge = Gauge::default();
    let budget = Budget::new(100, gauge.clone());
    let mut first = budget.reserve(60).unwrap();
    assert_eq!(budget.reserve(41).unwrap_err(), Exhausted { limit_bytes: 100 });
    let second = budget.reserve(40).unwrap();
    assert_eq!(first.resize(61), Err(Exhausted { limit_bytes: 100 }));
    assert_eq!((first.bytes(), budget.held_bytes(), gauge.get()), (60, 100, 100));
    drop(second);
    first.resize(100).unwrap();
    first.resize(5).unwrap();
    assert_eq!((budget.held_bytes(), gauge.get()), (5, 5));
    drop(first);
    assert_eq!((budget.held_bytes(), gauge.get()), (0, 0));
}

#[test]
fn attached_bytes_hold_their_reservation_until_the_last_clone_is_gone() {
    let budget = Budget::new(10, Gauge::default());
    let bytes = budget.reserve(4).unwrap().attach(b"data".to_vec());
    let slice = bytes.slice(1..2);
    drop(bytes);
    assert_eq!((&slice[..], budget.held_bytes()), (&b"a"[..], 4));
    drop(slice);
    assert_eq!(budget.held_bytes(), 0);
}

#[test]
fn a_size_that_overflows_is_refused() {
    let budget = Budget::new(usize::MAX, Gauge::default());
    let _one = budget.reserve(1).unwrap();
    assert!(budget.reserve(usize::MAX).is_err());
}
