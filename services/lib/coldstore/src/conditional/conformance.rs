//! What every [`ConditionalPut`] must do. Each function panics with the reason
//! when it does not; for tests of adapters.

use bytes::Bytes;
use futures::future::join_all;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::{ConditionalPut, PutCondition, PutError};

/// Runs the suite; `store` reads what `puts` writes.
pub async fn conditional_put(puts: &dyn ConditionalPut, store: &dyn ObjectStore) {
    absent_puts_once(puts, store).await;
    only_the_matching_tag_replaces(puts, store).await;
    a_tag_of_nothing_matches_nothing(puts).await;
    of_many_at_once_one_wins(puts, store).await;
}

async fn absent_puts_once(puts: &dyn ConditionalPut, store: &dyn ObjectStore) {
    let path = Path::from("once/a.parquet");
    assert!(put(puts, &path, "first", PutCondition::Absent).await.is_ok(), "a new object is refused");
    let again = put(puts, &path, "second", PutCondition::Absent).await;
    assert!(matches!(again, Err(PutError::Precondition(_))), "an object was put over another: {again:?}");
    assert_eq!(text(store, &path).await, "first");
}

async fn only_the_matching_tag_replaces(puts: &dyn ConditionalPut, store: &dyn ObjectStore) {
    let path = Path::from("matching/a.parquet");
    assert!(put(puts, &path, "first", PutCondition::Absent).await.is_ok());
    let first = tag(store, &path).await;
    assert!(put(puts, &path, "second", PutCondition::Matches(first.clone())).await.is_ok());
    let stale = put(puts, &path, "third", PutCondition::Matches(first)).await;
    assert!(matches!(stale, Err(PutError::Precondition(_))), "an old tag replaced the object: {stale:?}");
    assert_eq!(text(store, &path).await, "second");
}

async fn a_tag_of_nothing_matches_nothing(puts: &dyn ConditionalPut) {
    let path = Path::from("nothing/a.parquet");
    let put = put(puts, &path, "first", PutCondition::Matches("tag".into())).await;
    assert!(matches!(put, Err(PutError::Precondition(_))), "a tag matched where nothing is: {put:?}");
}

async fn of_many_at_once_one_wins(puts: &dyn ConditionalPut, store: &dyn ObjectStore) {
    let path = Path::from("many/a.parquet");
    let texts: Vec<String> = (0..8).map(|n| n.to_string()).collect();
    let done = join_all(texts.iter().map(|text| put(puts, &path, text, PutCondition::Absent))).await;
    let won: Vec<_> = done.iter().zip(&texts).filter_map(|(done, text)| done.is_ok().then_some(text)).collect();
    assert_eq!(won.len(), 1, "of eight writers {} won", won.len());
    assert_eq!(text(store, &path).await, *won[0]);
}

async fn put(puts: &dyn ConditionalPut, path: &Path, text: &str, condition: PutCondition) -> Result<(), PutError> {
    puts.put(path, Bytes::copy_from_slice(text.as_bytes()), condition).await
}

async fn text(store: &dyn ObjectStore, path: &Path) -> String {
    match store.get(path).await {
        Ok(object) => object.bytes().await.map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default(),
        Err(error) => error.to_string(),
    }
}

async fn tag(store: &dyn ObjectStore, path: &Path) -> String {
    store.head(path).await.ok().and_then(|meta| meta.e_tag).unwrap_or_default()
}
