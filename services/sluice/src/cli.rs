//! What the command line accepts. What each command does is in [`commands`](crate::commands).

mod operate;
mod stats;

use std::net::SocketAddr;
use std::path::PathBuf;

use chassis::config::Span;
use clap::{Arg, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use domain::key::{KeyId, Scope};
use domain::time::Millis;
use edge::dial::Origin;

pub(crate) use operate::{Bootstrap, Config, Index, Migrate, Ready, RebuildIndex, RunRole, Which};
pub(crate) use stats::Stats;

/// Sluice takes in events, keeps every one it acknowledged, counts them, and answers searches over them.
#[derive(Debug, Parser)]
#[command(name = "sluice", version, max_term_width = 100, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The command line asks for something that can't be meant; the exit code is 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the whole system in this process, its data in one directory
    Standalone(Standalone),
    /// Run the role that takes events in and passes reads on
    Gateway(RunRole),
    /// Run the role that gives each event its context
    Enrichment(RunRole),
    /// Run the role that counts events
    Analytics(RunRole),
    /// Run the role that stores events
    Retention(RunRole),
    /// Run the role that finds events
    Query(RunRole),
    /// Make topics and tables, or bring them up to date
    Migrate(Migrate),
    /// Make the index for searches anew
    Index {
        #[command(subcommand)]
        command: Index,
    },
    /// Say whether a role is ready, with its checks
    Ready(Ready),
    /// Send the events of an NDJSON file
    Send(Send),
    /// Find events, newest first
    Search(Search),
    /// Count events, by groups and over time
    Stats(Stats),
    /// Show one event
    Get(Get),
    /// Delete one event
    Delete(Delete),
    /// List and create tenants
    Tenants {
        #[command(subcommand)]
        command: Tenants,
    },
    /// List, create and revoke keys
    Keys {
        #[command(subcommand)]
        command: Keys,
    },
    /// Check, show and explain the configuration
    Config {
        #[command(subcommand)]
        command: Config,
    },
    /// Print the OpenAPI document of the HTTP interface
    Openapi,
    /// Print the completion script of a shell
    Completions { shell: Shell },
}

#[derive(Debug, Args)]
pub(crate) struct Standalone {
    /// Where everything is kept; made if it is not there
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: PathBuf,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// Where the configuration comes from.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Settings {
    /// Configuration in TOML
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Address of the HTTP interface (port 0: any free one)
    #[arg(long, value_name = "ADDR")]
    pub(crate) http: Option<SocketAddr>,
    /// Address of the gRPC interface
    #[arg(long, value_name = "ADDR")]
    pub(crate) grpc: Option<SocketAddr>,
    /// Address of /live, /ready and /metrics
    #[arg(long, value_name = "ADDR")]
    pub(crate) ops: Option<SocketAddr>,
}

/// Where the system is, and who asks.
#[derive(Clone, Debug, Args)]
pub(crate) struct Connection {
    /// Its HTTP interface, which every command but send uses
    #[arg(long, env = "SLUICE_URL", value_name = "URL", default_value = "http://127.0.0.1:8400", value_parser = base_url)]
    pub(crate) url: String,
    /// Its gRPC interface, which only send uses
    #[arg(long, env = "SLUICE_GRPC", value_name = "URL", default_value = "http://127.0.0.1:8401", value_parser = base_url)]
    pub(crate) grpc: String,
    /// Certificates in PEM that those of the system are checked against with https, instead of the usual ones
    #[arg(long, env = "SLUICE_CA", value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// The key; give it as SLUICE_KEY where other users can see command lines
    #[arg(long, env = "SLUICE_KEY", hide_env_values = true)]
    pub(crate) key: Option<ClientKey>,
    /// Form of what is printed
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
}

/// A key as it was given. `Debug` does not show it.
#[derive(Clone)]
pub(crate) struct ClientKey(String);

impl ClientKey {
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// The public part. Whether the rest is right is left to the system.
    pub(crate) fn id(&self) -> Result<KeyId, Usage> {
        let id = self
            .0
            .strip_prefix("slk_")
            .and_then(|rest| rest.split('_').next());
        id.and_then(|id| KeyId::parse(id).ok()).ok_or_else(|| {
            Usage("not a Sluice key, which has the form slk_<12 characters>_<38 characters>".into())
        })
    }
}

impl std::fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientKey(..)")
    }
}

impl From<&str> for ClientKey {
    fn from(text: &str) -> Self {
        // Files end with a line end, and shells keep it in some ways of reading one.
        Self(text.trim().to_owned())
    }
}

impl Connection {
    /// The key, or how to give one.
    pub(crate) fn key(&self) -> Result<&ClientKey, Usage> {
        let given = self.key.as_ref().filter(|key| !key.0.is_empty());
        given.ok_or_else(|| {
            Usage(
                "no key is given; set SLUICE_KEY, as in SLUICE_KEY=$(cat data/demo.key), or give --key"
                    .into(),
            )
        })
    }
}

/// Form of what is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// For programs: one JSON document a line
    Json,
}

#[derive(Debug, Args)]
#[command(after_long_help = "\
An event without an id gets one that is a function of its line, the line's number and its timestamp, so sending
a file again stores nothing twice. Without a timestamp too, the time is that of the start of sending, and
FILE.sluice-resume remembers it and what was acknowledged; delete that file to send all lines as new events.
Standard input has no such file unless --resume names one. The file holds for one server and one key.

A repeat begins no later than with the first line that was rejected. Mend lines in place and send the file again:
lines that are as they were remain the events they are. A line that moved to another number is a new event, unless
it says its id. Lines without a timestamp can be sent again for six days.

Prints each verdict that is not `accepted` with its line, then the counts and, for `search --after`, the token of
the last batch. Exit code 1 if any event was rejected, 130 if interrupted.")]
#[command(mut_arg("url", unlisted))]
pub(crate) struct Send {
    /// File with one JSON object a line; - is standard input
    pub(crate) file: PathBuf,
    /// Move all times so that the newest is now; reads FILE twice
    ///
    /// A sending that broke off or had rejections goes on with the times it began with. One that was finished and is
    /// repeated is a new sending: other times, other ids, and so other events.
    #[arg(long, value_enum, value_name = "WHEN")]
    pub(crate) times: Option<Times>,
    /// Remember in this file what was acknowledged, and go on from there
    #[arg(long, value_name = "PATH")]
    pub(crate) resume: Option<PathBuf>,
    /// Give up when nothing was acknowledged for this long
    #[arg(long, value_name = "SPAN", default_value = "1m")]
    pub(crate) patience: Span,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Times {
    /// The newest event happened as the sending starts
    Now,
}

#[derive(Debug, Args)]
#[command(after_long_help = "\
Conditions beside each other must all hold; OR, NOT or - and parentheses join them:

  service:checkout                 the whole value       route:/api/*            its begin
  status_code:>=500                numbers               duration_ms:10..50      a range
  severity:(error OR fatal)        one of these          user_id:*               any
  attributes.cart.total:>100       within attributes     -environment:dev        not
  \"connection reset\"               words behind each other in message, name or the texts of attributes

docs/search.md has the whole language. A query that begins with - goes behind --, or in parentheses.")]
#[command(mut_arg("grpc", unlisted))]
pub(crate) struct Search {
    /// Which events, such as `service:checkout status_code:>=500 -environment:dev "connection reset"`
    #[arg(default_value = "")]
    pub(crate) query: String,
    /// Begin of the range: RFC 3339 or relative, such as -1h [default: 24 hours before its end]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) from: Option<String>,
    /// End of the range, not included [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) to: Option<String>,
    /// Events to print, at most 1,000,000 [default: 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) limit: Option<u64>,
    /// Print every event that matches
    #[arg(long, conflicts_with = "limit")]
    pub(crate) all: bool,
    /// Say on stderr what was read to answer, for each page
    #[arg(long)]
    pub(crate) explain: bool,
    /// From the begin of the range on
    #[arg(long)]
    pub(crate) oldest_first: bool,
    /// Token of an ingest: wait until that write is visible
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true)]
    pub(crate) after: Option<String>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
#[command(mut_arg("grpc", unlisted))]
pub(crate) struct Get {
    /// Id of the event
    pub(crate) id: String,
    /// Token of an ingest: wait until that write is visible
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true)]
    pub(crate) after: Option<String>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
#[command(mut_arg("grpc", unlisted))]
pub(crate) struct Delete {
    /// Id of the event
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Needs a platform key.
#[derive(Debug, Subcommand)]
pub(crate) enum Tenants {
    /// List all tenants
    #[command(mut_arg("grpc", unlisted))]
    List {
        #[command(flatten)]
        connection: Connection,
    },
    /// Create a tenant
    #[command(mut_arg("grpc", unlisted))]
    Create {
        /// Its id: 1 to 64 of a-z 0-9 -, a letter first
        id: String,
        /// What people call it [default: its id]
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        connection: Connection,
    },
}

/// Needs a platform key, or one of the tenant with the scope manage; bootstrap needs the engines instead.
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Create the first platform key and print it, once
    Bootstrap(Bootstrap),
    /// List keys, without their secrets
    #[command(mut_arg("grpc", unlisted))]
    List {
        #[command(flatten)]
        connection: Connection,
    },
    /// Create a key and print it, once
    Create(CreateKey),
    /// Revoke a key
    #[command(mut_arg("grpc", unlisted))]
    Revoke {
        /// Public part of the key: its 12 characters after slk_
        id: String,
        #[command(flatten)]
        connection: Connection,
    },
}

#[derive(Debug, Args)]
#[command(mut_arg("grpc", unlisted))]
pub(crate) struct CreateKey {
    /// What people call it
    #[arg(long)]
    pub(crate) name: String,
    /// What it may be used for: ingest, read, manage, platform
    #[arg(long, value_delimiter = ',', required = true, value_parser = scope)]
    pub(crate) scopes: Vec<Scope>,
    /// Whose it is; needs a platform key [default: the tenant of the key in use]
    #[arg(long, value_name = "ID")]
    pub(crate) tenant: Option<String>,
    /// When it stops to work, in RFC 3339 [default: never]
    #[arg(long, value_name = "TIME")]
    pub(crate) expires_at: Option<Millis>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Takes an address on commands that do not use it, so that one set of options is right for all, without listing it.
fn unlisted(arg: Arg) -> Arg {
    arg.hide(true)
}

fn scope(name: &str) -> Result<Scope, String> {
    Scope::parse(name).ok_or_else(|| {
        let names = Scope::ALL.map(Scope::as_str).join(", ");
        format!("one of {names} is wanted")
    })
}

fn base_url(text: &str) -> Result<String, String> {
    let origin: Result<Origin, _> = text.parse();
    origin.map(|origin| origin.to_string()).map_err(|_| {
        "an address such as http://127.0.0.1:8400 or https://sluice.example is wanted, with nothing after it".into()
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    fn parse(line: &str) -> Result<Command, clap::Error> {
        let words = std::iter::once("sluice").chain(line.split_whitespace());
        Cli::try_parse_from(words).map(|cli| cli.command)
    }

    #[test]
    fn the_definitions_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_token_may_start_with_a_hyphen() {
        let Ok(Command::Search(search)) = parse("search --after -carKk") else {
            panic!()
        };
        assert_eq!(search.after.as_deref(), Some("-carKk"));
    }

    #[test]
    fn relative_times_may_start_with_a_hyphen() {
        let Ok(Command::Search(search)) = parse("search kind:error --from -1h --to -5m --limit 7") else {
            panic!()
        };
        assert_eq!((search.query.as_str(), search.limit), ("kind:error", Some(7)));
        assert_eq!(
            (search.from.as_deref(), search.to.as_deref()),
            (Some("-1h"), Some("-5m"))
        );
    }

    #[test]
    fn contradictions_and_unknown_words_are_refused() {
        for (line, kind) in [
            ("search --all --limit 3", ErrorKind::ArgumentConflict),
            ("search --limit 0", ErrorKind::ValueValidation),
            ("send f --times then", ErrorKind::InvalidValue),
            ("send f --patience soon", ErrorKind::ValueValidation),
            ("get", ErrorKind::MissingRequiredArgument),
            ("get x --url ftp://a", ErrorKind::ValueValidation),
            ("get x --url http://a/b", ErrorKind::ValueValidation),
            (
                "keys create --name x --scopes ingest,write",
                ErrorKind::ValueValidation,
            ),
            ("keys create --name x", ErrorKind::MissingRequiredArgument),
            ("standalone", ErrorKind::MissingRequiredArgument),
            ("serve", ErrorKind::InvalidSubcommand),
        ] {
            assert_eq!(parse(line).unwrap_err().kind(), kind, "{line}");
        }
    }

    #[test]
    fn a_command_lists_the_address_it_uses_and_takes_both() {
        let help = |words: &str| {
            let line = format!("{words} --help");
            parse(&line).unwrap_err().to_string()
        };
        for words in [
            "search",
            "stats",
            "get",
            "delete",
            "tenants list",
            "tenants create",
            "keys list",
            "keys create",
        ] {
            let help = help(words);
            assert!(
                help.contains("--url") && !help.contains("--grpc"),
                "{words}: {help}"
            );
        }
        let sending = help("send");
        assert!(
            sending.contains("--grpc") && !sending.contains("--url"),
            "{sending}"
        );
        assert!(sending.contains("SLUICE_GRPC") && help("get").contains("SLUICE_URL"));
        for words in ["search", "send f", "keys revoke x"] {
            assert!(parse(&format!("{words} --url http://a:1 --grpc http://a:2")).is_ok());
        }
    }

    #[test]
    fn the_limit_of_a_search_is_said_in_bounds() {
        let refused = parse("search --limit 0").unwrap_err().to_string();
        assert!(refused.contains("1..=1000000"), "{refused}");
    }

    #[test]
    fn the_id_of_a_key_is_its_public_part() {
        let key = ClientKey::from("slk_abcdefABCDEF_secret");
        assert_eq!(key.id().unwrap().as_str(), "abcdefABCDEF");
        for text in ["slk_short_secret", "abcdefABCDEF_secret", "slk_"] {
            assert!(ClientKey::from(text).id().is_err(), "{text}");
        }
    }

    #[test]
    fn scopes_are_a_list() {
        let Ok(Command::Keys {
            command: Keys::Create(create),
        }) = parse("keys create --name x --scopes ingest,read")
        else {
            panic!()
        };
        assert_eq!(create.scopes, [Scope::Ingest, Scope::Read]);
    }

    #[test]
    fn a_key_is_not_shown_and_an_empty_one_is_none() {
        let connection = |key: &str| Connection {
            url: String::new(),
            grpc: String::new(),
            ca: None,
            key: Some(ClientKey::from(key)),
            output: Format::Json,
        };
        let given = connection("slk_secret\n");
        assert!(!format!("{given:?}").contains("secret"));
        assert_eq!(given.key().unwrap().reveal(), "slk_secret");
        assert!(connection(" ").key().is_err());
    }

    #[test]
    fn an_address_loses_its_last_slash() {
        assert_eq!(
            base_url("http://localhost:8400/").unwrap(),
            "http://localhost:8400"
        );
        assert_eq!(
            base_url("https://sluice.example/").unwrap(),
            "https://sluice.example"
        );
        for text in [
            "localhost:8400",
            "ftp://a",
            "https://",
            "https://a/b",
            "https://u@a",
            "https://a?b",
        ] {
            let refused = base_url(text).unwrap_err();
            assert!(refused.contains("https://sluice.example"), "{text}: {refused}");
        }
    }
}
