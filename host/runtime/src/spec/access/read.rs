//! Reads what a step declares, and the secrets of an application.

use super::{
    HeaderSecret, HttpRule, Numbers, ObjectAction, ObjectGrant, SecretSource, StepAccess, WallClock,
};
use crate::spec::document::{Entry, Fields, Kind, Node, Problems};
use crate::spec::input::read_uri;
use crate::spec::quantity::clip;
use crate::spec::step::{is_name, malformed_name};
use crate::spec::uri::Uri;

/// Keys of a step that are read here.
pub(crate) const STEP_KEYS: [&str; 5] = ["objects", "http", "secrets", "clock", "random"];

/// Folders, rules of requests, secrets of a step, and headers of a rule: a person wrote them.
const ENTRIES_MAX: usize = 64;

/// Words of a command, and bytes of each.
const WORDS_MAX: usize = 64;
const WORD_BYTES_MAX: usize = 4096;

const ACTIONS: [(&str, ObjectAction); 6] = [
    ("list", ObjectAction::List),
    ("head", ObjectAction::Head),
    ("get", ObjectAction::Get),
    ("create", ObjectAction::Create),
    ("overwrite", ObjectAction::Overwrite),
    ("delete", ObjectAction::Delete),
];

pub(crate) const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Headers that the connection needs for itself, or that say for whom a request is.
const RESERVED_HEADERS: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What the folders of a step are read with.
#[derive(Clone, Copy)]
pub(crate) enum Folders<'a> {
    /// Each says where it is, relative to here or in full.
    Anywhere(&'a Uri),
    /// Each is here, under its own name.
    Below(&'a Uri),
}

/// Reads what a step declares; `secrets` are the names that the application has.
pub(crate) fn read(
    fields: &Fields<'_>,
    secrets: &[&str],
    folders: Folders<'_>,
    problems: &Problems,
) -> Option<StepAccess> {
    let (Folders::Anywhere(base) | Folders::Below(base)) = folders;
    let objects = fields.or("objects", Vec::new(), |node| {
        let entries = node.table("the step's folders", problems)?;
        few(node, entries.len(), "folders", problems)?;
        let read = entries.iter().map(|entry| folder(entry, folders, problems));
        read.collect::<Vec<_>>().into_iter().collect()
    });
    let http = fields.or("http", Vec::new(), |node| {
        let rules = node.array("an array of rules", problems)?;
        few(node, rules.len(), "rules", problems)?;
        let read = rules.iter().map(|node| rule(node, secrets, base, problems));
        read.collect::<Vec<_>>().into_iter().collect()
    });
    let readable = fields.or("secrets", Vec::new(), |node| {
        let names = node.strings(problems)?;
        few(node, names.len(), "secrets", problems)?;
        for name in &names {
            known_secret(node, name, secrets, problems)?;
        }
        Some(names)
    });
    let clock = fields.or("clock", WallClock::default(), |node| {
        let words = [("frozen", WallClock::Frozen), ("real", WallClock::Real)];
        node.choice(&words, problems)
    });
    let random = fields.or("random", Numbers::default(), |node| {
        let words = [("seeded", Numbers::Seeded), ("real", Numbers::Real)];
        node.choice(&words, problems)
    });
    Some(StepAccess {
        objects: objects?,
        http: http?,
        secrets: readable?,
        clock: clock?,
        random: random?,
    })
}

fn few(node: &Node, count: usize, what: &str, problems: &Problems) -> Option<()> {
    if count > ENTRIES_MAX {
        problems.add(
            &node.span,
            format!("{count} {what}, expected at most {ENTRIES_MAX}"),
        );
        return None;
    }
    Some(())
}

fn folder(entry: &Entry, folders: Folders<'_>, problems: &Problems) -> Option<ObjectGrant> {
    const KEYS: [&str; 2] = ["uri", "actions"];
    if !is_name(&entry.key) {
        problems.add(&entry.span, malformed_name("folder", &entry.key));
        return None;
    }
    let fields = Fields::new(&entry.value, &entry.span, "the folder", &KEYS, problems)?;
    let uri = match folders {
        Folders::Anywhere(base) => fields
            .required("uri")
            .and_then(|node| folder_uri(node, base, problems)),
        Folders::Below(base) => {
            let why = format!("is not said here: the folder is `objects/{}`", entry.key);
            fields.refuse(&["uri"], &why);
            Uri::parse(&entry.key, Some(base))
                .ok()
                .map(|uri| uri.as_folder())
        }
    };
    let reading = vec![ObjectAction::List, ObjectAction::Head, ObjectAction::Get];
    let actions = fields.or("actions", reading, |node| {
        let nodes = node.array("an array of actions", problems)?;
        let actions: Option<Vec<_>> = nodes
            .iter()
            .map(|node| node.choice(&ACTIONS, problems))
            .collect();
        let mut actions = actions?;
        actions.sort_unstable();
        actions.dedup();
        Some(actions)
    });
    Some(ObjectGrant {
        name: entry.key.clone(),
        uri: uri?,
        actions: actions?,
    })
}

fn folder_uri(node: &Node, base: &Uri, problems: &Problems) -> Option<Uri> {
    let uri = read_uri(node, base, problems)?;
    if uri.pattern().is_some() || uri.scheme().is_web() {
        let hint = "name a folder, such as `lookup/` or `s3://bucket/lookup/`";
        problems.add_with_hint(&node.span, "a glob or a web address is no folder", hint);
        return None;
    }
    Some(uri.as_folder())
}

fn rule(node: &Node, secrets: &[&str], base: &Uri, problems: &Problems) -> Option<HttpRule> {
    const KEYS: [&str; 5] = ["url", "methods", "headers", "addresses", "ca_file"];
    let fields = Fields::new(node, &node.span, "the rule", &KEYS, problems)?;
    let url = fields.required("url").and_then(|node| {
        let text = node.string(problems)?;
        match url_of(&text) {
            Ok(url) => Some(url),
            Err(flaw) => {
                let hint = "such as `https://api.example.com/v1/*`, a `*` at the end for all below";
                problems.add_with_hint(&node.span, flaw, hint);
                None
            }
        }
    });
    let methods = fields.or("methods", vec!["GET", "HEAD"], |node| {
        let words = METHODS.map(|word| (word, word));
        let nodes = node.array("an array of methods", problems)?;
        nodes
            .iter()
            .map(|node| node.choice(&words, problems))
            .collect()
    });
    let headers = fields.or("headers", Vec::new(), |node| {
        let entries = node.table("the rule's headers", problems)?;
        few(node, entries.len(), "headers", problems)?;
        let read = entries.iter().map(|entry| header(entry, secrets, problems));
        read.collect::<Vec<_>>().into_iter().collect()
    });
    let addresses = fields.strings_or_empty("addresses");
    let ca_file = fields.or("ca_file", None, |node| {
        read_uri(node, base, problems).map(Some)
    });
    let (scheme_is_tls, host, port, path) = url?;
    Some(HttpRule {
        tls: scheme_is_tls,
        host,
        port,
        path,
        methods: methods?.into_iter().map(str::to_owned).collect(),
        headers: headers?,
        addresses: addresses?,
        ca_file: ca_file?,
    })
}

/// Whether a URL is over TLS, its host, its port and its path.
fn url_of(text: &str) -> Result<(bool, String, u16, String), String> {
    let told = clip(text);
    let (tls, rest) = if let Some(rest) = text.strip_prefix("https://") {
        (true, rest)
    } else if let Some(rest) = text.strip_prefix("http://") {
        (false, rest)
    } else {
        return Err(format!("`{told}` is no web address"));
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if path.is_empty() {
        return Err(format!("`{told}` has no path, `/*` for all of the server"));
    }
    let stars = path.matches('*').count();
    if stars > 1 || stars == 1 && !path.ends_with("/*") {
        return Err(format!(
            "`{told}` has a `*` elsewhere than at the end, after `/`"
        ));
    }
    if path.contains(['?', '#', '%', '\\', ';']) || !path.is_ascii() {
        return Err(format!(
            "`{told}` has a query, or an escaped or odd character, in its path"
        ));
    }
    let odd = |name: &str| matches!(name, "." | "..");
    if path.split('/').any(odd) || path.contains("//") {
        return Err(format!(
            "`{told}` has an empty name, `.` or `..` in its path"
        ));
    }
    // The parser of URLs is the one that decides what a host is: it also reads addresses in odd forms.
    let parsed = url::Url::parse(&format!(
        "{}://{authority}/",
        if tls { "https" } else { "http" }
    ))
    .map_err(|cause| format!("`{told}` has a malformed host: {cause}"))?;
    let host = parsed
        .host_str()
        .unwrap_or_default()
        .trim_end_matches('.')
        .to_owned();
    let plain = authority
        .rsplit_once(':')
        .map_or(authority, |(host, port)| {
            if port.chars().all(|c| c.is_ascii_digit()) {
                host
            } else {
                authority
            }
        });
    if host.is_empty()
        || authority.contains('@')
        || !plain.trim_end_matches('.').eq_ignore_ascii_case(&host)
    {
        return Err(format!("`{told}` has a host in an odd form"));
    }
    let port = parsed.port().unwrap_or(if tls { 443 } else { 80 });
    Ok((tls, host, port, path.to_owned()))
}

fn header(entry: &Entry, secrets: &[&str], problems: &Problems) -> Option<HeaderSecret> {
    const KEYS: [&str; 2] = ["secret", "prefix"];
    let name = entry.key.to_ascii_lowercase();
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || !name.chars().all(legal) || RESERVED_HEADERS.contains(&name.as_str()) {
        let message = format!("`{}` is no header that can be set", clip(&entry.key));
        problems.add(&entry.span, message);
        return None;
    }
    let fields = Fields::new(&entry.value, &entry.span, "the header", &KEYS, problems)?;
    let secret = fields.required("secret").and_then(|node| {
        let secret = node.string(problems)?;
        known_secret(node, &secret, secrets, problems)?;
        Some(secret)
    });
    let prefix = fields.text_or_empty("prefix");
    Some(HeaderSecret {
        name,
        secret: secret?,
        prefix: prefix?,
    })
}

fn known_secret(node: &Node, name: &str, secrets: &[&str], problems: &Problems) -> Option<()> {
    if secrets.contains(&name) {
        return Some(());
    }
    let message = format!("unknown secret `{}`", clip(name));
    problems.add_unknown(&node.span, message, name, secrets);
    None
}

/// Reads where a secret comes from.
pub(crate) fn secret(
    entry: &Entry,
    base: &Uri,
    problems: &Problems,
) -> Option<(String, SecretSource)> {
    const KEYS: [&str; 4] = ["env", "file", "command", "description"];
    if !is_name(&entry.key) {
        problems.add(&entry.span, malformed_name("secret", &entry.key));
    }
    if let Kind::String(_) = entry.value.kind {
        // The value itself, most likely: it is not repeated.
        let hint = "say where it comes from: `{ env = \"NAME\" }`, `{ file = \"path\" }` or `{ command = [\"…\"] }`";
        problems.add_secret(
            &entry.span,
            "a secret does not stand in an application file",
            hint,
        );
        return None;
    }
    let fields = Fields::new(&entry.value, &entry.span, "the secret", &KEYS, problems)?;
    let _ = fields.text_or_empty("description");
    let given: Vec<_> = KEYS[..3]
        .iter()
        .filter_map(|key| fields.entry(key))
        .collect();
    let [source] = given.as_slice() else {
        fields.whole("has not exactly one source", "`env`, `file` or `command`");
        return None;
    };
    let node = &source.value;
    let source = match source.key.as_str() {
        "env" => SecretSource::Environment(node.string(problems)?),
        "file" => SecretSource::File(read_uri(node, base, problems)?),
        _ => {
            let words = node.strings(problems)?;
            let long = words.iter().any(|word| word.len() > WORD_BYTES_MAX);
            if words.is_empty() || words.len() > WORDS_MAX || long {
                let message = format!(
                    "a command has 1 to {WORDS_MAX} words of at most {WORD_BYTES_MAX} bytes"
                );
                problems.add(&node.span, message);
                return None;
            }
            SecretSource::Command(words)
        }
    };
    Some((entry.key.clone(), source))
}
