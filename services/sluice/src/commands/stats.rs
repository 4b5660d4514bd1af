//! `sluice stats`: how many events there were, by groups and over time.
//!
//! - `answer`: what the system says. `rows`: as a table.

mod answer;
mod rows;

use anyhow::Context;

use self::answer::Answer;
use crate::cli::{Format, Stats};
use crate::client::http::Http;
use crate::output;
use crate::output::escape;

const PATH: &str = "/analytics/timeseries";

pub(super) async fn run(args: Stats) -> anyhow::Result<()> {
    let http = Http::new(&args.connection)?;
    let (by, limit) = (args.by.join(","), args.limit.map(|limit| limit.to_string()));
    let given = [
        ("of", Some(args.of.as_str())),
        ("by", Some(by.as_str()).filter(|by| !by.is_empty())),
        ("from", args.from.as_deref()),
        ("to", args.to.as_deref()),
        ("step", args.step.as_deref()),
        ("limit", limit.as_deref()),
        ("after", args.after.as_deref()),
    ];
    let conditions = args
        .conditions
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let query: Vec<_> = given
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .chain(conditions)
        .collect();
    let body = http.get(PATH, &query).await?;
    if args.connection.output == Format::Json {
        output::line(&escape::json(&body))?;
        return Ok(());
    }
    let answer: Answer = serde_json::from_str(&body).context("the answer has no statistics")?;
    for line in rows::lines(&answer) {
        output::line(&line)?;
    }
    for said in remarks(&answer) {
        output::say(&said);
    }
    Ok(())
}

/// What a person has to know beside the numbers.
fn remarks(answer: &Answer) -> Vec<String> {
    let mut remarks = Vec::new();
    if answer.total().count == 0 {
        remarks.push("no events".to_owned());
    }
    if answer.lower_bound {
        remarks.push(
            "some events had no room in a group of their own: a group may have more than is shown".to_owned(),
        );
    }
    remarks.push(match answer.fresh_until {
        Some(time) => format!("counted until {time}"),
        None => "up to when events are counted is not known".to_owned(),
    });
    remarks
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(fresh_until: Option<&str>, lower_bound: bool, count: u64) -> Vec<String> {
        let answer = json!({
            "from": "2026-01-31T08:00:00Z", "to": "2026-01-31T09:00:00Z", "fresh_until": fresh_until, "of": "events",
            "by": [], "series": [{"group": {}, "total": {"count": count}, "values": []}], "lower_bound": lower_bound,
        });
        remarks(&serde_json::from_value(answer).unwrap())
    }

    #[test]
    fn a_person_hears_how_much_the_numbers_have() {
        let time = "2026-01-31T08:59:00.000Z";
        assert_eq!(said(Some(time), false, 1), [format!("counted until {time}")]);
        let told = said(None, true, 0).join("; ");
        assert!(
            told.contains("no events") && told.contains("no room") && told.contains("not known"),
            "{told}"
        );
    }
}
