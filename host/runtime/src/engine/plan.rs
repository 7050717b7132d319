//! A plan that is ready to execute, and the figures that it gathers while it does.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::physical_plan::metrics::{MetricValue, MetricsSet};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

use futures::stream::{BoxStream, StreamExt, TryStreamExt};

use super::error::from_datafusion;
use super::transform::{RejectedRow, TransformExec};
use crate::error::Result;

/// The rows of one partition.
pub(crate) type Rows = BoxStream<'static, Result<RecordBatch>>;

/// What one transform did, over all partitions.
#[derive(Clone, Debug, Default)]
pub(crate) struct StepFigures {
    pub(crate) name: String,
    pub(crate) plugin: String,
    pub(crate) is_stateless: bool,
    pub(crate) rows_in: u64,
    pub(crate) rows_out: u64,
    pub(crate) rows_rejected: u64,
    pub(crate) rows_failed: u64,
    pub(crate) rejected: Vec<RejectedRow>,
    pub(crate) guest_nanos: u64,
    pub(crate) host_nanos: u64,
    pub(crate) instances: u64,
}

/// A physical plan.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
}

impl Planned {
    pub(super) fn new(plan: Arc<dyn ExecutionPlan>, context: Arc<TaskContext>) -> Self {
        Self { plan, context }
    }

    /// How many streams the plan has; their rows are in the order of the partitions.
    pub(crate) fn partitions(&self) -> usize {
        self.plan.output_partitioning().partition_count()
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        self.plan.schema()
    }

    /// Starts one partition. All partitions must be polled, as an exchange feeds several.
    pub(crate) fn execute(&self, partition: usize) -> Result<Rows> {
        let context = Arc::clone(&self.context);
        let rows = self
            .plan
            .execute(partition, context)
            .map_err(from_datafusion)?;
        Ok(rows.map_err(from_datafusion).boxed())
    }

    /// Rows that the scans have read so far.
    pub(crate) fn rows_read(&self) -> u64 {
        let mut rows = 0;
        visit(&self.plan, &mut |node| {
            if node.children().is_empty() {
                rows += node.metrics().and_then(|m| m.output_rows()).unwrap_or(0) as u64;
            }
        });
        rows
    }

    /// The figures of the transforms, the first one first.
    pub(crate) fn steps(&self) -> Vec<StepFigures> {
        let mut steps = Vec::new();
        visit(&self.plan, &mut |node| {
            if let Some(transform) = node.downcast_ref::<TransformExec>() {
                steps.push(figures(transform));
            }
        });
        steps.reverse();
        steps
    }

    /// The plan with its metrics, as a person reads it.
    pub(crate) fn explain(&self) -> String {
        DisplayableExecutionPlan::with_metrics(self.plan.as_ref())
            .indent(false)
            .to_string()
    }
}

/// Parents before children.
fn visit(plan: &Arc<dyn ExecutionPlan>, look: &mut dyn FnMut(&dyn ExecutionPlan)) {
    look(plan.as_ref());
    for child in plan.children() {
        visit(child, look);
    }
}

fn figures(transform: &TransformExec) -> StepFigures {
    let metrics = transform.metrics().unwrap_or_default();
    let step = transform.step();
    StepFigures {
        name: step.name.clone(),
        plugin: step.guests.digest().to_owned(),
        is_stateless: step.stateless,
        rows_in: sum(&metrics, "input_rows"),
        rows_out: metrics.output_rows().unwrap_or(0) as u64,
        rows_rejected: sum(&metrics, "rejected_rows"),
        rows_failed: sum(&metrics, "failed_rows"),
        rejected: step.rejected.rows(),
        guest_nanos: sum(&metrics, "guest_time"),
        host_nanos: sum(&metrics, "host_time"),
        instances: step.guests.made(),
    }
}

fn sum(metrics: &MetricsSet, name: &str) -> u64 {
    metrics
        .sum_by_name(name)
        .map_or(0, |value: MetricValue| value.as_usize() as u64)
}
