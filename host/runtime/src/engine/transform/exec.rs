//! The physical node of a transform.

use std::fmt;
use std::sync::Arc;

use arrow::compute::SortOptions;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result as DfResult, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{
    Distribution, EquivalenceProperties, LexRequirement, OrderingRequirements, Partitioning,
    PhysicalExpr, PhysicalSortRequirement, expressions::col,
};
use datafusion::physical_plan::distribution_requirements::InputDistributionRequirements;
use datafusion::physical_plan::execution_plan::{
    Boundedness, ChildrenPropertiesMode, EmissionType, ReplaceChildrenOptions,
};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
};

use super::stream::{self, Layout};
use super::{BoundStep, Source};

/// Runs a transform over each partition of its input.
#[derive(Debug)]
pub(crate) struct TransformExec {
    step: Arc<BoundStep>,
    output: Vec<Source>,
    input: Arc<dyn ExecutionPlan>,
    layout: Arc<Layout>,
    properties: Arc<PlanProperties>,
    distribution: Distribution,
    ordering: Option<OrderingRequirements>,
    metrics: ExecutionPlanMetricsSet,
}

impl TransformExec {
    pub(crate) fn new(
        step: Arc<BoundStep>,
        output: Vec<Source>,
        input: Arc<dyn ExecutionPlan>,
    ) -> DfResult<Self> {
        let fields: Vec<_> = output
            .iter()
            .map(|source| Arc::clone(source.field()))
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let layout = Arc::new(Layout::new(&step.reads, &output, &input.schema(), &schema)?);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(Self {
            distribution: distribution(&step, &input.schema())?,
            ordering: ordering(&step, &input.schema())?,
            step,
            output,
            input,
            layout,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }

    pub(crate) fn step(&self) -> &BoundStep {
        &self.step
    }
}

/// A stateless transform takes rows wherever they are; a stateful one sees all rows of a key.
fn distribution(step: &BoundStep, schema: &SchemaRef) -> DfResult<Distribution> {
    if step.partition_by.is_empty() {
        return Ok(if step.stateless {
            Distribution::UnspecifiedDistribution
        } else {
            Distribution::SinglePartition
        });
    }
    let keys = step
        .partition_by
        .iter()
        .map(|name| col(name, schema))
        .collect::<DfResult<_>>()?;
    Ok(Distribution::KeyPartitioned(keys))
}

fn ordering(step: &BoundStep, schema: &SchemaRef) -> DfResult<Option<OrderingRequirements>> {
    let keys = step
        .order_by
        .iter()
        .map(|key| {
            let options = SortOptions {
                descending: key.descending,
                nulls_first: key.descending,
            };
            let column = col(&key.column, schema)?;
            Ok(PhysicalSortRequirement::new(column, Some(options)))
        })
        .collect::<DfResult<Vec<_>>>()?;
    Ok(LexRequirement::new(keys).map(OrderingRequirements::new))
}

impl DisplayAs for TransformExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let computed = self
            .output
            .iter()
            .filter(|s| matches!(s, Source::Computed(_)));
        write!(
            f,
            "TransformExec: step={}, {}, reads=[{}], computes=[{}], passes={}",
            self.step.name,
            if self.step.stateless {
                "stateless"
            } else {
                "stateful"
            },
            self.step.reads.join(", "),
            computed
                .clone()
                .map(|source| source.field().name().as_str())
                .collect::<Vec<_>>()
                .join(", "),
            self.output.len() - computed.count(),
        )
    }
}

impl ExecutionPlan for TransformExec {
    fn name(&self) -> &'static str {
        "TransformExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![self.distribution.clone()])
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        vec![self.ordering.clone()]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    /// Rows keep their order, which a round-robin exchange below would lose; a single partition is
    /// spread over the workers by the stream itself.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![!self.step.partition_by.is_empty()]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let (Some(input), true) = (children.pop(), children.is_empty()) else {
            return internal_err!("a transform has one input");
        };
        let exec = Self::new(Arc::clone(&self.step), self.output.clone(), input)?;
        Ok(Arc::new(exec))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>,
    ) -> DfResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> DfResult<SendableRecordBatchStream> {
        let input = self.input.execute(partition, Arc::clone(&context))?;
        let partitions = self.properties.partitioning.partition_count();
        let run = stream::Partition::new(
            Arc::clone(&self.step),
            Arc::clone(&self.layout),
            &self.metrics,
            (partition, partitions),
            context.session_config().batch_size(),
        );
        let schema = self.schema();
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            schema,
            run.stream(input),
        )))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
