use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::*;

const TARGET: Duration = Duration::from_millis(10);
const HOUR: Duration = Duration::from_hours(1);

/// Nodes that work on `workers` requests at once, `work` each.
#[derive(Clone, Copy)]
struct Nodes {
    workers: usize,
    work: Duration,
}

/// Callers who never rest make `requests` requests. Gives the most that were under way at once in the second half of them.
fn busy(turns: &Turns, nodes: Nodes, callers: usize, requests: usize) -> usize {
    let mut pace = turns.pace.lock();
    let began = Instant::now();
    let mut now = began;
    let mut free_at = BinaryHeap::from(vec![Reverse(began); nodes.workers]);
    let mut under_way: BinaryHeap<Reverse<(Instant, Instant)>> = BinaryHeap::new();
    let mut most = 0;
    for answered in 0..requests {
        while under_way.len() < pace.given.min(callers) {
            let Reverse(free) = free_at.pop().expect("there are workers");
            let done = free.max(now) + nodes.work;
            free_at.push(Reverse(done));
            under_way.push(Reverse((done, now)));
        }
        if answered > requests / 2 {
            most = most.max(under_way.len());
        }
        let all_taken = under_way.len() == pace.given;
        let Reverse((done, left)) = under_way.pop().expect("one is under way");
        now = done;
        pace.observe(left, now, all_taken);
        pace.takes_back();
        pace.gives();
    }
    most
}

#[test]
fn requests_do_not_queue_at_the_nodes_for_longer_than_the_target() {
    // 80 requests are answered within 10 ms, 81 are not.
    let nodes = Nodes { workers: 8, work: Duration::from_millis(1) };
    let most = busy(&Turns::answered_within(TARGET, 1_000), nodes, 400, 100_000);
    assert!((70..=90).contains(&most), "{most}");
    assert_eq!(busy(&Turns::fixed(1_000), nodes, 400, 100_000), 400);
}

#[test]
fn nodes_that_answer_soon_get_as_many_as_are_allowed() {
    let nodes = Nodes { workers: 1_000, work: Duration::from_millis(2) };
    assert_eq!(busy(&Turns::answered_within(TARGET, 64), nodes, 200, 20_000), 64);
}

#[test]
fn nodes_that_are_always_slow_get_a_few_nevertheless() {
    let nodes = Nodes { workers: 1_000, work: Duration::from_millis(50) };
    assert_eq!(busy(&Turns::answered_within(TARGET, 64), nodes, 200, 1_000), LEAST);
    assert_eq!(busy(&Turns::answered_within(TARGET, 2), nodes, 200, 1_000), 2);
}

#[test]
fn one_pause_of_all_nodes_is_one_cut() {
    let turns = Turns::starting(50, 64, Some(TARGET));
    let (left, now) = (Instant::now(), Instant::now() + Duration::from_millis(500));
    for _ in 0..50 {
        turns.pace.lock().observe(left, now, true);
    }
    assert_eq!(turns.at_once(), 40);
}

#[test]
fn a_trickle_does_not_make_room_for_a_flood() {
    let turns = Turns::answered_within(TARGET, 64);
    busy(&turns, Nodes { workers: 8, work: Duration::from_millis(1) }, 4, 10_000);
    assert_eq!(turns.at_once(), LEAST);
}

/// As many turns as can be had without waiting.
fn take_all(turns: &Turns) -> Vec<Turn<'_>> {
    let take = || turns.semaphore.try_acquire().ok().map(|permit| Turn { permit, turns, left: Instant::now() });
    std::iter::from_fn(take).collect()
}

#[test]
fn as_many_turns_are_given_as_the_pace_says() {
    let slow = Turns::starting(64, 64, Some(Duration::ZERO));
    assert_eq!(take_all(&slow).len(), 64);
    for _ in 0..10 {
        for turn in take_all(&slow) {
            turn.answered();
        }
        assert!(take_all(&slow).len() >= slow.at_once());
    }
    assert_eq!((slow.at_once(), take_all(&slow).len()), (LEAST, LEAST));

    let quick = Turns::answered_within(HOUR, 20);
    for _ in 0..10 {
        // The last of them leaves no turn free.
        let (mut all, mut answered) = (take_all(&quick), 0);
        while let Some(turn) = all.pop() {
            turn.answered();
            answered += 1;
            all.extend(take_all(&quick).into_iter().filter(|_| answered < 100));
        }
    }
    assert_eq!((quick.at_once(), take_all(&quick).len()), (20, 20));
}

#[tokio::test]
async fn a_turn_that_is_dropped_is_free_again() {
    let turns = Turns::answered_within(HOUR, 1);
    for _ in 0..3 {
        drop(turns.take().await.expect("open"));
    }
    assert_eq!(turns.at_once(), 1);
}
