//! Runs one batch that was kept through a plugin, without a plan around it.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use arrow::record_batch::RecordBatch;

use super::keep::FailedBatch;
use super::stream::{Layout, record_batch};
use super::{Source, by_name};
use crate::engine::error::from_datafusion;
use crate::error::{Error, Result};
use crate::sandbox::{InstanceContext, Plugin, Produced, Rejection};

/// What a plugin made of a batch.
#[derive(Debug)]
pub(crate) struct Rerun {
    pub(crate) batches: Vec<RecordBatch>,
    pub(crate) rejected: Vec<Rejection>,
    /// Columns that pass by the transform, and so were not kept.
    pub(crate) absent: Vec<String>,
}

/// As [`Engine::rerun`](crate::engine::Engine::rerun).
pub(in crate::engine) fn rerun(
    plugin: &Plugin,
    context: &InstanceContext,
    failed: &FailedBatch,
) -> Result<Rerun> {
    let FailedBatch {
        facts,
        schema,
        batch,
    } = failed;
    let bound = plugin.instantiate(context)?.bind(schema, &facts.params)?;
    let (reads, output) = by_name(bound.plan(), schema)?;
    let has = |name: &str| batch.schema().column_with_name(name).is_some();
    if let Some(missing) = reads.iter().find(|name| !has(name)) {
        return Err(Error::input(format!(
            "the plugin reads column `{missing}`, which is not kept: the one that failed did not"
        ))
        .hint("run the application with the new plugin, and keep what fails"));
    }
    for name in &reads {
        let kept = batch.schema_ref().field_with_name(name);
        let bound = schema.field_with_name(name);
        if kept.map(Field::data_type).ok() != bound.map(Field::data_type).ok() {
            return Err(Error::input(format!(
                "column `{name}` is kept in another type than the step has it in"
            )));
        }
    }
    let is_kept = |source: &Source| match source {
        Source::Pass(field) => has(field.name()),
        Source::Computed(_) => true,
    };
    let (output, absent): (Vec<_>, Vec<_>) = output.into_iter().partition(is_kept);
    let fields = output.iter().map(|source| Arc::clone(source.field()));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let layout = Layout::new(&reads, &output, &batch.schema(), &schema).map_err(from_datafusion)?;
    let (bound, produced) = bound.process(layout.entering(batch)?)?;
    let Produced {
        batches, rejected, ..
    } = produced;
    let last = if bound.plan().stateless {
        bound.finish()?
    } else {
        // What it gathers over all rows of a partition is nothing that one batch tells.
        Produced::default()
    };
    let emit_bytes = context.limits.emit_bytes;
    let mut made = vec![RecordBatch::new_empty(Arc::clone(&schema))];
    for emitted in batches {
        made.push(layout.joined(batch, emitted, emit_bytes)?);
    }
    for emitted in last.batches {
        made.push(record_batch(&schema, emitted.computed, emitted.rows)?);
    }
    Ok(Rerun {
        batches: made,
        rejected,
        absent: absent
            .iter()
            .map(|source| source.field().name().clone())
            .collect(),
    })
}
