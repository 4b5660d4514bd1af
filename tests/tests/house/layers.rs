//! Which crate may know which: data goes one way through the house, and nothing knows its caller.
//!
//! Dependencies of every kind count, those of tests and build scripts too.

use cargo_metadata::Package;

/// What a crate is to the others.
enum Layer {
    /// May know these of ours and no others.
    Library(&'static [&'static str]),
    /// May know every library, and no other service.
    Service,
    /// Wires the whole: may know everything below it.
    Root,
}

/// The place of every crate of ours. A new crate is given one here, and in ARCHITECTURE.md.
fn layer(name: &str) -> Option<Layer> {
    Some(match name {
        "domain" | "chassis" | "engines" => Layer::Library(&[]),
        // Adapters are tried on real engines.
        "eventlog" => Layer::Library(&["engines"]),
        "proto" => Layer::Library(&["domain"]),
        // Rows hold events in the form of the published schema.
        "store" => Layer::Library(&["domain", "proto", "engines"]),
        "enriched" => Layer::Library(&["domain", "eventlog", "proto", "store"]),
        "control" => Layer::Library(&["domain", "eventlog", "chassis"]),
        "edge" => Layer::Library(&["domain", "control", "chassis", "proto"]),
        "gateway" | "enrichment" | "analytics" | "retention" | "query" => Layer::Service,
        "sluice" | "e2e" => Layer::Root,
        _ => return None,
    })
}

/// Clients of engines, each with the crates that adapt it to a port.
const ENGINES: [(&str, &[&str]); 3] = [
    // Stories and benches also look at the engine itself.
    ("rdkafka", &["eventlog", "e2e"]),
    ("scylla", &["store", "e2e"]),
    ("fjall", &["eventlog", "store"]),
];

/// A crate of ours and what it depends on, ours or not.
pub(crate) struct Crate {
    name: String,
    dependencies: Vec<String>,
}

impl From<&Package> for Crate {
    fn from(package: &Package) -> Self {
        Self {
            name: package.name.to_string(),
            dependencies: package
                .dependencies
                .iter()
                .map(|dependency| dependency.name.clone())
                .collect(),
        }
    }
}

/// Every dependency that breaks the layers, and every crate that has no place in them.
pub(crate) fn faults(crates: &[Crate]) -> Vec<String> {
    let mut faults = Vec::new();
    for Crate { name, dependencies } in crates {
        let Some(layer) = layer(name) else {
            faults.push(format!("{name} has no layer yet: give it one"));
            continue;
        };
        for dependency in dependencies {
            // A crate may name itself, to have a feature of its own in its tests.
            let own = dependency == name;
            if !own && (!allows(&layer, dependency) || !adapts(name, dependency)) {
                faults.push(format!("{name} must not know {dependency}"));
            }
        }
    }
    faults
}

/// May a crate of this layer know `dependency`? What is not ours is no matter of layers.
fn allows(above: &Layer, dependency: &str) -> bool {
    let Some(below) = layer(dependency) else {
        return true;
    };
    match (above, below) {
        (Layer::Library(known), _) => known.contains(&dependency),
        (Layer::Service, Layer::Library(_)) => true,
        (Layer::Service, _) | (Layer::Root, Layer::Root) => false,
        (Layer::Root, _) => true,
    }
}

/// May `name` use `dependency`, if that is the client of an engine?
fn adapts(name: &str, dependency: &str) -> bool {
    ENGINES
        .iter()
        .all(|(engine, adapters)| dependency != *engine || adapters.contains(&name))
}

fn sample(name: &str, dependencies: &[&str]) -> Vec<String> {
    faults(&[Crate {
        name: name.to_owned(),
        dependencies: dependencies
            .iter()
            .map(|&dependency| dependency.to_owned())
            .collect(),
    }])
}

#[test]
fn each_forbidden_dependency_is_found() {
    let forbidden = [
        ("domain", "eventlog"),
        ("eventlog", "domain"),
        ("chassis", "domain"),
        ("store", "eventlog"),
        ("proto", "store"),
        ("control", "store"),
        ("edge", "eventlog"),
        ("gateway", "query"),
        ("query", "sluice"),
        ("e2e", "sluice"),
        ("domain", "fjall"),
        ("store", "rdkafka"),
        ("eventlog", "scylla"),
        ("sluice", "fjall"),
    ];
    for (name, dependency) in forbidden {
        assert_eq!(
            sample(name, &[dependency]),
            [format!("{name} must not know {dependency}")]
        );
    }
}

#[test]
fn a_crate_without_a_layer_is_found() {
    assert_eq!(
        sample("stranger", &[]),
        ["stranger has no layer yet: give it one"]
    );
}

#[test]
fn what_the_layers_allow_is_no_fault() {
    assert!(sample("store", &["domain", "fjall", "serde"]).is_empty());
    assert!(sample("gateway", &["domain", "eventlog", "edge", "tokio"]).is_empty());
    assert!(sample("sluice", &["gateway", "query", "store"]).is_empty());
}
