//! ISO 4217 currencies with their minor units.
//!
//! Source: ISO 4217 list one (current currency and funds codes). Left out are the codes
//! without a minor unit (metals, bond-market units, SDR, test and "no currency"),
//! because nothing can be paid in them.

use std::fmt;

/// The currencies that have other than two minor digits.
const MINOR_DIGITS: [(u32, &str); 3] = [
    (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (4, "CLF UYW"),
];

/// The currencies that have two minor digits.
const TWO_MINOR_DIGITS: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP \
     BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD \
     GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT \
     MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR \
     SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST \
     XAD XCD XCG YER ZAR ZMW ZWG";

/// A currency of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency {
    code: &'static str,
    minor_digits: u32,
}

impl Currency {
    /// The currency with this code: three upper-case letters.
    pub fn parse(text: &str) -> Option<Self> {
        let others = MINOR_DIGITS
            .iter()
            .flat_map(|(digits, codes)| codes.split(' ').map(|code| (code, *digits)));
        let two = TWO_MINOR_DIGITS.split(' ').map(|code| (code, 2));
        others
            .chain(two)
            .find(|(code, _)| *code == text)
            .map(|(code, minor_digits)| Self { code, minor_digits })
    }

    /// The ISO 4217 code.
    pub fn code(self) -> &'static str {
        self.code
    }

    /// Number of digits after the decimal point.
    pub fn minor_digits(self) -> u32 {
        self.minor_digits
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_minor_units() {
        for (code, digits) in [("USD", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("EUR", 2)] {
            assert_eq!(
                Currency::parse(code).map(Currency::minor_digits),
                Some(digits),
                "{code}"
            );
        }
    }

    #[test]
    fn refuses_what_is_not_on_the_list() {
        for code in ["usd", "US", "USDT", "XXX", "XAU", "ZZZ", "", " ", "USD EUR"] {
            assert_eq!(Currency::parse(code), None, "{code}");
        }
    }

    #[test]
    fn every_code_is_listed_once() {
        let all: Vec<&str> = MINOR_DIGITS
            .iter()
            .flat_map(|(_, c)| c.split(' '))
            .chain(TWO_MINOR_DIGITS.split(' '))
            .collect();
        let unique: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(unique.len(), all.len());
        assert!(
            all.iter()
                .all(|c| c.len() == 3 && c.bytes().all(|b| b.is_ascii_uppercase()))
        );
    }
}
