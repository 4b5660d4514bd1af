//! Lines gathered into batches, on a thread of its own.

use std::io::{BufReader, Read};

use anyhow::Context;
use bytes::Bytes;
use domain::fault::Fault;
use tokio::sync::mpsc::Sender;

use super::lines::Lines;
use super::prepare::{Prepared, Preparer};
use super::resume::Mark;

/// Events in a batch, less than any server refuses.
const MAX_EVENTS: usize = 500;
/// Bytes of events in a batch, beyond which none is added.
const MAX_BYTES: usize = 1024 * 1024;
/// Lines that a batch covers: so many faulty ones in a row are told without waiting for an event.
const MAX_LINES: usize = 2_000;

/// Some lines in a row, as they are sent and settled together.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Batch {
    /// What can be sent, each with its line.
    pub(crate) events: Vec<Numbered<Bytes>>,
    /// What can't.
    pub(crate) faulty: Vec<Numbered<Vec<Fault>>>,
    /// Where it ends.
    pub(crate) end: Mark,
    /// Bytes of the input up to its end.
    pub(crate) read_bytes: u64,
    /// Whether an event has the start of sending for its time.
    pub(crate) has_timeless: bool,
}

/// Something of a line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Numbered<T> {
    /// The number of the line, from 1.
    pub(crate) line: u64,
    /// What of it.
    pub(crate) what: T,
}

/// Reads lines behind `from`, whose lines must be those that the mark was made of, and hands them over in batches,
/// the last one before it may have to wait for more. Blocks; ends with the input or when nobody takes batches.
pub(crate) fn read(
    input: BufReader<impl Read>,
    from: Mark,
    preparer: &Preparer,
    batches: &Sender<Batch>,
) -> anyhow::Result<()> {
    let mut lines = Lines::new(input);
    let mut mark = Mark::default();
    let mut read_bytes = 0;
    let mut batch = Batch::default();
    let (mut bytes, mut covered) = (0, 0);
    while let Some(line) = lines.next().context("reading the input")? {
        mark = mark.after(line.text);
        read_bytes += line.bytes;
        if mark.lines <= from.lines {
            if mark.lines == from.lines {
                from.check(mark)?;
            }
            continue;
        }
        if !line.is_blank() {
            let number = line.number;
            match preparer.prepare(&line) {
                Prepared::Event {
                    bytes: message,
                    is_timeless,
                } => {
                    bytes += message.len();
                    batch.has_timeless |= is_timeless;
                    batch.events.push(Numbered {
                        line: number,
                        what: message,
                    });
                }
                Prepared::Faulty(faults) => batch.faulty.push(Numbered {
                    line: number,
                    what: faults,
                }),
            }
        }
        covered += 1;
        (batch.end, batch.read_bytes) = (mark, read_bytes);
        let is_full = batch.events.len() >= MAX_EVENTS || bytes >= MAX_BYTES || covered >= MAX_LINES;
        if is_full || lines.is_drained() {
            (bytes, covered) = (0, 0);
            if batches.blocking_send(std::mem::take(&mut batch)).is_err() {
                return Ok(());
            }
        }
    }
    if mark.lines < from.lines {
        from.check(mark)?;
    }
    if covered > 0 {
        // Whoever took batches has given up and says why.
        let _ = batches.blocking_send(batch);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use domain::time::Millis;
    use tokio::sync::mpsc;

    use super::*;

    fn batches(text: &str, from: Mark) -> anyhow::Result<Vec<Batch>> {
        batches_of(text, from, 8 * MAX_BYTES)
    }

    fn batches_of(text: &str, from: Mark, buffer_bytes: usize) -> anyhow::Result<Vec<Batch>> {
        let preparer = Preparer::new(Millis::from_ms(1_700_000_000_000), 0, 1);
        let (sender, mut receiver) = mpsc::channel(1_000);
        read(
            BufReader::with_capacity(buffer_bytes, text.as_bytes()),
            from,
            &preparer,
            &sender,
        )?;
        drop(sender);
        Ok(std::iter::from_fn(|| receiver.blocking_recv()).collect())
    }

    fn numbers<T>(list: &[Numbered<T>]) -> Vec<u64> {
        list.iter().map(|numbered| numbered.line).collect()
    }

    const EVENT: &str = "{\"kind\":\"generic\",\"name\":\"a\"}\n";

    #[test]
    fn blank_lines_are_passed_over_and_faulty_ones_kept_apart() {
        let batches = batches(&format!("\n{EVENT}nonsense\n \r\n{EVENT}"), Mark::default()).unwrap();
        assert_eq!(batches.len(), 1);
        assert_eq!(
            (numbers(&batches[0].events), numbers(&batches[0].faulty)),
            (vec![2, 5], vec![3])
        );
        assert_eq!(batches[0].end.lines, 5);
        assert!(batches[0].has_timeless);
    }

    #[test]
    fn batches_are_bounded_and_cover_every_line_once() {
        let batches = batches(&EVENT.repeat(1_201), Mark::default()).unwrap();
        let sizes: Vec<_> = batches.iter().map(|batch| batch.events.len()).collect();
        assert_eq!(sizes, [500, 500, 201]);
        assert_eq!(batches[2].end.lines, 1_201);
        assert_eq!(batches[2].read_bytes, (EVENT.len() * 1_201) as u64);

        let large = format!(
            "{{\"kind\":\"generic\",\"name\":\"{}\"}}\n",
            "x".repeat(MAX_BYTES / 2)
        );
        assert_eq!(self::batches(&large.repeat(4), Mark::default()).unwrap().len(), 2);
        assert_eq!(
            self::batches(&"x\n".repeat(MAX_LINES + 1), Mark::default())
                .unwrap()
                .len(),
            2
        );
    }

    #[test]
    fn reading_goes_on_behind_a_mark() {
        let text = EVENT.repeat(3);
        let mark = Mark::default()
            .after(EVENT.trim().as_bytes())
            .after(EVENT.trim().as_bytes());
        let batches = batches(&text, mark).unwrap();
        assert_eq!(numbers(&batches[0].events), [3]);
        assert!(self::batches(&EVENT.repeat(2), mark).unwrap().is_empty());
    }

    #[test]
    fn another_file_than_the_mark_was_made_of_is_refused() {
        let mark = Mark::default().after(b"something else").after(b"");
        assert!(batches(&EVENT.repeat(3), mark).is_err());
        assert!(batches(EVENT, mark).is_err());
    }

    #[test]
    fn a_batch_does_not_wait_for_lines_to_come() {
        let batches = batches_of(&EVENT.repeat(6), Mark::default(), 2 * EVENT.len()).unwrap();
        let sizes: Vec<_> = batches.iter().map(|batch| batch.events.len()).collect();
        assert_eq!(sizes, [2, 2, 2]);
    }
}
