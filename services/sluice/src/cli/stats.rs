//! What `sluice stats` accepts.

use clap::Args;

use super::{Connection, unlisted};

#[derive(Debug, Args)]
#[command(after_long_help = "\
Prints a row for each group: how many events, how many a second, and how they are spread over the range. Of requests
there are also how many failed (status 500 and more) and how long they took, within 1 %; of errors, actions and users how
many users and sessions there were, within 2 %, and when the last was seen.

  --of         --by and conditions
  events       kind severity service environment
  requests     service environment route method status_class
  errors       service environment error_type fingerprint
  actions      service environment action
  users        user_id

  sluice stats --from -1h --by service
  sluice stats --of requests --by route,method service=checkout status_class=5xx

docs/statistics.md says what is counted, and how exactly.")]
#[command(mut_arg("grpc", unlisted))]
pub(crate) struct Stats {
    /// Only events with this value, such as service=checkout; without a value, those that have none
    #[arg(value_name = "DIMENSION=VALUE", value_parser = condition)]
    pub(crate) conditions: Vec<(String, String)>,
    /// Begin of the range: RFC 3339 or relative, such as -1h [default: 24 hours before its end]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) from: Option<String>,
    /// End of the range, not included [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) to: Option<String>,
    /// What is counted
    #[arg(long, value_name = "WHAT", default_value = "events", value_parser = ["events", "requests", "errors", "actions", "users"])]
    pub(crate) of: String,
    /// A group for each value, or of several with commas each combination of values
    #[arg(long, value_name = "DIMENSION", value_delimiter = ',')]
    pub(crate) by: Vec<String>,
    /// Length of a point: 1m 2m 5m 10m 15m 30m 1h 2h 3h 4h 6h 12h 1d 7d [default: the shortest with about 120 points]
    #[arg(long, value_name = "SPAN")]
    pub(crate) step: Option<String>,
    /// Groups to print, the greatest first; all others are one more [default: 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=50))]
    pub(crate) limit: Option<u32>,
    /// Token of an ingest: wait until that write is counted
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true)]
    pub(crate) after: Option<String>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

fn condition(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("a condition such as service=checkout is wanted")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use clap::error::ErrorKind;

    use super::super::{Cli, Command};
    use super::*;

    fn parse(line: &str) -> Result<Stats, clap::Error> {
        let words = ["sluice", "stats"].into_iter().chain(line.split_whitespace());
        Cli::try_parse_from(words).map(|cli| match cli.command {
            Command::Stats(stats) => stats,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn conditions_stand_anywhere_and_may_have_no_value() {
        let stats = parse("service=a=b --from -1h --by kind,severity environment=").unwrap();
        let conditions: Vec<_> = stats
            .conditions
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(conditions, [("service", "a=b"), ("environment", "")]);
        assert_eq!(
            (stats.by.join(" "), stats.from.as_deref(), stats.of.as_str()),
            ("kind severity".into(), Some("-1h"), "events")
        );
    }

    #[test]
    fn what_can_not_be_meant_is_refused() {
        for (line, kind) in [
            ("service", ErrorKind::ValueValidation),
            ("--of event", ErrorKind::InvalidValue),
            ("--limit 51", ErrorKind::ValueValidation),
        ] {
            assert_eq!(parse(line).unwrap_err().kind(), kind, "{line}");
        }
    }
}
