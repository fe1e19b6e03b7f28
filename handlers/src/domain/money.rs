//! Amounts of money: decimal, never binary floating point (REQUIREMENTS 6.5, W-28).

use std::fmt;

use rust_decimal::Decimal;
use serde_json::{Number, Value};
use thiserror::Error;

use super::currency::Currency;

/// Most digits before the decimal point.
const MAX_INTEGER_DIGITS: usize = 20;
/// Most digits after it before a currency is known: 20 + 8 digits always fit `Decimal`.
const MAX_FRACTION_DIGITS: usize = 8;
/// Largest exponent worth expanding; a bigger one overflows the digits anyway.
const MAX_EXPONENT: i32 = 40;

/// The value is not an amount.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("Invalid amount format")]
pub struct AmountError;

/// An exact amount of money, at most 20 integer digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(Decimal);

impl Amount {
    /// Reads a JSON number from its literal text, or text that holds a plain decimal.
    ///
    /// Refused are booleans, `NaN`, `Infinity`, a sign `+`, underscores, blanks, leading
    /// zeros, and whatever has more than 20 integer digits. Exponents are read in JSON
    /// numbers (where serialisers write them) but not in text.
    pub fn from_json(value: &Value) -> Result<Self, AmountError> {
        match value {
            Value::Number(number) => Self::parse(&number.to_string(), true),
            Value::String(text) => Self::parse(text, false),
            _ => Err(AmountError),
        }
    }

    /// Reads a plain decimal such as `12.50`.
    pub fn from_text(text: &str) -> Result<Self, AmountError> {
        Self::parse(text, false)
    }

    fn parse(text: &str, allow_exponent: bool) -> Result<Self, AmountError> {
        let literal = Literal::split(text).ok_or(AmountError)?;
        if literal.exponent != 0 && !allow_exponent {
            return Err(AmountError);
        }
        let plain = literal.expand().ok_or(AmountError)?;
        plain
            .parse::<Decimal>()
            .map(|d| Self(d.normalize()))
            .map_err(|_| AmountError)
    }

    /// Whether it is greater than zero.
    pub fn is_positive(self) -> bool {
        self.0 > Decimal::ZERO
    }

    /// Whether the currency can express it.
    pub fn fits(self, currency: Currency) -> bool {
        self.0.scale() <= currency.minor_digits()
    }

    /// The decimal value.
    pub fn decimal(self) -> Decimal {
        self.0
    }

    /// The JSON number whose literal text is this amount, for DynamoDB `N` and EventBridge.
    pub fn to_json_number(self) -> Value {
        decimal_number(self.0)
    }

    /// Whether EventBridge can compare it: within ±5·10⁹ and at most 6 decimals (W-16).
    pub fn is_routable(self) -> bool {
        self.0.abs() <= Decimal::from(5_000_000_000_i64) && self.0.scale() <= 6
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A decimal as a JSON number with exactly its text.
pub fn decimal_number(decimal: Decimal) -> Value {
    let text = decimal.to_string();
    // A decimal's text is always a JSON number; text is the lossless fall-back.
    text.parse::<Number>().map_or(Value::String(text), Value::Number)
}

/// The parts of a JSON number literal.
struct Literal<'a> {
    negative: bool,
    integer: &'a str,
    fraction: &'a str,
    exponent: i32,
}

impl<'a> Literal<'a> {
    fn split(text: &'a str) -> Option<Self> {
        let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
            None => (rest, 0),
        };
        let (integer, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return None,
            Some((integer, fraction)) => (integer, fraction),
            None => (mantissa, ""),
        };
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        let leading_zero = integer.len() > 1 && integer.starts_with('0');
        let valid = !integer.is_empty() && !leading_zero && digits(integer) && digits(fraction);
        valid.then_some(Self {
            negative,
            integer,
            fraction,
            exponent,
        })
    }

    /// Plain decimal text within the digit limits, or `None` when it is too long.
    fn expand(&self) -> Option<String> {
        let mut digits = format!("{}{}", self.integer, self.fraction);
        let mut point = i32::try_from(self.integer.len()).ok()?.checked_add(self.exponent)?;
        if point <= 0 {
            digits = "0".repeat(usize::try_from(1 - point).ok()?) + &digits;
            point = 1;
        }
        let point = usize::try_from(point).ok()?;
        while digits.len() < point {
            digits.push('0');
        }
        let (integer, fraction) = digits.split_at(point);
        let (integer, fraction) = (integer.trim_start_matches('0'), fraction.trim_end_matches('0'));
        if integer.len() > MAX_INTEGER_DIGITS || fraction.len() > MAX_FRACTION_DIGITS {
            return None;
        }
        let sign = if self.negative { "-" } else { "" };
        let dot = if fraction.is_empty() { "" } else { "." };
        let integer = if integer.is_empty() { "0" } else { integer };
        Some(format!("{sign}{integer}{dot}{fraction}"))
    }
}

fn parse_exponent(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let valid = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let exponent: i32 = if valid { text.parse().ok()? } else { return None };
    (exponent.abs() <= MAX_EXPONENT).then_some(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn json(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn reads_numbers_and_decimal_text_exactly() {
        let cases = [
            ("0.1", "0.1"),
            ("\"0.1\"", "0.1"),
            ("10.50", "10.5"),
            ("1e3", "1000"),
            ("1.5E-2", "0.015"),
            ("12345678901234567890.12", "12345678901234567890.12"),
            ("\"99999999999999999999\"", "99999999999999999999"),
            ("0e40", "0"),
            ("-1", "-1"),
        ];
        for (input, expected) in cases {
            assert_eq!(
                Amount::from_json(&json(input)).unwrap().to_string(),
                expected,
                "{input}"
            );
        }
    }

    #[test]
    fn refuses_everything_lenient_parsers_accept() {
        let cases = [
            "true",
            "null",
            "[]",
            "{}",
            "\"NaN\"",
            "\"Infinity\"",
            "\"-inf\"",
            "\"1_000\"",
            "\"+5\"",
            "\" 5\"",
            "\"5 \"",
            "\"\"",
            "\".5\"",
            "\"5.\"",
            "\"007\"",
            "\"1e3\"",
            "1e400",
            "1e-400",
            "\"0x10\"",
            "\"1,5\"",
            "123456789012345678901",
            "999999999999999999999999999999",
            "0.123456789",
            "\"\u{0661}\"",
        ];
        for input in cases {
            assert_eq!(Amount::from_json(&json(input)), Err(AmountError), "{input}");
        }
    }

    #[test]
    fn a_currency_limits_the_decimals() {
        let amount = |t: &str| Amount::from_text(t).unwrap();
        let usd = Currency::parse("USD").unwrap();
        let jpy = Currency::parse("JPY").unwrap();
        assert!(amount("1.23").fits(usd) && amount("1.2300").fits(usd) && !amount("1.234").fits(usd));
        assert!(amount("100.0").fits(jpy) && !amount("100.5").fits(jpy));
    }

    #[test]
    fn eventbridge_range_is_five_billion() {
        let amount = |t: &str| Amount::from_text(t).unwrap();
        assert!(amount("5000000000").is_routable());
        assert!(!amount("5000000001").is_routable() && !amount("5000000000.01").is_routable());
        assert!(!amount("0.1234567").is_routable());
    }

    proptest! {
        #![proptest_config(crate::fakes::repeatable())]
        #[test]
        fn text_round_trips(integer in 0_u64..=u64::MAX, cents in 0_u32..100) {
            let text = format!("{integer}.{cents:02}");
            let amount = Amount::from_text(&text).unwrap();
            let again = Amount::from_json(&amount.to_json_number()).unwrap();
            prop_assert_eq!(amount, again);
            prop_assert_eq!(amount.decimal(), text.parse::<Decimal>().unwrap());
            let wire = serde_json::to_string(&amount.to_json_number()).unwrap();
            prop_assert_eq!(wire, amount.to_string());
        }

        #[test]
        fn never_panics(text in "\\PC{0,40}") {
            let _ = Amount::from_text(&text);
            let _ = serde_json::from_str::<Value>(&text).map(|v| Amount::from_json(&v).is_ok());
        }
    }
}
