//! A store that fails: in each of the ways that it can, at each thing that it is asked for.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::project::Project;
use crate::servers::{Fate, SECRET, Server, Verb};

const OUT: &str = "s3://lake/out/";

const MIB: u64 = 1 << 20;

/// What a run over these rows may hold, whatever its store does.
const RUN_BYTES: u64 = 192 * MIB;

/// Rows of each of the two files.
const ROWS: u64 = 3_000;

/// Runs at once: they mostly wait.
const AT_ONCE: usize = 4;

/// Order lines, every tenth of them small. Those of the lab's transform that stay have an amount of ten and more.
fn orders(from: u64) -> String {
    let mut text = "order_id,customer_id,amount,region\n".to_owned();
    for id in from..from + ROWS {
        let amount = if id.is_multiple_of(10) {
            5
        } else {
            100 + id % 100
        };
        let region = ["APAC", "EMEA", "NA"][id as usize % 3];
        writeln!(text, "{id},C{:03},{amount}.50,{region}", id % 500).unwrap();
    }
    text
}

/// The orders that are left of both files with an amount of at least `min`.
fn left(min: u64) -> Vec<u64> {
    let amount = |id: u64| {
        if id.is_multiple_of(10) {
            5
        } else {
            100 + id % 100
        }
    };
    (0..2 * ROWS).filter(|id| amount(*id) >= min).collect()
}

/// Both files in a bucket, and a first version of the output, with large orders.
fn server() -> Server {
    let server = Server::of_s3();
    server.put("landing", "sales/1.csv", orders(0));
    server.put("landing", "sales/2.csv", orders(ROWS));
    server.make("lake");
    lab(&server).run(&["--run-id", "first", "-p", "min_amount=150"]);
    server
}

/// The lab from bucket to bucket, in place of what is there.
fn lab(server: &Server) -> Project {
    let mut project = Project::lab();
    server.serves_s3(&mut project, SECRET);
    project.application(
        "uri = \"s3://landing/sales/\"\nformat = \"csv\"",
        "",
        &format!("uri = \"{OUT}\"\npartition_by = [\"region\"]\nmode = \"overwrite\""),
    );
    project
}

/// The orders that a reader sees.
fn seen(project: &Project) -> Vec<u64> {
    let ended = project.sluice(&["--json", "head", OUT, "-n", "100000"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let orders = ended.out.lines().map(|line| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        row["order_id"].as_u64().unwrap()
    });
    let mut orders: Vec<_> = orders.collect();
    orders.sort_unstable();
    orders
}

/// Does `work` with each of `cases`, a few at once.
fn each<T: Sync>(cases: &[T], work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
                    work(case);
                }
            });
        }
    });
}

/// What becomes of a request that is to fail.
fn fault(verb: Verb, roll: u64) -> Fate {
    let reads = matches!(verb, Verb::Get | Verb::GetRange);
    match roll % if reads { 8 } else { 6 } {
        0 => Fate::Refused(503),
        1 => Fate::Refused(500),
        2 => Fate::Refused(429),
        3 => Fate::Lost,
        4 => Fate::Unanswered,
        5 => Fate::Cut,
        6 => Fate::Short,
        _ => Fate::Slow(512, Duration::from_millis(1)),
    }
}

/// What fails so that others come to be asked for: a file is looked for whose completion was not answered, and an upload
/// given up where its parts are refused.
fn provoking(verb: Option<Verb>, asked: Verb) -> Option<Fate> {
    match (verb?, asked) {
        (Verb::Head, Verb::Complete) => Some(Fate::Unanswered),
        (Verb::Abort, Verb::Part) => Some(Fate::Refused(400)),
        _ => None,
    }
}

/// Runs while that many of a hundred requests fail, of all or of one kind. Yields how many failed.
fn run_with_faults(origin: &Server, verb: Option<Verb>, percent: u64, seed: u64) -> u64 {
    let what = format!("{verb:?} at {percent} %, seed {seed}");
    let server = Server::of_s3();
    server.copy_of(origin);
    let project = lab(&server);
    let (requests, faults) = (AtomicU64::new(0), Arc::<AtomicU64>::default());
    let failed = Arc::clone(&faults);
    server.judge_each(move |asked| {
        if verb.is_some_and(|verb| verb != asked) {
            return provoking(verb, asked).unwrap_or(Fate::Served);
        }
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        let roll = hasher.hash_one((verb, percent, seed, requests.fetch_add(1, Ordering::SeqCst)));
        if roll % 100 >= percent {
            return Fate::Served;
        }
        failed.fetch_add(1, Ordering::SeqCst);
        fault(asked, roll / 100)
    });
    let (ended, peak) = project.measured(&["run", "app.toml", "--run-id", "second"]);
    server.judge(None);
    assert!(peak < RUN_BYTES, "{what}: {} MiB", peak / MIB);
    let (before, after) = (left(150), left(10));
    let meanwhile = seen(&project);
    match ended.code {
        Some(0) => assert_eq!(meanwhile, after, "{what}"),
        Some(9) => assert!(
            meanwhile == before || meanwhile == after,
            "{what}: {}",
            ended.err
        ),
        code => panic!("{what}: {code:?}: {}", ended.err),
    }
    project.run(&["--run-id", "second"]);
    assert_eq!(seen(&project), after, "{what}, and run again");
    faults.load(Ordering::SeqCst)
}

#[test]
fn whatever_verb_fails_no_row_is_lost_or_doubled() {
    let origin = server();
    let mut cases = Vec::new();
    for verb in Verb::ALL.map(Some) {
        cases.extend([(verb, 1, 1), (verb, 5, 1), (verb, 20, 1), (verb, 60, 1)]);
    }
    cases.extend([1, 5, 20].map(|percent| (None, percent, 1)));
    cases.extend([2, 3, 4].map(|seed| (None, 20, seed)));
    let faults = Mutex::new(BTreeMap::<_, u64>::new());
    each(&cases, |(verb, percent, seed)| {
        let count = run_with_faults(&origin, *verb, *percent, *seed);
        let name = format!("{verb:?}");
        *faults.lock().unwrap().entry(name).or_default() += count;
    });
    let faults = faults.into_inner().unwrap();
    assert!(faults.values().all(|count| *count > 0), "{faults:?}");
}

/// Formats, and the rows of [`orders`] in each.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let project = Project::new();
    project.write("in.csv", orders(0));
    let mut files = vec![("csv", orders(0).into_bytes())];
    for format in ["parquet", "arrow", "ndjson"] {
        project.write("app.toml", format!(
            "name = \"copy\"\n[inputs.a]\nuri = \"in.csv\"\n[output]\nuri = \"{format}\"\nformat = \"{format}\"\n"
        ));
        project.run(&[]);
        let names = project.names().into_iter();
        let mut parts = names.filter(|name| name.starts_with(&format!("{format}/part-")));
        let part = project.path(&parts.next().unwrap());
        files.push((format, std::fs::read(part).unwrap()));
    }
    files
}

/// Every answer ends in its middle: either the rest is asked for, or it is told. Rows are never fewer.
#[test]
fn answers_that_end_early_are_not_taken_for_whole_ones() {
    let server = Server::of_s3();
    for (format, bytes) in files() {
        server.put("landing", &format!("in.{format}"), &bytes);
    }
    for format in ["csv", "parquet", "arrow", "ndjson"] {
        for (fate, nth) in [Fate::Cut, Fate::Short]
            .into_iter()
            .flat_map(|fate| [(fate, 1), (fate, 2), (fate, 3)])
        {
            let what = format!("{fate:?} of every answer number {nth} to {format}");
            let mut project = Project::new();
            server.serves_s3(&mut project, SECRET);
            let requests = AtomicU64::new(0);
            server.judge_each(move |asked| match asked {
                Verb::Get | Verb::GetRange
                    if (requests.fetch_add(1, Ordering::SeqCst) + 1).is_multiple_of(nth) =>
                {
                    fate
                }
                _ => Fate::Served,
            });
            let uri = format!("s3://landing/in.{format}");
            let ended = project.sluice(&["--json", "head", &uri, "-n", "100000"]);
            server.judge(None);
            match ended.code {
                Some(0) => assert_eq!(ended.out.lines().count() as u64, ROWS, "{what}"),
                Some(9) => assert!(ended.err.contains(&uri), "{what}: {}", ended.err),
                code => panic!("{what}: {code:?}: {}", ended.err),
            }
        }
    }
}

/// Whatever is read when the store ends to answer, it is the store that is blamed, by name, and not the file.
#[test]
fn a_store_that_refuses_in_the_middle_of_a_file_is_blamed_for_it() {
    let server = Server::of_s3();
    let files = files();
    for (format, bytes) in &files {
        server.put("landing", &format!("in.{format}"), bytes);
    }
    for (format, _) in &files {
        for from in 1..20 {
            let what = format!("{format}, read from request {from} on");
            let mut project = Project::new();
            server.serves_s3(&mut project, SECRET);
            let requests = AtomicU64::new(0);
            server.judge_each(move |_| {
                if requests.fetch_add(1, Ordering::SeqCst) < from {
                    return Fate::Served;
                }
                Fate::Said(403, "AccessDenied")
            });
            let uri = format!("s3://landing/in.{format}");
            let ended = project.sluice(&["head", &uri, "-n", "100000"]);
            server.judge(None);
            if ended.code == Some(0) {
                break;
            }
            assert!(from < 19, "{what}");
            assert_eq!(ended.code, Some(9), "{what}: {}", ended.err);
            for part in [&uri, "is denied: AccessDenied", "check `AWS_ACCESS_KEY_ID`"] {
                assert!(ended.err.contains(part), "{what}: {}", ended.err);
            }
        }
    }
}

/// More requests than any of these runs sends.
const REQUESTS_MAX: u64 = 100;

/// Runs with credentials that end with request number `from`. Yields what was said, unless the run was over by then.
fn run_until_expired(origin: &Server, from: u64) -> Option<String> {
    let server = Server::of_s3();
    server.copy_of(origin);
    let project = lab(&server);
    let requests = AtomicU64::new(0);
    // S3 itself says so with the first of them, others with the second.
    let status = [400, 403][from as usize % 2];
    server.judge_each(move |_| {
        if requests.fetch_add(1, Ordering::SeqCst) < from {
            return Fate::Served;
        }
        Fate::Said(status, "ExpiredToken")
    });
    let ended = project.try_run(&["--run-id", "second"]);
    server.judge(None);
    let what = format!("credentials that end with request {from}: {}", ended.err);
    let (before, after, meanwhile) = (left(150), left(10), seen(&project));
    if ended.code == Some(0) {
        assert_eq!(meanwhile, after, "{what}");
        return None;
    }
    assert_eq!(ended.code, Some(9), "{what}");
    assert!(meanwhile == before || meanwhile == after, "{what}");
    project.run(&["--run-id", "second"]);
    assert_eq!(seen(&project), after, "{what}, and run again");
    Some(ended.err)
}

#[test]
fn credentials_that_end_meanwhile_are_named_and_nothing_is_half_done() {
    let origin = server();
    let cases: Vec<u64> = (0..REQUESTS_MAX).collect();
    let (over, told) = (AtomicU64::new(REQUESTS_MAX), Mutex::new(BTreeMap::new()));
    each(&cases, |from| {
        if *from > over.load(Ordering::SeqCst) {
            return;
        }
        match run_until_expired(&origin, *from) {
            Some(said) => drop(told.lock().unwrap().insert(*from, said)),
            None => drop(over.fetch_min(*from, Ordering::SeqCst)),
        }
    });
    let told = told.into_inner().unwrap();
    assert!(told.len() >= 25, "{} requests", told.len());
    for (from, said) in told {
        for part in [
            "`s3://",
            "have expired: ExpiredToken",
            "hint: renew `AWS_ACCESS_KEY_ID`",
        ] {
            assert!(said.contains(part), "request {from}: {said}");
        }
    }
}

/// A server that answers a few bytes at a time, or late, does not keep a run for longer than it may take.
#[test]
fn a_run_waits_for_a_slow_server_as_long_as_it_may_take() {
    let origin = server();
    let late = Fate::Late(Duration::from_secs(30));
    let slow = Fate::Slow(1, Duration::from_secs(1));
    let reads = [Verb::GetRange, Verb::List].map(|verb| [(late, verb), (slow, verb)]);
    let writes = [Verb::Create, Verb::Part, Verb::Put].map(|verb| (late, verb));
    let cases: Vec<_> = reads.into_iter().flatten().chain(writes).collect();
    each(&cases, |(fate, verb)| {
        let (fate, verb) = (*fate, *verb);
        let what = format!("{fate:?} at {verb:?}");
        let server = Server::of_s3();
        server.copy_of(&origin);
        let project = lab(&server);
        server.judge_each(move |asked| if asked == verb { fate } else { Fate::Served });
        let started = Instant::now();
        let ended = project.try_run(&["--run-id", "second", "--limit-wall-time", "2s"]);
        let took = started.elapsed();
        server.judge(None);
        assert_eq!(ended.code, Some(7), "{what}: {}", ended.err);
        assert!(ended.err.contains("`wall_time`"), "{what}: {}", ended.err);
        assert!(took < Duration::from_secs(8), "{what}: {took:?}");
        assert_eq!(seen(&project), left(150), "{what}");
    });
}
