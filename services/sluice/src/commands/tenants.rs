//! `sluice tenants`: who uses the system.

use anyhow::Context;
use serde::Deserialize;
use serde_json::json;

use crate::cli::{Connection, Format, Tenants};
use crate::client::http::Http;
use crate::output;
use crate::output::escape;
use crate::output::table::Table;

const PATH: &str = "/admin/tenants";

#[derive(Deserialize)]
struct List {
    tenants: Vec<Tenant>,
}

#[derive(Deserialize)]
struct Tenant {
    id: String,
    name: String,
    created_at: String,
}

pub(super) async fn run(command: Tenants) -> anyhow::Result<()> {
    match command {
        Tenants::List { connection } => list(&connection).await,
        Tenants::Create { id, name, connection } => create(&id, name.as_deref(), &connection).await,
    }
}

async fn list(connection: &Connection) -> anyhow::Result<()> {
    let body = Http::new(connection)?.get(PATH, &[]).await?;
    if connection.output == Format::Json {
        return Ok(output::line(&escape::json(&body))?);
    }
    let list: List = serde_json::from_str(&body).context("the answer is no list of tenants")?;
    print(&list.tenants)
}

async fn create(id: &str, name: Option<&str>, connection: &Connection) -> anyhow::Result<()> {
    let request = json!({ "id": id, "name": name.unwrap_or(id) });
    let body = Http::new(connection)?.post(PATH, &request).await?;
    if connection.output == Format::Json {
        return Ok(output::line(&escape::json(&body))?);
    }
    let tenant: Tenant = serde_json::from_str(&body).context("the answer is no tenant")?;
    print(&[tenant])
}

fn print(tenants: &[Tenant]) -> anyhow::Result<()> {
    let mut table = Table::new(["ID", "NAME", "CREATED"]);
    for tenant in tenants {
        table.push([&tenant.id, &tenant.name, &tenant.created_at]);
    }
    for line in table.lines() {
        output::line(&line)?;
    }
    Ok(())
}
