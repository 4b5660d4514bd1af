//! Stories of a configuration from all its layers.

use super::*;
use figment::Jail;
use std::net::SocketAddr;
use std::path::PathBuf;

crate::section! {
    /// Where to listen.
    struct Listen {
        /// Address of the HTTP listener.
        http: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8400)),
        /// Address of the ops listener.
        ops: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8409)),
    }
}

impl Validate for Listen {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        if self.http == self.ops {
            return Err(vec![Problem::new("ops", "must differ from `http`")]);
        }
        Ok(())
    }
}

crate::section! {
    /// Everything.
    struct Config {
        /// Where to listen.
        listen: Listen => Listen { ops: SocketAddr::from(([127, 0, 0, 1], 8419)), ..Listen::default() },
        /// Keys the stored hashes, `a|b`.
        pepper: Option<Secret> = None,
        /// Secrets of the past.
        old_peppers: Vec<Secret> = Vec::new(),
        /// Name of this
        /// region.
        region: Option<String> = None,
        /// How long to drain.
        grace: Span = Span::from_secs(30),
        /// Largest body.
        body: ByteSize = ByteSize::mib(8),
        /// Workers.
        workers: u16 = 4,
        /// Fraction of requests that are traced.
        sample: f64 = 1.0,
        /// Brokers.
        brokers: Vec<String> = vec!["localhost:9092".to_owned()],
        /// Ports that are known by name.
        ports: BTreeMap<String, u16> = BTreeMap::new(),
    }
}

impl Validate for Config {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        if self.workers == 0 {
            Err(vec![Problem::new("workers", "must be at least 1")])
        } else {
            Ok(())
        }
    }
}

#[expect(clippy::result_large_err, reason = "the error is figment's")]
fn jailed(story: impl FnOnce(&mut Jail)) {
    Jail::expect_with(|jail| {
        story(jail);
        Ok(())
    });
}

fn file() -> PathBuf {
    PathBuf::from("sluice.toml")
}

fn load_file() -> Result<Config, Error> {
    load(Some(&file()), &[])
}

fn refused(overrides: &[Override]) -> String {
    load::<Config>(Some(&file()), overrides).unwrap_err().to_string()
}

#[test]
fn later_layers_win() {
    jailed(|jail| {
        jail.create_file(
            "sluice.toml",
            "workers = 5\ngrace = '1m'\n[listen]\nhttp = '127.0.0.1:1'",
        )
        .unwrap();
        jail.set_env("SLUICE__GRACE", "2m");
        jail.set_env("SLUICE__LISTEN__HTTP", "127.0.0.1:2");
        let flag = Override::new("--http", "listen.http", "127.0.0.1:3");

        let config: Config = load(Some(&file()), &[flag]).unwrap();

        assert_eq!(config.body, ByteSize::mib(8));
        assert_eq!(config.workers, 5);
        assert_eq!(config.grace, Span::from_secs(120));
        assert_eq!(config.listen.http.port(), 3);
    });
}

#[test]
fn a_parents_choice_of_defaults_holds_for_keys_that_are_not_given() {
    jailed(|jail| {
        jail.create_file("sluice.toml", "[listen]\nhttp = '127.0.0.1:1'")
            .unwrap();
        assert_eq!(load_file().unwrap().listen.ops.port(), 8419);
    });
}

#[test]
fn the_environment_gives_every_kind_of_value() {
    jailed(|jail| {
        jail.set_env("SLUICE__WORKERS", "7");
        jail.set_env("SLUICE__SAMPLE", "0.5");
        jail.set_env("SLUICE__BROKERS", "[\"a:1\", \"b:2\"]");
        jail.set_env("SLUICE__PORTS__ECHO", "7");
        jail.set_env("SLUICE__REGION", "007");
        jail.set_env("SLUICE__PEPPER", "0123");

        let config: Config = load(None, &[]).unwrap();

        assert_eq!(config.workers, 7);
        assert!((config.sample - 0.5).abs() < f64::EPSILON);
        assert_eq!(config.brokers, ["a:1", "b:2"]);
        assert_eq!(config.ports["echo"], 7);
        assert_eq!(config.region.as_deref(), Some("007"));
        assert_eq!(config.pepper.unwrap().reveal(), "0123");
    });
}

#[test]
fn a_secret_comes_from_a_named_file() {
    jailed(|jail| {
        jail.create_file("pepper", "hunter2\n").unwrap();
        jail.create_file("sluice.toml", "pepper = { file = 'pepper' }")
            .unwrap();
        assert_eq!(load_file().unwrap().pepper.unwrap().reveal(), "hunter2");

        jail.create_file("sluice.toml", "pepper = 'text'").unwrap();
        jail.set_env("SLUICE__PEPPER__FILE", "pepper");
        assert_eq!(load_file().unwrap().pepper.unwrap().reveal(), "hunter2");
    });
}

#[test]
fn unknown_keys_are_refused_with_the_nearest_known_one() {
    jailed(|jail| {
        jail.create_file(
            "sluice.toml",
            "wrokers = 1\n[listen]\nhtpp = 'x'\n[other]\ngrace = '1s'",
        )
        .unwrap();
        jail.set_env("SLUICE__LISTN__OPS", "x");
        jail.set_env("SLUICE__ENTIRELY_DIFFERENT", "x");
        jail.set_env("SLUICE____", "x");
        let error = refused(&[Override::new("--frob", "frobnicate", "1")]);
        for expected in [
            "wrokers (from file `sluice.toml`): unknown key; did you mean `workers`?",
            "listen.htpp (from file `sluice.toml`): unknown key; did you mean `listen.http`?",
            "other.grace (from file `sluice.toml`): unknown key; did you mean `grace`?",
            "listn.ops (from environment variable `SLUICE__LISTN__OPS`): unknown key; did you mean `listen.ops`?",
            "entirely_different (from environment variable `SLUICE__ENTIRELY_DIFFERENT`): unknown key\n",
            "environment variable `SLUICE____`: its name is no path of keys",
            "frobnicate (from flag `--frob`): unknown key",
        ] {
            assert!(error.contains(expected), "{expected:?} is not in\n{error}");
        }
    });
}

#[test]
fn all_wrong_values_are_reported_with_their_source_and_what_is_expected() {
    jailed(|jail| {
        jail.create_file(
            "sluice.toml",
            "workers = 70000\ngrace = 30\nlisten = 5\nports = { a = 'x' }",
        )
        .unwrap();
        jail.set_env("SLUICE__BODY", "8MB");
        jail.set_env("SLUICE__SAMPLE", "many");
        let error = refused(&[Override::new("--region", "region.name", "x")]);
        for expected in [
            "workers (from file `sluice.toml`): expected u16",
            "grace (from file `sluice.toml`): expected a duration such as",
            "listen (from file `sluice.toml`): expected a table",
            "ports.a (from file `sluice.toml`): expected u16, found text",
            "body (from environment variable `SLUICE__BODY`): expected a size such as `512B`, `64KiB` or `8MiB`",
            "sample (from environment variable `SLUICE__SAMPLE`): expected f64, found text",
            "region (from flag `--region`): expected a string, found a table",
        ] {
            assert!(error.contains(expected), "{expected:?} is not in\n{error}");
        }
    });
}

#[test]
fn broken_rules_of_all_sections_are_reported_at_once() {
    jailed(|jail| {
        jail.create_file(
            "sluice.toml",
            "workers = 0\n[listen]\nhttp = '127.0.0.1:8419'\nops = '127.0.0.1:8419'",
        )
        .unwrap();
        let error = load_file().unwrap_err();
        let keys: Vec<&str> = error
            .findings()
            .iter()
            .map(|finding| finding.key.as_str())
            .collect();
        assert_eq!(keys, ["workers", "listen.ops"]);
        assert_eq!(error.findings()[1].origin.as_deref(), Some("file `sluice.toml`"));
    });
}

#[test]
fn no_error_prints_a_secret() {
    jailed(|jail| {
        for toml in [
            "pepper = 8315",
            "pepper = { text = 'x8315' }",
            "peper = 'x8315'",
            "old_peppers = 'x8315'",
            "grace = 'x8315'",
            "listen = 'x8315'",
            "pepper = 'x8315",
            "pepper = x8315",
        ] {
            jail.create_file("sluice.toml", toml).unwrap();
            let error = refused(&[]);
            assert!(!error.contains("8315"), "{error}");
        }
        jail.create_file("sluice.toml", "").unwrap();
        jail.set_env("SLUICE__OLD_PEPPERS", "x8315");
        let error = refused(&[]);
        assert!(!error.contains("8315"), "{error}");
    });
}

#[test]
fn a_missing_file_and_broken_toml_are_errors() {
    jailed(|jail| {
        assert!(refused(&[]).contains("file `sluice.toml`: can't be read"));
        jail.create_file("sluice.toml", "workers = 1\ngrace = ").unwrap();
        assert!(refused(&[]).contains("file `sluice.toml`: line 2 is not valid TOML"));
    });
}

#[test]
fn no_depth_of_nesting_overflows_the_stack() {
    jailed(|jail| {
        for toml in [
            format!("brokers = {}", "[".repeat(400_000)),
            format!("{}b = 1", "a.".repeat(400_000)),
            format!("[{}b]", "a.".repeat(400_000)),
            format!("a = {}", "{a=".repeat(300_000)),
        ] {
            jail.create_file("sluice.toml", &toml).unwrap();
            assert!(refused(&[]).contains("is not valid TOML"));
        }
        jail.create_file("sluice.toml", "").unwrap();
        for brackets in [64, 100_000] {
            jail.set_env("SLUICE__BROKERS", "[".repeat(brackets));
            assert!(refused(&[]).contains("expected a sequence, found text"));
        }
        jail.set_env("SLUICE__BROKERS", format!("{}{}", "[".repeat(64), "]".repeat(64)));
        assert!(refused(&[]).contains("brokers.0"));
        jail.set_env("SLUICE__BROKERS", "[]");
        jail.set_env(format!("SLUICE__A{}", "__A".repeat(40_000)), "1");
        assert!(refused(&[]).contains("is no path of keys"));
    });
}

#[test]
fn show_prints_values_and_origins_and_no_secret() {
    jailed(|jail| {
        jail.create_file("sluice.toml", "workers = 5").unwrap();
        jail.set_env("SLUICE__PEPPER", "hunter2");

        let shown = Loaded::<Config>::read(Some(&file()), &[]).unwrap().show();

        for expected in [
            "listen.http = \"127.0.0.1:8400\"  # default\n",
            "pepper = \"[redacted]\"  # environment variable `SLUICE__PEPPER`\n",
            "# region is not set\n",
            "grace = \"30s\"  # default\n",
            "workers = 5  # file `sluice.toml`\n",
            "sample = 1.0  # default\n",
            "brokers = [\"localhost:9092\"]  # default\n",
            "ports = {}  # default\n",
        ] {
            assert!(shown.contains(expected), "{expected:?} is not in\n{shown}");
        }
    });
}

#[test]
fn what_show_prints_reads_back_as_the_same() {
    jailed(|jail| {
        let given = "region = \"a\\\"b\\\\c\\n\\u0007\"\nports = { a = 1, \"b c\" = 2 }\ngrace = '90s'";
        jail.create_file("sluice.toml", given).unwrap();
        let first = Loaded::<Config>::read(Some(&file()), &[]).unwrap();
        jail.create_file("sluice.toml", &first.show()).unwrap();
        let second = load_file().unwrap();
        assert_eq!(format!("{:?}", first.config), format!("{second:?}"));
    });
}

#[test]
fn the_reference_lists_every_key_once() {
    let table = reference::<Config>();
    assert!(table.contains(
        "| `listen.ops` | `\"127.0.0.1:8419\"` | `SLUICE__LISTEN__OPS` | Address of the ops listener. |\n"
    ));
    assert!(table.contains("| `pepper` | not set | `SLUICE__PEPPER` | Keys the stored hashes, `a\\|b`. |\n"));
    assert!(table.contains("| `region` | not set | `SLUICE__REGION` | Name of this region. |\n"));
    assert_eq!(table.lines().count(), 2 + 11);
}
