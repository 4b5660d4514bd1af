//! The statements on rollups.

use domain::rollup::Grain;
use futures::future::try_join_all;
use scylla::client::session::Session;
use scylla::errors::PrepareError;

use super::Query;
use crate::cql::keys::rollups_table;

/// Rows in one page of an answer: most have some hundred bytes, few have hundreds of kilobytes.
const ROWS_AT_ONCE: i32 = 100;

/// Those of each grain.
pub(in crate::cql) struct RollupStatements(Vec<GrainStatements>);

/// The statements on the rollups of a grain.
pub(in crate::cql) struct GrainStatements {
    /// tenant, bucket, rollup, window, lane, generation, partition, state, stamp, TTL
    pub(in crate::cql) insert: Query,
    /// tenant, bucket, rollups, window, lane, generation, partition -> rollup, state
    pub(in crate::cql) of_source: Query,
    /// tenant, bucket, rollup, begin, end -> window, lane, generation, partition, state
    pub(in crate::cql) of_windows: Query,
}

impl GrainStatements {
    async fn prepare(session: &Session, table: &str) -> Result<Self, PrepareError> {
        let insert = format!(
            "INSERT INTO {table} (tenant, bucket, rollup, window, lane, generation, log_partition, state) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?"
        );
        let of_source = format!(
            "SELECT rollup, state FROM {table} WHERE tenant = ? AND bucket = ? AND rollup IN ? \
             AND window = ? AND lane = ? AND generation = ? AND log_partition = ?"
        );
        let of_windows = format!(
            "SELECT window, lane, generation, log_partition, state FROM {table} \
             WHERE tenant = ? AND bucket = ? AND rollup = ? AND window >= ? AND window < ?"
        );
        Ok(Self {
            insert: Query::prepare(session, "insert_rollup", insert).await?,
            of_source: Query::prepare(session, "read_rollups_of", of_source).await?,
            of_windows: Query::prepare(session, "read_rollups_in", of_windows)
                .await?
                .paged_by(ROWS_AT_ONCE),
        })
    }
}

impl RollupStatements {
    pub(super) async fn prepare(session: &Session, keyspace: &str) -> Result<Self, PrepareError> {
        let tables = Grain::ALL.map(|grain| format!("{keyspace}.{}", rollups_table(grain)));
        let grains = tables
            .iter()
            .map(|table| GrainStatements::prepare(session, table));
        try_join_all(grains).await.map(Self)
    }

    /// Those on the rollups of a grain.
    pub(in crate::cql) fn of(&self, grain: Grain) -> &GrainStatements {
        let index = Grain::ALL.iter().position(|known| *known == grain);
        &self.0[index.expect("ALL has every grain")]
    }
}
