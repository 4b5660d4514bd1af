//! `sluice keys`: who may do what.

use anyhow::Context;
use domain::key::Scope;
use serde::Deserialize;
use serde_json::json;

use crate::cli::{Connection, CreateKey, Format, Keys};
use crate::client::http::{Http, segment};
use crate::output;
use crate::output::escape;
use crate::output::table::Table;

const PATH: &str = "/admin/keys";

#[derive(Deserialize)]
struct List {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    id: String,
    tenant: Option<String>,
    name: String,
    scopes: Vec<String>,
    created_at: String,
    expires_at: Option<String>,
    revoked: bool,
}

#[derive(Deserialize)]
struct Created {
    key: String,
}

pub(super) async fn run(command: Keys) -> anyhow::Result<()> {
    match command {
        Keys::Bootstrap(args) => super::bootstrap::run(args).await,
        Keys::List { connection } => list(&connection).await,
        Keys::Create(args) => create(&args).await,
        Keys::Revoke { id, connection } => revoke(&id, &connection).await,
    }
}

async fn list(connection: &Connection) -> anyhow::Result<()> {
    let body = Http::new(connection)?.get(PATH, &[]).await?;
    if connection.output == Format::Json {
        return Ok(output::line(&escape::json(&body))?);
    }
    let list: List = serde_json::from_str(&body).context("the answer is no list of keys")?;
    let mut table = Table::new(["ID", "TENANT", "NAME", "SCOPES", "CREATED", "EXPIRES", "STATE"]);
    for key in &list.keys {
        table.push([
            &key.id,
            key.tenant.as_deref().unwrap_or_default(),
            &key.name,
            &key.scopes.join(","),
            &key.created_at,
            key.expires_at.as_deref().unwrap_or("never"),
            if key.revoked { "revoked" } else { "live" },
        ]);
    }
    for line in table.lines() {
        output::line(&line)?;
    }
    Ok(())
}

async fn create(args: &CreateKey) -> anyhow::Result<()> {
    let scopes: Vec<&str> = args.scopes.iter().copied().map(Scope::as_str).collect();
    let mut request = json!({ "name": args.name, "scopes": scopes });
    if let Some(tenant) = &args.tenant {
        request["tenant"] = json!(tenant);
    }
    if let Some(time) = args.expires_at {
        request["expires_at"] = json!(time);
    }
    let body = Http::new(&args.connection)?.post(PATH, &request).await?;
    if args.connection.output == Format::Json {
        return Ok(output::line(&escape::json(&body))?);
    }
    let created: Created = serde_json::from_str(&body).context("the answer is no key")?;
    output::line(&escape::text(&created.key))?;
    output::say("this key is shown only now");
    Ok(())
}

async fn revoke(id: &str, connection: &Connection) -> anyhow::Result<()> {
    Http::new(connection)?
        .delete(&format!("{PATH}/{}", segment(id)))
        .await?;
    match connection.output {
        Format::Json => output::line(&json!({ "id": id, "status": "revoked" }).to_string())?,
        Format::Table => output::line(&format!("revoked {}", escape::text(id)))?,
    }
    Ok(())
}
