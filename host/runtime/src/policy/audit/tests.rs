//! What a file of audits tells, and that nothing can be done to it unseen.

use std::io::{Cursor, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use super::*;
use crate::policy::{
    Action, Layer, Policies, PolicyFile, Principal, Request, RunIdentity, Snapshot, Syntax,
};

const POLICY: &str = r#"
[[statement]]
sid = "tokens"
effect = "allow"
principal = "application:sales-etl"
action = "secret:*"
resource = "secret:*"

[[statement]]
sid = "not-this"
effect = "deny"
principal = "any"
action = "secret:read"
resource = "secret:root"
"#;

/// A file in memory, of which the test keeps an end.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn clock() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000)
}

fn snapshot(id: &str) -> Snapshot {
    let file = |layer, text| PolicyFile::parse(text, "p.toml", Syntax::Toml, Some(layer)).unwrap();
    let all = "[[statement]]\neffect = \"allow\"\naction = \"*\"\nresource = \"*\"\n";
    let policies = Policies::new(vec![
        file(Layer::Identity, POLICY),
        file(Layer::Application, all),
    ]);
    let run = Principal::run(RunIdentity {
        id: id.to_owned(),
        application: "sales-etl".to_owned(),
        ..RunIdentity::default()
    });
    policies.snapshot(&run.unwrap()).unwrap()
}

fn ask(log: &AuditLog, snapshot: &Snapshot, action: &str, secret: &str) -> Result<()> {
    let action = Action::parse(action).unwrap();
    let mut context = Context::default();
    if action == Action::SecretUse {
        context = context
            .with(action, "secret:host", "api.example.com")
            .unwrap();
    }
    let request = Request::new(action, &format!("secret:{secret}"), context).unwrap();
    log.record(&Record {
        principal: snapshot.principal(),
        step: Some("enrich"),
        request: &request,
        decision: &snapshot.decide(&request),
    })
}

/// A run that is allowed, denied by a statement and denied by none; appended to what is there.
fn append(file: &Shared, run: &str) -> String {
    let after = Tail::find(&mut Cursor::new(file.bytes())).unwrap();
    let log = AuditLog::begin(Box::new(file.clone()), clock, after, run, "sales-etl").unwrap();
    let snapshot = snapshot(run);
    ask(&log, &snapshot, "secret:use", "api-token").unwrap();
    ask(&log, &snapshot, "secret:read", "root").unwrap();
    for _ in 0..3 {
        ask(&log, &snapshot, "secret:read", "other").unwrap();
    }
    log.close().unwrap()
}

fn lines(file: &Shared) -> Vec<Vec<u8>> {
    let bytes = file.bytes();
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    lines.map(<[u8]>::to_vec).collect()
}

fn told(lines: &[Vec<u8>]) -> (String, String) {
    let error = verify(&lines.concat()[..], None).unwrap_err();
    let flaw = error.facts().iter().find(|(name, _)| *name == "flaw");
    (flaw.unwrap().1.clone(), error.to_string())
}

#[test]
fn a_file_tells_each_decision_and_verifies() {
    let file = Shared::default();
    append(&file, "r-1");
    let last = append(&file, "r-2");
    let verified = verify(&file.bytes()[..], Some(&last)).unwrap();
    assert_eq!(
        (verified.records, verified.runs, verified.decisions),
        (12, 2, 10)
    );
    assert_eq!(verified.hash, last);
    let value =
        |at: usize| -> serde_json::Value { serde_json::from_slice(&lines(&file)[at]).unwrap() };
    let allowed = value(1);
    assert_eq!(allowed["time"], "2026-11-18T11:06:40.000Z");
    assert_eq!(allowed["principal"], "run r-1 of application:sales-etl");
    assert_eq!(allowed["step"], "enrich");
    assert_eq!(allowed["action"], "secret:use");
    assert_eq!(allowed["resource"], "secret:api-token");
    assert_eq!(allowed["context"]["secret:host"], "api.example.com");
    assert_eq!(allowed["allowed"], true);
    assert_eq!(allowed["by"][0]["sid"], "tokens");
    assert_eq!(allowed["by"][0]["layer"], "identity");
    assert_eq!(allowed["by"][0]["place"], "p.toml:2");
    let denied = value(2);
    assert_eq!(denied["allowed"], false);
    assert_eq!(denied["by"].as_array().unwrap().len(), 1);
    assert_eq!(denied["by"][0]["sid"], "not-this");
    let repeated = value(4);
    assert_eq!(
        (&repeated["of"], &repeated["count"]),
        (&3.into(), &2.into())
    );
}

#[test]
fn every_record_that_is_deleted_is_named() {
    let file = Shared::default();
    append(&file, "r-1");
    append(&file, "r-2");
    let whole = lines(&file);
    for at in 0..whole.len() {
        let mut left = whole.clone();
        left.remove(at);
        let (flaw, text) = told(&left);
        if at + 1 == whole.len() {
            assert_eq!(flaw, "not-closed", "{text}");
            assert!(
                text.contains(&format!("what follows record {}", at - 1)),
                "{text}"
            );
        } else {
            assert_eq!(
                (flaw.as_str(), text),
                ("deleted", format!("record {at} was deleted"))
            );
        }
    }
}

#[test]
fn every_byte_that_is_changed_is_noticed_in_its_record() {
    let file = Shared::default();
    append(&file, "r-1");
    let whole = lines(&file);
    for at in 0..whole.len() {
        for byte in 0..whole[at].len() {
            for other in [b'0', b'\n', b' ', whole[at][byte] ^ 1] {
                let mut edited = whole.clone();
                if edited[at][byte] == other {
                    continue;
                }
                edited[at][byte] = other;
                let (flaw, text) = told(&edited);
                assert_eq!(flaw, "changed", "{text}");
                assert!(
                    text.contains(&format!("record {at} was changed")),
                    "{byte}: {text}"
                );
            }
        }
    }
}

#[test]
fn records_that_swap_places_are_named() {
    let file = Shared::default();
    append(&file, "r-1");
    append(&file, "r-2");
    let whole = lines(&file);
    for a in 0..whole.len() {
        for b in a + 1..whole.len() {
            let mut swapped = whole.clone();
            swapped.swap(a, b);
            let (flaw, text) = told(&swapped);
            assert_eq!(flaw, "moved", "{text}");
            assert!(text.starts_with(&format!("record {a} was moved")), "{text}");
        }
        let mut twice = whole.clone();
        twice.insert(a + 1, whole[a].clone());
        assert_eq!(told(&twice).0, "inserted");
    }
}

#[test]
fn a_file_that_is_cut_anywhere_is_not_closed() {
    let file = Shared::default();
    let first = append(&file, "r-1");
    let boundary = file.bytes().len();
    let last = append(&file, "r-2");
    let whole = file.bytes();
    for length in 0..whole.len() {
        let cut = &whole[..length];
        assert!(verify(cut, Some(&last)).is_err(), "{length}");
        assert_eq!(verify(cut, None).is_ok(), length == boundary, "{length}");
    }
    // A whole run less is told by the hash that was kept alone.
    let error = verify(&whole[..boundary], Some(&last)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("not the one whose hash was kept")
    );
    verify(&whole[..boundary], Some(&first)).unwrap();
}

#[test]
fn a_record_with_a_hash_made_anew_is_named_by_the_next() {
    let file = Shared::default();
    append(&file, "r-1");
    let mut forged = lines(&file);
    let text = String::from_utf8(forged[2].clone()).unwrap();
    let (mut line, _) = line::Line::open(text.trim_end().as_bytes()).unwrap();
    let Entry::Decision(decided) = &mut line.entry else {
        panic!("a decision");
    };
    decided.allowed = true;
    forged[2] = line.seal().unwrap().0.into_bytes();
    let text = told(&forged).1;
    assert_eq!(text, "record 2 was changed, and its hash made anew");
}

#[test]
fn names_that_look_like_lines_stay_one_line() {
    let file = Shared::default();
    let log = AuditLog::begin(Box::new(file.clone()), clock, None, "r-1", "sales-etl").unwrap();
    let snapshot = snapshot("r-1");
    let request = Request::new(Action::SecretRead, "secret:x", Context::default()).unwrap();
    let mut decision = snapshot.decide(&request);
    decision.errors = vec!["\u{1b}[2J".repeat(10_000); 100];
    let hostile = "x\"}\r\n{\"n\":2}\u{2028}\u{202e}\u{7f}é\0".repeat(1_000);
    log.record(&Record {
        principal: snapshot.principal(),
        step: Some(&hostile),
        request: &request,
        decision: &decision,
    })
    .unwrap();
    log.close().unwrap();
    let bytes = file.bytes();
    assert!(bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n')));
    assert_eq!(lines(&file).len(), 3);
    assert!(lines(&file)[1].len() <= LINE_BYTES_MAX);
    verify(&bytes[..], None).unwrap();
    let line: serde_json::Value = serde_json::from_slice(&lines(&file)[1]).unwrap();
    let step = line["step"].as_str().unwrap();
    assert!(hostile.starts_with(step.trim_end_matches('…')), "{step}");
}

#[test]
fn a_million_reads_of_one_secret_are_two_lines() {
    let file = Shared::default();
    let log = AuditLog::begin(Box::new(file.clone()), clock, None, "r-1", "sales-etl").unwrap();
    let snapshot = snapshot("r-1");
    let request = Request::new(Action::SecretRead, "secret:x", Context::default()).unwrap();
    let decision = snapshot.decide(&request);
    for _ in 0..1_000_000 {
        let record = Record {
            principal: snapshot.principal(),
            step: None,
            request: &request,
            decision: &decision,
        };
        log.record(&record).unwrap();
    }
    log.close().unwrap();
    let verified = verify(&file.bytes()[..], None).unwrap();
    assert_eq!((verified.records, verified.decisions), (4, 1_000_000));
}

#[test]
fn more_decisions_than_are_counted_at_once_are_all_told() {
    let file = Shared::default();
    let log = AuditLog::begin(Box::new(file.clone()), clock, None, "r-1", "sales-etl").unwrap();
    let snapshot = snapshot("r-1");
    let others = FOLDED_MAX + 10;
    for name in (0..others).chain(0..others) {
        ask(&log, &snapshot, "secret:read", &format!("x{name}")).unwrap();
    }
    log.close().unwrap();
    let verified = verify(&file.bytes()[..], None).unwrap();
    assert_eq!(verified.decisions, 2 * others as u64);
}

/// A disk that is full after so many bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self
            .0
            .checked_sub(bytes.len())
            .ok_or_else(|| std::io::Error::other("no space left"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_cannot_be_kept_is_refused_from_then_on() {
    let log = AuditLog::begin(Box::new(Full(500)), clock, None, "r-1", "sales-etl").unwrap();
    let snapshot = snapshot("r-1");
    log.check().unwrap();
    let error = ask(&log, &snapshot, "secret:read", "x").unwrap_err();
    assert!(error.to_string().contains("no space left"), "{error}");
    assert!(ask(&log, &snapshot, "secret:read", "x").is_err());
    assert!(log.check().is_err());
    assert!(log.close().is_err());
    assert!(AuditLog::begin(Box::new(Full(5)), clock, None, "r-1", "sales-etl").is_err());
}

#[test]
fn a_run_follows_only_a_whole_one() {
    let file = Shared::default();
    append(&file, "r-1");
    let whole = file.bytes();
    for length in 1..whole.len() {
        assert!(
            Tail::find(&mut Cursor::new(&whole[..length])).is_err(),
            "{length}"
        );
    }
    // A closed run stays closed.
    let log = AuditLog::begin(Box::new(file), clock, None, "r-1", "sales-etl").unwrap();
    log.close().unwrap();
    assert!(ask(&log, &snapshot("r-1"), "secret:read", "x").is_err());
}
