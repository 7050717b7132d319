#![expect(
    clippy::disallowed_methods,
    reason = "a test looks at the disk behind the store's back"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path as FsPath;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    Error as StoreError, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutPayload,
};
use tempfile::TempDir;

use super::dataset::Shelves;
use super::*;
use crate::error::{Error, ErrorKind, Result};
use crate::policy::Guard;
use crate::spec::Uri;

pub(super) fn stores() -> (Stores, Arc<Meter>) {
    let meter = Arc::new(Meter::default());
    (
        Stores::new(BTreeMap::new(), Arc::clone(&meter), Guard::owner().unwrap()),
        meter,
    )
}

pub(super) fn folder_uri(dir: &FsPath) -> Uri {
    Uri::parse_folder(dir.to_str().unwrap()).unwrap()
}

fn input(dir: &FsPath, text: &str) -> Result<(Place, Option<String>)> {
    let uri = Uri::parse(text, Some(&folder_uri(dir)))?;
    let place = stores().0.open_input(&uri)?;
    Ok((place, uri.pattern().map(str::to_owned)))
}

async fn names(dir: &FsPath, text: &str) -> Result<Vec<String>> {
    let (place, pattern) = input(dir, text)?;
    let objects = list(&place, pattern.as_deref()).await?;
    Ok(objects
        .into_iter()
        .map(|meta| meta.location.to_string())
        .collect())
}

/// An error as a person sees it, without the name of the test's folder.
pub(super) fn told(error: &Error, dir: &FsPath) -> String {
    let hints = error.hints().iter().map(|hint| format!("\nhint: {hint}"));
    let text = format!("{error}{}", hints.collect::<String>());
    text.replace(dir.to_str().unwrap(), "DIR")
}

pub(super) fn write(dir: &FsPath, name: &str, text: &str) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Every file below a folder, hidden ones included.
pub(super) fn files(dir: &FsPath) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut pending = vec![dir.to_path_buf()];
    while let Some(folder) = pending.pop() {
        let Ok(entries) = fs::read_dir(folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else {
                found.insert(path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found
}

pub(super) fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// `object_store`'s own suite, which every store of the crate has to pass.
mod conformance {
    use object_store::integration::*;

    use super::super::guarded::Guarded;
    use super::super::ranged::Ranges;
    use super::*;

    async fn check(store: &dyn ObjectStore, supports_update: bool) {
        put_get_delete_list(store).await;
        list_uses_directories_correctly(store).await;
        list_with_delimiter(store).await;
        list_with_offset_exclusivity(store).await;
        rename_and_copy(store).await;
        copy_if_not_exists(store).await;
        copy_rename_nonexistent_object(store).await;
        stream_get(store).await;
        put_opts(store, supports_update).await;
        get_opts(store).await;
        multipart_out_of_order(store).await;
        multipart_race_condition(store, true).await;
        get_nonexistent_object(store, None).await.unwrap_err();
    }

    #[tokio::test]
    async fn a_confined_folder_passes() {
        let dir = TempDir::new().unwrap();
        check(&ConfinedStore::open(dir.path()).unwrap(), false).await;
    }

    #[tokio::test]
    async fn a_metered_folder_passes() {
        let dir = TempDir::new().unwrap();
        let store = ConfinedStore::open(dir.path()).unwrap();
        check(&Metered::with(store, Arc::default()), false).await;
    }

    #[tokio::test]
    async fn a_store_with_every_layer_passes() {
        let ranged = Layered::with(InMemory::new(), Ranges::default());
        let metered = Metered::with(ranged, Arc::default());
        let uri = Uri::parse("s3://raw/", None).unwrap();
        let guarded = Guarded::new(Guard::owner().unwrap(), &uri, "");
        let store = Layered::with(metered, guarded);
        check(&store, true).await;
    }
}

mod confined {
    use super::*;

    fn store() -> (TempDir, ConfinedStore) {
        let dir = TempDir::new().unwrap();
        let store = ConfinedStore::open(dir.path()).unwrap();
        (dir, store)
    }

    /// Whoever changes names while they are looked up gets nobody out of the folder.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_name_that_becomes_a_link_meanwhile_leads_nowhere_else() {
        const READS: usize = 3_000;
        let (dir, store) = store();
        let elsewhere = TempDir::new().unwrap();
        write(elsewhere.path(), "x.csv", "secret");
        write(dir.path(), "real/x.csv", "inside");
        write(dir.path(), "sub/x.csv", "inside");
        // Both the file and the folder that it is in come and go.
        let file = ("real/x.csv", elsewhere.path().join("x.csv"));
        let folder = ("sub", elsewhere.path().to_path_buf());
        let over = std::sync::atomic::AtomicBool::new(false);
        let (mut inside, mut outside, mut refused) = (0, 0, 0);
        std::thread::scope(|scope| {
            for (name, target) in [file, folder] {
                let (over, name) = (&over, dir.path().join(name));
                scope.spawn(move || {
                    let (kept, link) = (name.with_extension("kept"), name.with_extension("link"));
                    symlink(target, &link).unwrap();
                    while !over.load(Ordering::Relaxed) {
                        fs::rename(&name, &kept).unwrap();
                        fs::rename(&link, &name).unwrap();
                        fs::rename(&name, &link).unwrap();
                        fs::rename(&kept, &name).unwrap();
                    }
                });
            }
            tokio::task::block_in_place(|| {
                let runtime = tokio::runtime::Handle::current();
                for at in 0..READS * 100 {
                    if at >= READS && inside > 0 && refused > 0 {
                        break;
                    }
                    let location = Path::from(["real/x.csv", "sub/x.csv"][at % 2]);
                    let read = async { store.get(&location).await?.bytes().await };
                    match runtime.block_on(read) {
                        Ok(bytes) if bytes == "inside" => inside += 1,
                        Ok(_) => outside += 1,
                        Err(_) => refused += 1,
                    }
                }
                over.store(true, Ordering::Relaxed);
            });
        });
        assert_eq!(outside, 0);
        assert!(
            inside > 0 && refused > 0,
            "{inside} read, {refused} refused"
        );
    }

    /// Links that lead out are refused by every verb, links that stay within are not.
    #[tokio::test]
    async fn links_that_leave_the_root_are_refused() {
        let (dir, store) = store();
        let outside = TempDir::new().unwrap();
        write(outside.path(), "secret.csv", "secret");
        write(dir.path(), "in/inside.csv", "inside");
        symlink(
            outside.path().join("secret.csv"),
            dir.path().join("abs.csv"),
        )
        .unwrap();
        let up = FsPath::new("../")
            .join(outside.path().file_name().unwrap())
            .join("secret.csv");
        symlink(&up, dir.path().join("rel.csv")).unwrap();
        symlink(outside.path(), dir.path().join("folder")).unwrap();
        symlink("in/inside.csv", dir.path().join("good.csv")).unwrap();

        for name in ["abs.csv", "rel.csv", "folder/secret.csv"] {
            let location = Path::from(name);
            let error = store.get(&location).await.unwrap_err();
            assert!(
                matches!(error, StoreError::PermissionDenied { .. }),
                "{name}: {error}"
            );
            let text = format!("{error} {error:?}");
            assert!(!text.contains(outside.path().to_str().unwrap()), "{text}");
            assert!(!text.contains(dir.path().to_str().unwrap()), "{text}");
            store.head(&location).await.unwrap_err();
            store
                .get_ranges(&location, &[0..1, 2..3])
                .await
                .unwrap_err();
            store
                .copy(&location, &Path::from("copy.csv"))
                .await
                .unwrap_err();
        }
        let location = Path::from("folder/new.csv");
        store.put(&location, "x".into()).await.unwrap_err();
        store.put_multipart(&location).await.unwrap_err();
        store
            .delete(&Path::from("folder/secret.csv"))
            .await
            .unwrap_err();
        assert_eq!(files(outside.path()), set(&["secret.csv"]));

        let below = Path::from("folder");
        store
            .list(Some(&below))
            .try_collect::<Vec<_>>()
            .await
            .unwrap_err();
        store.list(None).try_collect::<Vec<_>>().await.unwrap_err();

        let good = store.get(&Path::from("good.csv")).await.unwrap();
        assert_eq!(good.bytes().await.unwrap(), "inside");
    }

    /// Writing to a link replaces the link, and not what it points to.
    #[tokio::test]
    async fn writing_replaces_a_link_and_not_its_target() {
        let (dir, store) = store();
        let outside = TempDir::new().unwrap();
        write(outside.path(), "target", "old");
        symlink(outside.path().join("target"), dir.path().join("link")).unwrap();
        store.put(&Path::from("link"), "new".into()).await.unwrap();
        assert_eq!(
            fs::read_to_string(outside.path().join("target")).unwrap(),
            "old"
        );
        assert_eq!(fs::read_to_string(dir.path().join("link")).unwrap(), "new");
    }

    #[tokio::test]
    async fn root_replaced_by_a_link_is_not_followed() {
        let outer = TempDir::new().unwrap();
        write(outer.path(), "root/a.csv", "right");
        write(outer.path(), "other/a.csv", "wrong");
        let root = outer.path().join("root");
        let store = ConfinedStore::open(&root).unwrap();
        fs::rename(&root, outer.path().join("moved")).unwrap();
        symlink(outer.path().join("other"), &root).unwrap();
        let read = store
            .get(&Path::from("a.csv"))
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap();
        assert_eq!(read, "right");
    }

    /// T38: whatever a path looks like, it names nothing outside.
    #[tokio::test]
    async fn odd_paths_name_nothing_outside() {
        let outer = TempDir::new().unwrap();
        write(outer.path(), "secret", "secret");
        fs::create_dir(outer.path().join("root")).unwrap();
        let store = ConfinedStore::open(outer.path().join("root")).unwrap();
        let texts = [
            "../secret",
            "./../secret",
            "a/../../secret",
            "%2e%2e/secret",
            "%2e%2e%2fsecret",
            "%252e%252e/secret",
            "\\..\\secret",
            "..\\secret",
            "\u{2024}\u{2024}/secret",
            "\u{ff0e}\u{ff0e}/secret",
            "/etc/hostname",
            "//etc/hostname",
            "secret\0",
            "a\nb",
            "x#1",
            &"n".repeat(1025),
        ];
        let paths = |text: &&str| [Path::parse(*text).ok(), Some(Path::from(*text))];
        let paths: Vec<Path> = texts.iter().flat_map(paths).flatten().collect();
        for path in &paths {
            let error = store.get(path).await.unwrap_err().to_string();
            assert!(!error.contains(outer.path().to_str().unwrap()), "{error}");
        }
        for path in &paths {
            let _ = store.put(path, "planted".into()).await;
        }
        let outside: BTreeSet<_> = files(outer.path())
            .into_iter()
            .filter(|name| !name.starts_with("root/"))
            .collect();
        assert_eq!(outside, set(&["secret"]));
        assert_eq!(
            fs::read_to_string(outer.path().join("secret")).unwrap(),
            "secret"
        );
    }

    #[tokio::test]
    async fn only_regular_files_are_objects() {
        let (dir, store) = store();
        write(dir.path(), "folder/a", "a");
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
        symlink("/dev/zero", dir.path().join(".zero")).unwrap();
        symlink("nothing", dir.path().join("dangling")).unwrap();
        let error = store.get(&Path::from("socket")).await.unwrap_err();
        assert!(error.to_string().contains("no regular file"), "{error}");
        for name in ["folder", "dangling"] {
            let error = store.get(&Path::from(name)).await.unwrap_err();
            assert!(
                matches!(error, StoreError::NotFound { .. }),
                "{name}: {error}"
            );
        }
        let listed: Vec<_> = store
            .list(None)
            .map_ok(|m| m.location)
            .try_collect()
            .await
            .unwrap();
        assert_eq!(listed, [Path::from("folder/a")]);
    }

    #[tokio::test]
    async fn large_file_arrives_in_pieces_of_exact_size() {
        let (dir, store) = store();
        let content: Vec<u8> = (0..3_000_000_u32).map(|n| (n * 31 % 251) as u8).collect();
        fs::write(dir.path().join("big"), &content).unwrap();
        let location = Path::from("big");
        let pieces: Vec<Bytes> = store
            .get(&location)
            .await
            .unwrap()
            .into_stream()
            .try_collect()
            .await
            .unwrap();
        assert!(pieces.iter().all(|piece| piece.len() <= 512 * 1024));
        assert_eq!(pieces.concat(), content);

        let options = GetOptions::new().with_range(Some(GetRange::Bounded(1_000_001..2_999_999)));
        let result = store.get_opts(&location, options).await.unwrap();
        assert_eq!(result.meta.size, 3_000_000);
        assert_eq!(
            result.bytes().await.unwrap(),
            &content[1_000_001..2_999_999]
        );

        let ranges = [
            2_999_990..3_000_000,
            0..10,
            5..700_000,
            100..100,
            1_500_000..1_500_001,
        ];
        let parts = store.get_ranges(&location, &ranges).await.unwrap();
        for (range, part) in ranges.iter().zip(parts) {
            assert_eq!(
                part,
                &content[range.start as usize..range.end as usize],
                "{range:?}"
            );
        }
        store
            .get_ranges(&location, &[0..10, 5..3_000_001])
            .await
            .unwrap_err();
    }

    #[tokio::test]
    async fn file_that_shrinks_while_it_is_read_is_an_error() {
        let (dir, store) = store();
        fs::write(dir.path().join("big"), vec![7_u8; 4 << 20]).unwrap();
        let mut stream = store.get(&Path::from("big")).await.unwrap().into_stream();
        stream.next().await.unwrap().unwrap();
        fs::write(dir.path().join("big"), b"short").unwrap();
        let error = stream.try_collect::<Vec<_>>().await.unwrap_err();
        assert!(error.to_string().contains("became shorter"), "{error}");
    }

    #[tokio::test]
    async fn create_never_replaces() {
        let (dir, store) = store();
        let location = Path::from("a");
        let create = || PutMode::Create.into();
        let puts = (0..8).map(|n| store.put_opts(&location, format!("{n}").into(), create()));
        let outcomes = futures::future::join_all(puts).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        for error in outcomes.into_iter().filter_map(std::result::Result::err) {
            assert!(matches!(error, StoreError::AlreadyExists { .. }), "{error}");
        }
        assert_eq!(files(dir.path()), set(&["a"]));
    }

    #[tokio::test]
    async fn upload_that_is_dropped_or_aborted_leaves_nothing() {
        let (dir, store) = store();
        let location = Path::from("new/folder/a");
        for abort in [false, true] {
            let mut upload = store.put_multipart(&location).await.unwrap();
            upload
                .put_part(PutPayload::from_static(b"part"))
                .await
                .unwrap();
            assert_eq!(files(dir.path()).len(), 1);
            assert!(
                store
                    .list(None)
                    .try_collect::<Vec<_>>()
                    .await
                    .unwrap()
                    .is_empty()
            );
            if abort {
                upload.abort().await.unwrap();
                upload.complete().await.unwrap_err();
            }
            drop(upload);
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        }
    }

    #[tokio::test]
    async fn upload_that_is_aborted_while_a_part_is_under_way_leaves_nothing() {
        let (dir, store) = store();
        let location = Path::from("new/folder/a");
        let mut upload = store.put_multipart(&location).await.unwrap();
        let part = upload.put_part(PutPayload::from_static(b"part"));
        upload.abort().await.unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        part.await.unwrap_err();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn folder_is_made_with_its_first_file_and_removed_with_its_last() {
        let dir = TempDir::new().unwrap();
        let root = dir.path().join("a/b");
        let store = ConfinedStore::open_or_create(&root).unwrap();
        assert!(
            store
                .list(None)
                .try_collect::<Vec<_>>()
                .await
                .unwrap()
                .is_empty()
        );
        for _ in 0..2 {
            store.put(&Path::from("x/y"), "text".into()).await.unwrap();
            assert_eq!(files(dir.path()), set(&["a/b/x/y"]));
            store.delete(&Path::from("x/y")).await.unwrap();
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        }
    }

    #[tokio::test]
    async fn names_of_incomplete_files_are_no_objects() {
        let (dir, store) = store();
        write(dir.path(), ".sluicegate-0123.tmp", "left behind");
        assert!(
            store
                .list(None)
                .try_collect::<Vec<_>>()
                .await
                .unwrap()
                .is_empty()
        );
        store
            .get(&Path::from(".sluicegate-0123.tmp"))
            .await
            .unwrap_err();
        store
            .put(&Path::from(".sluicegate-0123.tmp"), "x".into())
            .await
            .unwrap_err();
    }
}

mod listing {
    use super::*;

    fn data() -> TempDir {
        let dir = TempDir::new().unwrap();
        for name in [
            "data/sales.csv",
            "data/b/2024/x.csv",
            "data/b/2024/y.json",
            "data/b/z.csv",
            "data/_tmp/hidden.csv",
            "data/b/.hidden.csv",
            "data/b/_SUCCESS",
            "data/_day=1/p.csv",
        ] {
            write(dir.path(), name, "x");
        }
        dir
    }

    #[tokio::test]
    async fn file_prefix_and_globs() {
        let dir = data();
        let names = async |text: &str| names(dir.path(), text).await.unwrap();
        assert_eq!(names("data/sales.csv").await, ["sales.csv"]);
        let all = [
            "_day=1/p.csv",
            "b/2024/x.csv",
            "b/2024/y.json",
            "b/z.csv",
            "sales.csv",
        ];
        assert_eq!(names("data/").await, all);
        assert_eq!(names("data").await, all);
        assert_eq!(names("data/*.csv").await, ["sales.csv"]);
        assert_eq!(
            names("data/**/*.csv").await,
            ["_day=1/p.csv", "b/2024/x.csv", "b/z.csv", "sales.csv"]
        );
        assert_eq!(
            names("data/b/*/?.[cj]s*").await,
            ["2024/x.csv", "2024/y.json"]
        );
        assert_eq!(names("data/b/*/").await, ["2024/x.csv", "2024/y.json"]);
        // A file that is named outright is read whatever its name.
        assert_eq!(names("data/b/.hidden.csv").await, [".hidden.csv"]);
    }

    #[tokio::test]
    async fn missing_files_get_the_nearest_name() {
        let dir = data();
        let missing = async |text: &str| {
            let error = names(dir.path(), text).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Input, "{error}");
            told(&error, dir.path())
        };
        insta::assert_snapshot!(missing("data/Sales.csv").await, @r"
        `DIR/data/Sales.csv` does not exist
        hint: did you mean `sales.csv`?
        ");
        insta::assert_snapshot!(missing("data/slaes.csv").await, @r"
        `DIR/data/slaes.csv` does not exist
        hint: did you mean `sales.csv`?
        ");
        insta::assert_snapshot!(missing("data/qqqqqqqq.bin").await, @r"
        `DIR/data/qqqqqqqq.bin` does not exist
        hint: the folder holds `_day=1`, `b`, `sales.csv`
        ");
        insta::assert_snapshot!(missing("dta/sales.csv").await, @r"
        `DIR/dta/sales.csv` does not exist
        hint: there is no `dta` in `DIR`
        hint: did you mean `data`?
        ");
        insta::assert_snapshot!(missing("Data/b/").await, @r"
        `DIR/Data/b/` does not exist
        hint: there is no `Data` in `DIR`
        hint: did you mean `data`?
        ");
        insta::assert_snapshot!(missing("data/*.parquet").await, @r"
        nothing matches `DIR/data/*.parquet`
        hint: the folder holds `_day=1`, `b`, `sales.csv`
        ");
        insta::assert_snapshot!(missing("data/sales.csv/").await, @r"
        `DIR/data/sales.csv` is no folder
        hint: name a folder, or the file without a `/` at its end
        ");
        fs::create_dir(dir.path().join("empty")).unwrap();
        insta::assert_snapshot!(missing("empty/").await, @"`DIR/empty/` holds no files");
        insta::assert_snapshot!(missing("data/_tmp/x/../../b/2025/").await, @r"
        `DIR/data/b/2025/` does not exist
        hint: there is no `2025` in `DIR/data/b`
        hint: did you mean `2024`?
        ");
        write(dir.path(), "marked/_SUCCESS", "");
        insta::assert_snapshot!(missing("marked/").await, @r"
        `DIR/marked/` holds no data: every name in it is hidden
        hint: names that start with `.` or `_` are skipped
        ");
    }

    #[tokio::test]
    async fn memory_store_lists_alike() {
        let store = Arc::new(InMemory::new());
        for name in ["p/b.csv", "p/a.csv", "p/_x.csv", "px/c.csv", "p/q/d.csv"] {
            store.put(&Path::from(name), "x".into()).await.unwrap();
        }
        let place = |text: &str| {
            let uri = Uri::parse(text, None).unwrap();
            let path = Path::parse(uri.path()).unwrap();
            Place {
                store: Arc::<InMemory>::clone(&store),
                path,
                shelves: Shelves::default(),
                key: "m".to_owned(),
                uri,
                part_bytes: 4,
                uploads: None,
                stores: stores().0,
            }
        };
        let names = async |text: &str, pattern: Option<&str>| {
            let listed = list(&place(text), pattern).await;
            listed.map(|l| {
                l.into_iter()
                    .map(|m| m.location.to_string())
                    .collect::<Vec<_>>()
            })
        };
        assert_eq!(
            names("s3://bucket/p/", None).await.unwrap(),
            ["p/a.csv", "p/b.csv", "p/q/d.csv"]
        );
        assert_eq!(names("s3://bucket/p", None).await.unwrap().len(), 3);
        assert_eq!(
            names("s3://bucket/p/", Some("*.csv")).await.unwrap(),
            ["p/a.csv", "p/b.csv"]
        );
        let error = names("s3://bucket/p/A.csv", None).await.unwrap_err();
        assert_eq!(
            error.hints(),
            ["did you mean `a.csv` or `b.csv` or `_x.csv`?"]
        );
    }
}

mod opening {
    use super::*;

    #[tokio::test]
    async fn stores_are_shared_and_metered() {
        let dir = TempDir::new().unwrap();
        write(dir.path(), "a.csv", "12345");
        write(dir.path(), "b.csv", "12345");
        write(dir.path(), "c/d.csv", "12345");
        let (stores, meter) = stores();
        let open = |text: &str| {
            let uri = Uri::parse(text, Some(&folder_uri(dir.path()))).unwrap();
            stores.open_input(&uri).unwrap()
        };
        let (a, b, c) = (open("a.csv"), open("b.csv"), open("c/d.csv"));
        assert_eq!(a.key, b.key);
        assert_ne!(a.key, c.key);
        a.store.get(&a.path).await.unwrap().bytes().await.unwrap();
        b.store.get_ranges(&b.path, &[0..1, 2..3]).await.unwrap();
        assert_eq!(meter.read.load(Ordering::Relaxed), 7);

        let output = stores
            .open_output(&folder_uri(&dir.path().join("out")))
            .unwrap();
        output
            .store
            .put(&Path::from("x"), "123".into())
            .await
            .unwrap();
        let mut upload = output.store.put_multipart(&Path::from("y")).await.unwrap();
        upload.put_part("4567".into()).await.unwrap();
        upload.complete().await.unwrap();
        assert_eq!(meter.written.load(Ordering::Relaxed), 7);
    }

    /// Nothing but the folder of a file that was named can be reached.
    #[tokio::test]
    async fn input_is_confined_to_its_folder() {
        let dir = TempDir::new().unwrap();
        write(dir.path(), "secret.csv", "secret");
        write(dir.path(), "data/a.csv", "x");
        symlink("../secret.csv", dir.path().join("data/link.csv")).unwrap();
        let error = names(dir.path(), "data/link.csv").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Storage);
        assert!(
            told(&error, dir.path()).contains("symbolic link"),
            "{error}"
        );
    }

    /// What opening a place says, with all variables of the environment.
    fn open(uri: &str, environment: &[(&str, &str)]) -> Result<Place> {
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let stores = Stores::new(environment, Arc::default(), Guard::owner().unwrap());
        assert!(!format!("{stores:?}").contains("hunter2"));
        let outcome = stores.open_input(&Uri::parse(uri, None).unwrap());
        // Neither a place nor an error shows a credential.
        let shown = match &outcome {
            Ok(place) => format!("{place:?}"),
            Err(error) => format!("{error:?}\n{}", told(error, FsPath::new("/nowhere"))),
        };
        assert!(!shown.contains("hunter2"), "{shown}");
        outcome
    }

    /// The error of opening a place, with its hints.
    fn refusal(uri: &str, environment: &[(&str, &str)]) -> String {
        told(
            &open(uri, environment).unwrap_err(),
            FsPath::new("/nowhere"),
        )
    }

    #[test]
    fn s3_needs_credentials_from_the_given_environment() {
        let open = |environment: &[(&str, &str)]| open("s3://bucket/a.csv", environment);
        let message = |outcome: Result<Place>| outcome.unwrap_err().to_string();
        assert_eq!(
            message(open(&[])),
            "no credentials for bucket `bucket`: `AWS_ACCESS_KEY_ID` is not set"
        );
        let id = ("AWS_ACCESS_KEY_ID", "id");
        assert!(message(open(&[id])).contains("`AWS_SECRET_ACCESS_KEY` is not set"));
        let secret = ("AWS_SECRET_ACCESS_KEY", "hunter2");
        assert_eq!(open(&[id, secret]).unwrap().path, Path::from("a.csv"));
        open(&[("AWS_SKIP_SIGNATURE", "true")]).unwrap();

        let endpoint = |url, more: &[(&'static str, &'static str)]| {
            open(&[&[id, secret, ("AWS_ENDPOINT_URL", url)], more].concat())
        };
        endpoint("http://127.0.0.1:9000", &[]).unwrap();
        endpoint("http://localhost:9000/", &[]).unwrap();
        endpoint("https://store.example", &[]).unwrap();
        assert!(message(endpoint("http://store.example", &[])).contains("is not encrypted"));
        endpoint("http://store.example", &[("AWS_ALLOW_HTTP", "true")]).unwrap();
        assert!(message(endpoint("https://u:hunter2@h", &[])).contains("carries a user"));
        assert!(message(endpoint("https://h/?sig=hunter2", &[])).contains("has a query"));
        assert!(message(endpoint("store.example", &[])).contains("is no URL"));
    }

    #[test]
    fn google_needs_credentials_from_the_given_environment() {
        let uri = "gs://bucket/a.csv";
        insta::assert_snapshot!(refusal(uri, &[]), @r"
        no credentials for bucket `bucket`: `GOOGLE_SERVICE_ACCOUNT_KEY` is not set
        hint: set `GOOGLE_SERVICE_ACCOUNT_KEY` to the JSON text of a key, or `GOOGLE_APPLICATION_CREDENTIALS` to a file with it, or `GOOGLE_OAUTH_ACCESS_TOKEN` to a token, or `GOOGLE_SKIP_SIGNATURE=true` for a public bucket
        ");
        let named = ("GOOGLE_APPLICATION_CREDENTIALS", "/no/such/key.json");
        insta::assert_snapshot!(refusal(uri, &[named]), @r"
        read the key in `GOOGLE_APPLICATION_CREDENTIALS`: `/no/such/key.json` does not exist
        hint: name the file of a service account's key, as Google makes it, or unset the variable
        ");
        let relative = ("GOOGLE_APPLICATION_CREDENTIALS", "key.json");
        let told = refusal(uri, &[relative]);
        assert!(told.contains("`key.json` is relative"), "{told}");
        // What is said in another way is used in its place.
        open(uri, &[named, ("GOOGLE_SKIP_SIGNATURE", "true")]).unwrap();
        for wrong in ["hunter2", "\"hunter2\"", r#"{"private_key": "hunter2"}"#] {
            let told = refusal(uri, &[("GOOGLE_SERVICE_ACCOUNT_KEY", wrong)]);
            assert!(told.contains("is no key of a service account"), "{told}");
        }
        let token = ("GOOGLE_OAUTH_ACCESS_TOKEN", "hunter2");
        assert_eq!(open(uri, &[token]).unwrap().path, Path::from("a.csv"));
        open(uri, &[("GOOGLE_SKIP_SIGNATURE", "true")]).unwrap();
        let endpoint = |url| open(uri, &[token, ("GOOGLE_ENDPOINT_URL", url)]);
        endpoint("http://127.0.0.1:9000").unwrap();
        let error = endpoint("http://store.example").unwrap_err().to_string();
        assert!(error.contains("is not encrypted"), "{error}");
    }

    #[test]
    fn azure_needs_an_account_and_credentials_from_the_given_environment() {
        let (uri, whole) = (
            "az://container/a.csv",
            "abfss://container@mine.dfs.core.windows.net/a.csv",
        );
        insta::assert_snapshot!(refusal(uri, &[]), @r"
        no account for container `container`: `AZURE_STORAGE_ACCOUNT` is not set
        hint: set it, or name the account: `abfss://container@account.dfs.core.windows.net/key`
        ");
        let account = ("AZURE_STORAGE_ACCOUNT", "mine");
        insta::assert_snapshot!(refusal(uri, &[account]), @r"
        no credentials for container `container`: `AZURE_STORAGE_KEY` is not set
        hint: set `AZURE_STORAGE_KEY`, or `AZURE_STORAGE_SAS_TOKEN`, or `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_CLIENT_SECRET`, or `AZURE_SKIP_SIGNATURE=true` for a public container
        ");
        assert!(refusal(whole, &[]).contains("`AZURE_STORAGE_KEY` is not set"));
        insta::assert_snapshot!(refusal(whole, &[("AZURE_STORAGE_ACCOUNT", "other")]), @r"
        container `container` is in account `mine`, but `AZURE_STORAGE_ACCOUNT` names `other`
        hint: the credentials in the environment are for one account; set all of them for the one that is meant
        ");
        let client = [
            ("AZURE_TENANT_ID", "tenant"),
            ("AZURE_CLIENT_SECRET", "hunter2"),
        ];
        assert!(refusal(whole, &client).contains("`AZURE_CLIENT_ID` is not set"));
        let malformed = [account, ("AZURE_STORAGE_KEY", "hunter2!")];
        assert!(refusal(uri, &malformed).contains("`AZURE_STORAGE_KEY` is malformed"));
        let malformed = [account, ("AZURE_STORAGE_SAS_TOKEN", "hunter2")];
        assert!(refusal(uri, &malformed).contains("`AZURE_STORAGE_SAS_TOKEN` is malformed"));

        let id = ("AZURE_CLIENT_ID", "id");
        open(whole, &[&client[..], &[id]].concat()).unwrap();
        open(uri, &[account, ("AZURE_STORAGE_KEY", "aHVudGVyMg==")]).unwrap();
        open(uri, &[account, ("AZURE_STORAGE_SAS_TOKEN", "?sig=hunter2")]).unwrap();
        let place = open(uri, &[account, ("AZURE_SKIP_SIGNATURE", "true")]).unwrap();
        assert_eq!(place.path, Path::from("a.csv"));
    }

    #[test]
    fn oracle_needs_credentials_and_a_region_from_the_given_environment() {
        let uri = "oci://bucket@tenancy/a.csv";
        let (id, secret) = (
            ("OCI_ACCESS_KEY_ID", "id"),
            ("OCI_SECRET_ACCESS_KEY", "hunter2"),
        );
        insta::assert_snapshot!(refusal(uri, &[]), @r"
        no credentials for bucket `bucket@tenancy`: `OCI_ACCESS_KEY_ID` is not set
        hint: set `OCI_ACCESS_KEY_ID` and `OCI_SECRET_ACCESS_KEY` to a customer secret key, and `OCI_REGION`
        ");
        assert!(refusal(uri, &[id]).contains("`OCI_SECRET_ACCESS_KEY` is not set"));
        assert!(refusal(uri, &[id, secret]).contains("`OCI_REGION` is not set"));
        for wrong in ["evil.example/", "eu frankfurt"] {
            let told = refusal(uri, &[id, secret, ("OCI_REGION", wrong)]);
            assert!(told.contains("`OCI_REGION` is no region"), "{told}");
        }
        let region = ("OCI_REGION", "eu-frankfurt-1");
        let place = open(uri, &[id, secret, region]).unwrap();
        assert_eq!(place.path, Path::from("a.csv"));
    }

    /// The environment's account may be the one that the other URI names.
    #[test]
    fn containers_are_compared_whichever_account_they_name() {
        let uri = |text: &str| Uri::parse(text, None).unwrap();
        let (short, mine, theirs) = (
            uri("az://container/a/b"),
            uri("abfss://container@mine.dfs.core.windows.net/a"),
            uri("abfss://container@theirs.dfs.core.windows.net/a"),
        );
        assert!(!mine.contains(&short));
        assert!(mine.contains(&short.in_account_of(&mine)));
        assert_eq!(mine.in_account_of(&theirs), mine);
        assert_eq!(short.in_account_of(&uri("s3://a-b/c")), short);
    }

    #[test]
    fn web_addresses_cannot_be_written() {
        let uri = Uri::parse("https://host/a", None).unwrap();
        let error = stores().0.open_output(&uri).unwrap_err();
        assert!(
            error.to_string().contains("web addresses are for reading"),
            "{error}"
        );
    }

    /// A single file is read from a web server, which need not know ranges, and without looking for
    /// proxies.
    #[tokio::test]
    async fn web_file_is_read() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut server = tokio::task::JoinSet::new();
        server.spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0_u8; 4096];
                let read = stream.read(&mut request).await.unwrap();
                let request = String::from_utf8_lossy(&request[..read]).into_owned();
                let head = "Last-Modified: Tue, 01 Nov 2022 00:00:00 GMT\r\nConnection: close";
                let answer = if !request.contains(" /a%20b.csv ") {
                    "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                        .to_owned()
                } else if request.starts_with("HEAD") {
                    format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n{head}\r\n\r\n")
                } else {
                    format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n{head}\r\n\r\n12345")
                };
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        let (stores, meter) = stores();
        let open = |name: &str| {
            let uri = Uri::parse(&format!("http://{address}/{name}"), None).unwrap();
            stores.open_input(&uri).unwrap()
        };
        let place = open("a%20b.csv");
        let objects = list(&place, None).await.unwrap();
        assert_eq!(objects[0].size, 5);
        let bytes = place
            .store
            .get(&place.path)
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap();
        assert_eq!(
            (bytes, meter.read.load(Ordering::Relaxed)),
            (Bytes::from("12345"), 5)
        );
        // This server ignores ranges, as simple ones do.
        for (range, expected) in [
            (GetRange::Bounded(0..5), "12345"),
            (GetRange::Bounded(1..3), "23"),
            (GetRange::Bounded(4..9), "5"),
            (GetRange::Offset(2), "345"),
            (GetRange::Suffix(2), "45"),
        ] {
            let options = GetOptions::new().with_range(Some(range));
            let result = place.store.get_opts(&place.path, options).await.unwrap();
            assert_eq!(result.meta.size, 5);
            assert_eq!(result.range.end - result.range.start, expected.len() as u64);
            assert_eq!(result.bytes().await.unwrap(), expected);
        }
        let ranges = place.store.get_ranges(&place.path, &[3..5, 0..1]).await;
        assert_eq!(ranges.unwrap(), ["45", "1"]);
        let error = list(&open("none.csv"), None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input, "{error}");
        server.abort_all();
    }
}
