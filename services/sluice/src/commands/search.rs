//! `sluice search`: page after page until there are as many events as were asked for.
//!
//! - `caret`: where a query is wrong. `explain`: what was read.

mod caret;
mod explain;

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
/// Events that are printed where nothing else is asked for.
const DEFAULT_LIMIT: u64 = 100;

#[derive(Deserialize)]
struct Page {
    events: Vec<Box<RawValue>>,
    next_cursor: Option<String>,
    #[serde(default = "yes")]
    complete: bool,
    explain: Option<Box<RawValue>>,
}

fn yes() -> bool {
    true
}

pub(super) async fn run(args: Search) -> anyhow::Result<ExitCode> {
    let http = Http::new(&args.connection)?;
    let asked = if args.all {
        u64::MAX
    } else {
        args.limit.unwrap_or(DEFAULT_LIMIT)
    };
    let mut left = asked;
    let mut cursor: Option<String> = None;
    loop {
        let page = page(&http, &args, left.min(PAGE_EVENTS), cursor.as_deref()).await;
        let page = page.map_err(|error| caret::pointed(error, &args.query))?;
        if let Some(explain) = &page.explain {
            say(explain, args.connection.output)?;
        }
        print(&page.events, args.connection.output)?;
        left = left.saturating_sub(page.events.len() as u64);
        // A page may be short, or empty, and not be the last: the server bounds its work.
        match page.next_cursor {
            Some(next) if left > 0 => cursor = Some(next),
            next => {
                let found = asked - left;
                for said in remarks(&args, found, next.is_some(), page.complete) {
                    output::say(said);
                }
                let is_whole = next.is_some() || page.complete;
                return Ok(if is_whole {
                    ExitCode::SUCCESS
                } else {
                    ExitCode::FAILURE
                });
            }
        }
    }
}

/// What a person has to know beside the events.
fn remarks(args: &Search, found: u64, is_more: bool, is_complete: bool) -> Vec<&'static str> {
    let is_for_people = args.connection.output == Format::Table;
    let mut remarks = vec![];
    if is_for_people && found == 0 {
        remarks.push("no events");
    }
    if is_for_people && is_more && args.limit.is_none() {
        remarks.push("there are more events; --all prints them, --limit N prints N");
    }
    if !is_more && !is_complete {
        remarks.push("sluice: the system could not read everything, events may be missing");
    }
    remarks
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
        ("explain", args.explain.then_some("true")),
        ("cursor", cursor),
    ];
    query.extend(given.into_iter().filter_map(|(name, value)| Some((name, value?))));
    let body = http.get(PATH, &query).await?;
    serde_json::from_str(&body).context("the answer is no page of events")
}

fn say(explain: &RawValue, format: Format) -> anyhow::Result<()> {
    if format == Format::Json {
        output::say(&escape::json(explain.get()));
        return Ok(());
    }
    for line in explain::lines(explain.get()).context("the answer has something that explains nothing")? {
        output::say(&line);
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn said(line: &str, found: u64, is_more: bool, is_complete: bool) -> String {
        let words = ["sluice", "search"].into_iter().chain(line.split_whitespace());
        let Ok(Cli {
            command: Command::Search(args),
        }) = Cli::try_parse_from(words)
        else {
            panic!("not a search");
        };
        remarks(&args, found, is_more, is_complete).join("; ")
    }

    #[test]
    fn a_person_who_set_no_limit_hears_that_there_is_more() {
        assert!(said("", 100, true, true).contains("--all"));
        for line in ["--limit 100", "-o json"] {
            assert_eq!(said(line, 100, true, true), "", "{line}");
        }
    }

    #[test]
    fn a_person_hears_that_there_is_nothing() {
        assert_eq!(said("", 0, false, true), "no events");
        assert_eq!(said("-o json", 0, false, true), "");
        assert_eq!(said("", 1, false, true), "");
    }

    #[test]
    fn everyone_hears_that_something_is_missing() {
        for line in ["", "-o json"] {
            assert!(said(line, 1, false, false).contains("could not read everything"));
        }
    }
}
