//! The rules of the house, as tests over what cargo knows of the workspace and over the source tree.
//!
//! A rule lives here when no tool of `make check` can hold it. Each rule is a pure function with a test that
//! shows it a bad sample, so that none of them passes because it looks at nothing.

mod layers;
mod tidy;
mod tree;

use std::path::Path;

use cargo_metadata::MetadataCommand;

/// The checkout: the parent of this crate.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this crate is a folder of the checkout")
}

/// Fails with one line for each fault.
fn assert_none(rule: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{rule}:\n  {}", faults.join("\n  "));
}

#[test]
fn crates_depend_only_on_what_their_layer_may_know() {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo describes the workspace");
    let crates: Vec<layers::Crate> = metadata.packages.iter().map(layers::Crate::from).collect();

    assert_none("the layers of ARCHITECTURE.md", &layers::faults(&crates));
}

#[test]
fn sources_are_tidy() {
    let files = tree::files(root());
    assert!(
        files.iter().any(|file| file.path == "tests/tests/house/main.rs"),
        "the walk saw this file"
    );

    let faults: Vec<String> = files.iter().flat_map(tidy::faults).collect();

    assert_none("the rules of tests/tests/house/tidy.rs", &faults);
}
