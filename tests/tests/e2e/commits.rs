//! What is left of runs that are killed, or whose store fails, and what readers see meanwhile.

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::project::{Ended, Project, SALES};
use crate::servers::{Fate, SECRET, Server};

const OUT: &str = "s3://lake/out/";

/// More requests than any of these runs sends.
const REQUESTS_MAX: u64 = 150;

/// The lab from bucket to bucket, into a folder for each region.
fn lab(server: &Server, mode: &str) -> Project {
    let mut project = Project::lab();
    server.serves_s3(&mut project, SECRET);
    application(&project, mode);
    project
}

fn application(project: &Project, mode: &str) {
    project.application(
        "uri = \"s3://landing/sales/\"\nformat = \"csv\"",
        "",
        &format!("uri = \"{OUT}\"\npartition_by = [\"region\"]\nmode = \"{mode}\""),
    );
}

fn server() -> Server {
    let server = Server::of_s3();
    server.put("landing", "sales/sales.csv", SALES);
    server.make("lake");
    server
}

/// How many rows a reader sees of each order, by its number; none where there is no version.
fn seen(project: &Project) -> Option<Vec<u64>> {
    let ended = project.sluice(&["--json", "head", OUT]);
    if ended.code == Some(3) || ended.code == Some(9) {
        return None;
    }
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let orders = ended.out.lines().map(|line| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        row["order_id"].as_u64().unwrap()
    });
    let mut orders: Vec<_> = orders.collect();
    orders.sort_unstable();
    Some(orders)
}

/// The names that whoever lists the bucket finds, but those of the log and the marker.
fn listed(server: &Server) -> Vec<String> {
    let names = server.objects("lake").into_iter().map(|(name, _)| name);
    let mut names: Vec<_> = names
        .filter_map(|name| Some(name.strip_prefix("out/")?.to_owned()))
        .filter(|name| !name.starts_with('_') && !name.starts_with('.'))
        .collect();
    names.sort();
    names
}

/// The names of the current version's files.
fn current(server: &Server) -> Vec<String> {
    let marker = server.read("lake", "out/_SUCCESS");
    let marker: serde_json::Value = serde_json::from_str(&marker).unwrap();
    let files = marker["files"].as_array().unwrap().iter();
    let mut names: Vec<_> = files
        .map(|file| file["path"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// Changes a file of the input and adds one. Yields the parameters by which no other is made anew.
fn change(server: &Server) -> &'static [&'static str] {
    server.put("landing", "sales/sales.csv", SALES.replace("1003", "1006"));
    server.put("landing", "sales/more.csv", SALES.replace("\n10", "\n20"));
    &["-p", "min_amount=100"]
}

/// A run, named and told more by `arguments`, that is killed when its store has done what it asked for `at` times.
pub(crate) fn run_killed(server: &Server, project: &Project, arguments: &[&str], at: u64) -> Ended {
    let process = Arc::<AtomicU32>::default();
    let (killed, requests) = (Arc::clone(&process), AtomicU64::new(0));
    server.judge(Some(Arc::new(move || {
        if requests.fetch_add(1, Ordering::SeqCst) < at {
            return Fate::Served;
        }
        let mut id = 0;
        while id == 0 {
            id = killed.load(Ordering::SeqCst);
            std::thread::yield_now();
        }
        // It may be dead already.
        let _ = Command::new("kill").args(["-9", &id.to_string()]).output();
        // Every other time, what was asked for last is done all the same.
        if at.is_multiple_of(2) {
            Fate::Unanswered
        } else {
            Fate::Lost
        }
    })));
    let ended = project.exposed(&[&["run", "app.toml"], arguments].concat(), &process);
    server.judge(None);
    ended
}

/// Runs that are killed when their store has done what they asked for `at` times, for each `at` that there is. Yields
/// how many there are.
fn kill_at_every_request(mode: &str, before: Option<&[u64]>, after: &[u64]) -> u64 {
    let origin = server();
    let is_incremental = mode == "incremental";
    let first = lab(
        &origin,
        if is_incremental {
            mode
        } else {
            "error-if-exists"
        },
    );
    if before.is_some() {
        first.run(&["--run-id", "first", "-p", "min_amount=100"]);
    }
    let parameters = if is_incremental { change(&origin) } else { &[] };
    let killed_run = [&["--run-id", "killed"], parameters].concat();
    for at in 0..REQUESTS_MAX {
        let server = server();
        server.copy_of(&origin);
        let project = lab(&server, mode);
        let ended = run_killed(&server, &project, &killed_run, at);
        let what = format!("{mode}, killed at request {at}");
        let meanwhile = seen(&project);
        let is_either =
            |seen: &Option<Vec<u64>>| seen.as_deref() == before || seen.as_deref() == Some(after);
        assert!(is_either(&meanwhile), "{what}: {meanwhile:?}");

        let repaired = project.sluice(&["dataset", "repair", OUT, "--all"]);
        assert_eq!(repaired.code, Some(0), "{what}: {}", repaired.err);
        assert_eq!(server.uploads(), 0, "{what}");
        let then = seen(&project);
        assert!(is_either(&then), "{what}: {then:?}");
        assert!(
            meanwhile.as_deref() == before || then == meanwhile,
            "{what}"
        );
        match &then {
            Some(_) => assert_eq!(listed(&server), current(&server), "{what}"),
            None => assert!(listed(&server).is_empty(), "{what}: {:?}", listed(&server)),
        }
        project.run(&killed_run);
        assert_eq!(
            seen(&project).as_deref(),
            Some(after),
            "{what}, and run again"
        );
        assert_eq!(listed(&server), current(&server), "{what}");
        if ended.code == Some(0) {
            return at;
        }
        assert_eq!(ended.code, None, "{what}: {}", ended.err);
    }
    panic!("more than {REQUESTS_MAX} requests")
}

/// When the time is over of who was killed, whoever comes next gives up what it began, and nothing else.
#[test]
fn uploads_that_nobody_will_complete_are_given_up() {
    let server = server();
    let project = lab(&server, "append");
    // Late enough to have begun files, and too early to have committed.
    let at = (0..REQUESTS_MAX).find(|at| {
        run_killed(&server, &project, &["--run-id", "killed"], *at);
        server.uploads() > 1
    });
    assert!(at.is_some());
    let left = server.uploads();
    for theirs in [
        "out/part-00000-someone.parquet",
        "out/part-0-killed/x",
        "other/part-00000-000-killed.parquet",
    ] {
        server.begin("lake", theirs);
    }
    let swept = |project: &Project| {
        let told = project.sluice(&["--json", "dataset", "repair", OUT]);
        assert_eq!(told.code, Some(0), "{}", told.err);
        let told: serde_json::Value = serde_json::from_str(&told.out).unwrap();
        told["uploads"].as_u64().unwrap()
    };
    // They may go on.
    assert_eq!(swept(&project), 0);
    assert_eq!(server.uploads(), left + 3);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let yesterday = now.unwrap().checked_sub(Duration::from_hours(24)).unwrap();
    server.age("lake", "out/_sluice/staging", Duration::from_hours(48));
    let records = server.objects("lake").into_iter().map(|(name, _)| name);
    for (at, record) in records
        .filter(|name| name.contains("_sluice/staging/"))
        .enumerate()
    {
        let over = format!("out/_sluice/staging/{at}.{}", yesterday.as_secs());
        server.rename("lake", &record, &over);
    }
    project.run(&["--run-id", "next"]);
    assert_eq!(server.uploads(), 3);
    let all = project.sluice(&["dataset", "repair", OUT, "--all"]);
    assert_eq!(all.code, Some(0), "{}", all.err);
    assert_eq!(server.uploads(), 3);
}

const LARGE: [u64; 2] = [1001, 1003];
const ALL: [u64; 4] = [1001, 1002, 1003, 1005];

#[test]
fn a_first_run_that_is_killed_is_whole_or_nothing() {
    let requests = kill_at_every_request("error-if-exists", None, &ALL);
    assert!(requests >= 15, "{requests} requests");
}

#[test]
fn an_append_that_is_killed_is_whole_or_nothing() {
    let after = [1001, 1001, 1002, 1003, 1003, 1005];
    let requests = kill_at_every_request("append", Some(&LARGE), &after);
    assert!(requests >= 15, "{requests} requests");
}

#[test]
fn an_overwrite_that_is_killed_is_whole_or_nothing() {
    let requests = kill_at_every_request("overwrite", Some(&LARGE), &ALL);
    assert!(requests >= 15, "{requests} requests");
}

#[test]
fn an_incremental_run_that_is_killed_is_whole_or_nothing() {
    let after = [1001, 1006, 2001, 2003];
    let requests = kill_at_every_request("incremental", Some(&LARGE), &after);
    assert!(requests >= 15, "{requests} requests");
}

#[test]
fn partitions_that_are_replaced_by_who_is_killed_are_so_wholly_or_not() {
    let requests = kill_at_every_request("overwrite-partitions", Some(&LARGE), &ALL);
    assert!(requests >= 15, "{requests} requests");
}

/// Of a run that fails, nothing is seen, and of one that nobody knows of, all or nothing; done again in the same name,
/// each is done once.
#[test]
fn a_store_that_fails_now_and_then_loses_and_doubles_nothing() {
    let mut failed = 0;
    for (seed, percent) in [(1, 1), (2, 5), (3, 10), (4, 20), (5, 20), (6, 20), (7, 20)] {
        let server = server();
        let project = lab(&server, "append");
        let mut rows = 0;
        for run in ["a", "b", "c"] {
            let requests = AtomicU64::new(0);
            let name = format!("{seed} {run}");
            let seed = name.clone();
            server.judge(Some(Arc::new(move || {
                let hasher = BuildHasherDefault::<DefaultHasher>::default();
                let request = requests.fetch_add(1, Ordering::SeqCst);
                let roll = hasher.hash_one((&seed, request));
                if roll % 100 >= percent {
                    return Fate::Served;
                }
                match roll / 100 % 5 {
                    0 => Fate::Refused(503),
                    1 => Fate::Refused(500),
                    2 => Fate::Refused(429),
                    3 => Fate::Lost,
                    _ => Fate::Unanswered,
                }
            })));
            let ended = project.try_run(&["--run-id", run]);
            server.judge(None);
            let what = format!("{percent} %, seed {name:?}");
            let count = |project: &Project| seen(project).map_or(0, |rows| rows.len());
            let before = count(&project);
            match ended.code {
                Some(0) => assert_eq!(before, rows + 4, "{what}: {}", ended.err),
                Some(9) => {
                    failed += 1;
                    assert!([rows, rows + 4].contains(&before), "{what}: {}", ended.err);
                }
                code => panic!("{what}: {code:?}: {}", ended.err),
            }
            project.run(&["--run-id", run]);
            rows += 4;
            assert_eq!(count(&project), rows, "{what}: {}", ended.err);
        }
        assert_eq!(listed(&server), current(&server));
    }
    assert!(failed < 21, "each run failed");
}
