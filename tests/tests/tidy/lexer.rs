//! As much of Rust's grammar as the rules need: tokens with their lines, functions, test items.

/// A token and the line it stands in, from one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    /// From one.
    pub(crate) line: usize,
    /// An identifier or number as written, `::`, or one character.
    pub(crate) text: &'a str,
}

/// A function.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    /// As written.
    pub(crate) name: String,
    /// Where it starts, from one.
    pub(crate) line: usize,
    /// Lines with code, from the one with `fn` to the closing brace.
    pub(crate) lines: usize,
}

/// The source with comments and the insides of literals blanked. Lines stay where they are.
pub(crate) fn mask(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut masked = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = blank_end(bytes, at);
        for byte in &mut masked[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    String::from_utf8(masked).unwrap()
}

/// Where the comment or the literal that starts at `at` ends; `at` if none starts there.
fn blank_end(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let word_before = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    match rest {
        [b'/', b'/', ..] => at + rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => at + block_comment(rest),
        [b'"', ..] => at + string(rest, 0),
        [b'b' | b'c', b'"', ..] if !word_before => at + 1 + string(&rest[1..], 0),
        [b'r', b'"' | b'#', ..] if !word_before => at + raw_string(rest, 1),
        [b'b' | b'c', b'r', b'"' | b'#', ..] if !word_before => at + raw_string(rest, 2),
        [b'\'', ..] => at + character(rest),
        // What is not ASCII stands only in comments and literals; blanking keeps the bytes valid.
        [byte, ..] if !byte.is_ascii() => at + 1,
        _ => at,
    }
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] if depth == 1 => return at + 2,
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    rest.len()
}

fn string(rest: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// A raw string whose `r` stands before `start`; nothing if it is a raw identifier.
fn raw_string(rest: &[u8], start: usize) -> usize {
    let hashes = rest[start..].iter().take_while(|b| **b == b'#').count();
    if rest.get(start + hashes) != Some(&b'"') {
        return 0;
    }
    let mut end = vec![b'"'];
    end.resize(1 + hashes, b'#');
    let body = start + hashes + 1;
    let found = rest[body..]
        .windows(end.len())
        .position(|window| window == end);
    found.map_or(rest.len(), |found| body + found + end.len())
}

/// A character; nothing if it is a lifetime.
fn character(rest: &[u8]) -> usize {
    if rest.get(1) == Some(&b'\\') {
        let end = rest.iter().skip(3).position(|b| *b == b'\'');
        return end.map_or(rest.len(), |end| end + 4);
    }
    // One character of up to four bytes, then the quote.
    let width = match rest.get(1) {
        Some(byte) if byte.is_ascii() => 1,
        Some(_) => {
            rest[2..]
                .iter()
                .take_while(|b| (**b & 0xC0) == 0x80)
                .count()
                + 1
        }
        None => return 0,
    };
    if rest.get(1 + width) == Some(&b'\'') {
        width + 2
    } else {
        0
    }
}

/// The tokens of masked source.
pub(crate) fn tokens(masked: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    for (line, text) in masked.lines().enumerate() {
        let mut at = 0;
        while let Some(first) = text[at..].chars().next() {
            let rest = &text[at..];
            let width = if first.is_alphanumeric() || first == '_' {
                rest.find(|c: char| !c.is_alphanumeric() && c != '_')
                    .unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            if !first.is_whitespace() {
                tokens.push(Token {
                    line: line + 1,
                    text: &rest[..width],
                });
            }
            at += width;
        }
    }
    tokens
}

/// Masked source without the items that only tests see.
pub(crate) fn without_tests(masked: &str) -> String {
    let mut code = masked.to_owned();
    while let Some(start) = code.find("#[cfg(test)]") {
        let end = start + item_end(&code[start..]);
        let blank: String = code[start..end]
            .chars()
            .map(|c| if c == '\n' { '\n' } else { ' ' })
            .collect();
        code.replace_range(start..end, &blank);
    }
    code
}

/// Where the item at the start ends: after its block, or its semicolon.
fn item_end(code: &str) -> usize {
    let (mut braces, mut others) = (0_usize, 0_usize);
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' => others += 1,
            ')' | ']' => others = others.saturating_sub(1),
            '{' => braces += 1,
            '}' if braces <= 1 => return at + 1,
            '}' => braces -= 1,
            ';' if braces == 0 && others == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

/// Every function with a body.
pub(crate) fn functions(code: &str) -> Vec<Function> {
    let mut functions = Vec::new();
    for (start, _) in code.match_indices("fn ") {
        let word_before = code[..start]
            .chars()
            .next_back()
            .is_some_and(|c| c.is_alphanumeric() || c == '_');
        let rest = code[start + 3..].trim_start();
        let name: String = rest
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        if word_before || name.is_empty() {
            continue;
        }
        let item = &code[start..start + item_end(&code[start..])];
        if item.ends_with('}') {
            functions.push(Function {
                name,
                line: code[..start].matches('\n').count() + 1,
                lines: item.lines().filter(|line| !line.trim().is_empty()).count(),
            });
        }
    }
    functions
}

#[test]
fn literals_and_comments_are_blanked_and_lifetimes_stay() {
    let source = "let a = \"fn {\"; // fn {\nlet b: &'a str = r#\"}\"}\"#; let c = '{'; /* { /* */ */ x('\\'')";
    let masked = mask(source);
    assert_eq!(masked.len(), source.len());
    assert!(!masked.contains(['{', '}', '"']), "{masked}");
    assert!(masked.contains("&'a str"), "{masked}");
    assert!(masked.trim_end().ends_with("x(    )"), "{masked}");
}

#[test]
fn functions_are_measured_without_blank_lines_comments_and_tests() {
    let source = "fn a() {\n\n  // why\n  b([0; 2]);\n}\ntrait T { fn c(x: [u8; 3]); }\n#[cfg(test)]\nmod tests {\n fn d() {}\n}\n";
    let code = without_tests(&mask(source));
    let found = functions(&code);
    assert_eq!(
        found,
        [Function {
            name: "a".to_owned(),
            line: 1,
            lines: 3
        }]
    );
}
