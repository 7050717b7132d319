//! Hides the values of secrets in texts that people are shown.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// What stands in place of a secret.
const HIDDEN: &str = "[secret]";

/// Bytes of the shortest value that is hidden: a shorter one would hide half of every text, and is no secret.
const VALUE_BYTES_MIN: usize = 4;

/// Replaces values of secrets, as they are and as they are commonly encoded. It cannot be printed.
#[derive(Clone, Default)]
pub(crate) struct Redactor(Vec<String>);

impl Redactor {
    /// Also replaces this value.
    pub(crate) fn add(&mut self, value: &str) {
        if value.len() >= VALUE_BYTES_MIN {
            self.0.extend(forms(value));
            self.0.sort_unstable();
            self.0.dedup();
        }
    }

    /// Whether there is nothing to hide.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text without the values.
    pub(crate) fn clean<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let (mut clean, mut rest) = (String::new(), text);
        while let Some((before, after)) = self.first(rest) {
            clean.push_str(before);
            clean.push_str(HIDDEN);
            rest = after;
        }
        if clean.is_empty() {
            return Cow::Borrowed(text);
        }
        Cow::Owned(clean + rest)
    }

    /// What stands before and after the first value, of several there the longest.
    fn first<'a>(&self, text: &'a str) -> Option<(&'a str, &'a str)> {
        let found = self.0.iter().filter_map(|form| text.split_once(form));
        found.min_by_key(|(before, after)| (before.len(), after.len()))
    }
}

/// A value as it is, in hexadecimal, in Base64 with either alphabet, as part of a URL, and with control characters escaped.
fn forms(value: &str) -> Vec<String> {
    let hex = hex::encode(value);
    // Without padding, which what follows the value may change.
    let base64 = STANDARD_NO_PAD.encode(value);
    let url_safe = URL_SAFE_NO_PAD.encode(value);
    let url: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    let path = url.replace('+', "%20");
    let escaped: String = value.escape_default().collect();
    let mut forms = vec![
        value.to_owned(),
        hex.to_uppercase(),
        hex,
        base64,
        url_safe,
        url,
        path,
        escaped,
    ];
    forms.sort();
    forms.dedup();
    forms
}

#[cfg(test)]
mod tests {
    use super::Redactor;

    fn hiding(values: &[&str]) -> Redactor {
        let mut redactor = Redactor::default();
        for value in values {
            redactor.add(value);
        }
        redactor
    }

    #[test]
    fn a_value_is_hidden_in_every_form_in_which_it_may_be_shown() {
        let value = "pass/word+1 =\n\u{e9}";
        let redactor = hiding(&[value]);
        for form in [
            value,
            "706173732f776f72642b31203d0ac3a9",
            "706173732F776F72642B31203D0AC3A9",
            "cGFzcy93b3JkKzEgPQrDqQ",
            "pass%2Fword%2B1+%3D%0A%C3%A9",
            "pass%2Fword%2B1%20%3D%0A%C3%A9",
            "pass/word+1 =\\n\\u{e9}",
        ] {
            let told = redactor
                .clean(&format!("before {form}== after"))
                .into_owned();
            assert_eq!(told, "before [secret]== after", "{form}");
        }
        assert_eq!(redactor.clean("password"), "password");
    }

    #[test]
    fn of_two_values_the_longer_is_hidden_whole() {
        let redactor = hiding(&["secret", "secret-too"]);
        assert_eq!(
            redactor.clean("a secret-too, a secret"),
            "a [secret], a [secret]"
        );
        let both = hiding(&["word", "sword"]);
        assert_eq!(both.clean("password, sword"), "pas[secret], [secret]");
        // What is too short is part of every text.
        let short = hiding(&["abc"]);
        assert!(short.is_empty());
    }
}
