//! Numbers in text, exactly or not at all.

use arrow::array::ArrowPrimitiveType;
use arrow::array::types::{DecimalType, Float16Type, Float32Type, Float64Type};
use arrow::compute::kernels::cast_utils::{Parser, parse_decimal};

/// Digits of the largest integer, an unsigned one of 64 bits.
const INTEGER_DIGITS: usize = 20;

/// Characters of a decimal that Arrow's parser, which counts them in bytes, is left with.
const SHORT_CHARS: usize = 76;

/// A whole number, which may be written `1e3` or `1.0`.
pub(super) fn integer<T: Parser>(text: &str) -> Option<T::Native> {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    if matches!(digits, [b'0', b'0'..=b'9', ..]) {
        return None; // `007` is a code, which a number could not give back
    }
    if digits.iter().all(u8::is_ascii_digit)
        && let Some(value) = T::parse(text)
    {
        return Some(value);
    }
    T::parse(&Number::read(text)?.scaled(0, INTEGER_DIGITS)?)
}

/// A floating-point type that knows when a number was out of its range.
pub(super) trait Float: Parser {
    fn is_infinite(value: Self::Native) -> bool;
}

macro_rules! float {
    ($($t:ty),+) => {
        $(impl Float for $t {
            fn is_infinite(value: Self::Native) -> bool {
                value.is_infinite()
            }
        })+
    };
}

float!(Float16Type, Float32Type, Float64Type);

/// The nearest number of the type, unless that is infinity for a number that is not.
pub(super) fn float<T: Float>(text: &str) -> Option<T::Native> {
    let digits = || text.bytes().any(|byte| byte.is_ascii_digit());
    T::parse(text).filter(|&value| !T::is_infinite(value) || !digits())
}

/// A number with as many digits behind the point as `scale` says, or fewer.
pub(super) fn decimal<T: DecimalType + ArrowPrimitiveType>(
    text: &str,
    precision: u8,
    scale: i8,
) -> Option<T::Native> {
    let fraction = memchr::memchr(b'.', text.as_bytes()).map_or(0, |at| text.len() - at - 1);
    let is_short = text.len() <= SHORT_CHARS && usize::try_from(scale).is_ok_and(|s| fraction <= s);
    if is_short
        && memchr::memchr2(b'e', b'E', text.as_bytes()).is_none()
        && let Ok(value) = parse_decimal::<T>(text, precision, scale)
    {
        return Some(value);
    }
    let plain = Number::read(text)?.scaled(i64::from(scale), usize::from(precision))?;
    parse_decimal::<T>(&plain, precision, 0).ok()
}

/// A number as its digits, without zeros at either end, times a power of ten.
struct Number {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Number {
    fn read(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let unsigned = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let all = format!("{whole}{fraction}");
        if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let kept = all.trim_end_matches('0');
        let zeros = all.len() - kept.len();
        Some(Self {
            negative: mantissa.starts_with('-'),
            exponent: i64::from(exponent) + i64::try_from(zeros).ok()?
                - i64::try_from(fraction.len()).ok()?,
            digits: kept.trim_start_matches('0').to_owned(),
        })
    }

    /// The number times ten to the power of `scale`, if that is whole and has at most `digits_max` digits.
    fn scaled(&self, scale: i64, digits_max: usize) -> Option<String> {
        if self.digits.is_empty() {
            return Some("0".to_owned());
        }
        let zeros = usize::try_from(self.exponent.checked_add(scale)?).ok()?;
        if zeros > digits_max || self.digits.len() + zeros > digits_max {
            return None;
        }
        let sign = if self.negative { "-" } else { "" };
        Some(format!("{sign}{}{}", self.digits, "0".repeat(zeros)))
    }
}
