//! Events in JSON: one flat object per event, with the kind's fields beside the common ones.

mod read;
mod value;
mod write;

pub use read::read;
pub use write::EventJson;
