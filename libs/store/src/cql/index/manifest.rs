//! The units of a tenant, and how much of each source is in them.

use domain::index::manifest::{Entry, Period, UnitId, UnitRef};
use domain::source::Source;
use domain::tenant::TenantId;
use domain::time::Millis;
use scylla::value::CqlValue;

use crate::cql::requests::unexpected;
use crate::cql::{Handle, keys, mark};
use crate::index::Mark;
use crate::metric_definitions as definitions;
use crate::port::Error;
use crate::stamp;

/// Lane, generation, partition, class, unit, entry.
type Row<'a> = (&'a str, i64, i64, &'a str, &'a [u8], &'a [u8]);

impl Handle {
    pub(super) async fn list(&self, tenant: &TenantId, entry: &Entry, now: Millis) -> Result<(), Error> {
        let Some(ttl_seconds) = keys::ttl_seconds(entry.expires_at, now) else {
            return Ok(());
        };
        let (lane, generation, partition) = keys::source_columns(entry.source);
        let values = (
            tenant.as_str(),
            entry.period().0,
            lane,
            generation,
            partition,
            keys::class_name(entry.unit.class),
            entry.unit.id.0,
            entry.encode(),
            stamp::of_origin(entry.last_origin)?,
            ttl_seconds,
        );
        self.requests.run(&self.statements.index.list, values).await
    }

    pub(super) async fn unlist(&self, tenant: &TenantId, entry: &Entry) -> Result<(), Error> {
        let (lane, generation, partition) = keys::source_columns(entry.source);
        let values = (
            stamp::of_origin(entry.last_origin)? + 1,
            tenant.as_str(),
            entry.period().0,
            lane,
            generation,
            partition,
            keys::class_name(entry.unit.class),
            entry.unit.id.0,
        );
        self.requests.run(&self.statements.index.unlist, values).await
    }

    /// One batch, for the rows are of one partition: a replica has all of it or nothing.
    pub(super) async fn replace(
        &self,
        tenant: &TenantId,
        entry: &Entry,
        replaced: &[Entry],
        now: Millis,
    ) -> Result<(), Error> {
        let Some(ttl_seconds) = keys::ttl_seconds(entry.expires_at, now) else {
            return Ok(());
        };
        let statements = &self.statements.index;
        let mut listed = columns(tenant, entry);
        listed.push(CqlValue::Blob(entry.encode()));
        listed.push(CqlValue::BigInt(stamp::of_origin(entry.last_origin)?));
        listed.push(CqlValue::Int(ttl_seconds));
        let mut writes = vec![(&statements.list, listed)];
        for old in replaced {
            let mut values = vec![CqlValue::BigInt(stamp::of_origin(old.last_origin)? + 1)];
            values.extend(columns(tenant, old));
            writes.push((&statements.unlist, values));
        }
        self.requests.run_together("replace", writes).await
    }

    pub(super) async fn manifest(&self, tenant: &TenantId, period: Period) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::new();
        let query = &self.statements.index.manifest;
        let read = self.requests.read(query, (tenant.as_str(), period.0), |page| {
            for row in page
                .rows::<Row<'_>>()
                .map_err(|error| unexpected(query, &error))?
            {
                let row = row.map_err(|error| unexpected(query, &error))?;
                let entry = decode(row).ok_or_else(|| Error::Corrupt {
                    what: format!("manifest of {tenant} in period {}", period.0),
                })?;
                entries.push(entry);
            }
            Ok(())
        });
        read.await?;
        metrics::counter!(definitions::READ_ROWS, "kind" => "entry").increment(entries.len() as u64);
        Ok(entries)
    }

    pub(super) async fn advance_mark(&self, source: Source, mark: &Mark) -> Result<(), Error> {
        let (lane, generation, partition) = keys::source_columns(source);
        let stamp = stamp::of_origin(mark.position.origin)?;
        let values = (lane, generation, partition, mark::encode(mark), stamp);
        self.requests
            .run(&self.statements.index.advance_mark, values)
            .await
    }

    pub(super) async fn mark(&self, source: Source) -> Result<Option<Mark>, Error> {
        let mut mark = None;
        let query = &self.statements.index.mark;
        let read = self.requests.read(query, keys::source_columns(source), |page| {
            let row = page.maybe_first_row::<(&[u8],)>();
            if let Some((bytes,)) = row.map_err(|error| unexpected(query, &error))? {
                let decoded = mark::decode(bytes).ok_or_else(|| Error::Corrupt {
                    what: format!("mark of {source}"),
                })?;
                mark = Some(decoded);
            }
            Ok(())
        });
        read.await?;
        Ok(mark)
    }
}

/// The key of an entry: tenant, period, lane, generation, partition, class, unit.
fn columns(tenant: &TenantId, entry: &Entry) -> Vec<CqlValue> {
    let (lane, generation, partition) = keys::source_columns(entry.source);
    vec![
        CqlValue::Text(tenant.as_str().to_owned()),
        CqlValue::Int(entry.period().0),
        CqlValue::Text(lane.to_owned()),
        CqlValue::BigInt(generation),
        CqlValue::BigInt(partition),
        CqlValue::Text(keys::class_name(entry.unit.class).to_owned()),
        CqlValue::Blob(entry.unit.id.0.to_vec()),
    ]
}

fn decode((lane, generation, partition, class, unit, entry): Row<'_>) -> Option<Entry> {
    let source = keys::source_of(lane, generation, partition)?;
    let unit = UnitRef {
        class: keys::class_of(class)?,
        id: UnitId(unit.try_into().ok()?),
    };
    Entry::decode(source, unit, entry).ok()
}
