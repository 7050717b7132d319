//! What a transform will do with every batch.

use arrow_schema::{DataType, Field, FieldRef, Schema};

use crate::fault::names_hint;
use crate::{Column, Fault, Readable};

/// What a transform will do with every batch: which columns it reads, and which the output has.
///
/// Columns of the output stand in the order in which they were planned. A mistake in a chained call is
/// kept, and ends the bind.
#[derive(Debug)]
pub struct Plan {
    input: Schema,
    pub(crate) reads: Vec<usize>,
    pub(crate) output: Vec<OutputColumn>,
    pub(crate) stateless: bool,
    mistake: Option<Fault>,
}

/// A column of the output.
#[derive(Clone, Debug)]
pub(crate) enum OutputColumn {
    /// An input column, untouched.
    Pass(usize),
    /// What the transform computes; `order` counts the computed columns as they were planned.
    Computed { field: FieldRef, order: usize },
}

impl Plan {
    pub(crate) const fn new(input: Schema) -> Self {
        Self {
            input,
            reads: Vec::new(),
            output: Vec::new(),
            stateless: false,
            mistake: None,
        }
    }

    /// The schema of the input.
    #[must_use]
    pub const fn input(&self) -> &Schema {
        &self.input
    }

    /// The field of an input column.
    ///
    /// # Errors
    ///
    /// Fails where there is no such column; the error lists those that there are.
    pub fn field(&self, name: &str) -> Result<&Field, Fault> {
        self.index(name).map(|index| self.input.field(index))
    }

    /// Reads an input column in every batch.
    ///
    /// # Errors
    ///
    /// Fails where there is no such column, or it cannot be seen as a `T`.
    pub fn read<T: Readable>(&mut self, name: &str) -> Result<Column<T>, Fault> {
        let index = self.index(name)?;
        let data_type = self.input.field(index).data_type();
        if !T::accepts(data_type) {
            let expected = T::expected();
            return Err(Fault::invalid(format!(
                "column `{name}` is of type {data_type}, expected {expected}"
            )));
        }
        let read = self
            .reads
            .iter()
            .position(|read| *read == index)
            .unwrap_or_else(|| {
                self.reads.push(index);
                self.reads.len() - 1
            });
        Ok(Column::new(read))
    }

    /// Passes every input column through that the output does not have yet.
    pub fn pass_all(&mut self) -> &mut Self {
        self.pass_all_but(&[])
    }

    /// Passes every input column through, but those named.
    pub fn pass_all_but(&mut self, left_out: &[&str]) -> &mut Self {
        for name in left_out {
            self.note(self.index(name).map(drop));
        }
        for index in 0..self.input.fields().len() {
            let name = self.input.field(index).name();
            if !left_out.contains(&name.as_str()) && self.position(name).is_none() {
                self.output.push(OutputColumn::Pass(index));
            }
        }
        self
    }

    /// Passes one input column through.
    pub fn pass(&mut self, name: &str) -> &mut Self {
        let index = self.index(name);
        if let Ok(index) = index {
            self.push(name, OutputColumn::Pass(index));
        }
        self.note(index.map(drop));
        self
    }

    /// Adds a computed column at the end.
    ///
    /// Emitted columns come in the order of the calls to this and [`Self::replace`].
    pub fn compute(&mut self, field: impl Into<FieldRef>) -> &mut Self {
        let field = field.into();
        let order = self.n_computed();
        self.push(
            &field.name().clone(),
            OutputColumn::Computed { field, order },
        );
        self
    }

    /// Computes a column in the place of the passed one of the same name.
    ///
    /// Emitted columns come in the order of the calls to this and [`Self::compute`].
    pub fn replace(&mut self, field: impl Into<FieldRef>) -> &mut Self {
        let field = field.into();
        let order = self.n_computed();
        let position = self.position(field.name());
        let place = position.and_then(|position| self.output.get_mut(position));
        if let Some(place @ OutputColumn::Pass(_)) = place {
            *place = OutputColumn::Computed { field, order };
        } else {
            let message = format!(
                "column `{}` is not passed through, so it cannot be replaced",
                field.name()
            );
            self.note(Err(Fault::invalid(message)));
        }
        self
    }

    /// Declares that each batch can be processed alone, in any order and by any instance.
    ///
    /// Without this, one instance sees a whole partition in order.
    pub const fn stateless(&mut self) -> &mut Self {
        self.stateless = true;
        self
    }

    /// The plan, unless a chained call was mistaken.
    pub(crate) fn checked(self) -> Result<Self, Fault> {
        match self.mistake {
            Some(fault) => Err(fault),
            None => Ok(self),
        }
    }

    /// The types of the columns that are read, in order.
    pub(crate) fn read_types(&self) -> impl Iterator<Item = (&str, &DataType)> {
        let fields = self
            .reads
            .iter()
            .filter_map(|index| self.input.fields().get(*index));
        fields.map(|field| (field.name().as_str(), field.data_type()))
    }

    pub(crate) fn n_computed(&self) -> usize {
        self.output
            .iter()
            .filter(|column| matches!(column, OutputColumn::Computed { .. }))
            .count()
    }

    /// The computed columns in the order of the output, each with its place in the order of planning.
    pub(crate) fn computed(&self) -> impl Iterator<Item = (&FieldRef, usize)> {
        self.output.iter().filter_map(|column| match column {
            OutputColumn::Pass(_) => None,
            OutputColumn::Computed { field, order } => Some((field, *order)),
        })
    }

    fn index(&self, name: &str) -> Result<usize, Fault> {
        self.input.index_of(name).map_err(|_| {
            let hint = names_hint(
                name,
                self.input
                    .fields()
                    .iter()
                    .map(|field| field.name().as_str()),
            );
            Fault::invalid(format!("the input has no column `{name}`; {hint}"))
        })
    }

    /// Where the output has a column of this name.
    fn position(&self, name: &str) -> Option<usize> {
        self.output.iter().position(|column| match column {
            OutputColumn::Pass(index) => self
                .input
                .fields()
                .get(*index)
                .is_some_and(|field| field.name() == name),
            OutputColumn::Computed { field, .. } => field.name() == name,
        })
    }

    fn push(&mut self, name: &str, column: OutputColumn) {
        if self.position(name).is_some() {
            self.note(Err(Fault::invalid(format!(
                "the output would have two columns `{name}`"
            ))));
        } else {
            self.output.push(column);
        }
    }

    fn note(&mut self, result: Result<(), Fault>) {
        if let (Err(fault), None) = (result, &self.mistake) {
            self.mistake = Some(fault);
        }
    }
}
