//! The conformance guest in Rust for what lies beyond the columns: objects, secrets and HTTP. What each mode does is written in
//! `tests/conformance/README.md`.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use serde::Deserialize;
use sluicegate_guest::array::{StringArray, UInt64Array};
use sluicegate_guest::http::Request;
use sluicegate_guest::objects::{Error, Folder};
use sluicegate_guest::prelude::*;
use sluicegate_guest::secrets;

/// What an application may set, each for the modes that use it.
#[derive(Deserialize)]
struct Params {
    mode: String,
    source: Option<String>,
    source_path: Option<String>,
    target: Option<String>,
    target_path: Option<String>,
    folder: Option<String>,
    prefix: Option<String>,
    path: Option<String>,
    name: Option<String>,
    method: Option<String>,
    url: Option<String>,
    body: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    timeout_ms: Option<u64>,
}

/// What a mode does with batches.
trait Mode {
    fn process(&mut self, _: &Batch, out: &mut Output<'_>) -> Result<(), Fault> {
        out.all(&[])
    }

    fn finish(&mut self, _: &mut Output<'_>) -> Result<(), Fault> {
        Ok(())
    }
}

type Bound = Result<Box<dyn Mode>, Fault>;
type Bind = fn(&mut Plan, &Params) -> Bound;

const MODES: [(&str, Bind); 6] = [
    ("object-copy", object_copy),
    ("object-list", object_list),
    ("object-errors", object_errors),
    ("secret", secret),
    ("http", http),
    ("until-changed", until_changed),
];

/// The guest, in one of its modes.
struct Access(Box<dyn Mode>);

impl Transform for Access {
    type Params = Params;

    fn bind(plan: &mut Plan, params: Params) -> Result<Self, Fault> {
        let known = MODES.iter().find(|(name, _)| *name == params.mode);
        let Some((_, bind)) = known else {
            let names = MODES.map(|(name, _)| name).join(", ");
            let mode = params.mode;
            return Err(Fault::invalid(format!(
                "mode `{mode}` is not known; there are {names}"
            )));
        };
        bind(plan, &params).map(Self)
    }

    fn process(&mut self, batch: &Batch, out: &mut Output<'_>) -> Result<(), Fault> {
        self.0.process(batch, out)
    }

    fn finish(&mut self, out: &mut Output<'_>) -> Result<(), Fault> {
        self.0.finish(out)
    }
}

sluicegate_guest::export!(Access);

/// A parameter that a mode needs.
fn need<'a>(name: &str, value: &'a Option<String>) -> Result<&'a str, Fault> {
    let missing = || Fault::invalid(format!("parameter `{name}` is missing"));
    value.as_deref().ok_or_else(missing)
}

/// Emits all rows.
struct Pass;

impl Mode for Pass {}

fn pass(plan: &mut Plan) -> Bound {
    plan.pass_all().stateless();
    Ok(Box::new(Pass))
}

/// Bytes that `object-copy` reads at once.
const PIECE_BYTES: u32 = 64 << 10;

/// What is left to copy.
struct Copy(Option<[String; 4]>);

fn object_copy(plan: &mut Plan, params: &Params) -> Bound {
    plan.pass_all();
    Ok(Box::new(Copy(Some([
        need("source", &params.source)?.to_owned(),
        need("source_path", &params.source_path)?.to_owned(),
        need("target", &params.target)?.to_owned(),
        need("target_path", &params.target_path)?.to_owned(),
    ]))))
}

impl Mode for Copy {
    fn process(&mut self, _: &Batch, out: &mut Output<'_>) -> Result<(), Fault> {
        if let Some([source, source_path, target, target_path]) = self.0.take() {
            let source = Folder::open(&source)?;
            let mut writer = Folder::open(&target)?.create(&target_path)?;
            let mut offset = 0;
            loop {
                let piece = source.read(&source_path, offset, PIECE_BYTES)?;
                writer.write_all(&piece)?;
                offset += piece.len() as u64;
                if piece.len() < PIECE_BYTES as usize {
                    break;
                }
            }
            writer.finish()?;
        }
        out.all(&[])
    }
}

struct List {
    folder: String,
    prefix: String,
}

fn object_list(plan: &mut Plan, params: &Params) -> Bound {
    plan.compute(Field::new("path", DataType::Utf8, false))
        .compute(Field::new("size", DataType::UInt64, false));
    Ok(Box::new(List {
        folder: need("folder", &params.folder)?.to_owned(),
        prefix: params.prefix.clone().unwrap_or_default(),
    }))
}

impl Mode for List {
    fn process(&mut self, _: &Batch, _: &mut Output<'_>) -> Result<(), Fault> {
        Ok(())
    }

    fn finish(&mut self, out: &mut Output<'_>) -> Result<(), Fault> {
        let folder = Folder::open(&self.folder)?;
        let objects: Vec<_> = folder.list(&self.prefix).collect::<Result<_, _>>()?;
        let paths = StringArray::from_iter_values(objects.iter().map(|object| &object.path));
        let sizes = UInt64Array::from_iter_values(objects.iter().map(|object| object.size));
        out.rows(&[&paths, &sizes])
    }
}

fn object_errors(plan: &mut Plan, params: &Params) -> Bound {
    fn word<T>(done: Result<T, Error>) -> String {
        done.map_or_else(|error| error.kind().to_string(), |_| "none".to_owned())
    }
    let folder = Folder::open(need("folder", &params.folder)?)?;
    let path = need("path", &params.path)?;
    sluicegate_guest::info!(
        "{} {} {} {}",
        word(Folder::open("undeclared")),
        word(folder.head("absent")),
        word(folder.head("../x")),
        word(folder.create(path)),
    );
    pass(plan)
}

fn secret(plan: &mut Plan, params: &Params) -> Bound {
    match secrets::read(need("name", &params.name)?) {
        Ok(secret) => sluicegate_guest::info!("secret {} bytes", secret.len()),
        Err(error) => sluicegate_guest::info!("{}", error.kind()),
    }
    pass(plan)
}

fn http(plan: &mut Plan, params: &Params) -> Bound {
    let method = params.method.as_deref().unwrap_or("GET");
    let mut request = Request::new(method, need("url", &params.url)?);
    for (name, value) in &params.headers {
        request = request.header(name, value);
    }
    if let Some(timeout_ms) = params.timeout_ms {
        request = request.timeout(Duration::from_millis(timeout_ms));
    }
    request.body = params.body.clone().unwrap_or_default().into_bytes();
    match request.send() {
        Ok(response) => {
            sluicegate_guest::info!("{} {}", response.status, response.body.len());
        }
        Err(error) => sluicegate_guest::info!("{}", error.kind()),
    }
    pass(plan)
}

/// What is asked for over and over.
enum Asked {
    Secret(String),
    Head(String, String),
}

fn until_changed(plan: &mut Plan, params: &Params) -> Bound {
    plan.pass_all();
    Ok(Box::new(match &params.name {
        Some(name) => Asked::Secret(name.clone()),
        None => Asked::Head(
            need("folder", &params.folder)?.to_owned(),
            need("path", &params.path)?.to_owned(),
        ),
    }))
}

impl Asked {
    fn answer(&self) -> String {
        match self {
            Self::Secret(name) => match secrets::read(name) {
                Ok(secret) => secret,
                Err(error) => error.kind().to_string(),
            },
            Self::Head(folder, path) => {
                match Folder::open(folder).and_then(|folder| folder.head(path)) {
                    Ok(object) => object.size.to_string(),
                    Err(error) => error.kind().to_string(),
                }
            }
        }
    }
}

impl Mode for Asked {
    fn process(&mut self, _: &Batch, out: &mut Output<'_>) -> Result<(), Fault> {
        let first = self.answer();
        loop {
            let answer = self.answer();
            if answer != first {
                sluicegate_guest::info!("was {first}, is {answer}");
                return out.all(&[]);
            }
        }
    }
}
