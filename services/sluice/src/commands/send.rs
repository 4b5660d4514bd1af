//! `sluice send`: opens the input and keeps the sending going to its end.

use std::fs::File;
use std::future::{self, Future};
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
use crate::send::batch::{self, Position};
use crate::send::epochs::Epochs;
use crate::send::lines::Lines;
use crate::send::prepare::Preparer;
use crate::send::report::Report;
use crate::send::resume::{Fresh, Resume, Target};
use crate::send::stream::{Ended, Sending};

/// Batches that are read ahead.
const READ_AHEAD: usize = 4;
const BUFFER_BYTES: usize = 256 * 1024;
const READING_ENDED: &str = "reading the input ended early";
const STDOUT: &str = "stdout";

/// Exit code of a program that was interrupted.
const INTERRUPTED: u8 = 130;

pub(super) async fn run(args: Send) -> anyhow::Result<ExitCode> {
    run_until(args, interrupted()).await
}

/// Ready when the user has pressed Ctrl-C.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // It can't be listened for, so it ends the process as it does without us.
        future::pending::<()>().await;
    }
}

async fn run_until(args: Send, interrupt: impl Future<Output = ()>) -> anyhow::Result<ExitCode> {
    let grpc = Grpc::new(&args.connection)?;
    let (input, total_bytes) = open(&args)?;
    let now = Millis::from_ms(System.now_ms());
    let fresh = Fresh {
        target: Target {
            server: args.connection.grpc.clone(),
            key: args.connection.key()?.id()?,
        },
        now,
        salt: salt(),
        shifts: args.times.is_some(),
    };
    let is_wanted = args.resume.is_some() || args.times.is_some();
    let mut resume = Resume::open(resume_path(&args), is_wanted, fresh, || shift_to(now, &args.file))?;
    let (lines, from) = find_place(&args, input, &mut resume, now).await?;

    let state = resume.state();
    let preparer = Preparer::new(state.epochs.clone(), state.salt);
    let (sender, receiver) = mpsc::channel(READ_AHEAD);
    let reading = on_thread(move || batch::read(lines, from, &preparer, &sender))?;
    let report = Report::new(args.connection.output, total_bytes);
    let ended = Sending::new(grpc, args.patience.duration(), receiver, resume, report)
        .run(interrupt)
        .await?;
    if ended.is_interrupted {
        return stop(ended);
    }
    // The sending ends when the reading has ended, well or not.
    reading.await.context(READING_ENDED)??;
    finish(ended, &args)
}

/// Finds the first line that is not acknowledged: the very first, if those before it have changed.
async fn find_place(
    args: &Send,
    input: Input,
    resume: &mut Resume,
    now: Millis,
) -> anyhow::Result<(Lines<Source>, Position)> {
    let done = resume.state().done;
    let mut lines = Lines::new(input);
    let skipped = on_thread(move || batch::skip(&mut lines, done.lines).map(|found| (lines, found)))?;
    let (lines, found) = skipped.await.context(READING_ENDED)??;
    if found.mark == done {
        say_what_is_done(resume);
        return Ok((lines, found));
    }
    let path = resume.path().unwrap_or(&args.file).display().to_string();
    if is_stdin(&args.file) || !args.file.is_file() {
        bail!(
            "the first {} lines are not those that {path} was written for, and {} can't be read from its begin \
             again; delete {path} to send all lines as new events",
            done.lines,
            args.file.display()
        );
    }
    resume.restart(now)?;
    output::say(&format!(
        "some of the first {} lines have changed since {path} was written; all lines are sent, and those that are \
         as they were remain the events they are",
        done.lines
    ));
    let (input, _) = open(args)?;
    Ok((Lines::new(input), Position::default()))
}

/// Reads on a thread of our own: it may wait for standard input for ever, and the process ends all the same.
fn on_thread<T: std::marker::Send + 'static>(
    read: impl FnOnce() -> T + std::marker::Send + 'static,
) -> anyhow::Result<oneshot::Receiver<T>> {
    let (ended, reading) = oneshot::channel();
    thread::Builder::new()
        .name("read".to_owned())
        .spawn(move || ended.send(read()))
        .context("starting to read")?;
    Ok(reading)
}

fn stop(ended: Ended) -> anyhow::Result<ExitCode> {
    ended.report.finish(None).context(STDOUT)?;
    let lines = ended.resume.state().done.lines;
    let next = if ended.resume.path().is_some() {
        "the same command goes on from there"
    } else {
        "with --resume PATH the same command could go on from there"
    };
    output::say(&format!("interrupted: acknowledged up to line {lines}; {next}"));
    Ok(ExitCode::from(INTERRUPTED))
}

fn finish(ended: Ended, args: &Send) -> anyhow::Result<ExitCode> {
    let Ended {
        mut resume, report, ..
    } = ended;
    let is_rejected = report.counts().rejected > 0;
    let nothing = if resume.is_found() {
        "nothing left to send"
    } else {
        "nothing to send"
    };
    report.finish(Some(nothing)).context(STDOUT)?;
    // All ids follow from the file, but not those of moved times: a repeat moves them to another now.
    if args.resume.is_none() && !resume.has_timeless() && !resume.is_frozen() {
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

type Source = Box<dyn Read + std::marker::Send>;
type Input = BufReader<Source>;

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
    let preparer = Preparer::new(Epochs::new(now, None), 0);
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
    let Some(path) = resume.path().filter(|_| resume.is_found()) else {
        return;
    };
    let path = path.display();
    let said = match resume.state().done.lines {
        0 => format!("all lines are sent as the events that {path} remembers"),
        lines => format!("the first {lines} lines were acknowledged before, says {path}"),
    };
    output::say(&format!("{said}; delete it to send all lines as new events"));
}

#[cfg(test)]
mod tests;
