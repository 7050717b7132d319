//! Columns that policies mask: whoever has the table of an input sees them masked, and nothing else.
//!
//! The mask is part of the table, below everything that a plan can put on top: filters, projections and statistics are
//! about what is left. A column that is hidden or null is not even read.

mod hash;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::datasource::TableType;
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;

pub(crate) use self::hash::HashKey;
use self::hash::Hashed;
use super::Table;
use crate::engine::error::from_datafusion;
use crate::error::{Error, ErrorKind, Result};

/// What is left of a column.
#[derive(Clone, Debug)]
pub(crate) enum ColumnMask {
    /// Nothing: there is no such column.
    Hide,
    /// Nulls of its type.
    Null,
    /// A text for each value, the same for the same value; nulls stay.
    Hash(HashKey),
}

/// A table of which some columns are masked.
#[derive(Debug)]
pub(in crate::engine) struct Masked {
    table: Table,
    schema: SchemaRef,
    columns: Vec<Shown>,
}

/// What a column of a masked table is made of.
#[derive(Clone, Debug)]
enum Shown {
    /// A column of the table.
    Plain(usize),
    Null(ScalarValue),
    Hash(usize, HashKey),
}

impl Masked {
    /// Masks columns of `table` by their names.
    ///
    /// # Errors
    ///
    /// Fails where a column is to be hashed whose type has no one text for a value, and where nothing is left.
    pub(in crate::engine) fn new(
        table: Table,
        masks: &BTreeMap<String, ColumnMask>,
    ) -> Result<Self> {
        let (mut fields, mut columns) = (Vec::new(), Vec::new());
        for (index, field) in table.schema.fields().iter().enumerate() {
            let (field, shown) = match masks.get(field.name()) {
                None => (Arc::clone(field), Shown::Plain(index)),
                Some(ColumnMask::Hide) => continue,
                Some(ColumnMask::Null) => {
                    let null = ScalarValue::try_from(field.data_type()).map_err(from_datafusion)?;
                    (masked(field, field.data_type()), Shown::Null(null))
                }
                Some(ColumnMask::Hash(key)) => {
                    hash::check(field)?;
                    let shown = Shown::Hash(index, key.clone());
                    (masked(field, &DataType::Utf8), shown)
                }
            };
            fields.push(field);
            columns.push(shown);
        }
        if fields.is_empty() {
            return Err(Error::new(
                ErrorKind::Policy,
                "policies hide every column of the input",
            ));
        }
        let metadata = table.schema.metadata().clone();
        Ok(Self {
            schema: Arc::new(Schema::new_with_metadata(fields, metadata)),
            table,
            columns,
        })
    }
}

/// The field of a masked column. Its metadata may tell of the values.
fn masked(field: &Field, ty: &DataType) -> FieldRef {
    Arc::new(Field::new(field.name(), ty.clone(), true))
}

#[async_trait]
impl TableProvider for Masked {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.columns.len()).collect();
        let wanted: Vec<_> = projection
            .unwrap_or(&all)
            .iter()
            .filter_map(|&at| self.columns.get(at).zip(self.schema.fields().get(at)))
            .collect();
        let read: Vec<usize> = wanted
            .iter()
            .filter_map(|(shown, _)| match shown {
                Shown::Plain(index) | Shown::Hash(index, _) => Some(*index),
                Shown::Null(_) => None,
            })
            .collect();
        let scan = self.table.scan(session, Some(&read), &[], limit).await?;
        let mut next = 0;
        let mut column = |field: &FieldRef| -> Arc<dyn PhysicalExpr> {
            next += 1;
            Arc::new(Column::new(field.name(), next - 1))
        };
        let shown = wanted.into_iter().map(|(shown, field)| {
            let value: Arc<dyn PhysicalExpr> = match shown {
                Shown::Plain(_) => column(field),
                Shown::Null(null) => Arc::new(Literal::new(null.clone())),
                Shown::Hash(_, key) => Arc::new(Hashed::new(column(field), key.clone())),
            };
            (value, field.name().clone())
        });
        let shown: Vec<_> = shown.collect();
        Ok(Arc::new(ProjectionExec::try_new(shown, scan)?))
    }
}

#[cfg(test)]
mod tests;
