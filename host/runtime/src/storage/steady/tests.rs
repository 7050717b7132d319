use std::sync::atomic::{AtomicU64, Ordering};

use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::{Error, ObjectStoreExt};

use super::*;
use crate::storage::Layered;

/// Ends each body after some bytes with an error, from the `until`th on before any.
#[derive(Debug)]
struct Breaking {
    until: u64,
    asked: AtomicU64,
}

#[async_trait]
impl Layer for Breaking {
    async fn get_opts(
        &self,
        store: &dyn ObjectStore,
        location: &Path,
        options: GetOptions,
    ) -> Result<GetResult> {
        let found = store.get_opts(location, options).await?;
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        let sent = if asked < self.until { 7 } else { 0 };
        let (meta, range) = (found.meta.clone(), found.range.clone());
        let bytes = found.bytes().await?;
        let some = bytes.slice(..sent.min(bytes.len()));
        let broken = Error::Generic {
            store: "test",
            source: "it broke off".into(),
        };
        let chunks = stream::iter([Ok(some), Err(broken)]).boxed();
        Ok(GetResult {
            payload: GetResultPayload::Stream(chunks),
            meta,
            range,
            attributes: object_store::Attributes::default(),
        })
    }
}

async fn read(until: u64) -> Result<Vec<u8>> {
    let path = Path::from("a");
    let store = InMemory::new();
    let text: Vec<u8> = (0..100).collect();
    store.put(&path, text.into()).await?;
    let asked = AtomicU64::new(0);
    let store = Arc::new(Layered::with(store, Breaking { until, asked }));
    let store = Layered::with(Arc::clone(&store), Steady(store));
    let options = GetOptions::new().with_range(Some(GetRange::Bounded(10..90)));
    let found = store.get_opts(&path, options).await?;
    let chunks: Vec<Bytes> = found.into_stream().try_collect().await?;
    Ok(chunks.concat())
}

#[tokio::test]
async fn a_body_that_breaks_off_is_taken_up_where_it_stopped() {
    let expected: Vec<u8> = (10..90).collect();
    assert_eq!(read(u64::MAX).await.unwrap(), expected);
}

#[tokio::test]
async fn a_body_of_which_nothing_more_comes_is_given_up() {
    let error = read(5).await.unwrap_err();
    assert!(error.to_string().contains("it broke off"), "{error}");
}
