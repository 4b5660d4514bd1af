//! `sluice delete`: one event is never returned again.

use crate::cli::{Delete, Format};
use crate::client::http::{Http, segment};
use crate::output;
use crate::output::escape;

pub(super) async fn run(args: Delete) -> anyhow::Result<()> {
    let http = Http::new(&args.connection)?;
    http.delete(&format!("/ingestion/events/{}", segment(&args.id)))
        .await?;
    match args.connection.output {
        Format::Json => output::line(&serde_json::json!({ "id": args.id, "status": "deleted" }).to_string())?,
        Format::Table => output::line(&format!("deleted {}", escape::text(&args.id)))?,
    }
    Ok(())
}
