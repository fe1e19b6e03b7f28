//! Names of users as parts of component keys.

/// Letters and digits as they are, `_` for everything else. Several names have the same slug; plans refuse those that meet
/// (`validate/twice.rs`).
pub(super) fn slug(name: &str) -> String {
    let letters = name.chars();
    letters
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect()
}
