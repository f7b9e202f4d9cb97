//! Generates the types of `proto/` at build time; protox parses, so no protoc is needed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let descriptors = protox::compile(["tidegate/v1/ingest.proto"], ["proto"])?;
    tonic_prost_build::configure().bytes(".tidegate.v1.PushRequest.session").compile_fds(descriptors)?;
    println!("cargo:rerun-if-changed=proto");
    Ok(())
}
