//! Statistics, compared with the events that there are: each is counted once, and nothing else is.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::get_after;
use crate::ground::Ground;

/// Compares with these events, which are all of the service `shop`, once everything is counted that the log has.
pub(super) async fn are_those_of(ground: &Ground, events: &[Value], token: &str) {
    let client = ground.client().await;
    let path = "/api/v1/ingestion/stats?from=now-3h&service=shop";
    let stats = get_after(&client, path, token).await;
    assert_eq!(stats["lower_bound"], json!(false), "{stats}");
    assert_eq!(stats["total"], json!(events.len()), "{stats}");
    for (of, by) in [
        ("kind", "by_kind"),
        ("severity", "by_severity"),
        ("environment", "by_environment"),
    ] {
        assert_eq!(counts(&stats[by]), counted(events, of), "{by}");
    }
    // Hours come from rows of their own.
    let path = "/api/v1/analytics/timeseries?from=now-3h&step=1m&by=service&service=shop";
    let series = get_after(&client, path, token).await;
    assert_eq!(
        series["series"][0]["total"]["count"],
        json!(events.len()),
        "{series}"
    );
}

fn counts(map: &Value) -> BTreeMap<String, u64> {
    let map = map.as_object().expect("counts by name");
    map.iter()
        .map(|(name, count)| (name.clone(), count.as_u64().expect("a count")))
        .collect()
}

fn counted(events: &[Value], of: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for event in events {
        let name = event[of].as_str().unwrap_or_default().to_owned();
        *counts.entry(name).or_default() += 1;
    }
    counts
}
