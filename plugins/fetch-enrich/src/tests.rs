use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use sluicegate_guest::array::cast::AsArray;
use sluicegate_guest::array::{ArrayRef, Int64Array, RecordBatch};
use sluicegate_guest::harness::{Fakes, Harness, Outcome};
use sluicegate_guest::http::{Error, ErrorKind, Response};

use super::*;

const PARAMS: &str = r#"{"url": "https://api/users/{key}", "key": "user", "fields": [
    {"column": "name"}, {"column": "city", "path": "address.0.city"}], "on_error": "ON_ERROR"}"#;

/// A server that knows some users, and the URLs that it was asked for.
fn server() -> Rc<RefCell<Vec<String>>> {
    let asked: Rc<RefCell<Vec<String>>> = Rc::default();
    let seen = Rc::clone(&asked);
    let answer = move |request: &sluicegate_guest::http::Request| {
        seen.borrow_mut().push(request.url.clone());
        assert_eq!(
            request.headers,
            [("accept".to_owned(), "application/json".to_owned())]
        );
        match request.url.rsplit('/').next().unwrap() {
            "1" => Ok(Response::new(
                200,
                r#"{"name": "Ada", "address": [{"city": "London"}]}"#,
            )),
            "2" => Ok(Response::new(200, r#"{"name": 7, "address": null}"#)),
            "busy" => Ok(Response::new(503, "")),
            "text" => Ok(Response::new(200, "hello")),
            "late" => Err(Error::new(ErrorKind::Timeout, "it took too long")),
            _ => Ok(Response::new(404, "")),
        }
    };
    Fakes::new().http(answer).install();
    asked
}

fn users(keys: &[Option<&str>]) -> RecordBatch {
    let keys: ArrayRef = Arc::new(StringArray::from(keys.to_vec()));
    RecordBatch::try_from_iter_with_nullable([("user", keys, true)]).unwrap()
}

fn enriched(batch: &RecordBatch, on_error: &str) -> Result<Outcome, Fault> {
    let params = PARAMS.replace("ON_ERROR", on_error);
    Harness::<FetchEnrich>::new(&batch.schema(), &params)?.process(batch)
}

fn texts(outcome: &Outcome, column: &str) -> Vec<Option<String>> {
    let texts = outcome.batch[column].as_string::<i32>().iter();
    texts.map(|text| text.map(str::to_owned)).collect()
}

#[test]
fn each_key_is_asked_for_once_and_its_fields_are_added() {
    let asked = server();
    let batch = users(&[Some("1"), Some("2"), None, Some("1")]);
    let params = PARAMS.replace("ON_ERROR", "fault");
    let mut harness = Harness::<FetchEnrich>::new(&batch.schema(), &params).unwrap();
    assert!(harness.is_stateless());
    let outcome = harness.process(&batch).unwrap();
    let (ada, seven) = (Some("Ada".to_owned()), Some("7".to_owned()));
    assert_eq!(texts(&outcome, "name"), [ada.clone(), seven, None, ada]);
    let london = Some("London".to_owned());
    assert_eq!(
        texts(&outcome, "city"),
        [london.clone(), None, None, london]
    );
    harness.process(&batch).unwrap();
    assert_eq!(
        *asked.borrow(),
        ["https://api/users/1", "https://api/users/2"]
    );
}

#[test]
fn keys_may_be_integers() {
    server();
    let keys: ArrayRef = Arc::new(Int64Array::from(vec![2]));
    let batch = RecordBatch::try_from_iter([("user", keys)]).unwrap();
    let outcome = enriched(&batch, "fault").unwrap();
    assert_eq!(texts(&outcome, "name"), [Some("7".to_owned())]);
}

#[test]
fn a_key_that_cannot_be_had_ends_the_run_is_rejected_or_null() {
    server();
    for key in ["busy", "late"] {
        let fault = enriched(&users(&[Some(key)]), "fault").unwrap_err();
        assert!(matches!(fault, Fault::Transient(_)), "{fault}");
    }
    for key in ["x", "text", ".."] {
        let fault = enriched(&users(&[Some(key)]), "fault").unwrap_err();
        assert!(matches!(fault, Fault::Data(_)), "{fault}");
    }
    let batch = users(&[Some("x"), Some("1"), Some("x")]);
    let outcome = enriched(&batch, "reject").unwrap();
    assert_eq!(texts(&outcome, "name"), [Some("Ada".to_owned())]);
    let rows: Vec<_> = outcome.rejections.iter().map(|row| row.row).collect();
    assert_eq!(rows, [0, 2]);
    assert_eq!(
        outcome.rejections[0].reason,
        "the response for `x` has status 404"
    );
    let outcome = enriched(&batch, "null").unwrap();
    assert_eq!(
        texts(&outcome, "name"),
        [None, Some("Ada".to_owned()), None]
    );
}

#[test]
fn a_key_cannot_name_another_place_of_the_server() {
    let asked = server();
    enriched(&users(&[Some("../a?b=c#é")]), "null").unwrap();
    assert_eq!(
        *asked.borrow(),
        ["https://api/users/..%2Fa%3Fb%3Dc%23%C3%A9"]
    );
}

#[test]
fn the_oldest_answers_are_forgotten_first() {
    let mut answers = Answers::default();
    let answer: Answer = vec![Some("x".to_owned())].into();
    for key in 0..=answers::N_ANSWERS_MAX {
        answers.keep(&key.to_string(), &answer);
    }
    assert!(answers.get("0").is_none());
    assert!(answers.get("1").is_some());
    let large: Answer = vec![Some("x".repeat(16 << 20))].into();
    answers.keep("large", &large);
    assert!(answers.get("10000").is_none());
}

#[test]
fn a_url_without_a_place_for_the_key_and_no_fields_are_refused() {
    let refusal = |params: &str| {
        let bound = Harness::<FetchEnrich>::new(&users(&[]).schema(), params);
        bound.unwrap_err().message().to_owned()
    };
    assert_eq!(
        refusal(r#"{"url": "https://x", "key": "user", "fields": [{"column": "name"}]}"#),
        "parameter `url` is `https://x`, without `{key}` in the place of the key"
    );
    assert_eq!(
        refusal(r#"{"url": "https://x/{key}", "key": "user", "fields": []}"#),
        "parameter `fields` is empty"
    );
}
