//! The published schema, shown by a gRPC server to tools that ask for it.

pub use tonic_reflection::server::Error;

use tonic::service::Routes;
use tonic_reflection::server::Builder;

/// Adds the service of reflection, in the version of today and in that of tools of some years ago.
pub fn add_to(routes: Routes) -> Result<Routes, Error> {
    Ok(routes
        .add_service(descriptors().build_v1()?)
        .add_service(descriptors().build_v1alpha()?))
}

fn descriptors() -> Builder<'static> {
    Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTOR)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}
