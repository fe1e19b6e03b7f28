//! The script as the zip that `CreateCanary` takes. The same script gives the same bytes.

use std::io::{Cursor, Write};

use aws_smithy_types::Blob;
use tap_engine::{KindError, KindResult, Settings};

use super::runtime::{Family, Runtime};
use crate::aws::fields::Fields;

/// doc: `CanaryCodeInput`: the zip must be smaller (225 KB, encoded).
const LARGEST: usize = 225 * 1000;

/// The zip.
pub(super) fn zip(settings: &Settings) -> KindResult<Blob> {
    let runtime = settings.text("runtime_version")?;
    let runtime =
        Runtime::parse(runtime).ok_or_else(|| KindError::invalid("runtime_version", "is no runtime of Synthetics"))?;
    let script = settings.text("script")?;
    let path = path(runtime, settings.text("handler")?, script);
    let bytes = pack(&path, script).map_err(|error| KindError::invalid("script", error.to_string()))?;
    // Base64 on the wire makes four characters of three bytes.
    if bytes.len().div_ceil(3) * 4 > LARGEST {
        let message = format!(
            "its zip has {} bytes: encoded it must stay below {LARGEST}",
            bytes.len()
        );
        return Err(KindError::invalid("script", message));
    }
    Ok(Blob::new(bytes))
}

fn pack(path: &str, script: &str) -> ::zip::result::ZipResult<Vec<u8>> {
    let options = ::zip::write::SimpleFileOptions::default()
        .compression_method(::zip::CompressionMethod::Deflated)
        .last_modified_time(::zip::DateTime::default())
        .unix_permissions(0o644);
    let mut writer = ::zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file(path, options)?;
    writer.write_all(script.as_bytes())?;
    Ok(writer.finish()?.into_inner())
}

/// The file that the handler `<file>.<function>` names, in its folder, with the ending that its syntax needs.
fn path(runtime: Runtime, handler: &str, script: &str) -> String {
    let file = handler.rsplit_once('.').map_or(handler, |(file, _)| file);
    let is_module = script
        .lines()
        .any(|line| line.starts_with("import ") || line.starts_with("export "));
    let ending = match runtime.family {
        Family::Selenium => "py",
        _ if is_module => "mjs",
        _ => "js",
    };
    format!("{}{file}.{ending}", runtime.folder())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::io::Read;

    const SCRIPT: &str = "exports.handler = async () => {};\n";

    fn settings(runtime: &str, script: &str) -> Settings {
        serde_json::from_value(json!({"runtime_version": runtime, "handler": "health.handler", "script": script}))
            .unwrap()
    }

    fn packed(runtime: &str, script: &str) -> (String, String) {
        let blob = zip(&settings(runtime, script)).unwrap();
        let mut archive = ::zip::ZipArchive::new(Cursor::new(blob.into_inner())).unwrap();
        assert_eq!(archive.len(), 1);
        let mut file = archive.by_index(0).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        (file.name().unwrap().into_owned(), text)
    }

    /// O-03: built here, where the runtime looks for it, and always the same.
    #[test]
    fn the_zip_has_the_layout_of_the_runtime_and_is_deterministic() {
        let old = packed("syn-nodejs-puppeteer-10.0", SCRIPT);
        assert_eq!(old, ("nodejs/node_modules/health.js".to_owned(), SCRIPT.to_owned()));
        assert_eq!(packed("syn-nodejs-puppeteer-15.0", SCRIPT).0, "health.js");
        let module = "import { synthetics } from '@aws/synthetics-playwright';\nexport const handler = 1;\n";
        assert_eq!(packed("syn-nodejs-playwright-6.0", module).0, "health.mjs");
        assert_eq!(
            packed("syn-python-selenium-6.0", "def handler(): pass\n").0,
            "python/health.py"
        );
        let again = || zip(&settings("syn-nodejs-puppeteer-15.0", SCRIPT)).unwrap();
        assert_eq!(again(), again());
    }

    #[test]
    fn a_script_that_is_too_large_is_refused() {
        // No repetition that the compression could fold away.
        let digits: Vec<String> = (0u32..120_000)
            .map(|n| n.wrapping_mul(2_654_435_761).to_string())
            .collect();
        let noise = digits.concat();
        let error = zip(&settings("syn-nodejs-puppeteer-15.0", &noise)).unwrap_err();
        assert!(error.to_string().contains("must stay below"), "{error}");
    }
}
