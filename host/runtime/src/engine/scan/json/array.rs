//! One JSON array as a sequence of records: what stands around its elements is blanked, so that the text
//! keeps its lines.

use bytes::Bytes;

use crate::error::{Error, Result};

/// How far an array has been read.
#[derive(Debug, Default)]
pub(super) struct Brackets {
    place: Place,
    /// Brackets that are open within an element.
    depth: u64,
    quoted: bool,
    escaped: bool,
    lines: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Before,
    /// Behind the opening bracket, where the array may end at once.
    First,
    /// Behind a comma.
    Next,
    Within,
    Behind,
    After,
}

impl Brackets {
    /// The text with blanks in place of what belongs to the array itself.
    ///
    /// # Errors
    ///
    /// The text is no array of objects.
    pub(super) fn blank(&mut self, text: &[u8]) -> Result<Bytes> {
        let mut blanked = Vec::with_capacity(text.len());
        for &byte in text {
            self.lines += u64::from(byte == b'\n');
            blanked.push(if self.place == Place::Within {
                self.within(byte);
                byte
            } else if byte.is_ascii_whitespace() {
                byte
            } else {
                self.between(byte)?
            });
        }
        Ok(blanked.into())
    }

    /// Checks that nothing is missing.
    ///
    /// # Errors
    ///
    /// The array has not ended.
    pub(super) fn end(&self) -> Result<()> {
        match self.place {
            Place::After => Ok(()),
            Place::Before => Err(self.wrong("holds no array")),
            _ => Err(self.wrong("ends before its array does")),
        }
    }

    fn within(&mut self, byte: u8) {
        if self.quoted {
            self.quoted = self.escaped || byte != b'"';
            self.escaped = byte == b'\\' && !self.escaped;
            return;
        }
        match byte {
            b'"' => self.quoted = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    self.place = Place::Behind;
                }
            }
            _ => {}
        }
    }

    fn between(&mut self, byte: u8) -> Result<u8> {
        self.place = match (self.place, byte) {
            (Place::Before, b'[') => Place::First,
            (Place::First | Place::Next, b'{') => {
                self.depth = 1;
                self.place = Place::Within;
                return Ok(byte);
            }
            (Place::First | Place::Behind, b']') => Place::After,
            (Place::Behind, b',') => {
                self.place = Place::Next;
                return Ok(b'\r'); // where a batch may end
            }
            (Place::Before, _) => return Err(self.wrong("begins with no `[`")),
            (Place::First | Place::Next, _) => {
                return Err(self.wrong("has an element that is no object"));
            }
            (Place::After, _) => return Err(self.wrong("goes on behind its array")),
            _ => return Err(self.wrong("has no comma between two elements")),
        };
        Ok(b' ')
    }

    fn wrong(&self, what: &str) -> Error {
        let line = self.lines + 1;
        Error::input(format!("the file {what}"))
            .fact("line", line)
            .context(format!("line {line}"))
            .hint("a file with one record a line is `format = \"ndjson\"`")
    }
}

#[cfg(test)]
mod tests {
    use super::Brackets;

    fn records(text: &str) -> Result<String, String> {
        let mut brackets = Brackets::default();
        let mut blanked = String::new();
        // Byte by byte: a chunk may end anywhere.
        for byte in text.bytes() {
            let chunk = brackets.blank(&[byte]).map_err(|error| error.to_string())?;
            blanked.push_str(std::str::from_utf8(&chunk).unwrap());
        }
        brackets.end().map_err(|error| error.to_string())?;
        Ok(blanked)
    }

    #[test]
    fn elements_stay_where_they_stand() {
        assert_eq!(
            records("[{\"a\":[1,{}]},\n{\"b\":\"]},\\\"{\"}]\n").unwrap(),
            " {\"a\":[1,{}]}\r\n{\"b\":\"]},\\\"{\"} \n"
        );
        assert_eq!(records(" [ ] ").unwrap(), "     ");
    }

    #[test]
    fn what_is_no_array_of_objects_is_refused() {
        for (text, told) in [
            ("", "line 1: the file holds no array"),
            ("{}", "line 1: the file begins with no `[`"),
            ("[{},\n{}", "line 2: the file ends before its array does"),
            (
                "[{}\n{}]",
                "line 2: the file has no comma between two elements",
            ),
            ("[{},]", "line 1: the file has an element that is no object"),
            ("[1]", "line 1: the file has an element that is no object"),
            ("[{}]]", "line 1: the file goes on behind its array"),
        ] {
            assert_eq!(records(text).unwrap_err(), told, "{text}");
        }
    }
}
