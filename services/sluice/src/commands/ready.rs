//! Says whether a process of this program is ready, for health checks of containers that have no other program.

use std::time::Duration;

use anyhow::{Context, bail};
use axum::http::{StatusCode, Uri};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

use crate::cli::Ready;
use crate::output;

const PATIENCE: Duration = Duration::from_secs(4);
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// Asks, prints the answer, and fails where the process is not ready.
pub(super) async fn run(args: Ready) -> anyhow::Result<()> {
    let uri: Uri = format!("http://{}/ready", args.ops).parse()?;
    let asked = timeout(PATIENCE, ask(uri)).await;
    let (status, text) = asked
        .context("no answer in time")
        .flatten()
        .with_context(|| format!("asking {}", args.ops))?;
    output::line(text.trim_end())?;
    if !status.is_success() {
        bail!("the process on {} is not ready", args.ops);
    }
    Ok(())
}

async fn ask(uri: Uri) -> anyhow::Result<(StatusCode, String)> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let answer = client.get(uri).await?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await;
    let body = body.map_err(|error| anyhow::anyhow!(error))?;
    Ok((status, String::from_utf8_lossy(&body.to_bytes()).into_owned()))
}
