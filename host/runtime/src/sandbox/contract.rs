//! The interfaces of `wit/transform.wit` as wasmtime carries them.

use bytes::Bytes;
use wasmtime::component::{ComponentType, Lift, Lower, WasmList, WasmStr};

use crate::columns::FlatField;

/// The package that the interfaces live in.
pub(super) const PACKAGE: &str = "sluicegate:transform";

/// Versions of the package that are offered, newest first.
pub(super) const VERSIONS: &[&str] = &["0.1.0"];

/// The package of what a run may be granted, and its version.
pub(super) const ACCESS: &str = "sluicegate:access";
pub(super) const ACCESS_VERSION: &str = "0.1.0";

/// The interface that a transform exports.
pub(super) const EXPORT: &str = "transform";

#[derive(ComponentType, Lift, Lower)]
#[component(record)]
pub(super) struct Field {
    name: String,
    format: String,
    nullable: bool,
    dictionary: bool,
    children: u32,
    metadata: Vec<(String, String)>,
}

impl From<FlatField> for Field {
    fn from(field: FlatField) -> Self {
        Self {
            name: field.name,
            format: field.format,
            nullable: field.nullable,
            dictionary: field.dictionary,
            children: field.children,
            metadata: field.metadata,
        }
    }
}

impl From<Field> for FlatField {
    fn from(field: Field) -> Self {
        Self {
            name: field.name,
            format: field.format,
            nullable: field.nullable,
            dictionary: field.dictionary,
            children: field.children,
            metadata: field.metadata,
        }
    }
}

/// An array on its way into the guest; its buffers are copied once, straight out of Arrow's.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(super) struct SentArray {
    pub(super) length: u32,
    #[component(name = "null-count")]
    pub(super) null_count: u32,
    pub(super) buffers: Vec<Bytes>,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(super) struct SentColumn {
    pub(super) arrays: Vec<SentArray>,
}

/// An array that a guest emits; its buffers are read where they lie in the guest's memory.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct EmittedArray {
    pub(super) length: u32,
    #[component(name = "null-count")]
    pub(super) null_count: u32,
    pub(super) buffers: Vec<WasmList<u8>>,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct EmittedColumn {
    pub(super) arrays: Vec<EmittedArray>,
}

#[derive(ComponentType, Lift)]
#[component(variant)]
pub(super) enum Selection {
    #[component(name = "all")]
    All,
    #[component(name = "filter")]
    Filter(WasmList<u8>),
    #[component(name = "take")]
    Take(WasmList<u8>),
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct Rejection {
    pub(super) row: u32,
    pub(super) reason: WasmStr,
}

#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "made from the number that the guest passes")]
pub(super) enum Level {
    #[component(name = "trace")]
    Trace,
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
}

#[derive(ComponentType, Lift)]
#[component(variant)]
pub(super) enum Fault {
    #[component(name = "invalid")]
    Invalid(String),
    #[component(name = "data")]
    Data(String),
    #[component(name = "transient")]
    Transient(String),
}

#[derive(ComponentType, Lift)]
#[component(variant)]
pub(super) enum OutputField {
    #[component(name = "pass")]
    Pass(u32),
    #[component(name = "computed")]
    Computed(Vec<Field>),
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct Plan {
    pub(super) reads: Vec<u32>,
    pub(super) output: Vec<OutputField>,
    pub(super) stateless: bool,
}
