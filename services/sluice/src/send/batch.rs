//! Lines gathered into batches, on a thread of its own.

use std::io::Read;

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

const READING: &str = "reading the input";

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

/// How far an input is read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Position {
    pub(crate) mark: Mark,
    read_bytes: u64,
}

/// Reads that many lines, fewer where there are no more.
pub(crate) fn skip<R: Read>(lines: &mut Lines<R>, count: u64) -> anyhow::Result<Position> {
    let mut position = Position::default();
    while position.mark.lines < count {
        let Some(line) = lines.next().context(READING)? else {
            break;
        };
        position.mark = position.mark.after(line.text);
        position.read_bytes += line.bytes;
    }
    Ok(position)
}

/// Reads on from a position and hands lines over in batches, the last one before it may have to wait for more.
/// Blocks; ends with the input or when nobody takes batches.
pub(crate) fn read(
    mut lines: Lines<impl Read>,
    from: Position,
    preparer: &Preparer,
    batches: &Sender<Batch>,
) -> anyhow::Result<()> {
    let Position {
        mut mark,
        mut read_bytes,
    } = from;
    let mut batch = Batch::default();
    let (mut bytes, mut covered) = (0, 0);
    while let Some(line) = lines.next().context(READING)? {
        mark = mark.after(line.text);
        read_bytes += line.bytes;
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
    if covered > 0 {
        // Whoever took batches has given up and says why.
        let _ = batches.blocking_send(batch);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use domain::time::Millis;
    use tokio::sync::mpsc;

    use super::super::epochs::Epochs;
    use super::*;

    fn lines(text: &str, buffer_bytes: usize) -> Lines<&[u8]> {
        Lines::new(BufReader::with_capacity(buffer_bytes, text.as_bytes()))
    }

    fn batches(text: &str) -> Vec<Batch> {
        batches_of(lines(text, 8 * MAX_BYTES), Position::default())
    }

    fn batches_of(lines: Lines<&[u8]>, from: Position) -> Vec<Batch> {
        let preparer = Preparer::new(Epochs::new(Millis::from_ms(1_700_000_000_000), None), 1);
        let (sender, mut receiver) = mpsc::channel(1_000);
        read(lines, from, &preparer, &sender).unwrap();
        drop(sender);
        std::iter::from_fn(|| receiver.blocking_recv()).collect()
    }

    fn numbers<T>(list: &[Numbered<T>]) -> Vec<u64> {
        list.iter().map(|numbered| numbered.line).collect()
    }

    const EVENT: &str = "{\"kind\":\"generic\",\"name\":\"a\"}\n";

    #[test]
    fn blank_lines_are_passed_over_and_faulty_ones_kept_apart() {
        let batches = batches(&format!("\n{EVENT}nonsense\n \r\n{EVENT}"));
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
        let batches = batches(&EVENT.repeat(1_201));
        let sizes: Vec<_> = batches.iter().map(|batch| batch.events.len()).collect();
        assert_eq!(sizes, [500, 500, 201]);
        assert_eq!(batches[2].end.lines, 1_201);
        assert_eq!(batches[2].read_bytes, (EVENT.len() * 1_201) as u64);

        let large = format!(
            "{{\"kind\":\"generic\",\"name\":\"{}\"}}\n",
            "x".repeat(MAX_BYTES / 2)
        );
        assert_eq!(self::batches(&large.repeat(4)).len(), 2);
        assert_eq!(self::batches(&"x\n".repeat(MAX_LINES + 1)).len(), 2);
    }

    #[test]
    fn reading_goes_on_behind_what_was_skipped() {
        let text = EVENT.repeat(3);
        let mut lines = lines(&text, 64);
        let position = skip(&mut lines, 2).unwrap();
        let event = EVENT.trim().as_bytes();
        assert_eq!(position.mark, Mark::default().after(event).after(event));
        let batches = batches_of(lines, position);
        assert_eq!(numbers(&batches[0].events), [3]);
        assert_eq!(batches[0].read_bytes, text.len() as u64);
    }

    #[test]
    fn no_more_is_skipped_than_there_is() {
        let mut lines = lines(EVENT, 64);
        assert_eq!(skip(&mut lines, 7).unwrap().mark.lines, 1);
        assert!(batches_of(lines, Position::default()).is_empty());
    }

    #[test]
    fn a_batch_does_not_wait_for_lines_to_come() {
        let text = EVENT.repeat(6);
        let batches = batches_of(lines(&text, 2 * EVENT.len()), Position::default());
        let sizes: Vec<_> = batches.iter().map(|batch| batch.events.len()).collect();
        assert_eq!(sizes, [2, 2, 2]);
    }
}
