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
    pub(super) fn new(values: &[&str]) -> Self {
        let values = values.iter().filter(|value| value.len() >= VALUE_BYTES_MIN);
        let mut forms: Vec<String> = values.flat_map(|value| forms(value)).collect();
        // The longest first: one may be a part of another.
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        forms.dedup();
        Self(forms)
    }

    /// The text without the values.
    pub(crate) fn clean<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut clean = Cow::Borrowed(text);
        for form in &self.0 {
            if clean.contains(form.as_str()) {
                clean = Cow::Owned(clean.replace(form.as_str(), HIDDEN));
            }
        }
        clean
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
