//! Many connections, made some at once: more would fill the server's line of those that it has not accepted yet.

use std::sync::Arc;

use anyhow::Context;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const AT_ONCE: usize = 200;

/// What `open` gives for 0 to `count` - 1, in any order.
pub async fn many<T, F>(count: usize, open: impl Fn(usize) -> F) -> anyhow::Result<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = anyhow::Result<T>> + Send + 'static,
{
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut opening = JoinSet::new();
    for n in 0..count {
        let turn = Arc::clone(&turns).acquire_owned().await?;
        let opened = open(n);
        opening.spawn(async move {
            let opened = opened.await;
            drop(turn);
            opened
        });
    }
    let mut all = Vec::with_capacity(count);
    while let Some(opened) = opening.join_next().await {
        all.push(opened?.context("connecting")?);
    }
    Ok(all)
}
