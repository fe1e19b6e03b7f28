//! Ranges of addresses in CIDR notation, as WAF takes them and as it answers them.

use std::net::IpAddr;

/// A range in the one form that is compared. WAF answers IPv6 in its long form, `2001:0db8:0000:...`, however it was
/// written (aws: `wafv2/ip_set.go`, `addresses`; issue 22797).
pub(super) fn canonical(range: &str) -> String {
    let parsed = range
        .split_once('/')
        .and_then(|(address, bits)| Some((address.parse::<IpAddr>().ok()?, bits)));
    match parsed {
        Some((address, bits)) => format!("{address}/{bits}"),
        None => range.to_owned(),
    }
}

/// The network that a range lies in, where the range names a host of it: WAF refuses that (aws-cdk: issue 20003).
pub(super) fn network_of(range: &str) -> Option<String> {
    let (address, bits) = range.split_once('/')?;
    let bits: u32 = bits.parse().ok()?;
    let network = match address.parse().ok()? {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32_u32.checked_sub(bits)?).unwrap_or(0);
            IpAddr::V4((u32::from(address) & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128_u32.checked_sub(bits)?).unwrap_or(0);
            IpAddr::V6((u128::from(address) & mask).into())
        }
    };
    let network = format!("{network}/{bits}");
    (network != canonical(range)).then_some(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_long_and_the_short_form_are_one() {
        let long = "2001:0DB8:0000:0000:0000:0000:0000:0000/32";
        assert_eq!(canonical(long), canonical("2001:db8::/32"));
        assert_ne!(canonical(long), canonical("2001:db8::/33"));
        assert_eq!(canonical("192.0.2.0/24"), "192.0.2.0/24");
        assert_eq!(canonical("${other.range}"), "${other.range}");
    }

    #[test]
    fn hosts_are_told_from_networks() {
        for network in [
            "192.0.2.0/24",
            "192.0.2.7/32",
            "10.0.0.0/8",
            "2001:db8::/32",
            "2001:db8::1/128",
        ] {
            assert_eq!(network_of(network), None, "{network}");
        }
        assert_eq!(network_of("192.0.2.7/24").as_deref(), Some("192.0.2.0/24"));
        assert_eq!(network_of("2001:db8::1/64").as_deref(), Some("2001:db8::/64"));
        assert_eq!(network_of("192.0.2.7/33"), None, "another mistake");
    }
}
