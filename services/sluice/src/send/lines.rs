//! Lines of a file, numbered, each of bounded size.

use std::io::{self, BufRead, BufReader, Read};

/// Longest line that is kept.
pub(crate) const MAX_LINE_BYTES: usize = 1024 * 1024;

/// A reader of lines; what is beyond the bound of a line is passed over.
pub(crate) struct Lines<R> {
    reader: BufReader<R>,
    number: u64,
    line: Vec<u8>,
}

/// One line.
pub(crate) struct Line<'a> {
    /// From 1.
    pub(crate) number: u64,
    /// Without its end. Of a line over the bound, one byte more than the bound.
    pub(crate) text: &'a [u8],
    /// What it takes in the file.
    pub(crate) bytes: u64,
}

impl Line<'_> {
    /// Whether there is nothing in it.
    pub(crate) fn is_blank(&self) -> bool {
        self.text.iter().all(u8::is_ascii_whitespace)
    }
}

impl<R: Read> Lines<R> {
    /// The lines of a reader.
    pub(crate) fn new(reader: BufReader<R>) -> Self {
        Self {
            reader,
            number: 0,
            line: Vec::new(),
        }
    }

    /// Whether everything that was read is taken, so that the next line may have to be waited for.
    pub(crate) fn is_drained(&self) -> bool {
        self.reader.buffer().is_empty()
    }

    /// The next line, none at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        let mut bytes = 0;
        loop {
            let available = match self.reader.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let end = available.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(available.len(), |end| end + 1);
            // One byte over the bound tells that the line is cut.
            let room = (MAX_LINE_BYTES + 1).saturating_sub(self.line.len());
            self.line.extend(&available[..end.unwrap_or(taken).min(room)]);
            self.reader.consume(taken);
            bytes += taken as u64;
            if taken == 0 || end.is_some() {
                break;
            }
        }
        if bytes == 0 {
            return Ok(None);
        }
        self.number += 1;
        let text = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
        Ok(Some(Line {
            number: self.number,
            text,
            bytes,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8], buffer: usize) -> Vec<(u64, Vec<u8>, u64)> {
        let mut lines = Lines::new(BufReader::with_capacity(buffer, text));
        let mut read = vec![];
        while let Some(line) = lines.next().unwrap() {
            read.push((line.number, line.text.to_vec(), line.bytes));
        }
        read
    }

    #[test]
    fn lines_end_with_either_end_or_the_file() {
        for buffer in [1, 2, 100] {
            let expected = [(1, b"a".to_vec(), 3), (2, vec![], 1), (3, b"bc".to_vec(), 2)];
            assert_eq!(read(b"a\r\n\nbc", buffer), expected);
        }
        assert!(read(b"", 8).is_empty());
    }

    #[test]
    fn a_line_over_the_bound_is_cut_and_the_next_is_whole() {
        let mut text = vec![b'x'; 3 * MAX_LINE_BYTES];
        text.extend(b"\nnext\n");
        let mut lines = Lines::new(BufReader::new(text.as_slice()));
        let first = lines.next().unwrap().unwrap();
        assert_eq!(first.text.len(), MAX_LINE_BYTES + 1);
        assert_eq!(first.bytes, 3 * MAX_LINE_BYTES as u64 + 1);
        assert_eq!(lines.next().unwrap().unwrap().text, b"next");
    }

    #[test]
    fn a_line_at_the_bound_is_whole() {
        let text = vec![b'x'; MAX_LINE_BYTES];
        assert_eq!(
            Lines::new(BufReader::new(text.as_slice()))
                .next()
                .unwrap()
                .unwrap()
                .text,
            text
        );
    }
}
