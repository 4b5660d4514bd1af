//! `sluice openapi`: the description of the whole HTTP interface, from every role that serves a part of it.

use anyhow::Context;

use crate::output;

pub(super) fn run() -> anyhow::Result<()> {
    output::line(&document()?)?;
    Ok(())
}

/// The OpenAPI document as JSON.
pub(crate) fn document() -> anyhow::Result<String> {
    let mut document = gateway::openapi();
    document.merge(query::openapi());
    document.to_pretty_json().context("writing the OpenAPI document")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_is_in_it() {
        let document: serde_json::Value = serde_json::from_str(&document().unwrap()).unwrap();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        let events = &document["paths"]["/api/v1/ingestion/events"];
        assert!(
            events["post"].is_object() && events["get"].is_object(),
            "{events}"
        );
        assert!(document["paths"]["/api/v1/ingestion/events/{id}"]["delete"].is_object());
    }
}
