//! `sluice get`: one event with what was found out about it.

use anyhow::Context;
use serde_json::value::RawValue;

use crate::cli::{Format, Get};
use crate::client::http::{Http, segment};
use crate::output;
use crate::output::{escape, event};

pub(super) async fn run(args: Get) -> anyhow::Result<()> {
    let http = Http::new(&args.connection)?;
    let query: Vec<(&str, &str)> = args.after.iter().map(|token| ("after", token.as_str())).collect();
    let body = http
        .get(&format!("/ingestion/events/{}", segment(&args.id)), &query)
        .await?;
    let text = match args.connection.output {
        Format::Json => escape::json(&body),
        Format::Table => {
            let event: Box<RawValue> = serde_json::from_str(&body).context("the answer is no event")?;
            event::fields(&event).context("the answer is no event")?
        }
    };
    output::line(&text)?;
    Ok(())
}
