//! Columns of text for people.

use super::escape;

const GAP: &str = "  ";

/// Rows under a heading, each column as wide as its widest cell. The cells are escaped here.
pub(crate) struct Table<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    /// A table with no rows yet.
    pub(crate) fn new(heading: [&str; N]) -> Self {
        Self {
            rows: vec![heading.map(str::to_owned)],
        }
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, cells: [&str; N]) {
        self.rows.push(cells.map(|cell| {
            if cell.is_empty() {
                "-".to_owned()
            } else {
                escape::text(cell)
            }
        }));
    }

    /// The lines, the heading first.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut widths = [0; N];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        self.rows.iter().map(|row| line(row, &widths)).collect()
    }
}

fn line(row: &[String], widths: &[usize]) -> String {
    let cells: Vec<String> = row
        .iter()
        .zip(widths)
        .map(|(cell, width)| format!("{cell:<width$}"))
        .collect();
    cells.join(GAP).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(["ID", "NAME"]);
        table.push(["a", "Äpfel"]);
        table.push(["longer", ""]);
        assert_eq!(table.lines(), ["ID      NAME", "a       Äpfel", "longer  -"]);
    }

    #[test]
    fn a_cell_stays_on_its_line() {
        let mut table = Table::new(["NAME"]);
        table.push(["a\n\x1b[2Jb"]);
        assert_eq!(table.lines()[1], r"a\n\u{1b}[2Jb");
    }
}
