#![expect(
    clippy::disallowed_methods,
    reason = "a test looks at the disk behind the store's back"
)]

mod beside;
mod crash;
mod simulation;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path as FsPath;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectStoreExt};
use tempfile::TempDir;

use super::*;
use crate::error::{ErrorKind, Result};
use crate::spec::{Mode, Uri};
use crate::storage::dataset::Shelves;
use crate::storage::tests::{files as all_files, folder_uri, set, stores, told, write};
use crate::storage::upload::Resumable;
use crate::storage::{Layered, storage_error};

fn output(dir: &FsPath) -> Place {
    stores()
        .0
        .open_output(&folder_uri(&dir.join("out")))
        .unwrap()
}

/// Every file below a folder but the log's.
fn files(dir: &FsPath) -> BTreeSet<String> {
    let mut files = all_files(dir);
    files.retain(|name| !name.contains("_sluice/log/"));
    files
}

fn intent(mode: Mode, run: &str) -> Intent {
    Intent {
        run: run.to_owned(),
        mode,
        keep_versions: 0,
        time: Duration::from_mins(1),
    }
}

async fn begin(place: &Place, mode: Mode, run: &str) -> Box<Staging> {
    ready(Staging::begin(place, intent(mode, run)).await.unwrap())
}

fn ready(beginning: Beginning) -> Box<Staging> {
    match beginning {
        Beginning::Ready(staging) => staging,
        other => panic!("{other:?}"),
    }
}

async fn stage(staging: &Staging, name: &str, text: &str) -> FinishedFile {
    let mut file = staging.create(name).await.unwrap();
    file.write(Bytes::copy_from_slice(text.as_bytes()))
        .await
        .unwrap();
    let mut file = file.finish().await.unwrap();
    file.rows = Some(1);
    file
}

async fn run(place: &Place, mode: Mode, name: &str) -> Result<Committed> {
    let staging = ready(Staging::begin(place, intent(mode, name)).await?);
    let file = stage(&staging, name, "text").await;
    staging.commit(vec![file], Vec::new()).await
}

#[tokio::test]
async fn commit_shows_all_files_and_the_marker() {
    let dir = TempDir::new().unwrap();
    let place = output(dir.path());
    let staging = begin(&place, Mode::ErrorIfExists, "r1").await;
    let a = stage(&staging, "part-00000-r1.csv", "one").await;
    let b = stage(&staging, "day=1/part-00001-r1.csv", "three").await;
    let listed: Vec<_> = place.store.list(None).try_collect().await.unwrap();
    let is_hidden = |meta: &ObjectMeta| is_hidden(meta.location.as_ref());
    assert!(listed.iter().all(is_hidden), "{listed:?}");

    let committed = staging.commit(vec![a, b], Vec::new()).await.unwrap();
    let version = &committed.version;
    assert_eq!((version.rows, version.bytes), (Some(2), 8));
    let out = dir.path().join("out");
    let expected = set(&["_SUCCESS", "day=1/part-00001-r1.csv", "part-00000-r1.csv"]);
    assert_eq!(files(&out), expected);
    assert_eq!(
        fs::read_to_string(out.join("part-00000-r1.csv")).unwrap(),
        "one"
    );
    let marker: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(out.join("_SUCCESS")).unwrap()).unwrap();
    assert_eq!(marker["run"], "r1");
    assert_eq!(marker["rows"], 2);
    assert_eq!(marker["files"][1]["path"], "day=1/part-00001-r1.csv");
    assert_eq!(marker["files"][1]["bytes"], 5);
}

#[tokio::test]
async fn existing_output_is_refused_with_what_the_modes_would_do() {
    let dir = TempDir::new().unwrap();
    let place = output(dir.path());
    run(&place, Mode::ErrorIfExists, "part-0.csv")
        .await
        .unwrap();
    let error = run(&place, Mode::ErrorIfExists, "part-1.csv")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input);
    insta::assert_snapshot!(told(&error, dir.path()), @r#"
    output `DIR/out/` exists already: it holds `part-0.csv`
    hint: `mode = "append"` adds files to it, `mode = "overwrite"` replaces it, or choose another `uri`
    "#);
    assert_eq!(
        files(&dir.path().join("out")),
        set(&["_SUCCESS", "part-0.csv"])
    );
}

#[tokio::test]
async fn output_that_appears_during_the_run_is_refused_at_the_commit() {
    let dir = TempDir::new().unwrap();
    let place = output(dir.path());
    let staging = begin(&place, Mode::ErrorIfExists, "r1").await;
    let file = stage(&staging, "part-1.csv", "mine").await;
    write(dir.path(), "out/part-0.csv", "theirs");
    staging.commit(vec![file], Vec::new()).await.unwrap_err();
    assert_eq!(files(&dir.path().join("out")), set(&["part-0.csv"]));
}

#[tokio::test]
async fn of_two_runs_into_one_output_the_second_is_refused() {
    for (mode, why) in [
        (Mode::ErrorIfExists, "it holds `part-0.csv`"),
        (Mode::Overwrite, "run `part-0.csv` committed to it"),
    ] {
        let dir = TempDir::new().unwrap();
        let place = output(dir.path());
        let slow = begin(&place, mode, "slow").await;
        let file = stage(&slow, "part-1.csv", "mine").await;
        run(&place, mode, "part-0.csv").await.unwrap();
        let error = slow.commit(vec![file], Vec::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        let expected = format!(
            "output `DIR/out/` was written meanwhile: {why}\nhint: run again; `mode = \"append\"` lets several runs \
             add files to one output, and `mode = \"overwrite-partitions\"` replace different partitions"
        );
        assert_eq!(told(&error, dir.path()), expected);
        let out = dir.path().join("out");
        assert_eq!(files(&out), set(&["_SUCCESS", "part-0.csv"]));
        assert_eq!(fs::read_to_string(out.join("part-0.csv")).unwrap(), "text");
    }
}

#[tokio::test]
async fn runs_that_append_side_by_side_all_commit() {
    let dir = TempDir::new().unwrap();
    let place = output(dir.path());
    let mut begun = Vec::new();
    for n in 0..8 {
        let staging = begin(&place, Mode::Append, &format!("r{n}")).await;
        let file = stage(&staging, &format!("part-{n}.csv"), "text").await;
        begun.push(tokio::spawn(staging.commit(vec![file], Vec::new())));
    }
    let mut versions = BTreeSet::new();
    for commit in begun {
        versions.insert(commit.await.unwrap().unwrap().version.version);
    }
    assert_eq!(versions, (1..=8).collect());
    assert_eq!(files(&dir.path().join("out")).len(), 9);
    assert_eq!(place_files(&place, None).await.len(), 8);
}

/// Appends a file, and keeps so many versions.
async fn keeping(place: &Place, keep_versions: u64, name: &str) {
    let intent = Intent {
        keep_versions,
        ..intent(Mode::Append, name)
    };
    let staging = ready(Staging::begin(place, intent).await.unwrap());
    let file = stage(&staging, name, "text").await;
    staging.commit(vec![file], Vec::new()).await.unwrap();
}

/// The names of a version's files.
async fn place_files(place: &Place, version: Option<u64>) -> Vec<String> {
    let snapshot = crate::storage::snapshot(place, version).await.unwrap();
    let files = snapshot.unwrap().manifest.files.into_iter();
    files.map(|file| file.path).collect()
}

#[tokio::test]
async fn different_partitions_are_replaced_side_by_side_and_the_same_one_is_a_conflict() {
    let dir = TempDir::new().unwrap();
    let place = output(dir.path());
    let mode = Mode::OverwritePartitions;
    for (name, day) in [("a", 1), ("b", 2)] {
        let staging = begin(&place, Mode::Append, name).await;
        let file = stage(&staging, &format!("day={day}/part-{name}.csv"), "old").await;
        staging.commit(vec![file], Vec::new()).await.unwrap();
    }
    let mut begun = Vec::new();
    for (name, day) in [("c", 1), ("d", 2), ("e", 1)] {
        let staging = begin(&place, mode, name).await;
        let file = stage(&staging, &format!("day={day}/part-{name}.csv"), "new").await;
        begun.push((staging, file));
    }
    let mut kinds = Vec::new();
    for (staging, file) in begun {
        let committed = staging.commit(vec![file], Vec::new()).await;
        kinds.push(committed.map(drop).map_err(|error| error.kind()));
    }
    assert_eq!(kinds, [Ok(()), Ok(()), Err(ErrorKind::Conflict)]);
    let expected = set(&["_SUCCESS", "day=1/part-c.csv", "day=2/part-d.csv"]);
    assert_eq!(files(&dir.path().join("out")), expected);
}

#[tokio::test]
async fn a_run_commits_once_whatever_is_tried_in_its_name() {
    let dir = TempDir::new().unwrap();
    let place = output(dir.path());
    let first = begin(&place, Mode::Append, "r1").await;
    let second = begin(&place, Mode::Append, "r1").await;
    let mut files_of = Vec::new();
    for (n, staging) in [&first, &second].into_iter().enumerate() {
        files_of.push(stage(staging, &format!("part-{n}.csv"), "text").await);
    }
    let late = files_of.pop().unwrap();
    let committed = first.commit(files_of, Vec::new()).await.unwrap();
    assert!(!committed.by_other);
    let again = second.commit(vec![late], Vec::new()).await.unwrap();
    assert!(again.by_other);
    assert_eq!(again.version.version, committed.version.version);
    let intent = intent(Mode::Append, "r1");
    let third = Staging::begin(&place, intent).await.unwrap();
    assert!(matches!(third, Beginning::Committed(Some(past)) if past.version == 1));
    assert_eq!(
        files(&dir.path().join("out")),
        set(&["_SUCCESS", "part-0.csv"])
    );
}

#[tokio::test]
async fn nothing_is_done_where_something_is_and_the_run_wants_nothing_then() {
    let dir = TempDir::new().unwrap();
    let place = output(dir.path());
    run(&place, Mode::Ignore, "part-0.csv").await.unwrap();
    let again = Staging::begin(&place, intent(Mode::Ignore, "r2")).await;
    assert!(matches!(again.unwrap(), Beginning::Ignored));
}

#[tokio::test]
async fn earlier_versions_are_kept_and_no_more_than_wanted() {
    let dir = TempDir::new().unwrap();
    let (place, out) = (output(dir.path()), dir.path().join("out"));
    for n in 0..5 {
        let intent = Intent {
            keep_versions: 2,
            ..intent(Mode::Overwrite, &format!("r{n}"))
        };
        let staging = ready(Staging::begin(&place, intent).await.unwrap());
        let file = stage(&staging, &format!("part-{n}.csv"), &n.to_string()).await;
        staging.commit(vec![file], Vec::new()).await.unwrap();
    }
    let expected = [
        "_SUCCESS",
        "_sluice/kept/part-2.csv",
        "_sluice/kept/part-3.csv",
        "part-4.csv",
    ];
    assert_eq!(files(&out), set(&expected));
    let snapshot = crate::storage::snapshot(&place, Some(3)).await.unwrap();
    let snapshot = snapshot.unwrap();
    assert_eq!(snapshot.versions, [3, 4, 5]);
    assert_eq!(snapshot.manifest.history.len(), 3);
    let [object] = snapshot.objects.as_slice() else {
        panic!("{:?}", snapshot.objects);
    };
    // Who reads it finds it where it is now.
    let found = place.store.get(&object.location).await.unwrap();
    assert_eq!(found.bytes().await.unwrap(), "2");
    let error = crate::storage::snapshot(&place, Some(2)).await.unwrap_err();
    insta::assert_snapshot!(told(&error, dir.path()), @r"
    version 2 of `DIR/out/` is not kept
    hint: 3, 4, 5 can be read
    ");
}

#[tokio::test]
async fn what_others_wrote_becomes_a_version_of_its_own() {
    let dir = TempDir::new().unwrap();
    let place = output(dir.path());
    write(dir.path(), "out/part-00000-spark.csv", "theirs");
    write(dir.path(), "out/_SUCCESS", "");
    keeping(&place, 1, "part-1.csv").await;
    assert_eq!(
        place_files(&place, None).await,
        ["part-00000-spark.csv", "part-1.csv"]
    );
    assert_eq!(place_files(&place, Some(1)).await, ["part-00000-spark.csv"]);
}

/// A reader who takes versions by number sees that one, and who lists sees one that is whole.
#[tokio::test]
async fn a_listing_is_that_of_the_last_version_that_is_whole() {
    let dir = TempDir::new().unwrap();
    let (place, out) = (output(dir.path()), dir.path().join("out"));
    run(&place, Mode::Append, "part-0.csv").await.unwrap();
    // As if the second had been stopped right after its commit.
    keeping(&place, 1, "part-1.csv").await;
    fs::remove_file(out.join("_sluice/log/00000000000000000002.done")).unwrap();
    write(&out, "part-9.csv", "nobody's");
    let listed = crate::storage::list(&place, None).await.unwrap();
    let names: Vec<_> = listed.iter().map(|meta| meta.location.as_ref()).collect();
    assert_eq!(names, ["part-0.csv"]);
}

#[tokio::test]
async fn append_joins_and_overwrite_replaces() {
    let dir = TempDir::new().unwrap();
    let (place, out) = (output(dir.path()), dir.path().join("out"));
    run(&place, Mode::ErrorIfExists, "day=1/part-0.csv")
        .await
        .unwrap();
    run(&place, Mode::Append, "part-1.csv").await.unwrap();
    assert_eq!(
        files(&out),
        set(&["_SUCCESS", "day=1/part-0.csv", "part-1.csv"])
    );
    write(&out, ".part-0.csv.crc", "");
    run(&place, Mode::Overwrite, "part-2.csv").await.unwrap();
    assert_eq!(files(&out), set(&["_SUCCESS", "part-2.csv"]));
    assert!(!out.join("day=1").exists());
}

#[tokio::test]
async fn overwrite_keeps_the_old_until_the_commit() {
    let dir = TempDir::new().unwrap();
    let (place, out) = (output(dir.path()), dir.path().join("out"));
    run(&place, Mode::ErrorIfExists, "part-0.csv")
        .await
        .unwrap();
    let staging = begin(&place, Mode::Overwrite, "r2").await;
    let _file = stage(&staging, "part-1.csv", "new").await;
    staging.abort().await.unwrap();
    assert_eq!(files(&out), set(&["_SUCCESS", "part-0.csv"]));
}

/// An output that names somebody's home must not empty it.
#[tokio::test]
async fn overwrite_refuses_to_remove_what_no_run_wrote() {
    for theirs in [
        "notes.txt",
        "in.csv",
        "raw/in.csv",
        "other/deep/part-0.parquet",
        "day=1/raw/part-0.parquet",
        "raw/day=1/part-0.parquet",
        "=1/part-0.parquet",
        "partners.csv",
        "part-numbers.csv",
        ".in.csv.crc",
        "_delta_log/0.json",
    ] {
        let dir = TempDir::new().unwrap();
        let place = output(dir.path());
        write(dir.path(), "out/part-0.csv", "x");
        write(&dir.path().join("out"), theirs, "dear");
        let before = files(dir.path());
        let error = run(&place, Mode::Overwrite, "part-1.csv")
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert_eq!(
            told(&error, dir.path()),
            format!(
                "output `DIR/out/` holds `{theirs}`, which no run wrote and which would be lost\n\
                 hint: choose a folder of its own for the output, or remove the file yourself"
            )
        );
        assert_eq!(files(dir.path()), before);
    }
}

/// What Spark and Hadoop write, and what runs of any format wrote before, is replaced.
#[tokio::test]
async fn overwrite_replaces_what_runs_and_spark_wrote() {
    let dir = TempDir::new().unwrap();
    let (place, out) = (output(dir.path()), dir.path().join("out"));
    for name in [
        "_SUCCESS",
        "._SUCCESS.crc",
        "_committed_12",
        "_started_12",
        "_metadata",
        "_common_metadata",
        "part-00000-abc-c000.snappy.parquet",
        ".part-00000-abc-c000.snappy.parquet.crc",
        "part-r-00000",
        "day=1/part-00000.json.gz",
        "day=1/_started_12",
        "_day=1/hour=__HIVE_DEFAULT_PARTITION__/part-0.csv",
    ] {
        write(&out, name, "old");
    }
    run(&place, Mode::Overwrite, "part-9.csv").await.unwrap();
    assert_eq!(files(&out), set(&["_SUCCESS", "part-9.csv"]));
}

#[tokio::test]
async fn abort_and_drop_leave_nothing() {
    let dir = TempDir::new().unwrap();
    let place = output(dir.path());
    for abort in [true, false] {
        let staging = begin(&place, Mode::Append, "r1").await;
        let finished = stage(&staging, "a/part-0.csv", "x").await;
        let mut open = staging.create("b/part-1.csv").await.unwrap();
        open.write(Bytes::from_static(b"x")).await.unwrap();
        assert_eq!(files(dir.path()).len(), 2);
        if abort {
            staging.abort().await.unwrap();
            staging.abort().await.unwrap();
            assert_eq!(files(dir.path()).len(), 0);
            let error = open.finish().await.unwrap_err();
            assert!(error.to_string().contains("was given up"), "{error}");
            drop((staging, finished));
        } else {
            drop((staging, finished, open));
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

/// A Hive output has more files than a process has descriptors.
#[tokio::test]
async fn finished_files_are_not_open() {
    let dir = TempDir::new().unwrap();
    let open = || {
        let links = fs::read_dir("/proc/self/fd").unwrap();
        links
            .filter_map(|link| fs::read_link(link.unwrap().path()).ok())
            .filter(|path| path.starts_with(dir.path().join("out")) && path.is_file())
            .count()
    };
    let staging = begin(&output(dir.path()), Mode::Append, "r1").await;
    let mut finished = Vec::new();
    for n in 0..100 {
        finished.push(stage(&staging, &format!("n={n}/part-0.csv"), "text").await);
    }
    assert_eq!(open(), 0);
    let committed = staging.commit(finished, Vec::new()).await.unwrap();
    assert_eq!(committed.version.bytes, 400);
    assert_eq!(files(&dir.path().join("out")).len(), 101);
}

#[test]
fn lack_of_descriptors_says_what_to_do() {
    let error = StoreError::Generic {
        store: "file",
        source: std::io::Error::from_raw_os_error(24).into(),
    };
    insta::assert_snapshot!(told(&storage_error("/out/", error), FsPath::new("/none")), @r"
    `/out/`: too many files are open at once
    hint: raise the limit of open files, such as by `ulimit -n 4096`, or lower `--threads`
    ");
}

#[tokio::test]
async fn files_that_are_not_named_in_the_commit_do_not_appear() {
    let dir = TempDir::new().unwrap();
    let staging = begin(&output(dir.path()), Mode::Append, "r1").await;
    let kept = stage(&staging, "part-0.csv", "x").await;
    let _dropped = stage(&staging, "part-1.csv", "x").await;
    staging.commit(vec![kept], Vec::new()).await.unwrap();
    assert_eq!(
        files(&dir.path().join("out")),
        set(&["_SUCCESS", "part-0.csv"])
    );
}

#[tokio::test]
async fn a_commit_that_cannot_be_settled_is_settled_by_the_next_run() {
    let dir = TempDir::new().unwrap();
    let (place, out) = (output(dir.path()), dir.path().join("out"));
    let staging = begin(&place, Mode::Append, "r1").await;
    let good = stage(&staging, "part-0.csv", "x").await;
    let bad = stage(&staging, "part-1.csv", "x").await;
    // A folder of the same name keeps the second from getting its name.
    write(&out, "part-1.csv/x.csv", "in the way");
    let error = staging.commit(vec![good, bad], Vec::new()).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage, "{error}");
    insta::assert_snapshot!(told(&error, dir.path()), @r"
    bring the files of version 1, which is committed, to their places: complete a file: `DIR/out/part-1.csv`: Generic file error: Is a directory (os error 21)
    hint: `sluice dataset repair` does what is left; so does the next run that writes there
    ");
    fs::remove_dir_all(out.join("part-1.csv")).unwrap();
    run(&place, Mode::Append, "part-2.csv").await.unwrap();
    let expected = set(&["_SUCCESS", "part-0.csv", "part-1.csv", "part-2.csv"]);
    assert_eq!(files(&out), expected);
    assert!(!out.join("_sluice/staging").exists());
}

#[tokio::test]
async fn what_attempts_left_goes_when_their_time_is_over() {
    let dir = TempDir::new().unwrap();
    let (place, out) = (output(dir.path()), dir.path().join("out"));
    write(&out, "_sluice/staging/a.1000/0", "long ago");
    write(&out, "_sluice/staging/b.99999999999/0", "may go on");
    run(&place, Mode::Append, "part-0.csv").await.unwrap();
    let expected = set(&["_SUCCESS", "_sluice/staging/b.99999999999/0", "part-0.csv"]);
    assert_eq!(files(&out), expected);
}

/// Whatever the sizes of the writes, parts are of one size and in order.
#[tokio::test]
async fn writes_are_cut_into_parts() {
    let store = Arc::new(InMemory::new());
    let uri = Uri::parse("s3://bucket/out/", None).unwrap();
    let path = Path::from("out");
    let named = Layered::with(Arc::clone(&store), Resumable(Arc::clone(&store)));
    let place = Place {
        store: Arc::new(named),
        shelves: Shelves::default(),
        path,
        key: "m".to_owned(),
        uri,
        part_bytes: 7,
        uploads: None,
        stores: stores().0,
    };
    let staging = begin(&place, Mode::ErrorIfExists, "r1").await;
    let content: Vec<u8> = (0..250).collect();
    let mut file = staging.create("part-0").await.unwrap();
    let mut rest = content.as_slice();
    for len in [1, 0, 6, 7, 8, 100, 3, 125] {
        let (piece, after) = rest.split_at(len);
        file.write(Bytes::copy_from_slice(piece)).await.unwrap();
        rest = after;
    }
    assert_eq!(file.bytes(), 250);
    let finished = file.finish().await.unwrap();
    let empty = staging
        .create("part-1")
        .await
        .unwrap()
        .finish()
        .await
        .unwrap();
    assert!(store.head(&Path::from("out/part-0")).await.is_err());
    staging
        .commit(vec![finished, empty], Vec::new())
        .await
        .unwrap();
    let read = store
        .get(&Path::from("out/part-0"))
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    assert_eq!(read, content);
    assert_eq!(store.head(&Path::from("out/part-1")).await.unwrap().size, 0);
}

#[tokio::test]
async fn malformed_names_are_refused() {
    let dir = TempDir::new().unwrap();
    let staging = begin(&output(dir.path()), Mode::Append, "r1").await;
    for name in ["", "/a", "a/", "a//b", "../a", "a/../b", "a\nb"] {
        assert!(staging.create(name).await.is_err(), "{name}");
    }
}

/// Whoever reads while others commit sees one version or another: never parts of two, and nothing that is not whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_while_others_commit_sees_versions_and_no_parts_of_them() {
    const COMMITS: usize = 300;
    let dir = TempDir::new().unwrap();
    let place = output(dir.path());
    let (store, path) = (place.clone(), dir.path().to_owned());
    let version = |n: usize| -> BTreeSet<String> {
        let names = (0..3).map(|part| format!("part-{part}-{n}.csv"));
        names.collect()
    };
    let commit = async move |n: usize| {
        let intent = Intent {
            keep_versions: 1,
            ..intent(Mode::Overwrite, &format!("r{n}"))
        };
        let staging = ready(Staging::begin(&store, intent).await.unwrap());
        let mut files = Vec::new();
        for name in version(n) {
            files.push(stage(&staging, &name, &name).await);
        }
        staging.commit(files, Vec::new()).await.unwrap();
    };
    commit(0).await;
    let writing = tokio::spawn(async move {
        for n in 1..COMMITS {
            commit(n).await;
        }
    });
    let (mut whole, mut gone) = (0, 0);
    let mut last = 0;
    while !writing.is_finished() {
        match read_all(&output(&path)).await {
            Ok(seen) => {
                let n = (last..COMMITS).find(|n| version(*n) == seen);
                last = n.unwrap_or_else(|| panic!("after {last}: {seen:?}"));
                whole += 1;
            }
            // Two commits came while it read, and one version is kept.
            Err(error) => {
                assert!(error.to_string().contains("was removed while"), "{error}");
                gone += 1;
            }
        }
    }
    writing.await.unwrap();
    assert_eq!(
        read_all(&output(&path)).await.unwrap(),
        version(COMMITS - 1)
    );
    assert!(whole > 0, "{whole} times whole, {gone} times gone");
}

/// The names of the files that a reader finds, each with its own name in it.
async fn read_all(place: &Place) -> Result<BTreeSet<String>> {
    let listed = crate::storage::list(place, None).await?;
    let mut names = BTreeSet::new();
    for meta in listed {
        let failed = |error| storage_error("out", error);
        let found = place.store.get(&meta.location).await.map_err(failed)?;
        let text = found.bytes().await.map_err(failed)?;
        assert_eq!(text, meta.location.as_ref());
        names.insert(meta.location.to_string());
    }
    Ok(names)
}

/// Before any work is done, where it can be known.
#[tokio::test]
async fn a_run_whose_name_an_earlier_one_had_is_refused_at_once() {
    for (file, run, is_refused) in [
        ("part-00000-000-daily.csv", "daily", true),
        ("day=1/part-00003-012-daily.csv.gz", "daily", true),
        ("part-00000-000-daily.csv", "other", false),
        ("part-00000-000-not-daily.csv", "daily", false),
        ("part-00000-000-daily.2.csv", "daily", false),
    ] {
        let dir = TempDir::new().unwrap();
        let place = output(dir.path());
        write(dir.path(), &format!("out/{file}"), "theirs");
        let begun = Staging::begin(&place, intent(Mode::Overwrite, run)).await;
        assert_eq!(begun.is_err(), is_refused, "{file} {run}");
    }
}

/// A file that takes the name of another would be moved away with it.
#[tokio::test]
async fn a_file_of_an_earlier_run_of_the_same_name_is_never_replaced_by_its_namesake() {
    for mode in [Mode::Append, Mode::Overwrite] {
        let dir = TempDir::new().unwrap();
        let place = output(dir.path());
        // Nothing remembers the run but the name of its file.
        write(dir.path(), "out/part-0-daily.csv", "theirs");
        let staging = begin(&place, mode, "daily").await;
        let file = stage(&staging, "part-0-daily.csv", "mine").await;
        let error = staging.commit(vec![file], Vec::new()).await.unwrap_err();
        assert_eq!(
            told(&error, dir.path()),
            "`DIR/out/part-0-daily.csv` is there already, from an earlier run of the same name\n\
             hint: give the run another name by `--run-id`"
        );
        let found = fs::read_to_string(dir.path().join("out/part-0-daily.csv")).unwrap();
        assert_eq!(found, "theirs");
        assert!(!dir.path().join("out/_sluice/staging").exists());
    }
}

#[tokio::test]
async fn a_run_whose_version_is_forgotten_is_known_by_its_files() {
    let dir = TempDir::new().unwrap();
    let place = output(dir.path());
    let first = begin(&place, Mode::Append, "first").await;
    let file = stage(&first, "part-00000-000-first.csv", "one").await;
    first.commit(vec![file], Vec::new()).await.unwrap();
    for number in 0..=100 {
        let name = format!("part-{number:05}-000-other-{number}.csv");
        run(&place, Mode::Append, &name).await.unwrap();
    }
    for look in [true, false] {
        let found = if look {
            Staging::committed(&place, "first").await.unwrap().unwrap()
        } else {
            Staging::begin(&place, intent(Mode::Append, "first"))
                .await
                .unwrap()
        };
        assert!(matches!(found, Beginning::Committed(None)), "{found:?}");
    }
    assert!(Staging::committed(&place, "other").await.unwrap().is_none());
    let late = "part-00100-000-other-100.csv";
    let found = Staging::committed(&place, late).await.unwrap();
    assert!(matches!(found, Some(Beginning::Committed(Some(past))) if past.version == 102));
}

#[tokio::test]
async fn an_incremental_run_replaces_what_it_names_and_nothing_that_came_meanwhile() {
    let dir = TempDir::new().unwrap();
    let place = output(dir.path());
    let first = begin(&place, Mode::Incremental, "first").await;
    let files = [
        stage(&first, "part-0-first.csv", "one").await,
        stage(&first, "part-1-first.csv", "two").await,
        stage(&first, "_sluice/bookmark/first.json", "{}").await,
    ];
    first.commit(files.into(), Vec::new()).await.unwrap();

    let second = begin(&place, Mode::Incremental, "second").await;
    let late = begin(&place, Mode::Incremental, "late").await;
    let names = ["part-1-first.csv", "_sluice/bookmark/first.json"];
    let known = second.base().unwrap().names();
    assert!(names.iter().all(|name| known.contains(name)), "{known:?}");
    let bookmark = second.read(names[1], 2).await.unwrap();
    assert_eq!(bookmark.as_deref(), Some(&b"{}"[..]));
    assert!(second.read(names[1], 1).await.is_err());
    assert!(
        second
            .read("_sluice/bookmark/none.json", 1)
            .await
            .unwrap()
            .is_none()
    );
    let file = stage(&second, "part-0-second.csv", "three").await;
    let second = second.replacing(names.map(str::to_owned).into());
    second.commit(vec![file], Vec::new()).await.unwrap();
    let file = stage(&late, "part-0-late.csv", "late").await;
    let error = late
        .replacing(BTreeSet::new())
        .commit(vec![file], Vec::new())
        .await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Conflict);
    let left = set(&["_SUCCESS", "part-0-first.csv", "part-0-second.csv"]);
    assert_eq!(files_of(&dir.path().join("out")), left);
}

/// The files of data that are left, with the marker.
fn files_of(dir: &FsPath) -> BTreeSet<String> {
    let mut left = files(dir);
    left.retain(|name| !name.starts_with("_sluice/"));
    left
}
