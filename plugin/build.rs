//! Compiles the wire definitions with protox, a pure-Rust protoc: no system package needed.

use std::error::Error;

const PROTOS: [&str; 3] = ["proto/tfplugin6.proto", "proto/go_plugin.proto", "proto/health.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(PROTOS, ["proto"])?;
    tonic_prost_build::configure()
        // Calls that this crate does not implement answer UNIMPLEMENTED by themselves.
        .generate_default_stubs(true)
        // Timestamp and Empty are generated too, which spares the prost-types crate.
        .compile_well_known_types(true)
        .include_file("wire.rs")
        // The clients serve the tests, which speak the wire to a real process.
        .build_client(true)
        .compile_fds(descriptors)?;
    Ok(())
}
