//! The component's side of the contract: generated bindings, and the little that joins them to the crate.
//!
//! Public only for the code that [`export!`](crate::export) generates.

use std::cell::RefCell;
use std::thread::LocalKey;

use arrow_buffer::Buffer;

use self::bindings::exports::sluicegate::transform::transform as exports;
use self::bindings::sluicegate::transform::{columns, input, log as log_import, output};
use crate::flat::{FlatArray, FlatColumn, FlatField, Trust};
use crate::instance::{FlatOutput, Host};
use crate::log::Level;
use crate::output::Selection;
use crate::{Fault, Transform};

pub use crate::instance::Instance;

#[allow(
    clippy::all,
    clippy::pedantic,
    clippy::restriction,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unsafe_code,
    unused_qualifications,
    reason = "generated"
)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "transformer",
        ownership: Borrowing { duplicate_if_necessary: true },
        pub_export_macro: true,
        default_bindings_module: "sluicegate_guest::component::bindings",
    });
}

/// The interfaces `objects` and `secrets`. A component imports those that it calls.
#[cfg(any(feature = "objects", feature = "secrets"))]
#[allow(
    clippy::all,
    clippy::pedantic,
    clippy::restriction,
    dead_code,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unsafe_code,
    unused_qualifications,
    reason = "generated"
)]
pub(crate) mod access {
    wit_bindgen::generate!({
        path: "../../wit/access",
        world: "accessor",
    });
}

/// Requests over HTTP.
#[cfg(feature = "http")]
#[allow(
    clippy::all,
    clippy::pedantic,
    clippy::restriction,
    dead_code,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unsafe_code,
    unused_qualifications,
    reason = "generated"
)]
pub(crate) mod outgoing {
    wit_bindgen::generate!({
        path: ["../../wit/wasi/io.wit", "../../wit/wasi/clocks.wit", "../../wit/wasi/http.wit"],
        inline: "package sluicegate:sdk; world requests { import wasi:http/outgoing-handler@0.2.12; }",
        world: "requests",
        generate_all,
    });
}

/// Where the exported component keeps its instance.
pub type Slot<T> = LocalKey<RefCell<Option<Instance<T>>>>;

/// The export `bind`.
///
/// # Errors
///
/// Those of [`Transform::bind`].
pub fn bind<T: Transform>(
    slot: &'static Slot<T>,
    schema: Vec<columns::Field>,
    params: &str,
) -> Result<exports::Plan, exports::Fault> {
    std::panic::set_hook(Box::new(|panic| crate::error!("{panic}")));
    let schema = schema.into_iter().map(FlatField::from).collect();
    let instance = Instance::<T>::bind(schema, params, Trust::Host)?;
    let output = instance
        .flat_output()?
        .into_iter()
        .map(exports::OutputField::from)
        .collect();
    let plan = instance.plan();
    let reads = plan
        .reads
        .iter()
        .map(|read| u32::try_from(*read).unwrap_or(u32::MAX))
        .collect();
    let plan = exports::Plan {
        reads,
        output,
        stateless: plan.stateless,
    };
    slot.set(Some(instance));
    Ok(plan)
}

/// The export `process`.
///
/// # Errors
///
/// Those of [`Transform::process`].
pub fn process<T: Transform>(slot: &'static Slot<T>) -> Result<(), exports::Fault> {
    with_instance(slot, |instance| instance.process(&mut Imports))
}

/// The export `finish`.
///
/// # Errors
///
/// Those of [`Transform::finish`].
pub fn finish<T: Transform>(slot: &'static Slot<T>) -> Result<(), exports::Fault> {
    with_instance(slot, |instance| instance.finish(&mut Imports))
}

/// Writes a message to the host's log.
pub(crate) fn write(level: Level, message: &str) {
    let level = match level {
        Level::Trace => log_import::Level::Trace,
        Level::Debug => log_import::Level::Debug,
        Level::Info => log_import::Level::Info,
        Level::Warn => log_import::Level::Warn,
        Level::Error => log_import::Level::Error,
    };
    log_import::write(level, message);
}

/// Exports a [`Transform`] as the component of this crate; natively it expands to nothing.
#[macro_export]
macro_rules! export {
    ($transform:ty) => {
        const _: () = {
            ::std::thread_local! {
                static INSTANCE: ::std::cell::RefCell<::std::option::Option<$crate::component::Instance<$transform>>> =
                    const { ::std::cell::RefCell::new(::std::option::Option::None) };
            }

            use $crate::component::bindings::exports::sluicegate::transform::transform as exports;
            use $crate::component::bindings::sluicegate::transform::columns;

            struct Component;

            impl exports::Guest for Component {
                fn bind(
                    schema: ::std::vec::Vec<columns::Field>,
                    params: ::std::string::String,
                ) -> ::std::result::Result<exports::Plan, exports::Fault> {
                    $crate::component::bind(&INSTANCE, schema, &params)
                }

                fn process() -> ::std::result::Result<(), exports::Fault> {
                    $crate::component::process(&INSTANCE)
                }

                fn finish() -> ::std::result::Result<(), exports::Fault> {
                    $crate::component::finish(&INSTANCE)
                }
            }

            $crate::component::bindings::export!(Component with_types_in $crate::component::bindings);
        };
    };
}

fn with_instance<T: Transform>(
    slot: &'static Slot<T>,
    call: impl FnOnce(&mut Instance<T>) -> Result<(), Fault>,
) -> Result<(), exports::Fault> {
    slot.with_borrow_mut(|instance| match instance {
        Some(instance) => call(instance).map_err(exports::Fault::from),
        None => Err(exports::Fault::Invalid("`bind` was not called".to_owned())),
    })
}

struct Imports;

impl Host for Imports {
    fn n_rows(&mut self) -> u32 {
        input::rows()
    }

    fn read(&mut self, reads: &[u32]) -> Vec<FlatColumn> {
        let columns = input::read(reads).into_iter();
        columns
            .map(|column| column.arrays.into_iter().map(FlatArray::from).collect())
            .collect()
    }

    fn emit(&mut self, rows: &Selection, computed: Vec<FlatColumn>) {
        let buffers: Vec<Vec<Vec<&[u8]>>> = computed
            .iter()
            .map(|column| {
                let arrays = column.iter();
                arrays
                    .map(|array| array.buffers.iter().map(Buffer::as_slice).collect())
                    .collect()
            })
            .collect();
        let arrays: Vec<Vec<columns::ArrayParam<'_>>> =
            computed.iter().zip(&buffers).map(array_params).collect();
        let columns: Vec<_> = arrays
            .iter()
            .map(|arrays| columns::ColumnParam { arrays })
            .collect();
        let rows = match rows {
            Selection::All => output::Selection::All,
            Selection::Filter(bits) => output::Selection::Filter(bits),
            Selection::Take(indices) => output::Selection::Take(indices),
        };
        output::emit(rows, &columns);
    }

    fn reject(&mut self, rows: Vec<(u32, String)>) {
        let rows: Vec<_> = rows
            .iter()
            .map(|(row, reason)| output::Rejection { row: *row, reason })
            .collect();
        output::reject(&rows);
    }
}

fn array_params<'a>(
    (column, buffers): (&FlatColumn, &'a Vec<Vec<&'a [u8]>>),
) -> Vec<columns::ArrayParam<'a>> {
    let arrays = column.iter().zip(buffers);
    arrays
        .map(|(array, buffers)| columns::ArrayParam {
            length: array.length,
            null_count: array.null_count,
            buffers,
        })
        .collect()
}

impl From<columns::ArrayResult> for FlatArray {
    fn from(array: columns::ArrayResult) -> Self {
        let buffers = array.buffers.into_iter().map(Buffer::from_vec).collect();
        Self {
            length: array.length,
            null_count: array.null_count,
            buffers,
        }
    }
}

impl From<columns::Field> for FlatField {
    fn from(field: columns::Field) -> Self {
        let columns::Field {
            name,
            format,
            nullable,
            dictionary,
            children,
            metadata,
        } = field;
        Self {
            name,
            format,
            nullable,
            dictionary,
            children,
            metadata,
        }
    }
}

impl From<FlatField> for columns::Field {
    fn from(field: FlatField) -> Self {
        let FlatField {
            name,
            format,
            nullable,
            dictionary,
            children,
            metadata,
        } = field;
        Self {
            name,
            format,
            nullable,
            dictionary,
            children,
            metadata,
        }
    }
}

impl From<FlatOutput> for exports::OutputField {
    fn from(column: FlatOutput) -> Self {
        match column {
            FlatOutput::Pass(index) => Self::Pass(index),
            FlatOutput::Computed(fields) => {
                Self::Computed(fields.into_iter().map(columns::Field::from).collect())
            }
        }
    }
}

impl From<Fault> for exports::Fault {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Invalid(message) => Self::Invalid(message),
            Fault::Data(message) => Self::Data(message),
            Fault::Transient(message) => Self::Transient(message),
        }
    }
}
