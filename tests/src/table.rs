//! A conformance table: rows are chain targets, columns real clients, each cell what was seen.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What a client made of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// One process saw a rotation and no failed call, beyond the end of what it had first.
    Rotates,
    /// Each process gets what is in force; a process asks once.
    EachRun,
    /// This version of the client does not know the target.
    Unknown,
    /// The client is none for this target's cloud.
    NotFor,
    /// Something else than what is known of this client.
    Wrong(String),
}

impl Cell {
    const fn text(&self) -> &'static str {
        match self {
            Self::Rotates => "rotates",
            Self::EachRun => "each run",
            Self::Unknown => "not known to it",
            Self::NotFor => "n/a",
            Self::Wrong(_) => "WRONG",
        }
    }
}

/// The table, in the order in which rows and columns were named.
#[derive(Debug)]
pub struct Table {
    title: &'static str,
    rows: Vec<String>,
    columns: Vec<String>,
    cells: BTreeMap<(usize, usize), Cell>,
}

impl Table {
    /// An empty one.
    #[must_use]
    pub const fn new(title: &'static str) -> Self {
        Self {
            title,
            rows: Vec::new(),
            columns: Vec::new(),
            cells: BTreeMap::new(),
        }
    }

    /// Fills a cell; names its row and column where they are new.
    pub fn set(&mut self, row: &str, column: &str, cell: Cell) {
        let place = (at(&mut self.rows, row), at(&mut self.columns, column));
        self.cells.insert(place, cell);
    }

    /// Says of every cell that is still empty that the client is none for its target.
    pub fn leave_the_rest(&mut self) {
        for row in 0..self.rows.len() {
            for column in 0..self.columns.len() {
                self.cells.entry((row, column)).or_insert(Cell::NotFor);
            }
        }
    }

    /// What is in a cell.
    #[must_use]
    pub fn get(&self, row: &str, column: &str) -> Option<&Cell> {
        let row = self.rows.iter().position(|name| name == row)?;
        let column = self.columns.iter().position(|name| name == column)?;
        self.cells.get(&(row, column))
    }

    /// Prints it.
    ///
    /// # Panics
    /// A cell is empty or wrong.
    #[expect(clippy::print_stderr, reason = "the table is what the suite is for")]
    pub fn finish(&self) {
        eprintln!("{}", self.text());
        let mut faults = String::new();
        for (r, row) in self.rows.iter().enumerate() {
            for (c, column) in self.columns.iter().enumerate() {
                let fault = match self.cells.get(&(r, c)) {
                    Some(Cell::Wrong(why)) => why.as_str(),
                    None => "was not tried",
                    Some(_) => continue,
                };
                let _ = writeln!(faults, "{row}, {column}: {fault}");
            }
        }
        assert!(faults.is_empty(), "{}\n{faults}", self.text());
    }

    fn text(&self) -> String {
        let first = self.rows.iter().map(String::len).max().unwrap_or(0);
        let width = |c: usize| {
            let cells = self.cells.iter().filter(|((_, column), _)| *column == c);
            let widest = cells.map(|(_, cell)| cell.text().len()).max().unwrap_or(0);
            widest.max(self.columns[c].len())
        };
        let mut text = format!("\n{}\n{:first$}", self.title, "");
        for (c, column) in self.columns.iter().enumerate() {
            let _ = write!(text, "  {column:0$}", width(c));
        }
        for (r, row) in self.rows.iter().enumerate() {
            let _ = write!(text, "\n{row:first$}");
            for c in 0..self.columns.len() {
                let cell = self.cells.get(&(r, c)).map_or("", Cell::text);
                let _ = write!(text, "  {cell:0$}", width(c));
            }
        }
        text
    }
}

fn at(names: &mut Vec<String>, name: &str) -> usize {
    names
        .iter()
        .position(|known| known == name)
        .unwrap_or_else(|| {
            names.push(name.to_owned());
            names.len() - 1
        })
}
