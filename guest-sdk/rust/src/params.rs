//! Typed parameters from the JSON object that the host hands over.
//!
//! The deserializer knows the fields of the author's struct, so an unknown parameter is refused, and a
//! wrong type names its parameter, whatever serde attributes the author chose.

use std::fmt::Display;

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess,
    Visitor,
};
use serde_json::{Error, Map, Value};

use crate::Fault;
use crate::fault::names_hint;

/// Parses `json`, an object or nothing, into the parameters of a transform.
pub(crate) fn parse<P: DeserializeOwned>(json: &str) -> Result<P, Fault> {
    let map = match json.trim() {
        "" => Map::new(),
        text => serde_json::from_str(text).map_err(|error| {
            Fault::invalid(format!("parameters are not a JSON object: {error}"))
        })?,
    };
    P::deserialize(Params(map)).map_err(|error| Fault::invalid(error.to_string()))
}

struct Params(Map<String, Value>);

impl<'de> Deserializer<'de> for Params {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        for name in self.0.keys() {
            if !fields.contains(&name.as_str()) {
                let hint = names_hint(name, fields.iter().copied());
                return Err(Error::custom(format!(
                    "parameter `{name}` is not known; {hint}"
                )));
            }
        }
        self.deserialize_map(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor
            .visit_map(Entries {
                entries: self.0.into_iter(),
                current: None,
            })
            .map_err(|error| match missing_field(&error) {
                Some(name) => Error::custom(format!(
                    "parameter `{name}` is missing; the application must set it"
                )),
                None => error,
            })
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0.keys().next() {
            Some(name) => Err(Error::custom(format!(
                "parameter `{name}` is not known; there are none"
            ))),
            None => visitor.visit_unit(),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        seq tuple tuple_struct enum identifier ignored_any
    }
}

struct Entries {
    entries: serde_json::map::IntoIter,
    current: Option<(String, Value)>,
}

impl<'de> MapAccess<'de> for Entries {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        self.current = self.entries.next();
        match &self.current {
            Some((name, _)) => seed
                .deserialize(name.as_str().into_deserializer())
                .map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let (name, value) = self
            .current
            .take()
            .ok_or_else(|| Error::custom("a value without a key"))?;
        seed.deserialize(value)
            .map_err(|error| in_parameter(&name, error))
    }
}

fn in_parameter(name: &str, error: impl Display) -> Error {
    de::Error::custom(format!("parameter `{name}`: {error}"))
}

/// serde words a missing field itself; only the name in it is of use to the person who sets parameters.
fn missing_field(error: &Error) -> Option<String> {
    let text = error.to_string();
    let name = text.strip_prefix("missing field `")?.split('`').next()?;
    Some(name.to_owned())
}
