//! KMS keys as services report them: mostly as ARNs, however they were named.

/// The key that a service reports, written as it was `wanted`: a key id where an id was wanted,
/// an alias where an alias was (which key it stands for cannot be told from the answer).
pub fn as_wanted(wanted: Option<&str>, reported: &str) -> String {
    let same = |wanted: &&str| {
        let is_id_of_reported = !wanted.is_empty() && reported.ends_with(&format!("key/{wanted}"));
        is_id_of_reported || wanted.starts_with("alias/") || wanted.contains(":alias/")
    };
    wanted.filter(same).unwrap_or(reported).to_owned()
}

#[cfg(test)]
mod tests {
    use super::as_wanted;

    const ARN: &str = "arn:aws:kms:us-east-1:111122223333:key/1234";

    #[test]
    fn a_key_is_reported_in_the_form_that_was_wanted() {
        assert_eq!(as_wanted(Some("1234"), ARN), "1234");
        assert_eq!(as_wanted(Some("alias/data"), ARN), "alias/data");
        assert_eq!(as_wanted(Some("5678"), ARN), ARN);
        assert_eq!(as_wanted(None, ARN), ARN);
    }
}
