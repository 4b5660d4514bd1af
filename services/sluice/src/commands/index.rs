//! `sluice index rebuild`: makes the index of whole hours anew, from the events that are stored.

use std::ops::Range;

use anyhow::Context;
use chassis::clock::{self, Clock};
use chassis::{config, random};
use domain::range::TimeRange;
use domain::retention::Class;
use domain::tenant::TenantId;
use domain::time::Millis;
use retention::rebuild::{self, Rebuilt, Stores};
use tokio::time::sleep;

use crate::cli::{Index, RebuildIndex, Usage};
use crate::output;
use crate::roles::config::Config;
use crate::roles::operator::Operator;

const HOUR_MS: i64 = 60 * 60 * 1000;
/// Beyond its life an event is as much older than its receipt as is allowed, and what clocks differ.
const OLDEST_MS: i64 = Class::LONGEST_MS + 8 * 24 * HOUR_MS;

pub(super) async fn run(command: Index) -> anyhow::Result<()> {
    let Index::Rebuild(args) = command;
    let now = Millis::from_ms(clock::System.now_ms());
    let hours = hours(&args, now)?;
    let config: Config = config::load(args.engines.config.as_deref(), &[])?;
    let remove_after = config.retention.index.remove_after;
    let operator = Operator::new(config, args.engines.patience)?;
    let state = operator.state().await?;
    if state.tenant(&args.tenant).is_none() {
        return Err(Usage(format!("there is no tenant {}", args.tenant)).into());
    }
    let store = operator.store().await?;
    let stores = Stores {
        events: &store,
        index: &store,
        random: &random::System,
    };
    output::say(&format!("making the index of {} anew", span(&hours)));
    let rebuilt = rebuild::hours(&stores, &args.tenant, hours.clone(), state.generation(), now).await;
    let rebuilt = rebuilt.context("what was made so far does no harm; run it again")?;
    output::line(&told(&args.tenant, &hours, &rebuilt))?;
    if rebuilt.replaced.is_empty() {
        return Ok(());
    }
    output::say(&format!(
        "the replaced units are removed in {remove_after}, when no search reads them any more; if this ends before, \
         they go when they expire"
    ));
    sleep(remove_after.duration()).await;
    rebuild::remove(&store, &rebuilt.replaced).await?;
    Ok(())
}

/// The hours that the range touches, as far back as there can be events.
fn hours(args: &RebuildIndex, now: Millis) -> Result<Range<i64>, Usage> {
    let range = TimeRange::resolve(Some(&args.from), args.to.as_deref(), now);
    let range = range.map_err(|error| Usage(format!("--{error}")))?;
    let oldest = now.minus_ms(OLDEST_MS);
    if range.to <= oldest {
        return Err(Usage(format!(
            "--to is {}, and nothing of before it is left",
            range.to
        )));
    }
    Ok(rebuild::hours_of(range.from.max(oldest), range.to))
}

fn told(tenant: &TenantId, hours: &Range<i64>, rebuilt: &Rebuilt) -> String {
    let Rebuilt {
        events,
        units,
        replaced,
    } = rebuilt;
    format!(
        "tenant {tenant}, {}: {events} events in {units} new units; {} units are replaced",
        span(hours),
        replaced.len()
    )
}

fn span(hours: &Range<i64>) -> String {
    let count = hours.end - hours.start;
    let time = |hour: i64| Millis::from_ms(hour * HOUR_MS);
    let word = if count == 1 { "hour" } else { "hours" };
    format!("{count} {word} from {} to {}", time(hours.start), time(hours.end))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    /// 22:13:20.
    const NOW: Millis = Millis::from_ms(1_700_000_000_000);

    fn asked(line: &str) -> Result<String, String> {
        let words = ["sluice", "index", "rebuild", "--tenant", "acme"].into_iter();
        let Ok(Cli {
            command: Command::Index {
                command: Index::Rebuild(args),
            },
        }) = Cli::try_parse_from(words.chain(line.split_whitespace()))
        else {
            panic!("no rebuild: {line}");
        };
        hours(&args, NOW)
            .map(|hours| span(&hours))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn every_hour_that_is_touched_is_whole() {
        assert_eq!(
            asked("--from -1h").unwrap(),
            "2 hours from 2023-11-14T21:00:00.000Z to 2023-11-14T23:00:00.000Z"
        );
        assert_eq!(
            asked("--from 2023-11-14T09:00:00Z --to 2023-11-14T10:00:00Z").unwrap(),
            "1 hour from 2023-11-14T09:00:00.000Z to 2023-11-14T10:00:00.000Z"
        );
        assert!(
            asked("--from 1970-01-01T00:00:00Z").unwrap().starts_with("97"),
            "no further than events are kept"
        );
    }

    #[test]
    fn what_is_no_range_is_refused_by_name() {
        assert!(
            asked("--from soon")
                .unwrap_err()
                .starts_with("--from is \"soon\"")
        );
        assert!(asked("--from -1h --to -2h").unwrap_err().starts_with("--from, "));
        assert!(
            asked("--from 1970-01-01T00:00:00Z --to 1971-01-01T00:00:00Z")
                .unwrap_err()
                .contains("nothing")
        );
    }

    #[test]
    fn what_was_made_is_told() {
        let rebuilt = Rebuilt {
            events: 7,
            units: 2,
            replaced: Vec::new(),
        };
        let expected = "tenant acme, 1 hour from 1970-01-01T01:00:00.000Z to 1970-01-01T02:00:00.000Z: 7 events in 2 \
                        new units; 0 units are replaced";
        assert_eq!(
            told(&TenantId::parse("acme").unwrap(), &(1..2), &rebuilt),
            expected
        );
    }
}
