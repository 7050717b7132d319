//! Fixtures: folders with an input, parameters, and what is expected of them.

pub(super) mod objects;
pub(super) mod row;
pub(super) mod stage;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sluicegate::error::{Error, Result};
use sluicegate::spec::{
    CsvOptions, FixtureAccess, Input, InputFormat, JsonOptions, SchemaSource, nearest,
};

use self::objects::Objects;
use self::row::{Row, text};
use crate::place;

const PARAMS: &str = "params.json";
const SCHEMA: &str = "schema.toml";
const ACCESS: &str = "access.toml";
const OBJECTS: &str = "objects";
const ROWS: &str = "expected.ndjson";
const ERROR: &str = "expected-error.txt";
const REJECTS: &str = "expected-rejects.ndjson";
const EXPECTED_OBJECTS: &str = "expected-objects";

/// What the name of an input begins with; the rest tells its format.
const INPUT: &str = "input.";

/// A fixture.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: String,
    folder: PathBuf,
    /// `input.csv`, `input.ndjson` and so on.
    file: PathBuf,
    /// A file that says the types of the input.
    schema: Option<PathBuf>,
    /// The parameters of the transform: an object.
    pub(super) params: Value,
    /// What it may reach beyond its columns, and who answers.
    access: FixtureAccess,
    /// What is in the folders that it may open before it runs.
    objects: Objects,
    pub(super) expected: Expected,
}

/// What a fixture expects; none where its file is missing.
#[derive(Debug, Default)]
pub(super) struct Expected {
    /// The rows of the output, an object each.
    pub(super) rows: Option<Vec<Row>>,
    /// The rows that are rejected, each with `row` and `reason`.
    pub(super) rejects: Option<Vec<Row>>,
    /// A part of the error.
    pub(super) error: Option<String>,
    /// What is in the folders that the transform may open after the run, all of them.
    pub(super) objects: Objects,
}

/// What a fixture gave.
#[derive(Debug)]
pub(super) enum Actual {
    /// The transform's rows, its rejections, and what is in the folders that it may open.
    Rows(Vec<Row>, Vec<Row>, Objects),
    /// The run failed.
    Failed(Error),
}

/// The fixtures of the project in `folder` with these names, or all.
pub(super) fn chosen(folder: &Path, names: &[String]) -> Result<Vec<Case>> {
    let mut cases = all(&folder.join("fixtures"))?;
    for name in names {
        if !cases.iter().any(|case| case.name == *name) {
            let error = Error::input(format!("there is no fixture `{name}`"));
            let near = nearest(name, cases.iter().map(|case| case.name.as_str()));
            return Err(match near {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error,
            });
        }
    }
    cases.retain(|case| names.is_empty() || names.contains(&case.name));
    Ok(cases)
}

/// The fixtures in `folder`, by name.
fn all(folder: &Path) -> Result<Vec<Case>> {
    let shown = folder.display();
    let entries = fs::read_dir(folder).map_err(|cause| {
        Error::input(format!("there are no fixtures in `{shown}`: {cause}")).hint(
            "a fixture is a folder there, with `input.csv` and, unless you run `sluice plugin test --update`, \
             what is expected of it",
        )
    })?;
    let mut names = BTreeSet::new();
    for entry in entries {
        let entry = entry.map_err(|cause| Error::storage(cause.to_string()))?;
        if entry.path().is_dir() {
            names.insert(entry.file_name());
        }
    }
    if names.is_empty() {
        return Err(Error::input(format!("there are no fixtures in `{shown}`")));
    }
    names
        .iter()
        .map(|name| Case::open(&folder.join(name)))
        .collect()
}

impl Case {
    fn open(folder: &Path) -> Result<Self> {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let inside = |file: &str| Some(folder.join(file)).filter(|path| path.is_file());
        let params = match inside(PARAMS) {
            Some(path) => object(&path, &place::read_text(&path)?)?,
            None => Value::Object(serde_json::Map::new()),
        };
        let lines = |file| inside(file).map(|path| rows(&path)).transpose();
        let error = inside(ERROR)
            .map(|path| place::read_text(&path))
            .transpose()?;
        let access = match inside(ACCESS) {
            Some(path) => access(&path, &folder.join(OBJECTS))?,
            None => FixtureAccess::default(),
        };
        let objects = Objects::of(&access.step, &folder.join(OBJECTS))?;
        let changed = Objects::of(&access.step, &folder.join(EXPECTED_OBJECTS))?;
        let expected = Expected {
            rows: lines(ROWS)?,
            rejects: lines(REJECTS)?,
            error: error.map(|text| text.trim().to_owned()),
            objects: objects.replaced_by(&changed),
        };
        let has_rows = expected.rows.is_some() || expected.rejects.is_some();
        if expected.error.is_some() && (has_rows || !changed.is_empty()) {
            let folder = folder.display();
            return Err(Error::input(format!(
                "`{folder}` expects an error and rows or objects; a run that fails leaves nothing"
            )));
        }
        Ok(Self {
            name: name.into_owned(),
            file: input_file(folder)?,
            schema: inside(SCHEMA),
            params,
            access,
            objects,
            expected,
            folder: folder.to_owned(),
        })
    }

    /// The input, as a run reads it.
    pub(super) fn input(&self) -> Result<Input> {
        let uri = place::uri(&self.file)?;
        let mut input = Input::guess("input", uri, &self.file.to_string_lossy())?;
        if let Some(path) = &self.schema {
            let file = SchemaSource::File(place::uri(path)?);
            match &mut input.format {
                InputFormat::Csv(CsvOptions { schema, .. })
                | InputFormat::Json(JsonOptions { schema, .. }) => *schema = file,
                InputFormat::Parquet | InputFormat::Arrow => {
                    let shown = path.display();
                    return Err(Error::input(format!("`{shown}` is for csv and json only")));
                }
            }
        }
        Ok(input)
    }

    /// Writes down what the fixture gave as what it expects.
    pub(super) fn update(&self, actual: &Actual) -> Result<()> {
        let (rows, rejects, error) = match actual {
            Actual::Rows(rows, rejects, objects) => {
                let changed = objects.differing_from(&self.objects);
                changed.write(&self.folder.join(EXPECTED_OBJECTS))?;
                (Some(text(rows)), Some(text(rejects)), None)
            }
            Actual::Failed(error) => {
                Objects::default().write(&self.folder.join(EXPECTED_OBJECTS))?;
                (None, None, Some(format!("{}\n", error.message())))
            }
        };
        // A file without a line says nothing that its absence would not say.
        let rejects = rejects.filter(|text| !text.is_empty());
        for (file, text) in [(ROWS, rows), (REJECTS, rejects), (ERROR, error)] {
            let path = self.folder.join(file);
            match text {
                Some(text) => place::write(&path, text.as_bytes())?,
                None if path.exists() => fs::remove_file(&path).map_err(|cause| {
                    Error::storage(cause.to_string())
                        .context(format!("remove `{}`", path.display()))
                })?,
                None => {}
            }
        }
        Ok(())
    }
}

/// The one input of a fixture; every other file is one of those that are known.
fn input_file(folder: &Path) -> Result<PathBuf> {
    let shown = folder.display();
    let mut inputs = Vec::new();
    let entries = fs::read_dir(folder)
        .map_err(|cause| Error::storage(cause.to_string()).context(format!("read `{shown}`")))?;
    for entry in entries.filter_map(std::result::Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let known = [
            PARAMS,
            SCHEMA,
            ACCESS,
            OBJECTS,
            ROWS,
            ERROR,
            REJECTS,
            EXPECTED_OBJECTS,
        ];
        if name.starts_with(INPUT) {
            inputs.push(entry.path());
        } else if !name.starts_with('.') && !known.contains(&name.as_str()) {
            let near = nearest(
                &name,
                known.into_iter().chain(["input.csv", "input.ndjson"]),
            );
            let hint = near.map_or_else(
                || {
                    format!(
                        "a fixture has `input.csv` or another format, and {}",
                        known.join(", ")
                    )
                },
                |near| format!("did you mean `{near}`?"),
            );
            return Err(Error::input(format!("`{shown}` has an unknown file `{name}`")).hint(hint));
        }
    }
    match inputs.pop() {
        Some(input) if inputs.is_empty() => Ok(input),
        Some(_) => Err(Error::input(format!("`{shown}` has several inputs"))),
        None => Err(Error::input(format!("`{shown}` has no input"))
            .hint("add `input.csv`, `input.ndjson`, `input.parquet` or `input.arrow`")),
    }
}

fn access(path: &Path, objects: &Path) -> Result<FixtureAccess> {
    let (text, origin) = (place::read_text(path)?, path.to_string_lossy());
    FixtureAccess::parse(&text, &origin, &place::uri(objects)?.as_folder())
}

fn object(path: &Path, text: &str) -> Result<Value> {
    let value = serde_json::from_str(text)
        .map_err(|cause| Error::input(format!("`{}` is no JSON: {cause}", path.display())))?;
    match value {
        Value::Object(_) => Ok(value),
        _ => Err(Error::input(format!(
            "`{}` is no JSON object",
            path.display()
        ))),
    }
}

/// The rows of a file.
fn rows(path: &Path) -> Result<Vec<Row>> {
    Row::parse_all(&place::read_text(path)?, &path.display().to_string())
}
