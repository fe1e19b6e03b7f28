//! Decimal arithmetic on the text of numbers, because money never passes through a float.

use std::cmp::Ordering;

use serde_json::Number;

/// A number as sign, digits and power of ten, with no leading or trailing zero digit: equal numbers
/// have equal parts, however they were written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    pub(crate) fn of(number: &Number) -> Self {
        // serde_json's Number always holds JSON number syntax; anything else would be zero.
        Self::parse(&number.to_string()).unwrap_or_else(Self::zero)
    }

    fn zero() -> Self {
        Self {
            negative: false,
            digits: String::new(),
            exponent: 0,
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, power) = match unsigned.find(['e', 'E']) {
            Some(at) => (&unsigned[..at], unsigned[at + 1..].parse::<i64>().ok()?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let all = format!("{whole}{fraction}");
        let significant = all.trim_start_matches('0');
        let digits = significant.trim_end_matches('0');
        if digits.is_empty() {
            return Some(Self::zero());
        }
        let dropped = i64::try_from(significant.len() - digits.len()).ok()?;
        let fraction_digits = i64::try_from(fraction.len()).ok()?;
        let exponent = power.checked_sub(fraction_digits)?.checked_add(dropped)?;
        Some(Self {
            negative,
            digits: digits.to_owned(),
            exponent,
        })
    }

    /// The value as an integer, where it is one that fits.
    pub(crate) fn to_i64(&self) -> Option<i64> {
        self.integer_text()?.parse().ok()
    }

    /// Whether there is no fractional part.
    pub(crate) fn is_integer(&self) -> bool {
        self.exponent >= 0
    }

    fn integer_text(&self) -> Option<String> {
        // 20 digits hold every 64-bit integer; more zeros than that are not worth writing out.
        let zeros = usize::try_from(self.exponent).ok().filter(|zeros| *zeros <= 20)?;
        let sign = if self.negative { "-" } else { "" };
        let digits = if self.digits.is_empty() { "0" } else { &self.digits };
        Some(format!("{sign}{digits}{}", "0".repeat(zeros)))
    }

    /// Position of the first digit: 1 for 0.1234E1, the order of magnitude.
    fn magnitude(&self) -> i64 {
        self.exponent
            .saturating_add(i64::try_from(self.digits.len()).unwrap_or(i64::MAX))
    }

    fn compare_unsigned(&self, other: &Self) -> Ordering {
        match (self.digits.is_empty(), other.digits.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            // Equal magnitude: the digits line up, and a longer tail is larger.
            (false, false) => self
                .magnitude()
                .cmp(&other.magnitude())
                .then_with(|| self.digits.cmp(&other.digits)),
        }
    }

    /// One text per number, for comparing.
    pub(crate) fn canonical(&self) -> String {
        format!(
            "{}{}e{}",
            if self.negative { "-" } else { "" },
            self.digits,
            self.exponent
        )
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.compare_unsigned(other),
            (true, true) => other.compare_unsigned(self),
        }
    }
}

/// The exact decimal text of a float, as Terraform's own arbitrary-precision numbers see it; `None`
/// for infinities and NaN.
pub(crate) fn exact_float(float: f64) -> Option<Number> {
    if !float.is_finite() {
        return None;
    }
    // 1074 decimals are enough for every double, so nothing is rounded.
    let text = format!("{float:.1074}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    serde_json::from_str(if text == "-0" { "0" } else { text }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn equal_numbers_are_equal_however_written() {
        for same in ["100", "100.0", "1e2", "1.00E+2", "0.1e3"] {
            assert_eq!(decimal(same), decimal("100"), "{same}");
        }
        assert_eq!(decimal("-0"), decimal("0.000"));
        assert_ne!(decimal("0.1"), decimal("0.10000000000000001"));
    }

    #[test]
    fn orders_by_value() {
        let ascending = [
            "-1000",
            "-10.5",
            "-10.05",
            "0",
            "0.009",
            "0.01",
            "1",
            "9.99",
            "10",
            "10.000001",
            "1e30",
        ];
        for pair in ascending.windows(2) {
            assert!(decimal(pair[0]) < decimal(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn integers_fit_or_do_not() {
        assert_eq!(decimal("1e3").to_i64(), Some(1000));
        assert_eq!(decimal("-9223372036854775808").to_i64(), Some(i64::MIN));
        assert_eq!(decimal("9223372036854775808").to_i64(), None);
        assert_eq!(decimal("0.5").to_i64(), None);
        assert_eq!(decimal("1e4000000000").to_i64(), None);
    }

    #[test]
    fn floats_keep_every_bit() {
        assert_eq!(exact_float(0.5).unwrap().to_string(), "0.5");
        assert_eq!(
            exact_float(0.1).unwrap().to_string(),
            "0.1000000000000000055511151231257827021181583404541015625"
        );
        assert_eq!(exact_float(-0.0).unwrap().to_string(), "0");
        assert!(exact_float(f64::NAN).is_none());
    }
}
