//! Every statement of the adapter, prepared once. All are idempotent: stamps are computed, so a statement that
//! is sent twice writes what is there already.

mod index;
mod rollups;

use domain::cursor::Order;
use domain::retention::Class;
use futures::future::try_join_all;
use scylla::client::session::Session;
use scylla::errors::PrepareError;
use scylla::statement::prepared::PreparedStatement;

pub(super) use self::index::IndexStatements;
pub(super) use self::rollups::RollupStatements;
use super::keys::events_table;

/// Events that one statement asks for: an engine takes no longer list of keys.
pub(super) const EVENTS_AT_ONCE: usize = 100;

/// A prepared statement with its name in metrics.
pub(super) struct Query {
    pub(super) name: &'static str,
    pub(super) prepared: PreparedStatement,
}

/// The statements on the events of a class.
pub(super) struct EventStatements {
    /// tenant, bucket, shard, id, about, event, stamp, TTL
    pub(super) insert: Query,
    /// tenant, bucket, shard, ids -> id, event
    pub(super) fetch: Query,
    /// stamp, tenant, bucket, shard, id
    pub(super) delete: Query,
    newest_ids: Query,
    oldest_ids: Query,
}

/// All statements.
pub(super) struct Statements {
    events: Vec<EventStatements>,
    /// tenant, day, id, `keep_until`, stamp, TTL
    pub(super) insert_marker: Query,
    /// tenant, day, ids -> id
    pub(super) fetch_markers: Query,
    /// service, lane, generation, partition, next offset, position, stamp
    pub(super) advance: Query,
    /// service, lane, generation, partition -> position
    pub(super) position: Query,
    pub(super) index: IndexStatements,
    pub(super) rollups: RollupStatements,
}

impl EventStatements {
    async fn prepare(session: &Session, table: &str) -> Result<Self, PrepareError> {
        let insert = format!(
            "INSERT INTO {table} (tenant, bucket, shard, id, about, event) VALUES (?, ?, ?, ?, ?, ?) \
             USING TIMESTAMP ? AND TTL ?"
        );
        let place = "tenant = ? AND bucket = ? AND shard = ?";
        let fetch = format!("SELECT id, event FROM {table} WHERE {place} AND id IN ?");
        let delete = format!("DELETE FROM {table} USING TIMESTAMP ? WHERE {place} AND id = ?");
        let range = format!("SELECT id FROM {table} WHERE {place} AND id >= ? AND id < ?");
        let newest_ids = format!("{range} ORDER BY id DESC LIMIT ?");
        let oldest_ids = format!("{range} ORDER BY id ASC LIMIT ?");
        Ok(Self {
            insert: Query::prepare(session, "insert_event", insert).await?,
            fetch: Query::prepare(session, "fetch_events", fetch).await?,
            delete: Query::prepare(session, "delete_event", delete).await?,
            newest_ids: Query::prepare(session, "read_ids", newest_ids).await?,
            oldest_ids: Query::prepare(session, "read_ids", oldest_ids).await?,
        })
    }

    /// tenant, bucket, shard, begin, end, limit -> id
    pub(super) fn ids(&self, order: Order) -> &Query {
        match order {
            Order::NewestFirst => &self.newest_ids,
            Order::OldestFirst => &self.oldest_ids,
        }
    }
}

impl Statements {
    pub(super) async fn prepare(session: &Session, keyspace: &str) -> Result<Self, PrepareError> {
        let tables = Class::ALL.map(|class| format!("{keyspace}.{}", events_table(class)));
        let events = tables
            .iter()
            .map(|table| EventStatements::prepare(session, table));
        let insert_marker = format!(
            "INSERT INTO {keyspace}.deletions (tenant, day, id, keep_until) VALUES (?, ?, ?, ?) \
             USING TIMESTAMP ? AND TTL ?"
        );
        let fetch_markers =
            format!("SELECT id FROM {keyspace}.deletions WHERE tenant = ? AND day = ? AND id IN ?");
        let advance = format!(
            "INSERT INTO {keyspace}.progress \
             (service, lane, generation, log_partition, next_offset, position) \
             VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"
        );
        let position = format!(
            "SELECT position FROM {keyspace}.progress \
             WHERE service = ? AND lane = ? AND generation = ? AND log_partition = ?"
        );
        Ok(Self {
            events: try_join_all(events).await?,
            insert_marker: Query::prepare(session, "insert_marker", insert_marker).await?,
            fetch_markers: Query::prepare(session, "fetch_markers", fetch_markers).await?,
            advance: Query::prepare(session, "advance", advance).await?,
            position: Query::prepare(session, "position", position).await?,
            index: IndexStatements::prepare(session, keyspace).await?,
            rollups: RollupStatements::prepare(session, keyspace).await?,
        })
    }

    /// Those on the events of a class.
    pub(super) fn of(&self, class: Class) -> &EventStatements {
        let index = Class::ALL.iter().position(|known| *known == class);
        &self.events[index.expect("ALL has every class")]
    }

    /// Those on the events of each class.
    pub(super) fn of_all(&self) -> impl Iterator<Item = (Class, &EventStatements)> {
        Class::ALL.into_iter().zip(&self.events)
    }
}

impl Query {
    async fn prepare(session: &Session, name: &'static str, text: String) -> Result<Self, PrepareError> {
        let mut prepared = session.prepare(text).await?;
        prepared.set_is_idempotent(true);
        Ok(Self { name, prepared })
    }

    /// An answer comes in pages of so many rows.
    fn paged_by(mut self, rows: i32) -> Self {
        self.prepared.set_page_size(rows);
        self
    }
}
