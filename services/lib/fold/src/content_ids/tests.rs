use std::collections::HashMap;

use super::*;

#[test]
fn agrees_with_a_plain_map_through_growth_and_forgetting() {
    let mut ids = ContentIds::default();
    let mut plain: HashMap<u128, Seen> = HashMap::new();
    let mut random = 1u64;
    for step in 0..50_000u64 {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        // Ids that share their upper half collide in the table.
        let id = u128::from(random >> 52) << 64 | u128::from(random >> 40 & 3);
        let seen = Seen { clock: Clock { era: 0, effective_ms: step as i64 }, new_ids: step };
        assert_eq!(ids.get(id), plain.get(&id).copied());
        ids.put(id, seen);
        plain.insert(id, seen);
        let forgotten = |seen: Seen| seen.new_ids + 3_000 < step;
        ids.forget(forgotten);
        plain.retain(|_, seen| !forgotten(*seen));
        assert_eq!(ids.len(), plain.len());
    }
}

#[test]
fn one_id_again_and_again_takes_no_room() {
    let mut ids = ContentIds::default();
    for step in 0..100_000 {
        ids.put(1, Seen { clock: Clock::default(), new_ids: step });
    }
    assert_eq!(ids.len(), 1);
    assert!(ids.queue.len() <= 1_026);
    assert_eq!(ids.get(1).map(|seen| seen.new_ids), Some(99_999));
}
