//! Answers beside their published description.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::counted::{action, count, error, request};
use super::super::harness::{Harness, NOW};
use super::{STATS, SUMMARY, TIMESERIES, TOP, told};

/// The properties that a schema describes, and those of them that are always there.
fn described(document: &Value, name: &str) -> [BTreeSet<String>; 2] {
    let schema = &document["components"]["schemas"][name];
    assert!(schema.is_object(), "{name}");
    let mut all = [BTreeSet::new(), BTreeSet::new()];
    for part in schema["allOf"].as_array().into_iter().flatten().chain([schema]) {
        if let Some(reference) = part["$ref"].as_str() {
            let [properties, required] = described(document, reference.rsplit('/').next().unwrap());
            all[0].extend(properties);
            all[1].extend(required);
        }
        all[0].extend(
            part["properties"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, _)| name.clone()),
        );
        let required = part["required"].as_array().into_iter().flatten();
        all[1].extend(required.map(|name| name.as_str().unwrap().to_owned()));
    }
    all
}

#[tokio::test]
async fn answers_have_what_is_described_and_nothing_else() {
    let harness = Harness::new();
    let events = [
        request("alpha", NOW, 1, "GET /a", 200, 1.0),
        request("alpha", NOW, 2, "GET /b", 200, 1.0),
        error("alpha", NOW, 3, "E", "u"),
        action("alpha", NOW, 4, "pay", "u"),
    ];
    count(&harness.store, &events).await;
    let document = serde_json::to_value(crate::openapi()).unwrap();
    let compare = |name: &str, part: &Value| {
        let [properties, required] = described(&document, name);
        let told: BTreeSet<String> = part.as_object().unwrap().keys().cloned().collect();
        assert!(told.is_subset(&properties), "{name}: {part}");
        assert!(required.is_subset(&told), "{name}: {part}");
    };
    compare("EventStats", &told(&harness, STATS).await);
    let summary = told(&harness, SUMMARY).await;
    for (name, part) in [
        ("Summary", &summary),
        ("EventCounts", &summary["events"]),
        ("RequestSummary", &summary["requests"]),
        ("ErrorSummary", &summary["errors"]),
        ("Values", &summary["actions"]),
    ] {
        compare(name, part);
    }
    for of in ["events", "requests", "errors", "actions", "users"] {
        let series = told(&harness, &format!("{TIMESERIES}?of={of}")).await;
        compare("Timeseries", &series);
        compare("Series", &series["series"][0]);
        compare("Values", &series["series"][0]["total"]);
    }
    let top = told(&harness, &format!("{TOP}?of=routes&limit=1")).await;
    compare("Top", &top);
    compare("Ranked", &top["groups"][0]);
    compare("Values", &top["other"]);
    compare("DurationMs", &top["other"]["duration_ms"]);
}
