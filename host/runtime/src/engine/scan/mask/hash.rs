//! Values as keyed hashes: HMAC-SHA-256 (RFC 2104) of a value's text, in hexadecimal.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray as _, RecordBatch, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::{DataFusionError, Result as DfResult};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::error::{Error, Result};

/// Digits of a hash.
const DIGITS: usize = 64;

/// A secret, ready to hash with. It cannot be printed.
#[derive(Clone)]
pub(crate) struct HashKey {
    secret: Arc<str>,
    mac: Hmac<Sha256>,
}

impl HashKey {
    /// The key of the secret that is called `secret`.
    ///
    /// # Errors
    ///
    /// Fails only by a bug: keys may have any length.
    pub(crate) fn new(secret: &str, value: &[u8]) -> Result<Self> {
        Ok(Self {
            secret: secret.into(),
            mac: Hmac::new_from_slice(value).map_err(|cause| Error::internal(cause.to_string()))?,
        })
    }

    /// Tells the key from others, and nothing else of it.
    pub(crate) fn id(&self) -> String {
        let mac = self.mac.clone().chain_update("which key is this?");
        hex::encode(mac.finalize().into_bytes())
    }

    /// Appends the hash of a value.
    fn append(&self, value: &[u8], to: &mut StringBuilder) -> DfResult<()> {
        let mut digits = [0; DIGITS];
        let hash = self.mac.clone().chain_update(value).finalize();
        hex::encode_to_slice(hash.into_bytes(), &mut digits)
            .map_err(|cause| DataFusionError::Internal(cause.to_string()))?;
        to.append_value(std::str::from_utf8(&digits).unwrap_or_default());
        Ok(())
    }

    /// The hashes of all values of a column whose type [`check`] accepts.
    fn hash(&self, values: &ArrayRef) -> DfResult<ArrayRef> {
        let bytes: ArrayRef = match values.data_type() {
            ty if is_text(ty) => cast(values, &DataType::BinaryView)?,
            _ => cast(&cast(values, &DataType::Utf8)?, &DataType::BinaryView)?,
        };
        let rows = bytes.len();
        let mut hashes = StringBuilder::with_capacity(rows, rows.saturating_mul(DIGITS));
        for value in bytes.as_binary_view() {
            match value {
                Some(value) => self.append(value, &mut hashes)?,
                None => hashes.append_null(),
            }
        }
        Ok(Arc::new(hashes.finish()))
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HashKey({})", self.secret)
    }
}

/// Whether values are hashed as they are.
const fn is_text(ty: &DataType) -> bool {
    use DataType::{Binary, BinaryView, LargeBinary, LargeUtf8, Utf8, Utf8View};
    matches!(
        ty,
        Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView
    )
}

/// Refuses a column whose values have more than one text, or none.
pub(super) fn check(field: &Field) -> Result<()> {
    use DataType::{Boolean, Date32, Date64};
    let ty = field.data_type();
    if is_text(ty) || ty.is_integer() || matches!(ty, Date32 | Date64 | Boolean) {
        return Ok(());
    }
    Err(Error::input(format!(
        "a policy hashes the column `{}`, but its type {ty} is not hashed",
        field.name()
    ))
    .fact("column", field.name())
    .hint("hide the column, or make it null: text, bytes, integers, dates and booleans are hashed"))
}

/// The hash of another expression's values.
#[derive(Clone, Debug)]
pub(super) struct Hashed {
    of: Arc<dyn PhysicalExpr>,
    key: HashKey,
}

impl Hashed {
    pub(super) fn new(of: Arc<dyn PhysicalExpr>, key: HashKey) -> Self {
        Self { of, key }
    }
}

/// Within a run, a secret's name stands for one value.
impl PartialEq for Hashed {
    fn eq(&self, other: &Self) -> bool {
        self.of.eq(&other.of) && self.key.secret == other.key.secret
    }
}

impl Eq for Hashed {}

impl Hash for Hashed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.of.hash(state);
        self.key.secret.hash(state);
    }
}

impl fmt::Display for Hashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hash({})", self.of)
    }
}

impl PhysicalExpr for Hashed {
    fn data_type(&self, _: &Schema) -> DfResult<DataType> {
        Ok(DataType::Utf8)
    }

    fn nullable(&self, _: &Schema) -> DfResult<bool> {
        Ok(true)
    }

    fn evaluate(&self, batch: &RecordBatch) -> DfResult<ColumnarValue> {
        let values = self.of.evaluate(batch)?.into_array(batch.num_rows())?;
        self.key.hash(&values).map(ColumnarValue::Array)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.of]
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> DfResult<Arc<dyn PhysicalExpr>> {
        let of = children.into_iter().next();
        let of = of.ok_or_else(|| DataFusionError::Internal("a hash of nothing".to_owned()))?;
        Ok(Arc::new(Self::new(of, self.key.clone())))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
