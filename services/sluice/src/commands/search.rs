//! `sluice search`: page after page until there are as many events as were asked for.

use std::process::ExitCode;

use anyhow::Context;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cli::{Format, Search};
use crate::client::http::Http;
use crate::output;
use crate::output::{escape, event};

const PATH: &str = "/ingestion/events";
/// Largest page that the system gives.
const PAGE_EVENTS: u64 = 1_000;

#[derive(Deserialize)]
struct Page {
    events: Vec<Box<RawValue>>,
    next_cursor: Option<String>,
    #[serde(default = "yes")]
    complete: bool,
}

fn yes() -> bool {
    true
}

pub(super) async fn run(args: Search) -> anyhow::Result<ExitCode> {
    let http = Http::new(&args.connection)?;
    let mut left = if args.all { u64::MAX } else { args.limit };
    let mut cursor: Option<String> = None;
    loop {
        let page = page(&http, &args, left.min(PAGE_EVENTS), cursor.as_deref()).await?;
        print(&page.events, args.connection.output)?;
        left = left.saturating_sub(page.events.len() as u64);
        // A page may be short, or empty, and not be the last: the server bounds its work.
        match page.next_cursor {
            Some(next) if left > 0 => cursor = Some(next),
            Some(_) => {
                output::say("there are more events; --all prints them, --limit N prints N");
                return Ok(ExitCode::SUCCESS);
            }
            None if page.complete => return Ok(ExitCode::SUCCESS),
            None => {
                output::say("sluice: the system could not read everything, events may be missing");
                return Ok(ExitCode::FAILURE);
            }
        }
    }
}

async fn page(http: &Http, args: &Search, limit: u64, cursor: Option<&str>) -> anyhow::Result<Page> {
    let limit = limit.to_string();
    let mut query = vec![("limit", limit.as_str())];
    let given = [
        ("q", Some(args.query.as_str()).filter(|query| !query.is_empty())),
        ("from", args.from.as_deref()),
        ("to", args.to.as_deref()),
        ("order", args.oldest_first.then_some("oldest")),
        ("after", args.after.as_deref()),
        ("cursor", cursor),
    ];
    query.extend(given.into_iter().filter_map(|(name, value)| Some((name, value?))));
    let body = http.get(PATH, &query).await?;
    serde_json::from_str(&body).context("the answer is no page of events")
}

fn print(events: &[Box<RawValue>], format: Format) -> anyhow::Result<()> {
    if format == Format::Json {
        for event in events {
            output::line(&escape::json(event.get()))?;
        }
        return Ok(());
    }
    if events.is_empty() {
        return Ok(());
    }
    let mut table = event::table();
    for event in events {
        event::push(&mut table, event).context("the answer has something that is no event")?;
    }
    for line in table.lines() {
        output::line(&line)?;
    }
    Ok(())
}
