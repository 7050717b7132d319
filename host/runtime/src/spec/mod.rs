//! Application files, their parameters, and URIs: text in, plain data out.
//!
//! Nothing here reads a file, the environment or the clock. [`ApplicationFile::parse`] checks all that
//! can be known without parameters, [`ApplicationFile::resolve`] fills them in and yields an
//! [`Application`], in which nothing is left to interpret. Both report every problem that they find,
//! each with its line, its column and the line itself.

mod access;
mod application;
mod bad_rows;
mod contract;
mod document;
mod file;
mod fixture;
mod guess;
mod incremental;
mod input;
mod limit_keys;
mod manifest;
mod nearest;
mod output;
mod parameter;
mod placeholder;
mod quantity;
mod schema;
mod step;
mod type_name;
mod uri;

pub use access::{
    HeaderSecret, HttpRule, Numbers, ObjectAction, ObjectGrant, SecretSource, StepAccess, WallClock,
};
pub use application::{
    Application, Compression, CsvOptions, CsvOutput, Input, InputFormat, JsonOptions, Mode, Origin,
    Output, OutputFormat, ParquetOutput, Partitions, SchemaSource, SortKey, Source, Step,
};
pub use bad_rows::{BadRows, OnError, Share};
pub use contract::{
    Allowance, Compatibility, Contract, ExpectedSchema, Rule, RuleKind, Rules, Severity, Written,
};
pub use file::ApplicationFile;
pub use fixture::{CannedAnswer, FixtureAccess};
pub use limit_keys::{limit_names, set_limit};
pub use manifest::PluginManifest;
pub use nearest::{nearest, nearest_few};
pub use parameter::{Parameter, ParameterType, Value};
pub use quantity::{format_size, parse_duration, parse_size};
pub use schema::{SchemaColumn, parse_schema, schema_to_toml};
pub use uri::{Scheme, Uri};

pub(crate) use document::{Entry, Fields, Kind, Node, Problems, parse as parse_document};
pub(crate) use quantity::clip;
pub(crate) use schema::type_text;

#[cfg(test)]
mod tests;
