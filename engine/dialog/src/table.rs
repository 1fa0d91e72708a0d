//! Columns.
//!
//! Of our own: crates for tables draw borders, wrap and colour, and pull ten times the code of what is used here.
//! How wide a text is on a terminal is told by `unicode-width`, as the command line's help has it.

use unicode_width::UnicodeWidthStr as _;

/// Rows of cells, each column as wide as its widest cell. The last one is not padded.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with this head.
    pub fn new<const N: usize>(head: [&str; N]) -> Self {
        Self {
            rows: vec![head.iter().map(|cell| (*cell).to_owned()).collect()],
        }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |at: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(at));
            cells.map(|cell| cell.width()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line += cell;
                let padding = width + 2 - cell.width();
                line.extend(std::iter::repeat_n(' ', padding));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(["A", "B"]);
        table.row(["größer".into(), "1".into()]);
        table.row(["x".into(), String::new()]);
        assert_eq!(table.to_string(), "A       B\ngrößer  1\nx\n");
    }

    #[test]
    fn columns_line_up_behind_wide_characters_and_marks() {
        let mut table = Table::new(["A", "B"]);
        table.row(["東京".into(), "1".into()]);
        table.row(["e\u{301}".into(), "2".into()]);
        assert_eq!(table.to_string(), "A     B\n東京  1\ne\u{301}     2\n");
    }
}
