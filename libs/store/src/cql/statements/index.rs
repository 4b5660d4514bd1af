//! The statements on the search index.

use domain::retention::Class;
use futures::future::try_join_all;
use scylla::client::session::Session;
use scylla::errors::PrepareError;

use super::Query;
use crate::cql::keys::units_table;

/// Fresh segments in one page of an answer: each has some kilobytes.
const SEGMENTS_AT_ONCE: i32 = 1_000;
/// Pages of a unit in one page of an answer: each has some kilobytes, few have hundreds.
const PAGES_AT_ONCE: i32 = 100;

/// Those that know no retention class, and those of each.
pub(in crate::cql) struct IndexStatements {
    /// tenant, lane, generation, partition, minute, stamp, TTL
    pub(in crate::cql) mark_fresh: Query,
    /// tenant -> lane, generation, partition, minute
    pub(in crate::cql) fresh_places: Query,
    /// lane, generation, partition, minute, tenant, last origin, nonce, segment, stamp, TTL
    pub(in crate::cql) put_fresh: Query,
    /// lane, generation, partition, minute, tenant, last origin -> last origin, nonce, segment
    pub(in crate::cql) fresh: Query,
    units: Vec<UnitStatements>,
    /// tenant, period, lane, generation, partition, class, unit, entry, stamp, TTL
    pub(in crate::cql) list: Query,
    /// stamp, tenant, period, lane, generation, partition, class, unit
    pub(in crate::cql) unlist: Query,
    /// tenant, period -> lane, generation, partition, class, unit, entry
    pub(in crate::cql) manifest: Query,
    /// lane, generation, partition, mark, stamp
    pub(in crate::cql) advance_mark: Query,
    /// lane, generation, partition -> mark
    pub(in crate::cql) mark: Query,
}

/// The statements on the units of a class.
pub(in crate::cql) struct UnitStatements {
    /// unit, key, value, stamp, TTL
    pub(in crate::cql) insert: Query,
    /// unit, key -> key, value
    pub(in crate::cql) page: Query,
    /// unit, keys -> key, value
    pub(in crate::cql) pages_at: Query,
    /// unit, begin, end, limit -> key, value
    pub(in crate::cql) pages: Query,
    /// stamp, unit
    pub(in crate::cql) remove: Query,
}

impl UnitStatements {
    async fn prepare(session: &Session, table: &str) -> Result<Self, PrepareError> {
        let insert =
            format!("INSERT INTO {table} (unit, key, value) VALUES (?, ?, ?) USING TIMESTAMP ? AND TTL ?");
        let page =
            format!("SELECT key, value FROM {table} WHERE unit = ? AND key <= ? ORDER BY key DESC LIMIT 1");
        let pages = format!(
            "SELECT key, value FROM {table} WHERE unit = ? AND key >= ? AND key < ? ORDER BY key ASC LIMIT ?"
        );
        let pages_at = format!("SELECT key, value FROM {table} WHERE unit = ? AND key IN ?");
        let remove = format!("DELETE FROM {table} USING TIMESTAMP ? WHERE unit = ?");
        Ok(Self {
            insert: Query::prepare(session, "insert_page", insert).await?,
            page: Query::prepare(session, "read_page", page).await?,
            pages: Query::prepare(session, "read_pages", pages)
                .await?
                .paged_by(PAGES_AT_ONCE),
            pages_at: Query::prepare(session, "read_pages_at", pages_at).await?,
            remove: Query::prepare(session, "remove_unit", remove).await?,
        })
    }
}

impl IndexStatements {
    pub(super) async fn prepare(session: &Session, keyspace: &str) -> Result<Self, PrepareError> {
        let source = "lane = ? AND generation = ? AND log_partition = ?";
        let tables = Class::ALL.map(|class| format!("{keyspace}.{}", units_table(class)));
        let units = tables.iter().map(|table| UnitStatements::prepare(session, table));
        let mark_fresh = format!(
            "INSERT INTO {keyspace}.fresh_places (tenant, lane, generation, log_partition, last_minute) \
             VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?"
        );
        let fresh_places = format!(
            "SELECT lane, generation, log_partition, last_minute FROM {keyspace}.fresh_places WHERE tenant = ?"
        );
        let put_fresh = format!(
            "INSERT INTO {keyspace}.fresh \
             (lane, generation, log_partition, minute, tenant, last_origin, nonce, segment) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?"
        );
        let fresh = format!(
            "SELECT last_origin, nonce, segment FROM {keyspace}.fresh \
             WHERE {source} AND minute = ? AND tenant = ? AND last_origin > ?"
        );
        let list = format!(
            "INSERT INTO {keyspace}.manifest \
             (tenant, period, lane, generation, log_partition, class, unit, entry) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?"
        );
        let unlist = format!(
            "DELETE FROM {keyspace}.manifest USING TIMESTAMP ? \
             WHERE tenant = ? AND period = ? AND {source} AND class = ? AND unit = ?"
        );
        let manifest = format!(
            "SELECT lane, generation, log_partition, class, unit, entry FROM {keyspace}.manifest \
             WHERE tenant = ? AND period = ?"
        );
        let advance_mark = format!(
            "INSERT INTO {keyspace}.marks (lane, generation, log_partition, mark) VALUES (?, ?, ?, ?) \
             USING TIMESTAMP ?"
        );
        let mark = format!("SELECT mark FROM {keyspace}.marks WHERE {source}");
        Ok(Self {
            mark_fresh: Query::prepare(session, "mark_fresh", mark_fresh).await?,
            fresh_places: Query::prepare(session, "fresh_places", fresh_places).await?,
            put_fresh: Query::prepare(session, "insert_fresh", put_fresh).await?,
            fresh: Query::prepare(session, "read_fresh", fresh)
                .await?
                .paged_by(SEGMENTS_AT_ONCE),
            units: try_join_all(units).await?,
            list: Query::prepare(session, "list", list).await?,
            unlist: Query::prepare(session, "unlist", unlist).await?,
            manifest: Query::prepare(session, "manifest", manifest).await?,
            advance_mark: Query::prepare(session, "advance_mark", advance_mark).await?,
            mark: Query::prepare(session, "mark", mark).await?,
        })
    }

    /// Those on the units of a class.
    pub(in crate::cql) fn units(&self, class: Class) -> &UnitStatements {
        let index = Class::ALL.iter().position(|known| *known == class);
        &self.units[index.expect("ALL has every class")]
    }
}
