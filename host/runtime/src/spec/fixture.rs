//! `access.toml`: what a fixture lets its transform reach, and who answers.

use std::collections::BTreeMap;

use super::access::{self, Folders, METHODS, STEP_KEYS, StepAccess};
use super::document::{self, Entry, Fields, Node, Problems};
use super::quantity::clip;
use super::step::{is_name, malformed_name};
use super::uri::Uri;
use crate::error::{Error, Result};

/// Answers of a fixture: a person wrote them.
const ANSWERS_MAX: usize = 1_000;

/// Times that one answer may be expected: more than a run may send.
const TIMES_MAX: u64 = 1_000_000;

/// What a fixture lets its transform reach beyond its columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FixtureAccess {
    /// What the step declares, in the words of an application. Its folders are where the fixture has them, and nothing
    /// of it says whom to trust, as no connection is made.
    pub step: StepAccess,
    /// Made-up values of secrets, by name.
    pub secrets: BTreeMap<String, String>,
    /// In the order of the file.
    pub answers: Vec<CannedAnswer>,
}

/// What is answered to a request in place of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CannedAnswer {
    /// Of the request; in capitals.
    pub method: String,
    /// Of the request: in full, with its query.
    pub url: String,
    /// Headers that the request has to have, among others; names in lower case.
    pub request_headers: Vec<(String, String)>,
    /// What the request's body has to be, if that matters.
    pub request_body: Option<String>,
    /// 200 to 599.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The answer's body.
    pub body: String,
    /// How often exactly it is asked for; any number where it is not said.
    pub times: Option<u64>,
}

impl FixtureAccess {
    /// Reads the text of an `access.toml`; `origin` names it in errors, and `folder` has the folders of objects, each
    /// under its own name.
    ///
    /// # Errors
    ///
    /// Fails with every problem, each with its line, column and text.
    pub fn parse(text: &str, origin: &str, folder: &Uri) -> Result<Self> {
        let root = document::parse(text, origin)?;
        let problems = Problems::default();
        let read = read(&root, folder, &problems);
        problems.into_result(text, origin)?;
        read.ok_or_else(|| Error::internal("access.toml is neither read nor refused"))
    }
}

fn read(root: &Node, folder: &Uri, problems: &Problems) -> Option<FixtureAccess> {
    const KEYS: [&str; 3] = ["step", "secrets", "answers"];
    let fields = Fields::new(root, &(0..0), "access.toml", &KEYS, problems)?;
    let secrets = fields.or("secrets", BTreeMap::new(), |node| {
        let entries = node.table("the secrets", problems)?;
        let read = entries.iter().map(|entry| secret(entry, problems));
        read.collect::<Vec<_>>().into_iter().collect()
    });
    let entries = fields.get("secrets");
    let entries = entries.and_then(|node| node.table("the secrets", &Problems::default()));
    let names: Vec<_> = entries
        .unwrap_or_default()
        .iter()
        .map(|entry| entry.key.as_str())
        .collect();
    let step = fields.or("step", StepAccess::default(), |node| {
        let fields = Fields::new(node, &(0..0), "the step", &STEP_KEYS, problems)?;
        access::read(&fields, &names, Folders::Below(folder), problems)
    });
    let answers = fields.or("answers", Vec::new(), |node| {
        let nodes = node.array("an array of answers", problems)?;
        if nodes.len() > ANSWERS_MAX {
            let message = format!("{} answers, expected at most {ANSWERS_MAX}", nodes.len());
            problems.add(&node.span, message);
            return None;
        }
        let read = nodes.iter().map(|node| answer(node, problems));
        read.collect::<Vec<_>>().into_iter().collect()
    });
    let mut step = step?;
    for rule in &mut step.http {
        rule.ca_file = None;
    }
    Some(FixtureAccess {
        step,
        secrets: secrets?,
        answers: answers?,
    })
}

fn secret(entry: &Entry, problems: &Problems) -> Option<(String, String)> {
    let Entry { key, span, value } = entry;
    if !is_name(key) {
        problems.add(span, malformed_name("secret", key));
        return None;
    }
    let text = value.string(problems)?;
    if text.is_empty() {
        problems.add(&value.span, "a secret is not empty");
        return None;
    }
    Some((key.clone(), text))
}

fn answer(node: &Node, problems: &Problems) -> Option<CannedAnswer> {
    const KEYS: [&str; 8] = [
        "method",
        "url",
        "request_headers",
        "request_body",
        "status",
        "headers",
        "body",
        "times",
    ];
    let fields = Fields::new(node, &node.span, "the answer", &KEYS, problems)?;
    let method = fields.or("method", "GET", |node| {
        node.choice(&METHODS.map(|word| (word, word)), problems)
    });
    let url = fields
        .required("url")
        .and_then(|node| full_url(node, problems));
    let request_headers = fields.or("request_headers", Vec::new(), |node| {
        headers(node, problems)
    });
    let request_body = fields.or("request_body", None, |node| node.string(problems).map(Some));
    let status = fields.or("status", 200, |node| node.integer(200, 599, problems));
    let answered = fields.or("headers", Vec::new(), |node| headers(node, problems));
    let body = fields.text_or_empty("body");
    let times = fields.or("times", None, |node| {
        node.integer(1, TIMES_MAX, problems).map(Some)
    });
    Some(CannedAnswer {
        method: method?.to_owned(),
        url: url?,
        request_headers: request_headers?,
        request_body: request_body?,
        status: u16::try_from(status?).ok()?,
        headers: answered?,
        body: body?,
        times: times?,
    })
}

/// A URL as a request has it: its host in lower case, without the port that its scheme stands for.
fn full_url(node: &Node, problems: &Problems) -> Option<String> {
    let text = node.string(problems)?;
    let parsed = url::Url::parse(&text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.fragment().is_none()
            && url.username().is_empty()
    });
    if parsed.is_none() || text.contains('*') {
        let message = format!("`{}` is no URL of one request", clip(&text));
        let hint = "such as `https://api.example.com/v1/customers/7?full=yes`";
        problems.add_with_hint(&node.span, message, hint);
        return None;
    }
    parsed.map(String::from)
}

fn headers(node: &Node, problems: &Problems) -> Option<Vec<(String, String)>> {
    let entries = node.table("the headers", problems)?;
    let read = entries.iter().map(|entry| header(entry, problems));
    read.collect::<Vec<_>>().into_iter().collect()
}

fn header(entry: &Entry, problems: &Problems) -> Option<(String, String)> {
    let value = entry.value.string(problems)?;
    let name = http::HeaderName::try_from(&entry.key);
    if name.is_err() || http::HeaderValue::try_from(&value).is_err() {
        let message = format!("`{}` is no header", clip(&entry.key));
        problems.add(&entry.span, message);
        return None;
    }
    Some((entry.key.to_ascii_lowercase(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<FixtureAccess> {
        let folder = Uri::parse_folder("/fixture/objects").unwrap();
        FixtureAccess::parse(text, "access.toml", &folder)
    }

    #[test]
    fn a_step_is_declared_as_in_an_application() {
        let access = parse(
            "[secrets]\ntoken = \"made up\"\n[step]\nclock = \"real\"\n[step.objects.lookup]\nactions = [\"get\"]\n\
             [[step.http]]\nurl = \"https://api.example.com/v1/*\"\nca_file = \"ca.pem\"\n\
             headers = { authorization = { secret = \"token\" } }\n[[answers]]\nurl = \"https://API.example.com:443/v1/7?a=b\"\n",
        )
        .unwrap();
        assert_eq!(
            access.step.objects[0].uri.to_string(),
            "file:///fixture/objects/lookup/"
        );
        assert_eq!(access.step.http[0].ca_file, None);
        let expected = CannedAnswer {
            method: "GET".to_owned(),
            url: "https://api.example.com/v1/7?a=b".to_owned(),
            status: 200,
            ..CannedAnswer::default()
        };
        assert_eq!(access.answers, [expected]);
    }

    #[test]
    fn every_problem_is_told_with_its_line() {
        let text = "[secrets]\ntoken = \"\"\n[step]\nsecrets = [\"tokn\"]\n[step.objects.lookup]\nuri = \"lookup\"\n\
                    [[answers]]\nurl = \"https://x/*\"\nstatus = 99\nmethod = \"FETCH\"\nheaders = { \"a b\" = \"c\" }\n\
                    times = 0\nreply = \"x\"\n";
        let error = parse(text).unwrap_err().to_string();
        for part in [
            "access.toml:2:9: a secret is not empty",
            "access.toml:4:12: unknown secret `tokn`",
            "did you mean `token`?",
            "access.toml:6:1: `uri` is not said here: the folder is `objects/lookup`",
            "access.toml:8:7: `https://x/*` is no URL of one request",
            "access.toml:9:10: `99` is out of bounds",
            "access.toml:10:10: unknown value `FETCH`",
            "access.toml:11:13: `a b` is no header",
            "access.toml:12:9: `0` is out of bounds",
            "access.toml:13:1: unknown key `reply` in the answer",
        ] {
            assert!(error.contains(part), "{part} is not in:\n{error}");
        }
    }
}
