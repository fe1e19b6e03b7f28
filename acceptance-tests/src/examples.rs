//! The files below `examples/`, as tests apply them.

use crate::{Error, Result, workspace_root};
use std::fs;

/// `examples/<path>`, with this machine's architecture for the one that the file names: the provider of a test holds no other
/// handlers.
///
/// # Errors
/// [`Error::File`] when there is no such file.
pub fn example(path: &str) -> Result<String> {
    let path = workspace_root().join("examples").join(path);
    let text = fs::read_to_string(&path).map_err(Error::file(&path))?;
    let own = match std::env::consts::ARCH {
        "aarch64" => "arm64",
        other => other,
    };
    Ok(text.replace("\"x86_64\"", &format!("{own:?}")))
}
