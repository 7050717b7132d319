//! A transform that does nothing, to compare others with.

use sluicegate::error::{Error, Result};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::plugin::sdk;

const MODULE: &str = include_str!("noop.wat");

/// The world of the contract that a transform is compiled against.
const WORLD: &str = "transformer";

/// The component.
pub(super) fn component() -> Result<Vec<u8>> {
    let failed =
        |cause: String| Error::internal(cause).context("make the transform that does nothing");
    let mut module = wat::parse_str(MODULE).map_err(|cause| failed(cause.to_string()))?;
    let mut resolve = Resolve::default();
    let encoded = resolve
        .push_str("transform.wit", sdk::contract()?)
        .and_then(|package| resolve.select_world(&[package], Some(WORLD)))
        .and_then(|world| {
            embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        })
        .and_then(|()| {
            ComponentEncoder::default()
                .validate(true)
                .module(&module)?
                .encode()
        });
    encoded.map_err(|cause| failed(format!("{cause:#}")))
}
