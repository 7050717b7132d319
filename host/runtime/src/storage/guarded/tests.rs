//! Which verbs pass, on which keys: with an allow for each action alone, nothing but that action's verbs does.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    Error as StoreError, GetOptions, ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions,
    PutPayload, Result,
};
use proptest::prelude::*;

use super::{Guarded, Purpose, Replaces, asking};
use crate::error::{Error, ErrorKind};
use crate::policy::{Action, Guard, Policies, PolicyFile, Principal, Syntax, Unaudited};
use crate::spec::Uri;
use crate::storage::Layered;

/// A guard with one statement for all.
fn guard(actions: &str, resource: &str) -> Guard {
    let text = format!(
        "[[statement]]\neffect = \"allow\"\nprincipal = \"any\"\naction = {actions}\nresource = \"{resource}\"\n"
    );
    let file = PolicyFile::parse(&text, "p.toml", Syntax::Toml, None).unwrap();
    let policies = Policies::new(vec![file]);
    let snapshot = policies
        .snapshot(&Principal::user("anna").unwrap())
        .unwrap();
    Guard::new(snapshot, Arc::new(Unaudited))
}

/// A store of the bucket `raw` that holds these objects.
async fn store(guard: Guard, keys: &[&str]) -> impl ObjectStore {
    let inner = InMemory::new();
    for key in keys {
        let path = Path::parse(key).unwrap();
        inner
            .put(&path, PutPayload::from_static(b"content"))
            .await
            .unwrap();
    }
    let uri = Uri::parse("s3://raw/", None).unwrap();
    Layered::with(inner, Guarded::new(guard, &uri, ""))
}

/// Whether the policies let it pass, whatever the store made of it.
fn passed<T>(outcome: Result<T>) -> bool {
    match outcome {
        Err(StoreError::Generic { source, .. }) => match source.downcast_ref::<Error>() {
            Some(error) => {
                assert_eq!(error.kind(), ErrorKind::Policy, "{error}");
                false
            }
            None => true,
        },
        _ => true,
    }
}

/// Whether each verb passes on a key, and lists its folder.
async fn verbs(guard: Guard, key: &str) -> Vec<(&'static str, bool)> {
    let payload = || PutPayload::from_static(b"new");
    let path = Path::parse(key).unwrap();
    let (folder, _) = key.rsplit_once('/').unwrap();
    let folder = Path::parse(folder).unwrap();
    let store = store(guard, &[key]).await;
    let replacing = || {
        let mut options = PutMultipartOptions::default();
        options.extensions.insert(Replaces);
        options
    };
    let write = |overwrite| asking(Purpose::Write { overwrite });
    let range = || GetOptions {
        range: Some((0..1).into()),
        ..GetOptions::default()
    };
    vec![
        ("get", passed(store.get(&path).await)),
        ("range", passed(store.get_opts(&path, range()).await)),
        (
            "ranges",
            passed(store.get_ranges(&path, &[0..1, 2..3]).await),
        ),
        (
            "read size",
            passed(store.get_opts(&path, asking(Purpose::Read)).await),
        ),
        ("head", passed(store.head(&path).await)),
        (
            "list",
            passed(store.list(Some(&folder)).try_collect::<Vec<_>>().await),
        ),
        (
            "list after",
            passed(
                store
                    .list_with_offset(Some(&folder), &path)
                    .try_collect::<Vec<_>>()
                    .await,
            ),
        ),
        (
            "list names",
            passed(store.list_with_delimiter(Some(&folder)).await),
        ),
        (
            "put new",
            passed(
                store
                    .put_opts(&path, payload(), PutMode::Create.into())
                    .await,
            ),
        ),
        ("upload", passed(store.put_multipart(&path).await)),
        ("is new", passed(store.get_opts(&path, write(false)).await)),
        ("put over", passed(store.put(&path, payload()).await)),
        (
            "upload over",
            passed(store.put_multipart_opts(&path, replacing()).await),
        ),
        ("is there", passed(store.get_opts(&path, write(true)).await)),
        ("copy", store.copy(&path, &path).await.is_ok()),
        ("rename", store.rename(&path, &path).await.is_ok()),
        ("delete", passed(store.delete(&path).await)),
    ]
}

#[tokio::test]
async fn each_action_lets_its_own_verbs_pass() {
    let expected: [(&str, &[&str]); 6] = [
        ("list", &["list", "list after", "list names"]),
        ("head", &["head"]),
        ("get", &["get", "range", "ranges", "read size"]),
        // What a run created it may write again and take back.
        (
            "create",
            &["put new", "upload", "is new", "put over", "delete"],
        ),
        ("overwrite", &["put over", "upload over", "is there"]),
        ("delete", &["delete"]),
    ];
    for (action, verbs_of_it) in expected {
        let guard = guard(&format!("\"object:{action}\""), "s3://raw/sales/*");
        for (verb, passes) in verbs(guard, "sales/a/x").await {
            assert_eq!(passes, verbs_of_it.contains(&verb), "{action}: {verb}");
        }
    }
}

#[tokio::test]
async fn nothing_passes_beside_the_folder() {
    for key in ["sales-hr/x", "salesx/x", "sale/x", "other/sales/x"] {
        let guard = guard("\"*\"", "s3://raw/sales/*");
        for (verb, passes) in verbs(guard, key).await {
            assert!(!passes, "{key}: {verb}");
        }
    }
    // The folder's own name is an object beside it.
    let store = store(guard("\"*\"", "s3://raw/sales/*"), &["sales"]).await;
    assert!(!passed(store.get(&Path::from("sales")).await));
}

#[tokio::test]
async fn a_listing_shows_nothing_beside_what_is_granted() {
    let keys = ["sales/a", "sales/b/c", "sales-hr/d", "top"];
    let store = store(guard("\"object:list\"", "s3://raw/sales/*"), &keys).await;
    for above in [None, Some(Path::default()), Some(Path::from("sales-hr"))] {
        assert!(
            !passed(store.list_with_delimiter(above.as_ref()).await),
            "{above:?}"
        );
        let listing = store.list(above.as_ref());
        assert!(!passed(listing.try_collect::<Vec<_>>().await), "{above:?}");
    }
    let sales = Path::from("sales");
    // An offset leads no further than the folder.
    for offset in ["", "sales-hr", "zzz"] {
        let listing = store.list_with_offset(Some(&sales), &Path::from(offset));
        let found: Vec<_> = listing.try_collect().await.unwrap();
        let beside = |meta: &object_store::ObjectMeta| !meta.location.prefix_matches(&sales);
        assert!(!found.iter().any(beside), "{offset}: {found:?}");
    }
}

#[tokio::test]
async fn of_many_deletions_only_those_that_are_granted_happen() {
    let store = store(
        guard("\"object:delete\"", "s3://raw/sales/*"),
        &["sales/a", "hr/a"],
    )
    .await;
    let paths = ["sales/a", "hr/a"].map(|key| Ok(Path::from(key)));
    let outcomes: Vec<_> = store
        .delete_stream(stream::iter(paths).boxed())
        .collect()
        .await;
    assert_eq!(
        outcomes
            .into_iter()
            .filter(|outcome| !passed_ref(outcome))
            .count(),
        1
    );
}

fn passed_ref(outcome: &Result<Path>) -> bool {
    !matches!(outcome, Err(StoreError::Generic { source, .. }) if source.is::<Error>())
}

#[tokio::test]
async fn a_denied_object_is_not_created_by_asking_twice() {
    // What is remembered is what was granted, not what was asked.
    let store = store(guard("\"object:get\"", "s3://raw/sales/*"), &["sales/a"]).await;
    let path = Path::from("sales/a");
    for _ in 0..3 {
        assert!(passed(store.get(&path).await));
        assert!(!passed(
            store.put(&path, PutPayload::from_static(b"x")).await
        ));
        assert!(!passed(store.delete(&path).await));
    }
}

proptest! {
    /// Allowed exactly if the names of the granted folder are the first names of the key, and there is one more.
    #[test]
    fn a_folder_is_names_not_letters(
        folder in proptest::collection::vec("[ab]{1,2}", 1..4),
        key in proptest::collection::vec("[ab]{1,2}", 1..6),
    ) {
        let guard = guard("\"object:get\"", &format!("s3://raw/{}/*", folder.join("/")));
        let uri = Uri::parse("s3://raw/", None).unwrap();
        let guarded = Guarded::new(guard, &uri, "");
        let path = Path::parse(key.join("/")).unwrap();
        let granted = guarded.ask::<crate::policy::act::ObjectGet>(&path).is_ok();
        prop_assert_eq!(granted, key.len() > folder.len() && key.starts_with(&folder));
    }
}

#[test]
fn every_action_on_objects_is_of_some_verb() {
    let objects = Action::ALL
        .iter()
        .filter(|action| action.as_str().starts_with("object:"));
    assert_eq!(
        objects.count(),
        6,
        "a new action needs its verbs in these tests"
    );
}

#[tokio::test]
async fn a_copy_needs_what_reading_and_overwriting_need_and_a_rename_deleting_too() {
    let (from, to) = (Path::from("a/x"), Path::from("b/x"));
    let both = "[\"object:get\", \"object:overwrite\"]";
    let all = "[\"object:get\", \"object:overwrite\", \"object:delete\"]";
    for (actions, resource, copies, renames) in [
        (both, "s3://raw/*", true, false),
        (all, "s3://raw/*", true, true),
        (all, "s3://raw/a/*", false, false),
        (all, "s3://raw/b/*", false, false),
    ] {
        let store = store(guard(actions, resource), &["a/x"]).await;
        let copied = store.copy(&from, &to).await.is_ok();
        let renamed = store.rename(&from, &to).await.is_ok();
        assert_eq!((copied, renamed), (copies, renames), "{actions} {resource}");
    }
}
