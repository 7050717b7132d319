//! What is done again, how often, and after what time.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use object_store::memory::InMemory;
use object_store::{ObjectStoreExt as _, PutOptions, PutPayload};

use super::*;
use crate::error::ErrorKind;

const TEXT: &[u8] = b"a body of thirty-one bytes, all.";

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// It is answered, but for what follows so many bytes.
    Cut(usize),
    /// As above, and nothing says so.
    Short(usize),
    Refused,
    /// For good.
    Denied,
}

/// Fails its first requests.
#[derive(Debug)]
struct Flaky {
    fates: Vec<Fate>,
    requests: AtomicUsize,
    /// Whether somebody else writes between the first request and the second.
    changes: bool,
}

fn passing() -> StoreError {
    carried(Error::storage("out of order").passing())
}

#[async_trait]
impl Layer for Arc<Flaky> {
    async fn get_opts(
        &self,
        store: &dyn ObjectStore,
        location: &Path,
        options: GetOptions,
    ) -> StoreResult<GetResult> {
        let request = self.requests.fetch_add(1, Ordering::SeqCst);
        if self.changes && request == 1 {
            store
                .put_opts(location, TEXT.into(), PutOptions::default())
                .await?;
        }
        let found = store.get_opts(location, options).await?;
        let fate = self.fates.get(request).copied();
        let (bytes, last) = match fate {
            None => return Ok(found),
            Some(Fate::Refused) => return Err(passing()),
            Some(Fate::Denied) => {
                return Err(carried(Error::storage("denied")));
            }
            Some(Fate::Cut(bytes)) => (bytes, Some(Err(passing()))),
            Some(Fate::Short(bytes)) => (bytes, None),
        };
        let (meta, range) = (found.meta.clone(), found.range.clone());
        let attributes = found.attributes.clone();
        let body = found.bytes().await?;
        let begun = Ok(body.slice(..bytes.min(body.len())));
        let chunks = [Some(begun), last].into_iter().flatten();
        Ok(GetResult {
            payload: GetResultPayload::Stream(stream::iter(chunks.collect::<Vec<_>>()).boxed()),
            meta,
            range,
            attributes,
        })
    }
}

fn retries(attempts: u64, budget: u64) -> Arc<Retries> {
    let limits = Limits {
        attempts,
        retries: budget,
        ..Limits::default()
    };
    let mut retries = Retries::new(&limits, "run", |_| ());
    Arc::get_mut(&mut retries).unwrap().wait = |_| std::future::ready(()).boxed();
    retries
}

/// What is read of an object by requests with these fates, and how many there were.
async fn read(
    retries: &Arc<Retries>,
    partition: usize,
    fates: &[Fate],
    changes: bool,
) -> (StoreResult<Bytes>, usize) {
    let place = Path::from("object");
    let memory = InMemory::new();
    memory
        .put(&place, PutPayload::from_static(TEXT))
        .await
        .unwrap();
    let flaky = Arc::new(Flaky {
        fates: fates.to_vec(),
        requests: AtomicUsize::new(0),
        changes,
    });
    let store: Arc<dyn ObjectStore> = Arc::new(Layered::with(memory, Arc::clone(&flaky)));
    let store = persistent(store, retries.partition("input rows", partition));
    let read = match store.get(&place).await {
        Ok(found) => found.bytes().await,
        Err(error) => Err(error),
    };
    (read, flaky.requests.load(Ordering::SeqCst))
}

fn told(error: StoreError) -> Error {
    storage_error("object", error)
}

#[tokio::test]
async fn a_body_is_taken_up_where_it_broke_off() {
    for fates in [
        vec![Fate::Refused],
        vec![Fate::Cut(0), Fate::Cut(7)],
        vec![Fate::Short(5), Fate::Refused, Fate::Cut(26)],
        vec![Fate::Cut(TEXT.len())],
        vec![Fate::Cut(TEXT.len() - 1), Fate::Cut(0), Fate::Cut(1)],
    ] {
        let retries = retries(5, 100);
        let (body, _) = read(&retries, 3, &fates, false).await;
        assert_eq!(body.unwrap(), TEXT, "{fates:?}");
        let attempts = retries.attempts();
        assert_eq!(attempts.len(), 1);
        assert_eq!(
            (attempts[0].of.as_str(), attempts[0].partition),
            ("input rows", 3)
        );
        assert_eq!(attempts[0].attempts, fates.len() as u64 + 1);
        assert_eq!(attempts[0].reasons.len(), fates.len());
    }
}

#[tokio::test]
async fn attempts_end_with_all_their_reasons() {
    let retries = retries(3, 100);
    let (body, requests) = read(
        &retries,
        0,
        &[Fate::Cut(3), Fate::Refused, Fate::Refused],
        false,
    )
    .await;
    let error = told(body.unwrap_err());
    assert_eq!(
        (error.kind(), error.is_transient()),
        (ErrorKind::Storage, true)
    );
    assert_eq!(error.to_string(), "give up after 3 attempts: out of order");
    assert!(error.facts().contains(&("attempts", "3".to_owned())));
    assert!(
        error
            .facts()
            .contains(&("before", "out of order; out of order".to_owned()))
    );
    assert_eq!(requests, 3);
    // Others have attempts of their own.
    assert!(read(&retries, 1, &[Fate::Refused], false).await.0.is_ok());
}

#[tokio::test]
async fn what_does_not_pass_is_not_tried_again() {
    let retries = retries(3, 100);
    let (body, requests) = read(&retries, 0, &[Fate::Denied], false).await;
    let error = told(body.unwrap_err());
    assert!(!error.is_transient());
    assert_eq!((requests, retries.attempts().len()), (1, 0));
}

#[tokio::test]
async fn an_object_that_was_changed_is_not_read_on() {
    let retries = retries(3, 100);
    let (body, _) = read(&retries, 0, &[Fate::Cut(3)], true).await;
    let error = told(body.unwrap_err());
    assert!(
        error.to_string().contains("changed while it was read"),
        "{error}"
    );
    assert!(!error.is_transient());
}

#[tokio::test]
async fn a_run_does_no_more_again_than_its_budget() {
    let retries = retries(3, 4);
    let mut requests = 0;
    let refused = [Fate::Refused; 3];
    for partition in 0..100 {
        let (body, sent) = read(&retries, partition, &refused, false).await;
        assert!(body.is_err());
        requests += sent;
    }
    assert_eq!(requests, 100 + 4);
    let (body, _) = read(&retries, 100, &refused, false).await;
    let error = told(body.unwrap_err());
    let hints = error.hints().join(" ");
    assert!(hints.contains("`retries` of 4"), "{hints}");
}

#[test]
fn pauses_double_up_to_a_bound_and_differ_between_partitions_and_runs() {
    let of = |run: &str, partition| {
        let retries = Retries::new(&Limits::default(), run, |_| ());
        retries.partition("output", partition)
    };
    let mut seen = BTreeSet::new();
    let mut longest = [Duration::ZERO; 9];
    for partition in 0..200 {
        for (attempt, longest) in (1..).zip(&mut longest) {
            let pause = of("run", partition).pause(attempt);
            assert_eq!(pause, of("run", partition).pause(attempt));
            assert_ne!(pause, of("another run", partition).pause(attempt));
            let bound = Duration::from_secs(1 << (attempt - 1)).min(PAUSE_MAX);
            assert!(pause < bound, "{attempt}: {pause:?}");
            seen.insert(pause);
            *longest = pause.max(*longest);
        }
    }
    assert_eq!(seen.len(), 200 * 9);
    // All of the span is used.
    for (attempt, longest) in (0_u32..).zip(longest) {
        let bound = Duration::from_secs(1 << attempt).min(PAUSE_MAX);
        assert!(longest > bound * 9 / 10, "{attempt}: {longest:?}");
    }
}

#[test]
fn what_may_pass_is_told_from_what_does_not() {
    let generic = |text: &str| StoreError::Generic {
        store: "S3",
        source: text.into(),
    };
    let server = |status: &str| {
        generic(&format!(
            "Server returned non-2xx status code: {status}: <Error/>"
        ))
    };
    for passing in [
        "503 Service Unavailable",
        "500 Internal Server Error",
        "429 Too Many Requests",
        "408",
        "504",
    ] {
        assert!(is_transient(&server(passing)), "{passing}");
    }
    let late = "Server returned error response: <Error><Code>SlowDown</Code></Error>";
    assert!(is_transient(&generic(late)));
    for lasting in [
        "400 Bad Request",
        "401",
        "403 Forbidden",
        "404",
        "409",
        "412",
        "501",
        "507",
    ] {
        assert!(!is_transient(&server(lasting)), "{lasting}");
    }
    assert!(!is_transient(&generic(
        "No space left on device (os error 28)"
    )));
    assert!(!is_transient(&carried(Error::new(
        ErrorKind::Policy,
        "denied"
    ))));
    let path = "object".to_owned();
    let source = || "status code: 503".into();
    for error in [
        StoreError::NotFound {
            path: path.clone(),
            source: source(),
        },
        StoreError::PermissionDenied {
            path: path.clone(),
            source: source(),
        },
        StoreError::Precondition {
            path: path.clone(),
            source: source(),
        },
        StoreError::AlreadyExists {
            path,
            source: source(),
        },
    ] {
        assert!(!is_transient(&error), "{error}");
    }
}
