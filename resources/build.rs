//! Packs the Lambda handlers that `tools/build-handlers` left under
//! `<TAP_HANDLERS_DIR or target/handlers>/<architecture>/bootstrap`, so that `src/bundle.rs` can
//! embed them: a zip for `package_type = Zip` and one image layer for `package_type = Image`. Both
//! are deterministic: the same binary gives the same digests, so they are known at plan time.

#[path = "build/elf.rs"]
mod elf;
#[path = "build/pack.rs"]
mod pack;

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Lambda's names of the architectures.
const ARCHITECTURES: &[&str] = &["arm64", "x86_64"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-env-changed=TAP_HANDLERS_DIR");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let handlers = handlers_folder(&out)?;
    let mut table = String::from("&[\n");
    for architecture in ARCHITECTURES {
        let folder = handlers.join(architecture);
        // A path that is not there would make cargo run this script, and rebuild the crate, each
        // time: the (empty) folder is watched instead.
        fs::create_dir_all(&folder)?;
        println!("cargo::rerun-if-changed={}", folder.display());
        let bootstrap = folder.join("bootstrap");
        if bootstrap.is_file() {
            table.push_str(&entry(architecture, &fs::read(&bootstrap)?, &out)?);
        }
    }
    table.push_str("]\n");
    fs::write(out.join("bundled.rs"), table)?;
    Ok(())
}

/// Writes the packages of one architecture and returns its entry of the generated table.
fn entry(architecture: &str, bootstrap: &[u8], out: &Path) -> Result<String, Box<dyn Error>> {
    let fast = env::var("PROFILE").is_ok_and(|profile| profile == "debug");
    let zip = pack::zip(bootstrap, fast)?;
    fs::write(out.join(format!("{architecture}.zip")), &zip)?;
    let mut text = String::new();
    writeln!(text, "Bundled {{ artifact: Artifact {{")?;
    writeln!(text, "  architecture: {architecture:?},")?;
    writeln!(
        text,
        "  zip: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{architecture}.zip\")),"
    )?;
    writeln!(text, "  code_sha256: {:?} }},", pack::base64_sha256(&zip))?;
    match pack::layer(architecture, bootstrap, fast) {
        Ok(layer) => {
            fs::write(out.join(format!("{architecture}-layer.tar.gz")), &layer.gzip)?;
            writeln!(
                text,
                "  layer: Ok(Layer {{ gzip: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{architecture}-layer.tar.gz\")),"
            )?;
            writeln!(
                text,
                "    digest: {:?}, diff_id: {:?} }}) }},",
                layer.digest, layer.diff_id
            )?;
        }
        Err(reason) => writeln!(text, "  layer: Err({:?}) }},", reason.to_string())?,
    }
    Ok(text)
}

/// Where the handlers are. The target folder is the one that holds cargo's `.rustc_info.json`, or its
/// `CACHEDIR.TAG`: cargo writes the tag only into a folder that it has made itself.
fn handlers_folder(out: &Path) -> Result<PathBuf, Box<dyn Error>> {
    if let Some(folder) = env::var_os("TAP_HANDLERS_DIR") {
        return Ok(PathBuf::from(folder));
    }
    let target = out
        .ancestors()
        .find(|folder| {
            [".rustc_info.json", "CACHEDIR.TAG"]
                .iter()
                .any(|mark| folder.join(mark).is_file())
        })
        .ok_or("no target folder above OUT_DIR; set TAP_HANDLERS_DIR")?;
    Ok(target.join("handlers"))
}
