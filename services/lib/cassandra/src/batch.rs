//! Which writes share a request.
//!
//! A node has little more to do for a request of ten rows than for one of one.
//! So rows that the same replicas keep go together, as a batch that is not
//! logged: it promises nothing as a whole. Each of its rows is written or not,
//! as if it had come by itself, and a batch that fails is written again.

/// Cassandra puts a warning into its log where there are more
/// (`unlogged_batch_across_partitions_warn_threshold`).
const MOST_PARTITIONS: usize = 10;
/// Of several partitions: Cassandra warns from 5 KiB on
/// (`batch_size_warn_threshold`), by a count that comes out higher.
const MOST_BYTES: usize = 4 << 10;
/// Of one partition, which a node writes as one whatever its size.
const MOST_BYTES_OF_ONE: usize = 32 << 10;
const MOST_ROWS: usize = 100;

/// What is to be known of a write to place it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Number of the set of nodes that keep its partition.
    pub replicas: usize,
    /// Of its partition.
    pub token: i64,
    /// About.
    pub size_bytes: usize,
}

/// One request.
struct Batch {
    members: Vec<usize>,
    last: Place,
    partitions: usize,
    size_bytes: usize,
}

impl Batch {
    fn of(member: usize, place: Place) -> Self {
        Self { members: vec![member], last: place, partitions: 1, size_bytes: place.size_bytes }
    }

    /// Whether it was taken.
    fn take(&mut self, member: usize, place: Place) -> bool {
        let partitions = self.partitions + usize::from(place.token != self.last.token);
        let size_bytes = self.size_bytes + place.size_bytes;
        let most_bytes = if partitions == 1 { MOST_BYTES_OF_ONE } else { MOST_BYTES };
        let fits = place.replicas == self.last.replicas
            && partitions <= MOST_PARTITIONS
            && size_bytes <= most_bytes
            && self.members.len() < MOST_ROWS;
        if fits {
            self.members.push(member);
            (self.last, self.partitions, self.size_bytes) = (place, partitions, size_bytes);
        }
        fits
    }
}

/// Numbers of the writes that go together; each is in one batch.
pub(crate) fn gather(places: &[Place]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by_key(|at| (places[*at].replicas, places[*at].token));
    let mut batches: Vec<Batch> = Vec::new();
    for member in order {
        let place = places[member];
        if !batches.last_mut().is_some_and(|batch| batch.take(member, place)) {
            batches.push(Batch::of(member, place));
        }
    }
    batches.into_iter().map(|batch| batch.members).collect()
}

#[cfg(test)]
mod tests;
