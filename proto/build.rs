//! Generates the types of `proto/` at build time; protox parses, so no protoc is needed.

const FILES: [&str; 4] =
    ["tidegate/v1/ingest.proto", "mad/client_v1.proto", "mad/client_v2.proto", "mad/client_v3.proto"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let descriptors = protox::compile(FILES, ["proto"])?;
    tonic_prost_build::configure().bytes(".tidegate.v1.PushRequest.session").compile_fds(descriptors)?;
    println!("cargo:rerun-if-changed=proto");
    Ok(())
}
