//! Generates the code of `sluice/v1`, without protoc.
//!
//! The gateway wants each event of a request as the bytes it came in, so that a malformed one fails
//! alone and nothing is decoded twice. On the wire a message field and a bytes field are the same, so
//! requests are generated with events as bytes, while the published descriptor keeps saying `Event`.

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;

use prost::Message;
use prost_types::FileDescriptorSet;
use prost_types::field_descriptor_proto::Type;

const FILES: [&str; 4] = [
    "sluice/v1/event.proto",
    "sluice/v1/record.proto",
    "sluice/v1/ingestion.proto",
    "sluice/v1/query.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=sluice");
    let published = protox::compile(FILES, ["."])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("sluice_descriptor.bin"), published.encode_to_vec())?;

    let mut config = tonic_prost_build::Config::new();
    config.bytes(["."]);
    tonic_prost_build::configure()
        .codec_path("crate::codec::Bounded")
        .compile_fds_with_config(with_events_as_bytes(published), config)?;
    Ok(())
}

fn with_events_as_bytes(mut files: FileDescriptorSet) -> FileDescriptorSet {
    let requests = files
        .file
        .iter_mut()
        .filter(|file| file.name().ends_with("ingestion.proto"))
        .flat_map(|file| file.message_type.iter_mut())
        .filter(|message| message.name().ends_with("Request"));
    for field in requests.flat_map(|message| message.field.iter_mut()) {
        if field.type_name() == ".sluice.v1.Event" {
            field.set_type(Type::Bytes);
            field.type_name = None;
        }
    }
    files
}
