//! Sizes and durations as people write them.

use std::time::Duration;

const SIZE_UNITS: [(&str, u64); 10] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("kB", 1_000),
    ("B", 1),
];

const DURATION_UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// Bytes from `"256 MiB"`, `"1.5GB"` or `"4096"`.
///
/// # Errors
///
/// Says what a size looks like.
pub fn parse_size(text: &str) -> Result<u64, String> {
    parse(text, &SIZE_UNITS, true).ok_or_else(|| {
        format!(
            "`{}` is not a size, expected bytes or a text such as \"256 MiB\"",
            clip(text)
        )
    })
}

/// A duration from `"500ms"`, `"10s"`, `"5m"`, `"1h"` or `"2d"`; to the millisecond.
///
/// # Errors
///
/// Says what a duration looks like.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    parse(text, &DURATION_UNITS, false)
        .map(Duration::from_millis)
        .ok_or_else(|| {
            format!(
                "`{}` is not a duration, expected a text such as \"10s\", \"5m\" or \"1h\"",
                clip(text)
            )
        })
}

/// Millionths of a whole from `"1%"` or `"0.05%"`.
pub(super) fn parse_share(text: &str) -> Option<u64> {
    let number = text.trim().strip_suffix('%')?;
    scaled(number.trim_end(), 10_000)
}

/// The shortest exact text of a size.
#[must_use]
pub fn format_size(bytes: u64) -> String {
    for (unit, factor) in &SIZE_UNITS[..4] {
        if bytes >= *factor && bytes.is_multiple_of(*factor) {
            return format!("{} {unit}", bytes / factor);
        }
    }
    format!("{bytes} B")
}

/// The shortest exact text of a duration.
pub(super) fn format_duration(duration: Duration) -> String {
    let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    for (unit, factor) in DURATION_UNITS.iter().rev() {
        if ms >= *factor && ms.is_multiple_of(*factor) {
            return format!("{}{unit}", ms / factor);
        }
    }
    "0s".to_owned()
}

fn parse(text: &str, units: &[(&str, u64)], bare: bool) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_');
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let unit = unit.trim_start();
    let factor = if unit.is_empty() && bare {
        1
    } else {
        units.iter().find(|(name, _)| *name == unit)?.1
    };
    scaled(&number.replace('_', ""), factor)
}

/// `number` times `factor`, exactly; the product has to be whole.
fn scaled(number: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let whole = whole.parse::<u64>().ok()?.checked_mul(factor)?;
    let tens = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let fraction = fraction
        .parse::<u128>()
        .ok()?
        .checked_mul(u128::from(factor))?;
    if !fraction.is_multiple_of(tens) {
        return None;
    }
    whole.checked_add(u64::try_from(fraction / tens).ok()?)
}

/// As much of a wrong text as an error should repeat.
pub(crate) fn clip(text: &str) -> String {
    const CHARS_MAX: usize = 80;
    let mut clipped: String = text
        .chars()
        .take(CHARS_MAX)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(CHARS_MAX).is_some() {
        clipped.push('…');
    }
    clipped
}
