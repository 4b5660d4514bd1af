//! `sluice send`: opens the input and keeps the sending going to its end.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use anyhow::{Context, anyhow, bail};
use chassis::clock::{Clock, System};
use chassis::random::{self, Random};
use domain::time::Millis;
use tokio::sync::{mpsc, oneshot};

use crate::cli::{Send, Times, Usage};
use crate::client::grpc::Grpc;
use crate::output;
use crate::send::batch;
use crate::send::lines::Lines;
use crate::send::prepare::Preparer;
use crate::send::report::Report;
use crate::send::resume::Resume;
use crate::send::stream::Sending;

/// Batches that are read ahead.
const READ_AHEAD: usize = 4;
const BUFFER_BYTES: usize = 256 * 1024;

pub(super) async fn run(args: Send) -> anyhow::Result<ExitCode> {
    let grpc = Grpc::new(&args.connection)?;
    let (input, total_bytes) = open(&args)?;
    let now = Millis::from_ms(System.now_ms());
    let resume = Resume::open(
        resume_path(&args),
        args.resume.is_some() || args.times.is_some(),
        now,
        salt(),
        args.times.is_some(),
        || shift_to(now, &args.file),
    )?;
    say_what_is_done(&resume);

    let state = resume.state();
    let preparer = Preparer::new(state.start, state.shift_ms.unwrap_or_default(), state.salt);
    let from = resume.state().done;
    let (sender, receiver) = mpsc::channel(READ_AHEAD);
    let (ended, reading) = oneshot::channel();
    // A thread of our own: it may wait for standard input for ever, and the process ends all the same.
    thread::Builder::new()
        .name("read".to_owned())
        .spawn(move || ended.send(batch::read(input, from, &preparer, &sender)))
        .context("starting to read")?;
    let report = Report::new(args.connection.output, total_bytes);
    let (resume, report) = Sending::new(grpc, args.patience.duration(), receiver, resume, report)
        .run()
        .await?;
    // The sending ends when the reading has ended, well or not.
    reading.await.context("reading the input ended early")??;
    finish(resume, report, &args)
}

fn finish(mut resume: Resume, report: Report, args: &Send) -> anyhow::Result<ExitCode> {
    let is_rejected = report.counts().rejected > 0;
    report.finish().map_err(|error| anyhow!("stdout: {error}"))?;
    // All ids follow from the file, but not those of moved times: a repeat moves them to another now.
    if args.times.is_some() && args.resume.is_none() && !resume.has_timeless() && !resume.is_frozen() {
        resume.forget()?;
    } else {
        resume.complete()?;
    }
    Ok(if is_rejected {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn salt() -> u64 {
    let mut bytes = [0; 8];
    random::System.fill(&mut bytes);
    u64::from_be_bytes(bytes)
}

fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

type Input = BufReader<Box<dyn Read + std::marker::Send>>;

fn open(args: &Send) -> anyhow::Result<(Input, Option<u64>)> {
    if !is_stdin(&args.file) {
        let file = open_file(&args.file)?;
        let metadata = file.metadata().context("looking at the file")?;
        if metadata.is_dir() {
            bail!("{} is a directory", args.file.display());
        }
        let total_bytes = Some(metadata.len()).filter(|_| metadata.is_file());
        return Ok((
            BufReader::with_capacity(BUFFER_BYTES, Box::new(file)),
            total_bytes,
        ));
    }
    if args.times == Some(Times::Now) {
        return Err(
            Usage("--times now reads its input twice, which needs a FILE instead of -".into()).into(),
        );
    }
    Ok((
        BufReader::with_capacity(BUFFER_BYTES, Box::new(io::stdin())),
        None,
    ))
}

fn open_file(path: &Path) -> anyhow::Result<File> {
    File::open(path).with_context(|| format!("opening {}", path.display()))
}

fn resume_path(args: &Send) -> Option<PathBuf> {
    let beside = || {
        let mut path = args.file.clone().into_os_string();
        path.push(".sluice-resume");
        PathBuf::from(path)
    };
    args.resume
        .clone()
        .or_else(|| (!is_stdin(&args.file)).then(beside))
}

/// By how much times have to move so that the newest of the file is `now`.
fn shift_to(now: Millis, path: &Path) -> anyhow::Result<i64> {
    let mut file = open_file(path)?;
    if file.stream_position().is_err() {
        return Err(Usage(format!(
            "--times now reads {} twice, which it does not allow",
            path.display()
        ))
        .into());
    }
    let preparer = Preparer::new(now, 0, 0);
    let mut lines = Lines::new(BufReader::with_capacity(BUFFER_BYTES, file));
    let mut newest = None;
    while let Some(line) = lines
        .next()
        .with_context(|| format!("reading {}", path.display()))?
    {
        newest = newest.max(preparer.time_of(&line));
    }
    let newest = newest.ok_or_else(|| anyhow!("no event of {} says its time", path.display()))?;
    Ok(now.since(newest))
}

fn say_what_is_done(resume: &Resume) {
    let lines = resume.state().done.lines;
    if let Some(path) = resume.path().filter(|_| lines > 0) {
        let path = path.display();
        output::say(&format!(
            "{lines} lines were acknowledged before, says {path}; delete it to send them as new events"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_move_so_that_the_newest_is_now() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let now: Millis = "2026-01-31T08:30:00Z".parse().unwrap();
        let line = |second: u32| {
            format!(
                "{{\"kind\":\"generic\",\"name\":\"a\",\"timestamp\":\"2020-01-01T00:00:{second:02}Z\"}}\n"
            )
        };
        std::fs::write(&path, format!("nonsense\n{}{}{}", line(1), line(50), line(20))).unwrap();
        let newest: Millis = "2020-01-01T00:00:50Z".parse().unwrap();
        assert_eq!(newest.plus_ms(shift_to(now, &path).unwrap()), now);

        std::fs::write(&path, "{}\n").unwrap();
        assert!(
            shift_to(now, &path)
                .unwrap_err()
                .to_string()
                .contains("no event of")
        );
    }
}
