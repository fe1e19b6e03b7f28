//! What `build.rs` packs, tried with this test's own executable.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

#[path = "../build/elf.rs"]
mod elf;
#[path = "../build/pack.rs"]
mod pack;

use std::collections::BTreeMap;
use std::io::Read as _;

fn own_executable() -> Vec<u8> {
    std::fs::read(std::env::current_exe().unwrap()).unwrap()
}

fn own_architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "x86_64"
    }
}

#[test]
fn the_needs_of_an_executable_are_read_from_it() {
    let elf = elf::read(&own_executable()).unwrap();
    assert_eq!(elf.architecture, own_architecture());
    assert!(elf.interpreter.unwrap().contains("ld-linux"));
    assert!(elf.needed.iter().any(|name| name == "libc.so.6"), "{:?}", elf.needed);
    assert_eq!(elf::read(b"#!/bin/sh\n"), None);
}

/// P-36.
#[test]
fn the_zip_holds_an_executable_bootstrap_and_nothing_that_changes() {
    let bytes = pack::zip(b"handler", true).unwrap();
    assert_eq!(bytes, pack::zip(b"handler", true).unwrap());
    assert_eq!(pack::base64_sha256(b""), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    assert_eq!(zip.len(), 1);
    let mut file = zip.by_name("bootstrap").unwrap();
    assert_eq!(file.unix_mode().unwrap() & 0o777, 0o755);
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "handler");
}

/// The image has no base: everything that the executable needs must be inside.
#[test]
fn the_layer_carries_loader_libraries_and_certificates() {
    let own = own_executable();
    let layer = pack::layer(own_architecture(), &own, true).unwrap();
    assert_eq!(layer, pack::layer(own_architecture(), &own, true).unwrap());
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(layer.gzip.as_slice()));
    let mut modes = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.header().mtime().unwrap(), 0);
        let path = entry.path().unwrap().to_string_lossy().into_owned();
        modes.insert(path, entry.header().mode().unwrap());
    }
    assert_eq!(modes["var/runtime/bootstrap"], 0o755);
    assert_eq!(modes["etc/ssl/certs/ca-certificates.crt"], 0o644);
    assert!(modes.contains_key("var/task/"), "{modes:?}");
    let elf = elf::read(&own).unwrap();
    let loader = elf.interpreter.unwrap();
    assert!(modes.contains_key(loader.trim_start_matches('/')));
    for name in elf.needed.iter().filter(|name| !loader.ends_with(name.as_str())) {
        assert!(modes.contains_key(&format!("usr/lib/tap/{name}")), "{name} is missing");
    }
}

#[test]
fn what_is_missing_on_the_build_machine_is_named() {
    let other = if own_architecture() == "arm64" {
        "x86_64"
    } else {
        "arm64"
    };
    let error = pack::layer(other, &own_executable(), true).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the bootstrap is not a Linux executable for {other}")
    );
}
