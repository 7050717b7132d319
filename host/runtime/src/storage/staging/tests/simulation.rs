//! Several writers and readers of one dataset, over a store that fails, in an order that follows from a seed: what each
//! run wrote is there once or not at all, and whoever reads sees a version as it was committed.
//!
//! `SLUICE_TEST_SEEDS` says how many seeds there are, `SLUICE_TEST_SEED` which one is tried alone. Two findings are open.
//! With `SLUICE_TEST_ROLLBACKS`, some go back to an earlier version while others write, and once in 700 seeds its files
//! are removed just then by who replaces it and keeps none (321, 1008), or come back late (678). And seed 1902: who
//! imports late creates a first version anew that was forgotten, while a reader is on its way to it.

mod store;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Mutex;
use std::time::Instant;

use futures::FutureExt;
use object_store::ObjectStore;

use self::store::{Faulty, Random, Shared, World};
use super::*;
use crate::storage::dataset::{Operation, snapshot};
use crate::storage::pause::SIMULATED;
use crate::storage::{repair, rollback};

/// Seeds of a run of the tests.
const SEEDS: u64 = 1_500;

/// The longest that they take, unless somebody says how many there are.
const TIME_MAX: Duration = Duration::from_secs(10);

/// Turns of which no simulation needs as many.
const TURNS_MAX: u64 = 200_000;

/// Folders that a run may write to.
const FOLDERS: u64 = 3;

/// Rows by folder, in order.
type Rows = BTreeMap<String, Vec<String>>;

/// What somebody does to the dataset.
#[derive(Clone, Debug)]
enum Act {
    /// Writes a file to each of these folders.
    Write(Mode, Vec<String>),
    Compact,
    Rollback,
    Repair,
    Read,
}

/// What its writer knows of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Committed,
    Not,
    Nothing,
}

/// What a reader saw of a version, and who committed it.
#[derive(Debug)]
struct Seen {
    version: u64,
    run: String,
    rows: Rows,
}

#[derive(Debug, Default)]
struct Witness {
    known: BTreeMap<String, Vec<Known>>,
    seen: Vec<Seen>,
}

/// One simulation.
struct Scene {
    place: Place,
    world: Shared,
    keep_versions: u64,
    /// What each run does, by its name.
    acts: BTreeMap<String, Act>,
    witness: RefCell<Witness>,
}

type Actor<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

fn row(run: &str, folder: &str) -> String {
    format!("{run} {folder}")
}

impl Scene {
    async fn act(&self, run: &str) {
        // Who is killed knows nothing.
        let attempt = self.begins(run);
        let known = match &self.acts[run] {
            Act::Write(mode, folders) => self.write(run, *mode, folders).await,
            Act::Compact => self.compact(run).await,
            Act::Rollback => rollback(&self.place, None, run).await.map(drop),
            Act::Repair => return drop(repair(&self.place, false).await),
            Act::Read => return self.read().await,
        };
        let known = match known {
            Ok(()) => Known::Committed,
            Err(error) if is_known(&error) => Known::Not,
            Err(_) => Known::Nothing,
        };
        if let Some(attempts) = self.witness.borrow_mut().known.get_mut(run) {
            attempts[attempt] = known;
        }
    }

    fn begins(&self, run: &str) -> usize {
        let mut witness = self.witness.borrow_mut();
        let attempts = witness.known.entry(run.to_owned()).or_default();
        attempts.push(Known::Nothing);
        attempts.len() - 1
    }

    fn intent(&self, run: &str, mode: Mode) -> Intent {
        Intent {
            keep_versions: self.keep_versions,
            ..intent(mode, run)
        }
    }

    async fn write(&self, run: &str, mode: Mode, folders: &[String]) -> Result<()> {
        let begun = Staging::begin(&self.place, self.intent(run, mode)).await?;
        let Beginning::Ready(staging) = begun else {
            return Ok(());
        };
        let mut files = Vec::new();
        for folder in folders {
            let name = format!("{folder}/part-0-{run}");
            let text = row(run, folder) + "\n";
            files.push(match stage_one(&staging, &name, text).await {
                Ok(file) => file,
                Err(error) => {
                    drop(staging.abort().await);
                    return Err(error);
                }
            });
        }
        staging.commit(files, Vec::new()).await.map(drop)
    }

    /// Merges the files of one folder.
    async fn compact(&self, run: &str) -> Result<()> {
        let found = snapshot(&self.place, None).await?;
        let Some(found) = found else {
            return Err(Error::input("nothing is there"));
        };
        let mut folders: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for object in found.objects {
            let name = self.place.below(&object.location);
            let (folder, _) = name.rsplit_once('/').unwrap_or_default();
            folders.entry(folder.to_owned()).or_default().push(object);
        }
        let folder = folders.into_iter().find(|(_, files)| files.len() > 1);
        let Some((folder, objects)) = folder else {
            return Err(Error::input("nothing is to be merged"));
        };
        let begun = Staging::begin(&self.place, self.intent(run, Mode::Append)).await?;
        let Beginning::Ready(staging) = begun else {
            return Ok(());
        };
        let names = objects.iter();
        let names = names.map(|object| self.place.below(&object.location));
        let staging = staging.replacing(names.collect());
        let merged = async {
            let mut text = String::new();
            for object in &objects {
                text += &self.text(&object.location).await?;
            }
            stage_one(&staging, &format!("{folder}/part-1-{run}"), text).await
        };
        match merged.await {
            Ok(file) => staging.commit(vec![file], Vec::new()).await.map(drop),
            Err(error) => {
                drop(staging.abort().await);
                Err(error)
            }
        }
    }

    async fn text(&self, location: &Path) -> Result<String> {
        let failed = |error| storage_error(location.as_ref(), error);
        let found = self.place.store.get(location).await.map_err(failed)?;
        let bytes = found.bytes().await.map_err(failed)?;
        Ok(String::from_utf8(bytes.to_vec()).unwrap())
    }

    async fn read(&self) {
        // A store that fails, and versions that are gone, are told; what is not told has to be right.
        if let Ok(Some(seen)) = self.rows().await {
            self.witness.borrow_mut().seen.push(seen);
        }
    }

    async fn rows(&self) -> Result<Option<Seen>> {
        let Some(found) = snapshot(&self.place, None).await? else {
            return Ok(None);
        };
        let mut rows = Rows::new();
        for object in &found.objects {
            let name = self.place.below(&object.location);
            let (folder, _) = name.rsplit_once('/').unwrap_or_default();
            let text = self.text(&object.location).await?;
            let lines = text.lines().map(str::to_owned);
            rows.entry(folder.to_owned()).or_default().extend(lines);
        }
        for rows in rows.values_mut() {
            rows.sort_unstable();
        }
        Ok(Some(Seen {
            version: found.manifest.version(),
            run: found.manifest.run().to_owned(),
            rows,
        }))
    }

    /// The rows of each version, the first of which is none, by what the history says was done.
    fn versions(&self, history: &[Past], foreign: &Rows) -> Vec<Rows> {
        let mut versions = vec![Rows::new()];
        for past in history {
            let mut rows = versions.last().unwrap().clone();
            match (past.operation, self.acts.get(&past.run)) {
                (Operation::Import, _) => rows = foreign.clone(),
                (Operation::Compact, _) => {}
                (Operation::Rollback, _) => {
                    rows = versions[usize::try_from(past.version).unwrap() - 2].clone();
                }
                (operation, Some(Act::Write(_, folders))) => {
                    if operation == Operation::Overwrite {
                        rows.clear();
                    }
                    for folder in folders {
                        if operation == Operation::OverwritePartitions {
                            rows.remove(folder);
                        }
                        let there = rows.entry(folder.clone()).or_default();
                        there.push(row(&past.run, folder));
                        there.sort_unstable();
                    }
                }
                other => panic!("{other:?}"),
            }
            versions.push(rows);
        }
        versions
    }

    /// Fails unless everything is as somebody may expect who knows what was done.
    async fn check(&self, bare: &InMemory, foreign: &Rows) {
        self.world.lock().unwrap().faults = 0;
        repair(&self.place, true).await.unwrap();
        let witness = self.witness.take();
        let Some(last) = self.rows().await.unwrap() else {
            let known = witness.known.values().flatten();
            assert!(known.into_iter().all(|known| *known != Known::Committed));
            return;
        };
        let found = snapshot(&self.place, None).await.unwrap().unwrap();
        let history = &found.manifest.history;
        let counted = history.iter().zip(1..);
        for (past, version) in counted {
            assert_eq!(past.version, version);
        }
        for (run, known) in &witness.known {
            let times = history.iter().filter(|past| past.run == *run).count();
            let committed = known.contains(&Known::Committed);
            let never = known.iter().all(|known| *known == Known::Not);
            assert!(times <= 1, "`{run}` committed {times} times: {known:?}");
            assert!(!committed || times == 1, "`{run}` is gone: {known:?}");
            let act = self.acts.get(run);
            assert!(
                !never || times == 0,
                "`{run}` committed: {known:?}, {act:?}"
            );
        }
        let versions = self.versions(history, foreign);
        assert_eq!(last.rows, versions[history.len()], "the last version");
        for seen in &witness.seen {
            let at = usize::try_from(seen.version).unwrap();
            let who = &history[at - 1].run;
            assert_eq!(&seen.run, who, "version {at} was another's");
            assert_eq!(seen.rows, versions[at], "version {at}, seen by a reader");
        }
        self.check_listing(bare, &found.manifest).await;
    }

    /// Who lists the folder finds the files of the last version, and nothing is left of attempts.
    async fn check_listing(&self, bare: &InMemory, manifest: &Manifest) {
        let listed: Vec<_> = bare.list(None).try_collect().await.unwrap();
        let names = listed.iter().map(|meta| self.place.below(&meta.location));
        let (hidden, plain): (BTreeSet<_>, BTreeSet<_>) = names.partition(|name| is_hidden(name));
        let expected = manifest.names().into_iter().map(str::to_owned);
        assert_eq!(plain, expected.collect(), "the folder");
        let left = hidden.iter().find(|name| name.contains("/staging/"));
        assert_eq!(left, None);
    }
}

/// Whether a failed run says that it did not commit.
fn is_known(error: &Error) -> bool {
    let text = error.to_string();
    !text.contains("is not known") && !text.contains("which is committed")
}

async fn stage_one(staging: &Staging, name: &str, text: String) -> Result<FinishedFile> {
    let mut file = staging.create(name).await?;
    file.write(Bytes::from(text)).await?;
    let mut file = file.finish().await?;
    file.rows = Some(1);
    Ok(file)
}

/// What is done by whom, in order; some runs are done by two, or tried again.
fn plan(random: &mut Random) -> (BTreeMap<String, Act>, Vec<Vec<String>>) {
    let (mut acts, mut actors) = (BTreeMap::new(), Vec::new());
    for actor in 0..2 + random.below(4) {
        let mut runs: Vec<String> = Vec::new();
        for number in 0..=random.below(4) {
            let names: Vec<&String> = acts.keys().collect();
            let run = if !names.is_empty() && random.chance(15) {
                names[usize::try_from(random.below(names.len() as u64)).unwrap()].clone()
            } else {
                format!("{actor}-{number}")
            };
            let act = act(random);
            // A rollback is not known by its name.
            if !matches!(acts.entry(run.clone()).or_insert(act), Act::Rollback)
                || !runs.contains(&run)
            {
                runs.push(run);
            }
        }
        actors.push(runs);
    }
    (acts, actors)
}

fn act(random: &mut Random) -> Act {
    let mode = match random.below(14) {
        9 if variable("SLUICE_TEST_ROLLBACKS").is_some() => return Act::Rollback,
        0..=3 | 9 => Mode::Append,
        4 | 5 => Mode::Overwrite,
        6 | 7 => Mode::OverwritePartitions,
        8 => Mode::ErrorIfExists,
        10 => return Act::Repair,
        11 => return Act::Compact,
        _ => return Act::Read,
    };
    let folders = (0..FOLDERS).filter(|_| random.chance(50));
    let mut folders: Vec<String> = folders.map(|day| format!("day={day}")).collect();
    if folders.is_empty() {
        folders.push("day=0".to_owned());
    }
    Act::Write(mode, folders)
}

/// Has each of those who act its turns, in any order, until all are done. Some are killed.
async fn play(scene: &Scene, actors: Vec<Vec<String>>, kills: u64) {
    let mut alive: Vec<Actor<'_>> = Vec::new();
    for runs in actors {
        alive.push(Box::pin(async move {
            for run in runs {
                scene.act(&run).await;
            }
        }));
    }
    for turn in 0.. {
        assert!(turn < TURNS_MAX, "they never end");
        let (next, kill) = {
            let random = &mut scene.world.lock().unwrap().random;
            let next = usize::try_from(random.below(alive.len() as u64)).unwrap();
            (next, random.below(2_000) < kills)
        };
        if kill || alive[next].as_mut().now_or_never().is_some() {
            drop(alive.remove(next));
        }
        if alive.is_empty() {
            return;
        }
        // Parts of uploads have tasks of their own.
        tokio::task::yield_now().await;
    }
}

/// Yields what the store was asked for.
async fn simulate(seed: u64) -> Vec<String> {
    let mut random = Random::new(seed << 32);
    let (acts, actors) = plan(&mut random);
    let (faults, kills) = (
        [0, 1, 5, 20][random.below(4) as usize],
        [0, 5, 20][random.below(3) as usize],
    );
    let keep_versions = random.below(3);
    let bare = Arc::new(InMemory::new());
    let mut foreign = Rows::new();
    if random.chance(20) {
        let path = Path::from("out/day=1/part-0-foreign");
        bare.put(&path, "foreign\n".into()).await.unwrap();
        foreign.insert("day=1".to_owned(), vec!["foreign".to_owned()]);
    }
    let world = Arc::new(Mutex::new(World {
        random,
        faults,
        trace: Vec::new(),
    }));
    let named = Layered::with(Arc::clone(&bare), Resumable(Arc::clone(&bare)));
    let shelves = Shelves::default();
    let faulty = Faulty::new(Arc::new(named), &world);
    let scene = Scene {
        place: Place {
            store: Arc::new(Layered::with(faulty, shelves.clone())),
            shelves,
            path: Path::from("out"),
            key: "m".to_owned(),
            uri: Uri::parse("s3://bucket/out/", None).unwrap(),
            part_bytes: 1 << 20,
            uploads: None,
            stores: stores().0,
        },
        world,
        keep_versions,
        acts,
        witness: RefCell::default(),
    };
    play(&scene, actors, kills).await;
    scene.check(&bare, &foreign).await;
    let mut world = scene.world.lock().unwrap();
    std::mem::take(&mut world.trace)
}

fn run_seed(seed: u64) -> Vec<String> {
    SIMULATED.set(true);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(simulate(seed))
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn whatever_happens_each_run_is_there_once_or_not_at_all() {
    let seeds = match variable("SLUICE_TEST_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..variable("SLUICE_TEST_SEEDS").unwrap_or(SEEDS),
    };
    let (mut asked, started) = (0, Instant::now());
    let is_bounded = variable("SLUICE_TEST_SEEDS").is_none();
    for seed in seeds {
        if is_bounded && started.elapsed() > TIME_MAX {
            eprintln!("{seed} seeds in {TIME_MAX:?}");
            break;
        }
        let done = std::panic::catch_unwind(|| run_seed(seed));
        match done {
            Ok(trace) => asked += trace.len(),
            Err(why) => {
                eprintln!("seed {seed} fails; `SLUICE_TEST_SEED={seed}` tries it alone");
                std::panic::resume_unwind(why);
            }
        }
    }
    assert!(asked > 0);
}

#[test]
fn what_happens_follows_from_the_seed_alone() {
    for seed in 0..20 {
        assert_eq!(run_seed(seed), run_seed(seed), "seed {seed}");
    }
}
