//! Carries the runtime's errors through DataFusion, and tells DataFusion's own apart.

use std::error::Error as _;

use arrow::error::ArrowError;
use datafusion::common::DataFusionError;
use datafusion::object_store::Error as StoreError;
use datafusion::parquet::errors::ParquetError;

use crate::error::{Error, ErrorKind};
use crate::storage::storage_error;

/// Wraps an error so that it survives the way through an execution plan.
pub(super) fn to_datafusion(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// The runtime's error for one that came out of a plan.
pub(super) fn from_datafusion(error: DataFusionError) -> Error {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(error) => *error,
            Err(inner) => Error::internal(inner.to_string()),
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            from_datafusion(*inner)
        }
        DataFusionError::Shared(inner) => from_shared(&inner),
        DataFusionError::ArrowError(inner, _) => from_arrow(*inner),
        DataFusionError::ObjectStore(inner) => from_store(*inner),
        DataFusionError::IoError(inner) => match inner.downcast::<Error>() {
            Ok(error) => error,
            Err(inner) => Error::storage(inner.to_string()),
        },
        DataFusionError::ParquetError(inner) => from_parquet(*inner),
        DataFusionError::ResourcesExhausted(text) => Error::new(ErrorKind::Limit, text)
            .fact("limit", "memory")
            .hint("raise `memory` under `[limits]`, or run with `--limit-memory 4GiB`"),
        other => Error::internal(other.to_string()),
    }
}

/// As [`from_datafusion`]; where the store of the file `name` failed, as that.
pub(super) fn from_reading(error: DataFusionError, name: &str) -> Error {
    match refused(error) {
        Ok(error) => storage_error(name, error),
        Err(error) => from_datafusion(error),
    }
}

/// What a store said to whoever reads files for DataFusion.
fn refused(error: DataFusionError) -> Result<StoreError, DataFusionError> {
    match error {
        DataFusionError::ObjectStore(inner) => Ok(*inner),
        DataFusionError::Context(_, inner) => refused(*inner),
        DataFusionError::ParquetError(inner) => match *inner {
            ParquetError::External(inner) => match inner.downcast::<StoreError>() {
                Ok(error) => Ok(*error),
                Err(inner) => Err(ParquetError::External(inner).into()),
            },
            // Of metadata, DataFusion keeps what the store said as text.
            ParquetError::General(text) => match text.split_once("Object Store error: ") {
                Some((_, said)) => Ok(StoreError::Generic {
                    store: "Parquet",
                    source: said.into(),
                }),
                None => Err(ParquetError::General(text).into()),
            },
            other => Err(other.into()),
        },
        other => Err(other),
    }
}

fn from_store(error: StoreError) -> Error {
    let error = match error {
        StoreError::Generic { source, store } => match source.downcast::<Error>() {
            Ok(error) => return *error,
            Err(source) => StoreError::Generic { store, source },
        },
        other => other,
    };
    // What unpacks text hands on what it could not read.
    let mut next = error.source();
    while let Some(inner) = next {
        if let Some(error) = inner.downcast_ref::<Error>() {
            return error.to_shared();
        }
        next = inner.source();
    }
    Error::storage(error.to_string())
}

/// That a file cannot be read is storage's affair where that fails, and else the file's.
fn from_parquet(error: ParquetError) -> Error {
    match error {
        ParquetError::External(inner) => match inner.downcast::<StoreError>() {
            Ok(error) => from_store(*error),
            Err(inner) => damaged(&ParquetError::External(inner)),
        },
        other => damaged(&other),
    }
}

fn damaged(error: &ParquetError) -> Error {
    Error::input(format!("the Parquet data cannot be read: {error}"))
}

fn from_arrow(error: ArrowError) -> Error {
    match error {
        ArrowError::ExternalError(inner) => match inner.downcast::<Error>() {
            Ok(error) => *error,
            Err(inner) => match inner.downcast::<DataFusionError>() {
                Ok(error) => from_datafusion(*error),
                Err(inner) => Error::input(inner.to_string()),
            },
        },
        other => Error::input(other.to_string()),
    }
}

/// Several partitions may fail with one error, which then cannot be taken apart.
fn from_shared(error: &DataFusionError) -> Error {
    if let DataFusionError::External(inner) = error.find_root()
        && let Some(error) = inner.downcast_ref::<Error>()
    {
        return error.to_shared();
    }
    match error {
        DataFusionError::ResourcesExhausted(text) => {
            from_datafusion(DataFusionError::ResourcesExhausted(text.clone()))
        }
        other => Error::internal(other.to_string()),
    }
}
