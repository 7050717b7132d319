//! Modes that reach beyond the columns.

use std::io::Write;
use std::time::Duration;

use sluicegate_guest::array::{StringArray, UInt64Array};
use sluicegate_guest::http::Request;
use sluicegate_guest::objects::{Error, Folder};
use sluicegate_guest::prelude::*;
use sluicegate_guest::secrets;

use crate::{Mode, Params, stateless};

type Bound = Result<Box<dyn Mode>, Fault>;

/// Bytes that `object-copy` reads at once.
const PIECE_BYTES: u32 = 64 << 10;

/// What is left to copy.
struct Copy(Option<[String; 4]>);

pub fn object_copy(plan: &mut Plan, params: &Params) -> Bound {
    plan.pass_all();
    Ok(Box::new(Copy(Some([
        Params::need("source", &params.source)?.to_owned(),
        Params::need("source_path", &params.source_path)?.to_owned(),
        Params::need("target", &params.target)?.to_owned(),
        Params::need("target_path", &params.target_path)?.to_owned(),
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

pub fn object_list(plan: &mut Plan, params: &Params) -> Bound {
    plan.compute(Field::new("path", DataType::Utf8, false))
        .compute(Field::new("size", DataType::UInt64, false));
    Ok(Box::new(List {
        folder: Params::need("folder", &params.folder)?.to_owned(),
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

pub fn object_errors(plan: &mut Plan, params: &Params) -> Bound {
    fn word<T>(done: Result<T, Error>) -> String {
        done.map_or_else(|error| error.kind().to_string(), |_| "none".to_owned())
    }
    let folder = Folder::open(Params::need("folder", &params.folder)?)?;
    let path = Params::need("path", &params.path)?;
    sluicegate_guest::info!(
        "{} {} {} {}",
        word(Folder::open("undeclared")),
        word(folder.head("absent")),
        word(folder.head("../x")),
        word(folder.create(path)),
    );
    stateless::pass(plan, params)
}

pub fn secret(plan: &mut Plan, params: &Params) -> Bound {
    match secrets::read(Params::need("name", &params.name)?) {
        Ok(secret) => sluicegate_guest::info!("secret {} bytes", secret.len()),
        Err(error) => sluicegate_guest::info!("{}", error.kind()),
    }
    stateless::pass(plan, params)
}

pub fn http(plan: &mut Plan, params: &Params) -> Bound {
    let method = params.method.as_deref().unwrap_or("GET");
    let mut request = Request::new(method, Params::need("url", &params.url)?);
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
    stateless::pass(plan, params)
}
