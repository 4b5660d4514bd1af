//! The files of the schema, what is recorded of them, and how the two are compared.

use std::fmt;

use scylla::client::session::Session;
use scylla::serialize::row::SerializeRow;
use scylla::statement::unprepared::Statement;
use xxhash_rust::xxh3::xxh3_128;

use super::{Engine, Replication, failed};
use crate::cql::open::OpenError;
use crate::port::Error;

/// A numbered file.
#[derive(Debug)]
pub(crate) struct Migration {
    pub(crate) number: u32,
    pub(crate) name: &'static str,
    text: &'static str,
}

/// All of them, in order. New ones are appended; those that are released never change.
pub(crate) const MIGRATIONS: [Migration; 5] = [
    Migration {
        number: 1,
        name: "events",
        text: include_str!("../schema/001_events.cql"),
    },
    Migration {
        number: 2,
        name: "deletions",
        text: include_str!("../schema/002_deletions.cql"),
    },
    Migration {
        number: 3,
        name: "progress",
        text: include_str!("../schema/003_progress.cql"),
    },
    Migration {
        number: 4,
        name: "index",
        text: include_str!("../schema/004_index.cql"),
    },
    Migration {
        number: 5,
        name: "rollups",
        text: include_str!("../schema/005_rollups.cql"),
    },
];

/// What is recorded of an applied migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) number: u32,
    pub(crate) checksum: String,
}

impl Migration {
    /// Of what is run: comments may get better.
    pub(crate) fn checksum(&self) -> String {
        let statements = self.statements("").join(";");
        format!("{:032x}", xxh3_128(statements.as_bytes()))
    }

    /// Its statements, on tables of this keyspace.
    pub(super) fn statements(&self, keyspace: &str) -> Vec<String> {
        let lines = self.text.lines().filter(|line| !line.starts_with("--"));
        let text = lines.collect::<Vec<_>>().join("\n");
        let statements = text
            .split(';')
            .map(str::trim)
            .filter(|statement| !statement.is_empty());
        statements
            .map(|statement| statement.replacen("IF NOT EXISTS ", &format!("IF NOT EXISTS {keyspace}."), 1))
            .collect()
    }
}

/// The tables that migrations themselves need, with the statement that makes each.
pub(super) fn own_tables(keyspace: &str) -> [(&'static str, String); 2] {
    [
        (
            "migrations",
            format!(
                "CREATE TABLE IF NOT EXISTS {keyspace}.migrations (number int PRIMARY KEY, name text, \
                 checksum text, applied_at timestamp) WITH gc_grace_seconds = 86400"
            ),
        ),
        (
            "migration_lock",
            format!(
                "CREATE TABLE IF NOT EXISTS {keyspace}.migration_lock (name text PRIMARY KEY, owner timeuuid) \
                 WITH gc_grace_seconds = 86400"
            ),
        ),
    ]
}

/// How Cassandra is told to leave a table uncompressed, and how ScyllaDB, which knows no `enabled`.
const UNCOMPRESSED: &str = "compression = {'enabled': 'false'}";
const UNCOMPRESSED_SCYLLA: &str = "compression = {'sstable_compression': ''}";

/// The statement with the options that only one engine has.
///
/// ScyllaDB would otherwise keep tombstones until the next repair, and with them whole SSTables.
pub(super) fn for_engine(statement: String, engine: Engine) -> String {
    match engine {
        Engine::Scylla if statement.starts_with("CREATE TABLE") => {
            statement.replace(UNCOMPRESSED, UNCOMPRESSED_SCYLLA) + " AND tombstone_gc = {'mode': 'timeout'}"
        }
        Engine::Scylla | Engine::Cassandra => statement,
    }
}

/// Makes the keyspace. Where there are tablets it does without: not every version has conditions on them, which
/// the lock needs.
pub(super) fn keyspace_statement(keyspace: &str, replication: &Replication, has_tablets: bool) -> String {
    let replication = match replication {
        Replication::Simple(factor) => {
            format!("{{'class': 'SimpleStrategy', 'replication_factor': '{factor}'}}")
        }
        Replication::Network { datacenter, factor } => {
            let datacenter = datacenter.replace('\'', "''");
            format!("{{'class': 'NetworkTopologyStrategy', '{datacenter}': '{factor}'}}")
        }
    };
    let tablets = if has_tablets {
        " AND tablets = {'enabled': false}"
    } else {
        ""
    };
    format!("CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = {replication}{tablets}")
}

/// The migrations that are not recorded yet, when what is recorded is what this build knows.
pub(crate) fn missing(keyspace: &str, recorded: &[Recorded]) -> Result<Vec<&'static Migration>, OpenError> {
    let last = MIGRATIONS.len();
    let accepted = MIGRATIONS[last - 1].number + 1;
    if let Some(found) = recorded
        .iter()
        .map(|row| row.number)
        .max()
        .filter(|found| *found > accepted)
    {
        return Err(OpenError::TooNew {
            keyspace: keyspace.to_owned(),
            found,
            accepted,
        });
    }
    let mut missing = Vec::new();
    for migration in &MIGRATIONS {
        match recorded.iter().find(|row| row.number == migration.number) {
            None => missing.push(migration),
            Some(row) if row.checksum == migration.checksum() => {}
            Some(_) => {
                return Err(OpenError::Changed {
                    keyspace: keyspace.to_owned(),
                    number: migration.number,
                    name: migration.name,
                });
            }
        }
    }
    Ok(missing)
}

/// Checks that a service of this build can use the keyspace.
pub(crate) async fn check(session: &Session, keyspace: &str) -> Result<(), OpenError> {
    if !keyspace_exists(session, keyspace).await? {
        return Err(OpenError::NoKeyspace {
            keyspace: keyspace.to_owned(),
        });
    }
    let recorded = if table_exists(session, keyspace, "migrations").await? {
        recorded(session, keyspace).await?
    } else {
        Vec::new()
    };
    match missing(keyspace, &recorded)?.first() {
        None => Ok(()),
        Some(migration) => Err(OpenError::NotMigrated {
            keyspace: keyspace.to_owned(),
            number: migration.number,
            name: migration.name,
        }),
    }
}

/// What was applied.
pub(crate) async fn recorded(session: &Session, keyspace: &str) -> Result<Vec<Recorded>, Error> {
    let text = format!("SELECT number, checksum FROM {keyspace}.migrations");
    let answer = session.query_unpaged(text, ()).await;
    let rows = answer
        .map_err(|error| failed("migrations", &error))?
        .into_rows_result()
        .map_err(|error| unreadable(&error))?;
    let rows = rows.rows::<(i32, String)>().map_err(|error| unreadable(&error))?;
    let recorded = rows.map(|row| {
        let (number, checksum) = row.map_err(|error| unreadable(&error))?;
        let number = u32::try_from(number).map_err(|error| unreadable(&error))?;
        Ok(Recorded { number, checksum })
    });
    recorded.collect()
}

/// Remembers that a migration was applied.
pub(super) async fn record(session: &Session, keyspace: &str, migration: &Migration) -> Result<(), Error> {
    let mut statement = Statement::new(format!(
        "INSERT INTO {keyspace}.migrations (number, name, checksum, applied_at) \
         VALUES (?, ?, ?, toTimestamp(now()))"
    ));
    statement.set_is_idempotent(true);
    let number = i32::try_from(migration.number).expect("there are few migrations");
    let values = (number, migration.name, migration.checksum());
    let done = session.query_unpaged(statement, values).await;
    done.map(drop).map_err(|error| failed("migrations", &error))
}

pub(crate) async fn keyspace_exists(session: &Session, keyspace: &str) -> Result<bool, Error> {
    let text = "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?";
    exists(session, text, (keyspace,)).await
}

pub(crate) async fn table_exists(session: &Session, keyspace: &str, table: &str) -> Result<bool, Error> {
    let text = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?";
    exists(session, text, (keyspace, table)).await
}

/// Whether the engine spreads tables by tablets: a newer ScyllaDB, which then has a column about them.
pub(super) async fn has_tablets(session: &Session) -> Result<bool, Error> {
    let text = "SELECT column_name FROM system_schema.columns \
                WHERE keyspace_name = 'system_schema' AND table_name = 'scylla_keyspaces' \
                AND column_name = 'initial_tablets'";
    exists(session, text, ()).await
}

async fn exists(session: &Session, text: &str, values: impl SerializeRow) -> Result<bool, Error> {
    let answer = session.query_unpaged(text, values).await;
    let rows = answer
        .map_err(|error| failed("schema", &error))?
        .into_rows_result()
        .map_err(|error| unreadable(&error))?;
    Ok(rows.rows_num() > 0)
}

fn unreadable(error: &dyn fmt::Display) -> Error {
    Error::Corrupt {
        what: format!("record of migrations ({error})"),
    }
}

#[cfg(test)]
mod tests {
    use domain::retention::Class;
    use domain::rollup::Grain;

    use super::*;
    use crate::cql::keys::{events_table, rollups_table, units_table};

    fn all() -> Vec<Recorded> {
        let recorded = MIGRATIONS.iter().map(|migration| Recorded {
            number: migration.number,
            checksum: migration.checksum(),
        });
        recorded.collect()
    }

    fn later(number: u32) -> Recorded {
        Recorded {
            number,
            checksum: "of a later build".to_owned(),
        }
    }

    fn statements() -> Vec<String> {
        MIGRATIONS
            .iter()
            .flat_map(|migration| migration.statements("ks"))
            .collect()
    }

    #[test]
    fn numbers_go_up_by_one() {
        let numbers: Vec<_> = MIGRATIONS.iter().map(|migration| migration.number).collect();
        let expected: Vec<_> = (1..).take(MIGRATIONS.len()).collect();
        assert_eq!(numbers, expected);
    }

    #[test]
    fn every_statement_can_be_repeated_and_takes_the_options_of_an_engine() {
        for statement in statements() {
            assert!(
                statement.starts_with("CREATE TABLE IF NOT EXISTS ks."),
                "{statement}"
            );
            assert!(statement.contains("WITH "), "{statement}");
            assert_eq!(for_engine(statement.clone(), Engine::Cassandra), statement);
            let scylla = for_engine(statement.clone(), Engine::Scylla);
            let uncompressed = statement.replace("{'enabled': 'false'}", "{'sstable_compression': ''}");
            assert_eq!(scylla, uncompressed + " AND tombstone_gc = {'mode': 'timeout'}");
        }
    }

    #[test]
    fn every_class_and_grain_has_tables_whose_rows_live_as_long_as_it_says() {
        let events = Class::ALL.map(|class| (class.life_ms(), events_table(class)));
        let units = Class::ALL.map(|class| (class.life_ms(), units_table(class)));
        let rollups = Grain::ALL.map(|grain| (grain.life_ms(), rollups_table(grain)));
        for (life_ms, table) in events.into_iter().chain(units).chain(rollups) {
            let head = format!("ks.{table} (");
            let statements = statements();
            let table = statements
                .iter()
                .find(|statement| statement.contains(&head))
                .unwrap();
            let ttl = format!("default_time_to_live = {}\n", life_ms / 1000);
            assert!(table.contains(&ttl), "{table}");
        }
    }

    #[test]
    fn what_is_not_recorded_is_missing() {
        assert_eq!(missing("ks", &[]).unwrap().len(), MIGRATIONS.len());
        assert!(missing("ks", &all()).unwrap().is_empty());
        let mut without_second = all();
        without_second.remove(1);
        let missing = missing("ks", &without_second).unwrap();
        assert_eq!(
            missing
                .iter()
                .map(|migration| migration.number)
                .collect::<Vec<_>>(),
            [2]
        );
    }

    #[test]
    fn the_next_version_is_accepted_and_the_one_after_it_is_not() {
        let next = MIGRATIONS[MIGRATIONS.len() - 1].number + 1;
        let with = |number| [all(), vec![later(number)]].concat();
        assert!(missing("ks", &with(next)).unwrap().is_empty());
        let refused = missing("ks", &with(next + 1)).unwrap_err();
        assert!(matches!(refused, OpenError::TooNew { .. }), "{refused}");
    }

    #[test]
    fn a_changed_file_is_named() {
        let mut recorded = all();
        recorded[1].checksum = "another".to_owned();
        let refused = missing("ks", &recorded).unwrap_err();
        assert!(
            refused.to_string().contains("migration 2 (deletions)"),
            "{refused}"
        );
    }

    #[test]
    fn a_keyspace_says_where_its_copies_are() {
        let simple = keyspace_statement("ks", &Replication::Simple(1), false);
        assert!(
            simple.ends_with("{'class': 'SimpleStrategy', 'replication_factor': '1'}"),
            "{simple}"
        );
        let network = Replication::Network {
            datacenter: "it's".to_owned(),
            factor: 3,
        };
        let network = keyspace_statement("ks", &network, true);
        assert!(
            network.ends_with(
                "{'class': 'NetworkTopologyStrategy', 'it''s': '3'} AND tablets = {'enabled': false}"
            ),
            "{network}"
        );
    }
}
