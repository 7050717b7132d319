//! A recursive-descent reader of type names.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, IntervalUnit, TimeUnit};

use super::{COMPOUND, DEPTH_MAX, FOREIGN, SIMPLE};
use crate::spec::document::hint_at;
use crate::spec::quantity::clip;

/// What is wrong with a name, and what to do about it.
type Flaw = (String, Option<String>);

/// Reads one type's name.
///
/// # Errors
///
/// Says what is wrong, and the nearest type there is.
pub(in crate::spec) fn parse(text: &str) -> Result<DataType, Flaw> {
    let mut reader = Reader {
        rest: text,
        depth: 0,
    };
    let ty = reader.data_type()?;
    reader.skip();
    if reader.rest.is_empty() {
        Ok(ty)
    } else {
        Err(reader.expected("the end of the type"))
    }
}

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn expected(&self, what: &str) -> Flaw {
        let found = match self.rest {
            "" => "the end".to_owned(),
            rest => format!("`{}`", clip(rest)),
        };
        (format!("expected {what}, found {found}"), None)
    }

    fn take(&mut self, token: char) -> bool {
        self.skip();
        let after = self.rest.strip_prefix(token);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn require(&mut self, token: char) -> Result<(), Flaw> {
        if self.take(token) {
            Ok(())
        } else {
            Err(self.expected(&format!("`{token}`")))
        }
    }

    fn word(&mut self) -> &'a str {
        self.skip();
        let end = self
            .rest
            .find(|c: char| !c.is_alphanumeric() && c != '_' && c != '-');
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        word
    }

    /// A text in quotes, in which `\` makes the next character literal.
    fn quoted(&mut self) -> Result<String, Flaw> {
        self.require('"')?;
        let mut text = String::new();
        let mut chars = self.rest.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = self.rest.get(at + 1..).unwrap_or_default();
                    return Ok(text);
                }
                '\\' => text.extend(chars.next().map(|(_, c)| c)),
                _ => text.push(c),
            }
        }
        self.rest = "";
        Err(self.expected("`\"`"))
    }

    fn number<T: std::str::FromStr>(&mut self, what: &str) -> Result<T, Flaw> {
        let before = self.rest;
        self.word().parse().map_err(|_| {
            let at = Reader {
                rest: before.trim_start(),
                depth: 0,
            };
            at.expected(what)
        })
    }

    fn unit<T: Copy>(&mut self, units: &[(&str, T)]) -> Result<T, Flaw> {
        let name = self.quoted()?;
        if let Some((_, unit)) = units.iter().find(|(unit, _)| *unit == name) {
            return Ok(*unit);
        }
        let known: Vec<_> = units.iter().map(|(unit, _)| *unit).collect();
        Err((
            format!("unknown unit `{}`", clip(&name)),
            hint_at(&name, &known),
        ))
    }

    fn data_type(&mut self) -> Result<DataType, Flaw> {
        self.skip();
        let before = self.rest;
        let name = self.word();
        if name.is_empty() {
            self.rest = before;
            return Err(self.expected("a type"));
        }
        if let Some((_, ty)) = SIMPLE.iter().find(|(known, _)| *known == name) {
            return Ok(ty.clone());
        }
        if !COMPOUND.contains(&name) {
            return Err(unknown(name));
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err((format!("type nests deeper than {DEPTH_MAX}"), None));
        }
        self.require('(')?;
        let ty = self.compound(name)?;
        self.require(')')?;
        self.depth -= 1;
        Ok(ty)
    }

    fn compound(&mut self, name: &str) -> Result<DataType, Flaw> {
        use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
        const UNITS: [(&str, TimeUnit); 4] = [
            ("s", Second),
            ("ms", Millisecond),
            ("us", Microsecond),
            ("ns", Nanosecond),
        ];
        const INTERVALS: [(&str, IntervalUnit); 3] = [
            ("year_month", IntervalUnit::YearMonth),
            ("day_time", IntervalUnit::DayTime),
            ("month_day_nano", IntervalUnit::MonthDayNano),
        ];
        Ok(match name {
            "timestamp" => {
                let unit = self.unit(&UNITS)?;
                let zone = if self.take(',') {
                    Some(self.quoted()?.into())
                } else {
                    None
                };
                DataType::Timestamp(unit, zone)
            }
            "time32" => DataType::Time32(self.unit(&UNITS[..2])?),
            "time64" => DataType::Time64(self.unit(&UNITS[2..])?),
            "duration" => DataType::Duration(self.unit(&UNITS)?),
            "interval" => DataType::Interval(self.unit(&INTERVALS)?),
            "decimal" | "decimal128" => {
                let (precision, scale) = self.decimal(38)?;
                DataType::Decimal128(precision, scale)
            }
            "decimal256" => {
                let (precision, scale) = self.decimal(76)?;
                DataType::Decimal256(precision, scale)
            }
            "fixed_size_binary" => DataType::FixedSizeBinary(self.size()?),
            "list" => DataType::List(Arc::new(self.field("item")?)),
            "large_list" => DataType::LargeList(Arc::new(self.field("item")?)),
            "fixed_size_list" => {
                let item = Arc::new(self.field("item")?);
                self.require(',')?;
                DataType::FixedSizeList(item, self.size()?)
            }
            "struct" => DataType::Struct(self.members()?),
            "map" => self.map()?,
            _ => {
                let key = self.data_type()?;
                self.require(',')?;
                if !key.is_dictionary_key_type() {
                    return Err((format!("`{key}` is no type of dictionary keys"), None));
                }
                DataType::Dictionary(Box::new(key), Box::new(self.data_type()?))
            }
        })
    }

    fn decimal(&mut self, precision_max: u8) -> Result<(u8, i8), Flaw> {
        let precision: u8 = self.number("a precision")?;
        let scale: i8 = if self.take(',') {
            self.number("a scale")?
        } else {
            0
        };
        let fits = i16::from(scale) <= i16::from(precision);
        if !(1..=precision_max).contains(&precision) || !fits {
            let message = format!("decimal({precision}, {scale}) is out of bounds");
            let hint =
                format!("expected 1 to {precision_max} digits, no more of them after the point");
            return Err((message, Some(hint)));
        }
        Ok((precision, scale))
    }

    fn size(&mut self) -> Result<i32, Flaw> {
        let size: i32 = self.number("a size")?;
        if size < 0 {
            return Err((format!("size `{size}` is negative"), None));
        }
        Ok(size)
    }

    /// A type, and whether it may be null.
    fn field(&mut self, name: &str) -> Result<Field, Flaw> {
        let ty = self.data_type()?;
        let before = self.rest;
        let not_null = self.word() == "not" && self.word() == "null";
        if !not_null {
            self.rest = before;
        }
        Ok(Field::new(name, ty, !not_null))
    }

    fn members(&mut self) -> Result<Fields, Flaw> {
        let mut members = Vec::new();
        self.skip();
        while !self.rest.starts_with(')') {
            let name = if self.rest.starts_with('"') {
                self.quoted()?
            } else {
                let before = self.rest;
                let word = self.word().to_owned();
                if word.is_empty() {
                    self.rest = before;
                    return Err(self.expected("a name"));
                }
                word
            };
            self.require(':')?;
            members.push(self.field(&name)?);
            if !self.take(',') {
                break;
            }
            self.skip();
        }
        Ok(members.into())
    }

    fn map(&mut self) -> Result<DataType, Flaw> {
        let key = self.data_type()?;
        self.require(',')?;
        let value = self.field("values")?;
        let key = Field::new("keys", key, false);
        let entries = DataType::Struct(Fields::from(vec![key, value]));
        Ok(DataType::Map(
            Arc::new(Field::new("entries", entries, false)),
            false,
        ))
    }
}

fn unknown(name: &str) -> Flaw {
    let message = format!("unknown type `{}`", clip(name));
    let lower = name.to_ascii_lowercase();
    if let Some((_, ours)) = FOREIGN.iter().find(|(foreign, _)| *foreign == lower) {
        return (message, Some(format!("did you mean `{ours}`?")));
    }
    let mut known: Vec<_> = SIMPLE.iter().map(|(name, _)| *name).collect();
    known.extend(COMPOUND);
    let hint = hint_at(name, &known).unwrap_or_else(|| format!("known: {}", known.join(", ")));
    (message, Some(hint))
}
