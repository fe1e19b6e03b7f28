//! Ranges of addresses in CIDR notation, as WAF takes them and as it answers them.

use std::net::IpAddr;

/// Address and prefix length of a range, where it is one that a set of addresses takes: all but `/0`
/// (<https://docs.aws.amazon.com/waf/latest/APIReference/API_IPSet.html>).
pub(crate) fn parse(range: &str) -> Option<(IpAddr, u32)> {
    let (address, bits) = range.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    // A number may have a sign, a prefix length has none.
    let digits = bits.bytes().all(|b| b.is_ascii_digit());
    let bits = bits
        .parse()
        .ok()
        .filter(|bits| digits && (1..=longest).contains(bits))?;
    Some((address, bits))
}

/// A range in the one form that is compared. WAF answers IPv6 in its long form, `2001:0db8:0000:...`, however it was
/// written (aws: `wafv2/ip_set.go`, `addresses`; issue 22797).
pub(super) fn canonical(range: &str) -> String {
    parse(range).map_or_else(|| range.to_owned(), |(address, bits)| format!("{address}/{bits}"))
}

/// The network that a range lies in, where the range names a host of it: WAF refuses that (aws-cdk: issue 20003).
pub(super) fn network_of(range: &str) -> Option<String> {
    let (address, bits) = parse(range)?;
    let network: IpAddr = match address {
        IpAddr::V4(address) => IpAddr::V4((u32::from(address) & (u32::MAX << (32 - bits))).into()),
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) & (u128::MAX << (128 - bits))).into()),
    };
    (network != address).then(|| format!("{network}/{bits}"))
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
