//! Objects beside a dataset, and who may complete them.

use super::*;
use crate::policy::{Action, Guard, Need, Resource};
use crate::storage::dataset::{Beside, Change, Created, Operation};
use crate::storage::{Stores, repair, rollback};

/// The output of somebody who may write there, and to these folders beside it.
fn output_of(dir: &FsPath, beside: &[&str]) -> Place {
    let mut needs = Vec::new();
    for folder in beside.iter().chain(&["out"]) {
        let uri = folder_uri(&dir.join(folder));
        for action in Action::ALL
            .iter()
            .filter(|action| action.as_str().starts_with("object:"))
        {
            let folder = Resource::folder(&uri, uri.path()).unwrap();
            needs.push(Need::within(*action, folder, "test"));
        }
    }
    let guard = Guard::owner_of(&needs).unwrap();
    let stores = Stores::new(std::collections::BTreeMap::new(), Arc::default(), guard);
    stores.open_output(&folder_uri(&dir.join("out"))).unwrap()
}

/// What a run that wrote and deleted beside its output would commit.
async fn written(place: &Place, dir: &FsPath) -> Vec<Beside> {
    let beside = place
        .stores
        .open_output(&folder_uri(&dir.join("side")))
        .unwrap();
    let side = SideObjects::new(10);
    for (name, overwrite) in [("new.txt", false), ("old.txt", true)] {
        let begun = side.begin(&beside, &Path::from(name), overwrite).await;
        let Begun::File(mut file, before) = begun.unwrap() else {
            panic!("`{name}` is there");
        };
        file.write(Bytes::from_static(b"after")).await.unwrap();
        side.finished(&beside, file.finish().await.unwrap(), before);
    }
    side.delete(&beside, &Path::from("gone.txt")).await.unwrap();
    side.detach().unwrap()
}

/// Commits that much, and does nothing of what follows.
async fn commit(place: &Place, beside: Vec<Beside>) {
    let log = Log::new(place, true);
    let change = Change {
        beside,
        ..Change::new("killed", "killed", Operation::Append, 1)
    };
    let (base, _) = log.last().await.unwrap();
    let created = log.create(&Manifest::after(base.as_ref(), &change)).await;
    assert!(matches!(created, Ok(Created::Ours)));
}

fn content(dir: &FsPath) -> Vec<String> {
    let mut names = all_files(&dir.join("side"));
    names.retain(|name| !name.contains(".sluicegate-"));
    let read = |name: String| {
        let text = fs::read_to_string(dir.join("side").join(&name)).unwrap();
        format!("{name}: {text}")
    };
    names.into_iter().map(read).collect()
}

const BEFORE: [&str; 2] = ["gone.txt: before", "old.txt: before"];
const AFTER: [&str; 2] = ["new.txt: after", "old.txt: after"];

/// A folder with a version of an output, and what is beside it.
async fn scene() -> (TempDir, Place) {
    let dir = TempDir::new().unwrap();
    let place = output(dir.path());
    run(&place, Mode::Append, "part-0.csv").await.unwrap();
    write(dir.path(), "side/old.txt", "before");
    write(dir.path(), "side/gone.txt", "before");
    (dir, place)
}

#[tokio::test]
async fn who_may_not_write_beside_does_nothing_and_who_may_does_all() {
    let (dir, place) = scene().await;
    let beside = written(&place, dir.path()).await;
    commit(&place, beside).await;
    let error = repair(&output_of(dir.path(), &["other"]), false)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Policy);
    let text = told(&error, dir.path());
    let what =
        "complete what version 2 wrote beside `DIR/out/`: user:owner may not object:create on";
    assert!(text.starts_with(what), "{text}");
    assert!(
        text.contains("`sluice dataset repair DIR/out/ --beside FOLDER`"),
        "{text}"
    );
    // So does a run that would write there.
    let theirs = output_of(dir.path(), &[]);
    let error = run(&theirs, Mode::Append, "part-1.csv").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Policy);
    assert_eq!(content(dir.path()), BEFORE);
    let repaired = repair(&output_of(dir.path(), &["side"]), false)
        .await
        .unwrap();
    assert!(repaired.settled);
    assert_eq!(content(dir.path()), AFTER);
    run(&theirs, Mode::Append, "part-1.csv").await.unwrap();
}

/// Somebody else's work, since, is theirs.
#[tokio::test]
async fn what_was_written_since_is_neither_replaced_nor_deleted() {
    let (dir, place) = scene().await;
    let beside = written(&place, dir.path()).await;
    commit(&place, beside).await;
    for name in ["side/new.txt", "side/old.txt", "side/gone.txt"] {
        write(dir.path(), name, "theirs");
    }
    repair(&place, false).await.unwrap();
    let theirs = ["gone.txt: theirs", "new.txt: theirs", "old.txt: theirs"];
    assert_eq!(content(dir.path()), theirs);
}

#[tokio::test]
async fn what_is_done_twice_is_done_once() {
    let (dir, place) = scene().await;
    let beside = written(&place, dir.path()).await;
    commit(&place, beside).await;
    for _ in 0..2 {
        assert!(repair(&place, false).await.unwrap().settled);
        assert_eq!(content(dir.path()), AFTER);
        let marker = format!("out/_sluice/log/{:020}.done", 2);
        fs::remove_file(dir.path().join(marker)).unwrap();
    }
}

#[tokio::test]
async fn who_goes_back_gives_up_what_is_beside() {
    let (dir, place) = scene().await;
    let beside = written(&place, dir.path()).await;
    commit(&place, beside).await;
    let past = rollback(&output_of(dir.path(), &[]), None, "back")
        .await
        .unwrap();
    assert_eq!(past.version, 3);
    repair(&place, true).await.unwrap();
    assert_eq!(content(dir.path()), BEFORE);
}

/// Whoever can write a manifest has nobody complete or delete what they could not.
#[tokio::test]
async fn a_manifest_of_somebody_else_touches_nothing_beside() {
    let (dir, place) = scene().await;
    let mut beside = written(&place, dir.path()).await;
    let theirs = beside.pop().unwrap();
    let upload = beside.pop().unwrap();
    let side = &theirs.folder;
    for (what, hostile) in [
        (
            "deletes what it never saw",
            Beside {
                before: None,
                ..theirs.clone()
            },
        ),
        (
            "names what it could know",
            Beside {
                before: Some("0-6-x".to_owned()),
                ..theirs.clone()
            },
        ),
    ] {
        commit(&place, vec![hostile]).await;
        repair(&place, false).await.unwrap();
        assert_eq!(content(dir.path()), BEFORE, "{what}");
    }
    let id = |id: &str| {
        let mut upload = upload.clone();
        upload.upload.as_mut().unwrap().id = id.to_owned();
        upload
    };
    for hostile in [
        id("gone.txt"),
        id("../side/gone.txt"),
        id(&uuid::Uuid::now_v7().to_string()),
        Beside {
            folder: "https://example.org/a/".to_owned(),
            ..theirs.clone()
        },
        Beside {
            folder: format!("{side}*/"),
            ..theirs.clone()
        },
        Beside {
            folder: "side/".to_owned(),
            ..theirs.clone()
        },
        Beside {
            folder: side.trim_end_matches('/').to_owned(),
            ..theirs.clone()
        },
    ] {
        let what = format!("{hostile:?}");
        commit(&place, vec![hostile]).await;
        repair(&place, false).await.unwrap_err();
        assert_eq!(content(dir.path()), BEFORE, "{what}");
        rollback(&place, None, "back").await.unwrap();
    }
}
