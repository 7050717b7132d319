//! `${name}` within strings.

/// One part of a string with placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Literal text, unescaped.
    Text(String),
    /// The name in a placeholder.
    Name(String),
}

/// Splits a string at its placeholders. `$${` stands for `${`; any other `$` for itself.
///
/// # Errors
///
/// Says which placeholder is malformed.
pub(super) fn split(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('$')) {
        let dollar = at + found;
        literal.push_str(text.get(at..dollar).unwrap_or_default());
        let rest = text.get(dollar..).unwrap_or_default();
        if rest.starts_with("$${") {
            literal.push_str("${");
            at = dollar + 3;
        } else if let Some(open) = rest.strip_prefix("${") {
            let Some(len) = open.find('}') else {
                return Err("placeholder is not closed, expected `${name}`".to_owned());
            };
            let name = open.get(..len).unwrap_or_default();
            if !is_name(name) {
                return Err(format!(
                    "placeholder `${{{}}}` is malformed, expected `${{name}}`",
                    super::quantity::clip(name)
                ));
            }
            if !literal.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut literal)));
            }
            at = dollar + len + 3;
            pieces.push(Piece::Name(name.to_owned()));
        } else {
            literal.push('$');
            at = dollar + 1;
        }
    }
    literal.push_str(text.get(at..).unwrap_or_default());
    if !literal.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Text(literal));
    }
    Ok(pieces)
}

/// Words of `[a-z][a-z0-9_]*`, joined by dots: what has a dot is built in.
fn is_name(name: &str) -> bool {
    name.split('.').all(|word| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    })
}
