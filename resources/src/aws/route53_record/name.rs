//! DNS names in one form. Route 53 hands them out in lower case with a trailing dot, and characters outside of
//! a-z, 0-9, - (hyphen) and _ as `\` and three octal digits
//! (<https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html>).

/// Lower case, no trailing dot, octal escapes resolved.
pub(super) fn canonical(name: &str) -> String {
    let name = unescaped(name).to_ascii_lowercase();
    name.strip_suffix('.').map_or(name.clone(), str::to_owned)
}

/// [`canonical`], unless the text still holds a reference.
pub(super) fn canonical_unless_open(name: &str) -> String {
    if name.contains("${") {
        name.to_owned()
    } else {
        canonical(name)
    }
}

fn unescaped(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        let digits = rest.get(at + 1..at + 4);
        if let Some(code) = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            text.push(char::from(code));
            rest = &rest[at + 4..];
        } else {
            text.push('\\');
            rest = &rest[at + 1..];
        }
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_of_a_name_are_one() {
        assert_eq!(canonical("Pay.Example.COM."), "pay.example.com");
        assert_eq!(canonical("\\052.example.com."), "*.example.com");
        assert_eq!(canonical("*.example.com"), "*.example.com");
        assert_eq!(canonical("odd\\9.example.com"), "odd\\9.example.com");
        assert_eq!(canonical("end\\"), "end\\");
    }
}
