//! Runs that are told to end: wherever they are, they do so at once, and either they have committed or they have not.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::guests;
use crate::project::{Ended, Project, SALES};
use crate::servers::{Fate, SECRET, Server, Verb};

const OUT: &str = "s3://lake/out/";

const MIB: u64 = 1 << 20;

/// What a run has from the signal to its end.
const TIME_MAX: Duration = Duration::from_secs(2);

/// More requests than this run sends.
const REQUESTS_MAX: u64 = 60;

fn server() -> Server {
    let server = Server::of_s3();
    server.put("landing", "sales.csv", SALES);
    server.make("lake");
    server
}

fn lab(server: &Server) -> Project {
    let mut project = Project::lab();
    server.serves_s3(&mut project, SECRET);
    project.application(
        "uri = \"s3://landing/sales.csv\"",
        "",
        &format!("uri = \"{OUT}\"\npartition_by = [\"region\"]"),
    );
    project
}

/// Runs, says so to the run as soon as `is_time`, and fails unless it ends in time after that.
fn cancelled(
    project: &Project,
    arguments: &[&str],
    signal: &str,
    is_time: impl Fn() -> bool,
) -> Ended {
    let since = Cell::new(None);
    let is_time = || {
        let is = is_time();
        since.set(is.then(Instant::now));
        is
    };
    let arguments = [&["run", "app.toml", "--run-id", "told"], arguments].concat();
    let ended = project.signalled(&arguments, signal, is_time);
    let took = since.get().map(|since| since.elapsed());
    assert!(
        took.is_none_or(|took| took < TIME_MAX),
        "{took:?}: {}",
        ended.err
    );
    ended
}

fn rows(project: &Project) -> Option<usize> {
    let ended = project.sluice(&["--json", "head", OUT]);
    match ended.code {
        Some(0) => Some(ended.out.lines().count()),
        Some(3 | 9) => None,
        code => panic!("{code:?}: {}", ended.err),
    }
}

/// Told at each request in turn, those of the commit among them.
#[test]
fn a_run_that_is_told_to_end_has_committed_or_has_not() {
    let (mut over, mut not) = (0, 0);
    for at in 0..REQUESTS_MAX {
        let server = server();
        let project = lab(&server);
        let (requests, told) = (AtomicU64::new(0), Arc::<AtomicBool>::default());
        let seen = Arc::clone(&told);
        server.judge_each(move |_| {
            if requests.fetch_add(1, Ordering::SeqCst) != at {
                return Fate::Served;
            }
            seen.store(true, Ordering::SeqCst);
            // Time for the signal to arrive, and for the run to look.
            Fate::Late(Duration::from_millis(200))
        });
        let signal = ["INT", "TERM"][at as usize % 2];
        let ended = cancelled(&project, &[], signal, || told.load(Ordering::SeqCst));
        server.judge(None);
        let what = format!("{signal} at request {at}: {}", ended.err);
        let repaired = project.sluice(&["dataset", "repair", OUT, "--all"]);
        assert!(
            matches!(repaired.code, Some(0 | 3)),
            "{what}: {}",
            repaired.err
        );
        assert_eq!(server.uploads(), 0, "{what}");
        match ended.code {
            Some(0) => assert_eq!(rows(&project), Some(4), "{what}"),
            Some(130) => assert_eq!(rows(&project), None, "{what}"),
            code => panic!("{code:?}: {what}"),
        }
        *(if ended.code == Some(0) {
            &mut over
        } else {
            &mut not
        }) += 1;
        if !told.load(Ordering::SeqCst) {
            break;
        }
    }
    assert!(not >= 8 && over >= 8, "{not} ended, {over} had committed");
}

/// A server that has stopped to answer is not waited for.
#[test]
fn a_run_is_not_kept_by_a_server_that_does_not_answer() {
    for verb in [Verb::GetRange, Verb::List, Verb::Create, Verb::Part] {
        for all in [false, true] {
            let server = server();
            let project = lab(&server);
            let (told, seen) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
            let (telling, from_now) = (Arc::clone(&told), Arc::clone(&seen));
            server.judge_each(move |asked| {
                if asked == verb {
                    telling.store(true, Ordering::SeqCst);
                    from_now.store(all, Ordering::SeqCst);
                }
                if asked == verb || from_now.load(Ordering::SeqCst) {
                    return Fate::Late(Duration::from_mins(1));
                }
                Fate::Served
            });
            let ended = cancelled(&project, &[], "TERM", || told.load(Ordering::SeqCst));
            server.judge(None);
            assert_eq!(ended.code, Some(130), "{verb:?}: {}", ended.err);
            assert_eq!(rows(&project), None, "{verb:?}");
        }
    }
}

#[test]
fn a_run_ends_while_it_compiles_and_while_a_guest_runs() {
    for (name, guest) in [
        ("heavy", guests::heavy()),
        ("stall", guests::component(guests::STALL)),
    ] {
        let server = server();
        let rows = SALES.to_owned() + &"1,C1,50.0,APAC\n".repeat(100_000);
        server.put("landing", "sales.csv", rows);
        let project = lab(&server);
        project.write("guest.wasm", guest);
        project.application(
            "uri = \"s3://landing/sales.csv\"",
            "plugin = \"guest.wasm\"",
            &format!("uri = \"{OUT}\"\nformat = \"csv\""),
        );
        let asked = Arc::<AtomicU64>::default();
        let asking = Arc::clone(&asked);
        server.judge_each(move |verb| {
            // An output is begun once there are rows, by a guest that then goes on for ever.
            let counts = name == "heavy" || verb == Verb::Create;
            asking.fetch_add(u64::from(counts), Ordering::SeqCst);
            Fate::Served
        });
        let begun = Cell::new(None);
        let is_time = || {
            if begun.get().is_none() && asked.load(Ordering::SeqCst) > 0 {
                begun.set(Some(Instant::now()));
            }
            let since = begun.get().map(|begun: Instant| begun.elapsed());
            since.is_some_and(|since| since > Duration::from_millis(300))
        };
        let arguments = ["--no-cache", "--threads", "1", "--limit-call-time", "1h"];
        let ended = cancelled(&project, &arguments, "INT", is_time);
        server.judge(None);
        assert_eq!(ended.code, Some(130), "{name}: {}", ended.err);
        assert_eq!(server.uploads(), 0, "{name}");
        assert!(server.objects("lake").is_empty(), "{name}");
    }
}

/// What cannot be written yet is not read yet.
#[test]
fn a_slow_output_holds_the_input_back() {
    const ROWS: usize = 12_000_000;
    // Some 300 MiB; of that, two partitions have four parts of 8 MiB each under way.
    const RUN_BYTES: u64 = 224 * MIB;
    let server = server();
    let text = format!(
        "{}{}",
        &SALES[..=SALES.find('\n').unwrap()],
        "1001,C001,120.5,APAC\n".repeat(ROWS)
    );
    server.put("landing", "sales.csv", text);
    let project = lab(&server);
    project.application(
        "uri = \"s3://landing/sales.csv\"",
        "",
        &format!("uri = \"{OUT}\"\nformat = \"csv\""),
    );
    server.judge_each(|asked| match asked {
        Verb::Part => Fate::Late(Duration::from_millis(300)),
        _ => Fate::Served,
    });
    let (ended, peak) = project.measured(&["run", "app.toml", "--threads", "2"]);
    server.judge(None);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let written: u64 = server.objects("lake").iter().map(|(_, bytes)| bytes).sum();
    assert!(
        written > RUN_BYTES && peak < RUN_BYTES,
        "{} MiB held, of {} MiB",
        peak / MIB,
        written / MIB
    );
}
