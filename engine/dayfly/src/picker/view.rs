//! What is typed, found and pointed at, and how that looks. Pure.

use dayfly_dialog::{columns, fit};

use super::choices::{Choice, matching};
use super::keys::Key;

/// The widest that the name may be.
const NAME: usize = 48;
/// The widest that any other cell may be.
const CELL: usize = 24;
/// The most letters that are taken.
const TYPED: usize = 200;

/// A list to choose from.
pub(super) struct View<'a> {
    question: &'a str,
    choices: &'a [Choice],
    typed: String,
    found: Vec<usize>,
    /// Which of those found is pointed at.
    at: usize,
    /// Which of them is shown first.
    top: usize,
    rows: usize,
}

/// What a key brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Stay,
    Chosen(usize),
    Left,
}

impl<'a> View<'a> {
    pub(super) fn new(question: &'a str, choices: &'a [Choice]) -> Self {
        Self {
            question,
            choices,
            typed: String::new(),
            found: matching(choices, ""),
            at: 0,
            top: 0,
            rows: 1,
        }
    }

    /// A key was pressed.
    pub(super) fn press(&mut self, key: Key) -> Step {
        match key {
            Key::Enter => {
                return self
                    .found
                    .get(self.at)
                    .map_or(Step::Stay, |at| Step::Chosen(*at));
            }
            Key::Leave => return Step::Left,
            Key::Up => self.at = self.at.saturating_sub(1),
            Key::Down => self.at += 1,
            Key::PageUp => self.at = self.at.saturating_sub(self.rows),
            Key::PageDown => self.at += self.rows,
            Key::Char(c) if self.typed.chars().count() < TYPED => {
                self.typed.push(c);
                self.look();
            }
            Key::Char(_) => {}
            Key::Erase => {
                self.typed.pop();
                self.look();
            }
            Key::EraseWord => {
                let kept = self.typed.trim_end();
                let kept = kept.rfind(' ').map_or("", |at| &kept[..=at]);
                self.typed = kept.to_owned();
                self.look();
            }
            Key::EraseAll => {
                self.typed.clear();
                self.look();
            }
        }
        self.at = self.at.min(self.found.len().saturating_sub(1));
        Step::Stay
    }

    fn look(&mut self) {
        self.found = matching(self.choices, &self.typed);
        self.at = 0;
        self.top = 0;
    }

    /// The line with what is typed.
    pub(super) fn head(&self, width: usize) -> String {
        let count = format!("  {} of {}", self.found.len(), self.choices.len());
        let line = self.line();
        let room = width.saturating_sub(columns(&count));
        match columns(&line) < room {
            true => format!("{}{count}", fit(&line, room)),
            false => fit(&line, width),
        }
    }

    /// In which column the next letter comes.
    pub(super) fn cursor(&self, width: usize) -> usize {
        columns(&self.line()).min(width.saturating_sub(1))
    }

    fn line(&self) -> String {
        let typed = dayfly_dialog::sanitize(&self.typed);
        format!("{} {typed}", self.question)
    }

    /// The lines below it, `height` at most, and which of them is pointed at.
    pub(super) fn lines(&mut self, width: usize, height: usize) -> (Vec<String>, usize) {
        self.rows = height.max(1);
        self.top = self.top.min(self.at);
        if self.at >= self.top + self.rows {
            self.top = self.at + 1 - self.rows;
        }
        if self.found.is_empty() {
            return (vec![fit("  no session matches", width)], usize::MAX);
        }
        let shown: Vec<&Choice> = self
            .found
            .iter()
            .skip(self.top)
            .take(self.rows)
            .filter_map(|at| self.choices.get(*at))
            .collect();
        let widths = widths(&shown);
        let pointed = self.at - self.top;
        let line = |(n, choice): (usize, &&Choice)| {
            let mark = if n == pointed { "> " } else { "  " };
            fit(&format!("{mark}{}", row(choice, &widths)), width)
        };
        (shown.iter().enumerate().map(line).collect(), pointed)
    }
}

/// How wide each column of these is.
pub(super) fn widths(shown: &[&Choice]) -> [usize; 4] {
    let widest = |cell: usize, most: usize| {
        let widths = shown.iter().map(|choice| columns(&choice.cells[cell]));
        widths.max().unwrap_or(0).min(most)
    };
    [
        widest(0, NAME),
        widest(1, CELL),
        widest(2, CELL),
        widest(3, CELL),
    ]
}

/// A session as one line.
pub(super) fn row(choice: &Choice, widths: &[usize; 4]) -> String {
    let cells = choice.cells.iter().zip(widths);
    let cells = cells.filter(|(_, width)| **width > 0);
    let cells: Vec<String> = cells.map(|(cell, width)| fit(cell, *width)).collect();
    cells.join("  ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::choices::tests::named;
    use super::*;

    #[test]
    fn what_is_pointed_at_stays_in_sight_and_is_what_is_chosen() {
        let choices = named(&["a-one", "b-two", "c-three", "d-four"]);
        let mut view = View::new("which?", &choices);
        let (lines, at) = view.lines(40, 2);
        assert_eq!((lines.len(), at), (2, 0));
        assert!(lines[0].starts_with("> a-one"), "{lines:?}");
        for _ in 0..9 {
            assert_eq!(view.press(Key::Down), Step::Stay);
        }
        let (lines, at) = view.lines(40, 2);
        assert!(lines[1].starts_with("> d-four") && at == 1, "{lines:?}");
        view.press(Key::PageUp);
        let (lines, _) = view.lines(40, 2);
        assert!(lines[0].starts_with("> b-two"), "{lines:?}");
        assert_eq!(view.press(Key::Enter), Step::Chosen(1));
        for c in "thr".chars() {
            view.press(Key::Char(c));
        }
        assert_eq!(view.press(Key::Enter), Step::Chosen(2));
        for c in "zzz".chars() {
            view.press(Key::Char(c));
        }
        // Nothing is chosen where nothing is found.
        assert_eq!(view.press(Key::Enter), Step::Stay);
        assert!(view.lines(40, 2).0[0].contains("no session matches"));
        view.press(Key::EraseAll);
        assert_eq!(view.press(Key::Enter), Step::Chosen(0));
        assert_eq!(view.press(Key::Leave), Step::Left);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let long = "x".repeat(300);
        let choices = named(&[&long, "東京東京東京東京東京東京東京東京東京"]);
        let mut view = View::new("use which session?", &choices);
        for width in [1, 7, 20, 80, 200] {
            let (lines, _) = view.lines(width, 10);
            for line in [lines, vec![view.head(width)]].concat() {
                assert!(columns(&line) <= width, "{width}: {line:?}");
            }
            assert!(view.cursor(width) < width);
        }
    }
}
