//! What is left when a process is killed at any step of a commit, and what comes of it.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::{
    GetOptions, GetResult, MultipartUpload, ObjectStore, PutOptions, PutPayload, PutResult,
    RenameOptions, Result as StoreResult, UploadPart,
};

use super::*;
use crate::storage::{Layer, repair};

const NAME: &str = "storage::staging::tests::crash::child";
const FOLDER_VARIABLE: &str = "SLUICE_TEST_CRASH_FOLDER";
const SCENE_VARIABLE: &str = "SLUICE_TEST_CRASH_SCENE";
const STEP_VARIABLE: &str = "SLUICE_TEST_CRASH_STEP";

/// More than any of the scenes has.
const STEPS_MAX: u64 = 150;

/// Kills this process with its step number `at`, before anything is done.
#[derive(Debug)]
struct Kill {
    at: u64,
    steps: Arc<AtomicU64>,
}

impl Kill {
    fn step(&self) {
        step(self.at, &self.steps);
    }
}

fn step(at: u64, steps: &AtomicU64) {
    if steps.fetch_add(1, Ordering::SeqCst) == at {
        let own = std::process::id().to_string();
        Command::new("kill").args(["-9", &own]).status().unwrap();
        loop {
            std::thread::park();
        }
    }
}

#[derive(Debug)]
struct KillUpload {
    upload: Box<dyn MultipartUpload>,
    at: u64,
    steps: Arc<AtomicU64>,
}

#[async_trait]
impl MultipartUpload for KillUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        step(self.at, &self.steps);
        self.upload.put_part(data)
    }

    async fn complete(&mut self) -> StoreResult<PutResult> {
        step(self.at, &self.steps);
        let done = self.upload.complete().await;
        step(self.at, &self.steps);
        done
    }

    async fn abort(&mut self) -> StoreResult<()> {
        step(self.at, &self.steps);
        self.upload.abort().await
    }
}

#[async_trait]
impl Layer for Kill {
    async fn get_opts(
        &self,
        store: &dyn ObjectStore,
        location: &Path,
        options: GetOptions,
    ) -> StoreResult<GetResult> {
        self.step();
        store.get_opts(location, options).await
    }

    async fn put_opts(
        &self,
        store: &dyn ObjectStore,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> StoreResult<PutResult> {
        self.step();
        let done = store.put_opts(location, payload, options).await;
        self.step();
        done
    }

    async fn put_multipart_opts(
        &self,
        store: &dyn ObjectStore,
        location: &Path,
        options: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        self.step();
        let upload = store.put_multipart_opts(location, options).await?;
        let (at, steps) = (self.at, Arc::clone(&self.steps));
        Ok(Box::new(KillUpload { upload, at, steps }))
    }

    fn delete_stream(
        &self,
        store: &dyn ObjectStore,
        locations: BoxStream<'static, StoreResult<Path>>,
    ) -> BoxStream<'static, StoreResult<Path>> {
        let (at, steps) = (self.at, Arc::clone(&self.steps));
        let locations = locations.inspect(move |_| step(at, &steps));
        store.delete_stream(locations.boxed())
    }

    fn check_list(&self, _prefix: Option<&Path>) -> StoreResult<()> {
        self.step();
        Ok(())
    }

    fn check_rename(&self, _from: &Path, _to: &Path, _: &RenameOptions) -> StoreResult<()> {
        self.step();
        Ok(())
    }
}

/// What the child does to an output that holds version 1, with `day=1/part-0-old.csv` and `day=2/part-0-old.csv`.
#[derive(Clone, Copy, Debug)]
enum Scene {
    Append,
    Overwrite,
    OverwriteKeepingNone,
    OverwritePartitions,
    Rollback,
    Abort,
    Beside,
}

const SCENES: [Scene; 7] = [
    Scene::Append,
    Scene::Overwrite,
    Scene::OverwriteKeepingNone,
    Scene::OverwritePartitions,
    Scene::Rollback,
    Scene::Abort,
    Scene::Beside,
];

const OLD: [&str; 2] = ["day=1/part-0-old.csv", "day=2/part-0-old.csv"];
const NEW: [&str; 3] = [
    "day=1/part-1-new.csv",
    "day=1/part-2-new.csv",
    "day=3/part-1-new.csv",
];

/// Names and contents: of each file, its own name.
type Content = BTreeSet<String>;

impl Scene {
    /// What a reader finds once the child has committed.
    fn after(self) -> Content {
        match self {
            Self::Append | Self::Beside => set(&[OLD.as_slice(), NEW.as_slice()].concat()),
            Self::Overwrite | Self::OverwriteKeepingNone => set(&NEW),
            Self::OverwritePartitions => set(&[&OLD[1..], NEW.as_slice()].concat()),
            Self::Rollback => set(&["day=1/part-9-older.csv"]),
            Self::Abort => set(&OLD),
        }
    }

    async fn play(self, place: &Place) -> Result<()> {
        let (mode, keep_versions) = match self {
            Self::Append | Self::Beside => (Mode::Append, 1),
            Self::Overwrite | Self::Abort => (Mode::Overwrite, 1),
            Self::OverwriteKeepingNone => (Mode::Overwrite, 0),
            Self::OverwritePartitions => (Mode::OverwritePartitions, 1),
            Self::Rollback => return crate::storage::rollback(place, None, "new").await.map(drop),
        };
        let written = write_all(place, (mode, keep_versions), "new", &NEW).await?;
        let Some((staging, files)) = written else {
            return Ok(()); // it was done before
        };
        if let Self::Abort = self {
            return staging.abort().await;
        }
        if let Self::Beside = self {
            let side = write_beside(place).await?;
            return staging
                .beside(side)
                .commit(files, Vec::new())
                .await
                .map(drop);
        }
        staging.commit(files, Vec::new()).await.map(drop)
    }
}

async fn write_all(
    place: &Place,
    (mode, keep_versions): (Mode, u64),
    run: &str,
    names: &[&str],
) -> Result<Option<(Box<Staging>, Vec<FinishedFile>)>> {
    let intent = Intent {
        keep_versions,
        ..intent(mode, run)
    };
    let Beginning::Ready(staging) = Staging::begin(place, intent).await? else {
        return Ok(None);
    };
    let mut files = Vec::new();
    for name in names {
        files.push(stage(&staging, name, name).await);
    }
    Ok(Some((staging, files)))
}

/// Commits in place of what is there.
async fn replace_all(place: &Place, run: &str, names: &[&str]) {
    let written = write_all(place, (Mode::Overwrite, 1), run, names).await;
    let (staging, files) = written.unwrap().unwrap();
    staging.commit(files, Vec::new()).await.unwrap();
}

/// The folder of transforms beside an output.
fn beside(place: &Place) -> Result<Place> {
    let folder = FsPath::new("/")
        .join(place.uri.parent().path())
        .join("side");
    place.stores.open_output(&folder_uri(&folder))
}

/// Creates an object, replaces one and deletes one.
async fn write_beside(place: &Place) -> Result<Arc<SideObjects>> {
    let (side, beside) = (Arc::new(SideObjects::new(10)), beside(place)?);
    for (name, overwrite) in [("a/new.txt", false), ("old.txt", true)] {
        let begun = side.begin(&beside, &Path::from(name), overwrite).await?;
        let Begun::File(mut file, before) = begun else {
            panic!("`{name}` is there");
        };
        file.write(Bytes::from_static(b"after")).await?;
        side.finished(&beside, file.finish().await?, before);
    }
    side.delete(&beside, &Path::from("gone.txt")).await?;
    Ok(side)
}

/// What is beside an output, and what it holds.
fn seen_beside(dir: &FsPath) -> Vec<(String, String)> {
    let mut names = all_files(&dir.join("side"));
    names.retain(|name| !name.contains(".sluicegate-"));
    let read = |name: String| {
        let text = fs::read_to_string(dir.join("side").join(&name)).unwrap();
        (name, text)
    };
    names.into_iter().map(read).collect()
}

fn killing(dir: &FsPath, at: u64) -> (Place, Arc<AtomicU64>) {
    let steps = Arc::<AtomicU64>::default();
    let place = output(dir);
    beside(&place).unwrap();
    place.stores.wrap(|store| {
        let steps = Arc::clone(&steps);
        Arc::new(Layered::with(store, Kill { at, steps }))
    });
    (place.stores.open_output(&place.uri).unwrap(), steps)
}

/// Not a test of its own: what is killed. Says how many steps there were where it comes to its end.
#[tokio::test]
async fn child() {
    let variable = |name| std::env::var(name).ok();
    let (Some(folder), Some(scene), Some(step)) = (
        variable(FOLDER_VARIABLE),
        variable(SCENE_VARIABLE),
        variable(STEP_VARIABLE),
    ) else {
        return;
    };
    let scene = SCENES[scene.parse::<usize>().unwrap()];
    let (place, _) = killing(FsPath::new(&folder), step.parse().unwrap());
    scene.play(&place).await.unwrap();
}

/// The files that a reader finds, by way of the log; each has to hold what it should.
async fn read(place: &Place) -> Content {
    let listed = crate::storage::list(place, None).await.unwrap();
    let mut content = Content::new();
    for meta in listed {
        let found = place.store.get(&meta.location).await.unwrap();
        let text = found.bytes().await.unwrap();
        assert_eq!(text, meta.location.as_ref());
        content.insert(meta.location.to_string());
    }
    content
}

/// The files that who lists the folder finds, and no marker.
fn bare(dir: &FsPath) -> Content {
    let mut found = all_files(&dir.join("out"));
    found.retain(|name| !is_hidden(name));
    found
}

fn expected_beside(is_done: bool) -> Vec<(String, String)> {
    let pairs = if is_done {
        [("a/new.txt", "after"), ("old.txt", "after")]
    } else {
        [("gone.txt", "before"), ("old.txt", "before")]
    };
    pairs
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .to_vec()
}

/// Yields how many steps there are.
async fn kill_at_every_step(scene: usize) -> u64 {
    for at in 0..STEPS_MAX {
        let dir = TempDir::new().unwrap();
        let place = output(dir.path());
        if let Scene::Rollback = SCENES[scene] {
            replace_all(&place, "older", &["day=1/part-9-older.csv"]).await;
        }
        replace_all(&place, "old", &OLD).await;
        write(dir.path(), "side/old.txt", "before");
        write(dir.path(), "side/gone.txt", "before");

        let child = Command::new(std::env::current_exe().unwrap())
            .args([NAME, "--exact", "--quiet"])
            .env(FOLDER_VARIABLE, dir.path())
            .env(SCENE_VARIABLE, scene.to_string())
            .env(STEP_VARIABLE, at.to_string())
            .stdout(Stdio::null())
            .status()
            .unwrap();
        let (before, after) = (set(&OLD), SCENES[scene].after());
        let what = format!("{:?} killed at step {at}", SCENES[scene]);
        // Whoever reads now, and mends nothing, sees one or the other; with no version kept, parts may be gone.
        let seen = match SCENES[scene] {
            Scene::OverwriteKeepingNone => None,
            _ => Some(read(&place).await),
        };
        assert!(
            seen.iter().all(|seen| *seen == before || *seen == after),
            "{what}: {seen:?}"
        );
        let repaired = repair(&place, true).await.unwrap();
        assert_eq!(repaired.swept.left, 0, "{what}");
        let found = read(&place).await;
        assert!(found == before || found == after, "{what}: {found:?}");
        assert_eq!(bare(dir.path()), found, "{what}");
        assert!(!dir.path().join("out/_sluice/staging").exists(), "{what}");
        // What was seen once is not taken back.
        assert!(
            seen.is_none_or(|seen| seen == before || found == after),
            "{what}"
        );
        let marker = fs::read_to_string(dir.path().join("out/_SUCCESS")).unwrap();
        assert!(
            found.iter().all(|name| marker.contains(name.as_str())),
            "{what}"
        );
        let is_done = matches!(SCENES[scene], Scene::Beside) && found == after;
        assert_eq!(seen_beside(dir.path()), expected_beside(is_done), "{what}");
        // Done again in the same name, it is done once.
        if !matches!(SCENES[scene], Scene::Abort | Scene::Rollback) {
            SCENES[scene].play(&place).await.unwrap();
            assert_eq!(read(&place).await, after, "{what}");
            let is_done = matches!(SCENES[scene], Scene::Beside);
            assert_eq!(seen_beside(dir.path()), expected_beside(is_done), "{what}");
        }
        if child.success() {
            assert_eq!(found, after, "{what}");
            return at;
        }
    }
    panic!("more than {STEPS_MAX} steps")
}

macro_rules! scenes {
    ($($name:ident: $scene:expr, $steps:expr;)*) => {$(
        #[tokio::test]
        async fn $name() {
            let steps = kill_at_every_step($scene).await;
            assert!(steps >= $steps, "{steps} steps");
        }
    )*};
}

scenes! {
    an_append_that_is_killed_is_whole_or_nothing: 0, 25;
    an_overwrite_that_is_killed_is_whole_or_nothing: 1, 25;
    an_overwrite_that_keeps_nothing_and_is_killed_is_whole_or_nothing: 2, 25;
    partitions_that_are_replaced_by_who_is_killed_are_so_wholly_or_not: 3, 25;
    a_rollback_that_is_killed_is_whole_or_nothing: 4, 15;
    an_abort_that_is_killed_changes_nothing: 5, 10;
    objects_beside_an_append_that_is_killed_are_part_of_it_or_not_there: 6, 40;
}
