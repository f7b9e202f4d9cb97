use proptest::prelude::*;

use super::*;

fn place(replicas: usize, token: i64, size_bytes: usize) -> Place {
    Place { replicas, token, size_bytes }
}

fn sizes(places: &[Place]) -> Vec<usize> {
    gather(places).iter().map(Vec::len).collect()
}

#[test]
fn nothing_needs_no_request() {
    assert!(gather(&[]).is_empty());
}

#[test]
fn only_what_the_same_nodes_keep_goes_together() {
    let places = [place(1, 5, 10), place(0, 9, 10), place(1, 4, 10), place(0, 2, 10)];
    assert_eq!(gather(&places), [vec![3, 1], vec![2, 0]]);
}

#[test]
fn a_batch_has_few_partitions() {
    let places: Vec<Place> = (0..25).map(|token| place(0, token, 10)).collect();
    assert_eq!(sizes(&places), [10, 10, 5]);
}

#[test]
fn several_partitions_are_of_few_bytes() {
    let places: Vec<Place> = (0..4).map(|token| place(0, token, 2_000)).collect();
    assert_eq!(sizes(&places), [2, 2]);
}

#[test]
fn rows_of_one_partition_count_as_one() {
    let places: Vec<Place> = (0..250).map(|_| place(0, 7, 300)).collect();
    assert_eq!(sizes(&places), [100, 100, 50]);
    let large: Vec<Place> = (0..3).map(|_| place(0, 7, 20_000)).collect();
    assert_eq!(sizes(&large), [1, 1, 1], "but for their bytes");
}

#[test]
fn what_is_large_goes_alone() {
    assert_eq!(sizes(&[place(0, 1, 1 << 20), place(0, 2, 10), place(0, 3, 10)]), [1, 2]);
}

proptest! {
    #[test]
    fn each_write_is_in_one_batch(parts in prop::collection::vec((0..3usize, 0..40i64, 1..6_000usize), 0..300)) {
        let places: Vec<Place> = parts.iter().map(|(replicas, token, size)| place(*replicas, *token, *size)).collect();
        let batches = gather(&places);
        let mut members = batches.concat();
        members.sort_unstable();
        prop_assert_eq!(members, (0..places.len()).collect::<Vec<_>>());
        for batch in batches {
            let mut tokens: Vec<i64> = batch.iter().map(|at| places[*at].token).collect();
            tokens.dedup();
            let size_bytes: usize = batch.iter().map(|at| places[*at].size_bytes).sum();
            prop_assert!(batch.iter().all(|at| places[*at].replicas == places[batch[0]].replicas));
            prop_assert!(batch.len() <= MOST_ROWS && tokens.len() <= MOST_PARTITIONS);
            let most_bytes = if tokens.len() == 1 { MOST_BYTES_OF_ONE } else { MOST_BYTES };
            prop_assert!(batch.len() == 1 || size_bytes <= most_bytes);
        }
    }
}
