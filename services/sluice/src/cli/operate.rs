//! Commands for who runs the system: roles, migrations, the first key, the configuration.

use std::net::SocketAddr;
use std::path::PathBuf;

use chassis::config::Span;
use clap::{Args, Subcommand};
use domain::tenant::TenantId;

use super::Settings;
use crate::roles::Role;

/// How a role is started.
#[derive(Debug, Args)]
pub(crate) struct RunRole {
    /// Configuration in TOML; one file may hold that of all roles
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where the addresses it listens on are written, as JSON
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) addresses_file: Option<PathBuf>,
}

/// Which process is asked.
#[derive(Debug, Args)]
pub(crate) struct Ready {
    /// Address of its /ready; the exit code is 1 where it is not
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8409")]
    pub(crate) ops: SocketAddr,
}

/// How a command reaches the engines.
#[derive(Debug, Args)]
pub(crate) struct Engines {
    /// Configuration in TOML, the same as that of the roles
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Give up when an engine does not answer for this long
    #[arg(long, value_name = "SPAN", default_value = "1m")]
    pub(crate) patience: Span,
}

#[derive(Debug, Args)]
#[command(after_long_help = "\
Makes what is not there and changes nothing that is: run it before a new version starts, as often as you like.

--new-generation is for topics that were made anew, with their old records gone: it tells the new partitions from the
old ones of the same number, so that what is stored stays and nothing of the new is taken for it. Stop all roles,
delete the topics of events, run this with --new-generation, start the roles again.")]
pub(crate) struct Migrate {
    #[command(flatten)]
    pub(crate) engines: Engines,
    /// Say that the topics of events were made anew
    #[arg(long)]
    pub(crate) new_generation: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Bootstrap {
    #[command(flatten)]
    pub(crate) engines: Engines,
    /// Make one although a platform key is there that works
    #[arg(long)]
    pub(crate) another: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Index {
    /// Make the index of a tenant's events anew, from the events
    Rebuild(RebuildIndex),
}

#[derive(Debug, Args)]
#[command(after_long_help = "\
For where parts of the index are lost or damaged: searches then answer with an error, or say that events may be missing.
Events are neither changed nor lost, and the system may run meanwhile. It may be run again, also after it broke off.

Whole hours are made anew. What of the index reaches beyond them stays as it is: old events are indexed by the day and
by eight days, so that for them a range of eight days and more to both sides is right.")]
pub(crate) struct RebuildIndex {
    /// Whose events
    #[arg(long, value_name = "ID", value_parser = tenant)]
    pub(crate) tenant: TenantId,
    /// Begin of the range: RFC 3339 or relative, such as -2d
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) from: String,
    /// End of the range [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) to: Option<String>,
    #[command(flatten)]
    pub(crate) engines: Engines,
}

fn tenant(text: &str) -> Result<TenantId, String> {
    TenantId::parse(text).map_err(|error| error.to_string())
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Say whether the configuration is valid
    Check(Which),
    /// Print the configuration in effect and where each value comes from
    Show(Which),
    /// Print every key with its default and its meaning, as Markdown
    Reference,
}

/// Whose configuration is meant.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// That of a role [default: that of standalone]
    #[arg(long, value_enum, value_name = "ROLE", conflicts_with_all = ["http", "grpc", "ops"])]
    pub(crate) role: Option<Role>,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use clap::error::ErrorKind;

    use super::*;
    use crate::cli::{Cli, Command, Keys};

    fn parse(line: &str) -> Result<Command, clap::Error> {
        let words = std::iter::once("sluice").chain(line.split_whitespace());
        Cli::try_parse_from(words).map(|cli| cli.command)
    }

    #[test]
    fn each_role_takes_a_file() {
        for role in ["gateway", "enrichment", "analytics", "retention", "query"] {
            let line = format!("{role} --config s.toml --addresses-file a.json");
            let (Command::Gateway(args)
            | Command::Enrichment(args)
            | Command::Analytics(args)
            | Command::Retention(args)
            | Command::Query(args)) = parse(&line).unwrap()
            else {
                panic!("{line}")
            };
            assert_eq!(args.config, Some(PathBuf::from("s.toml")));
            assert_eq!(args.addresses_file, Some(PathBuf::from("a.json")));
        }
        let refused = parse("gateway --http 127.0.0.1:1").unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::UnknownArgument);
    }

    #[test]
    fn a_command_over_engines_has_patience() {
        let Ok(Command::Migrate(migrate)) = parse("migrate --config s.toml --new-generation") else {
            panic!()
        };
        assert!(migrate.new_generation);
        assert_eq!(migrate.engines.patience, Span::from_secs(60));
        let Ok(Command::Keys {
            command: Keys::Bootstrap(bootstrap),
        }) = parse("keys bootstrap --patience 5s --another")
        else {
            panic!()
        };
        assert!(bootstrap.another);
        assert_eq!(bootstrap.engines.patience, Span::from_secs(5));
    }

    #[test]
    fn an_index_is_rebuilt_for_a_tenant_and_from_a_time_on() {
        let Ok(Command::Index {
            command: Index::Rebuild(rebuild),
        }) = parse("index rebuild --config s.toml --tenant acme --from -2d")
        else {
            panic!()
        };
        assert_eq!(
            (rebuild.tenant.as_str(), rebuild.from.as_str(), rebuild.to),
            ("acme", "-2d", None)
        );
        for line in [
            "index rebuild --tenant acme",
            "index rebuild --from -2d",
            "index rebuild --tenant A --from -2d",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn addresses_of_standalone_are_not_those_of_a_role() {
        let Ok(Command::Config {
            command: Config::Check(which),
        }) = parse("config check --role query --config s.toml")
        else {
            panic!()
        };
        assert_eq!(which.role, Some(Role::Query));
        let refused = parse("config show --role query --ops 127.0.0.1:1").unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ArgumentConflict);
    }
}
