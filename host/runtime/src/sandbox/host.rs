//! The host's side of `input`, `output` and `log`.

use std::sync::Arc;
use std::time::Instant;

use arrow::buffer::Buffer;
use bytes::Bytes;
use wasmtime::StoreContextMut;
use wasmtime::component::LinkerInstance;

use super::contract::{self, EmittedColumn, SentArray, SentColumn};
use super::fault::{self, broken};
use super::logs::{Level, harmless};
use super::state::{Phase, State};
use super::{Emitted, Rejection};
use crate::columns::{self, GuestArray, Selection};
use crate::error::{Result, ResultExt};

/// What the host spends on an emitted array besides its bytes, rounded up; bounds what many empty ones cost.
const ARRAY_BYTES: usize = 512;

/// Defines `input`.
pub(super) fn add_input(interface: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    interface.func_wrap("rows", |mut store: StoreContextMut<'_, State>, (): ()| {
        let state = store.data_mut();
        state.count_host_call()?;
        Ok((u32::try_from(state.call.rows)?,))
    })?;
    interface.func_wrap(
        "read",
        |mut store: StoreContextMut<'_, State>, (indices,): (Vec<u32>,)| {
            let start = Instant::now();
            let state = store.data_mut();
            state.count_host_call()?;
            let columns = read(state, &indices)?;
            state.call.host_time += start.elapsed();
            Ok((columns,))
        },
    )
}

/// Defines `output`.
pub(super) fn add_output(interface: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    interface.func_wrap(
        "emit",
        |mut store: StoreContextMut<'_, State>,
         (rows, computed): (contract::Selection, Vec<EmittedColumn>)| {
            let start = Instant::now();
            store.data_mut().count_host_call()?;
            emit(&mut store, &rows, &computed)?;
            store.data_mut().call.host_time += start.elapsed();
            Ok(())
        },
    )?;
    interface.func_wrap(
        "reject",
        |mut store: StoreContextMut<'_, State>, (rows,): (Vec<contract::Rejection>,)| {
            let start = Instant::now();
            store.data_mut().count_host_call()?;
            reject(&mut store, &rows)?;
            store.data_mut().call.host_time += start.elapsed();
            Ok(())
        },
    )
}

/// Defines `log`.
pub(super) fn add_log(interface: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    interface.func_wrap(
        "write",
        |mut store: StoreContextMut<'_, State>,
         (level, message): (contract::Level, wasmtime::component::WasmStr)| {
            let start = Instant::now();
            store.data_mut().count_host_call()?;
            let message = message.to_str(&store)?;
            let message = harmless(&message, store.data().limits.message_bytes);
            let state = store.data_mut();
            state.logs.lock().write(level.into(), &message);
            state.call.host_time += start.elapsed();
            Ok(())
        },
    )
}

impl From<contract::Level> for Level {
    fn from(level: contract::Level) -> Self {
        match level {
            contract::Level::Trace => Self::Trace,
            contract::Level::Debug => Self::Debug,
            contract::Level::Info => Self::Info,
            contract::Level::Warn => Self::Warn,
            contract::Level::Error => Self::Error,
        }
    }
}

fn read(state: &State, indices: &[u32]) -> Result<Vec<SentColumn>> {
    let columns = &state.call.columns;
    if state.call.phase != Phase::Process {
        return Err(broken(format!(
            "`input.read` was called in `{}`",
            state.call.phase.as_str()
        )));
    }
    // More indices than columns would only repeat what is there, at the cost of the host's memory.
    if indices.len() > columns.len() {
        let (asked, there) = (indices.len(), columns.len());
        return Err(broken(format!(
            "`input.read` asked for {asked} columns, the plan reads {there}"
        )));
    }
    indices
        .iter()
        .map(|&index| {
            let column = columns.get(index as usize).ok_or_else(|| {
                let there = columns.len();
                broken(format!(
                    "`input.read` asked for column {index}, the plan reads {there}"
                ))
            })?;
            let arrays = columns::flatten(column.as_ref())?;
            let arrays = arrays.into_iter().map(|array| SentArray {
                length: array.length,
                null_count: array.null_count,
                buffers: array
                    .buffers
                    .into_iter()
                    .map(|buffer| Bytes::from_owner(Shared(buffer)))
                    .collect(),
            });
            Ok(SentColumn {
                arrays: arrays.collect(),
            })
        })
        .collect()
}

/// A buffer that wasmtime copies from while Arrow still owns it.
struct Shared(Buffer);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self.0.as_slice()
    }
}

fn emit(
    store: &mut StoreContextMut<'_, State>,
    selection: &contract::Selection,
    computed: &[EmittedColumn],
) -> Result<()> {
    let call = &store.data().call;
    let plan = match (&store.data().plan, call.phase) {
        (Some(plan), Phase::Process | Phase::Finish) => Arc::clone(plan),
        _ => {
            return Err(broken(format!(
                "`output.emit` was called in `{}`",
                call.phase.as_str()
            )));
        }
    };
    if computed.len() != plan.computed.len() {
        let (emitted, planned) = (computed.len(), plan.computed.len());
        return Err(broken(format!(
            "`output.emit` got {emitted} columns, the plan computes {planned}"
        )));
    }
    let selection = match (selection, call.phase) {
        (contract::Selection::All, _) => Selection::All,
        (_, Phase::Finish) => {
            return Err(broken("`output.emit` in `finish` must select `all`"));
        }
        (contract::Selection::Filter(bits), _) => {
            Selection::filter(bits.as_le_slice(&*store), call.rows)?
        }
        (contract::Selection::Take(rows), _) => {
            Selection::take(rows.as_le_slice(&*store), call.rows)?
        }
    };
    let rows = match call.phase {
        Phase::Finish if plan.passes() => {
            return Err(broken(
                "`output.emit` in `finish` with columns to pass through",
            ));
        }
        Phase::Finish => first_length(computed)?,
        _ => selection.len(call.rows),
    };
    store.data_mut().count_emitted(rows, cost(computed))?;
    let arrays = plan.computed.iter().zip(computed).enumerate();
    let arrays = arrays.map(|(position, (field, column))| {
        let arrays = column.arrays.iter().map(|array| GuestArray {
            length: array.length,
            null_count: array.null_count,
            buffers: array
                .buffers
                .iter()
                .map(|buffer| buffer.as_le_slice(&*store))
                .collect(),
        });
        columns::assemble(field, &arrays.collect::<Vec<_>>(), rows)
            .with_context(|| format!("`output.emit`: computed column {position}"))
    });
    let computed = arrays.collect::<Result<Vec<_>>>()?;
    if rows > 0 {
        store.data_mut().call.emitted.push(Emitted {
            selection,
            computed,
            rows,
        });
    }
    Ok(())
}

/// Without a current batch, the columns say themselves how many rows they have.
fn first_length(computed: &[EmittedColumn]) -> Result<usize> {
    let array = computed.first().and_then(|column| column.arrays.first());
    let array =
        array.ok_or_else(|| broken("`output.emit` in `finish` got a column without arrays"))?;
    Ok(array.length as usize)
}

/// Bytes that the host will hold for what is emitted.
fn cost(computed: &[EmittedColumn]) -> usize {
    let arrays = computed.iter().flat_map(|column| &column.arrays);
    let bytes = arrays.map(|array| {
        let buffers = array.buffers.iter().map(wasmtime::component::WasmList::len);
        ARRAY_BYTES.saturating_add(buffers.fold(0, usize::saturating_add))
    });
    bytes.fold(ARRAY_BYTES, usize::saturating_add)
}

fn reject(
    store: &mut StoreContextMut<'_, State>,
    rows: &[contract::Rejection],
) -> wasmtime::Result<()> {
    for rejection in rows {
        let row = rejection.row as usize;
        let reason = rejection.reason.to_str(&*store)?;
        let reason = harmless(&reason, store.data().limits.message_bytes);
        let state = store.data_mut();
        if row >= state.call.rows {
            let there = state.call.rows;
            return Err(broken(format!(
                "`output.reject` got row {row}, the batch has {there} rows"
            ))
            .into());
        }
        // A row may have several things wrong with it; the first reason stands.
        if !state.call.rejected_rows.insert(row) {
            continue;
        }
        if state.call.rejected_rows.len() as u64 > state.limits.rejections {
            return Err(fault::limit("rejections", state.limits.rejections).into());
        }
        state.count_emitted(0, reason.len())?;
        state.call.rejected.push(Rejection { row, reason });
    }
    Ok(())
}
