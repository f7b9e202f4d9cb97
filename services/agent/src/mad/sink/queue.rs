//! A bounded queue between a pipeline, which must not wait, and the task that
//! sends. What does not fit pushes the oldest out.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// What waits, and how many results it holds.
#[derive(Debug, PartialEq, Eq)]
pub struct Item<M> {
    pub message: M,
    pub results: u64,
}

pub struct Queue<M> {
    waiting: Mutex<Waiting<M>>,
    max_results: u64,
    added: Notify,
}

struct Waiting<M> {
    items: VecDeque<Item<M>>,
    results: u64,
}

impl<M> Queue<M> {
    /// Holds so many results, or one item that is larger.
    pub fn new(max_results: u64) -> Self {
        Self { waiting: Mutex::new(Waiting { items: VecDeque::new(), results: 0 }), max_results, added: Notify::new() }
    }

    /// Adds at the end; tells how many results had to go.
    pub fn push(&self, item: Item<M>) -> u64 {
        let mut waiting = self.lock();
        let mut evicted = 0;
        while waiting.results + item.results > self.max_results {
            let Some(oldest) = waiting.items.pop_front() else { break };
            waiting.results -= oldest.results;
            evicted += oldest.results;
        }
        waiting.results += item.results;
        waiting.items.push_back(item);
        drop(waiting);
        self.added.notify_one();
        evicted
    }

    /// Puts back at the front what was popped; tells how many results have to go
    /// since their place was taken meanwhile: these, as they are the oldest.
    pub fn put_back(&self, item: Item<M>) -> u64 {
        let mut waiting = self.lock();
        if waiting.results > 0 && waiting.results + item.results > self.max_results {
            return item.results;
        }
        waiting.results += item.results;
        waiting.items.push_front(item);
        0
    }

    pub fn pop(&self) -> Option<Item<M>> {
        let mut waiting = self.lock();
        let item = waiting.items.pop_front()?;
        waiting.results -= item.results;
        Some(item)
    }

    pub fn is_empty(&self) -> bool {
        self.lock().items.is_empty()
    }

    /// Results that wait.
    pub fn results(&self) -> u64 {
        self.lock().results
    }

    /// Returns when something was added since it returned the last time.
    pub async fn added(&self) {
        self.added.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<M>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(message: u8, results: u64) -> Item<u8> {
        Item { message, results }
    }

    fn drain(queue: &Queue<u8>) -> Vec<u8> {
        std::iter::from_fn(|| queue.pop()).map(|item| item.message).collect()
    }

    #[test]
    fn the_oldest_go_when_it_is_full() {
        let queue = Queue::new(3);
        assert_eq!((queue.push(item(1, 1)), queue.push(item(2, 1)), queue.push(item(3, 2))), (0, 0, 1));
        assert_eq!(queue.results(), 3);
        assert_eq!(drain(&queue), [2, 3]);
        assert_eq!((queue.results(), queue.is_empty()), (0, true));
    }

    #[test]
    fn one_that_is_larger_than_the_queue_is_taken_alone() {
        let queue = Queue::new(3);
        queue.push(item(1, 2));
        assert_eq!(queue.push(item(2, 9)), 2);
        assert_eq!(queue.push(item(3, 1)), 9);
        assert_eq!(drain(&queue), [3]);
    }

    #[test]
    fn what_is_put_back_comes_first_or_goes() {
        let queue = Queue::new(2);
        queue.push(item(1, 1));
        queue.push(item(2, 1));
        let first = queue.pop().expect("one");
        assert_eq!(queue.put_back(first), 0);
        let first = queue.pop().expect("one");
        assert_eq!(first, item(1, 1));
        queue.push(item(3, 1));
        assert_eq!(queue.put_back(first), 1, "it is the oldest");
        assert_eq!(drain(&queue), [2, 3]);
    }

    #[tokio::test]
    async fn an_addition_before_the_wait_is_not_missed() {
        let queue = Queue::new(2);
        queue.push(item(1, 1));
        queue.added().await;
    }
}
