//! A timeline of sessions, for a terminal.
//!
//! Of our own: charts for terminals plot values, and none has rows of stretches with marks in them.

use std::time::Duration;

use dayfly_core::policy::Action;
use dayfly_dialog::{sanitize, time};
use dayfly_sim::{Outcome, Scenario, Track};

/// Cells of a row where nobody says how wide it may be.
const CELLS: usize = 84;
/// Rows.
const ROWS: usize = 24;

/// Rows of cells: how much of each stretch a session was active. `columns` is how wide the terminal is.
pub fn chart(scenario: &Scenario, outcome: &Outcome, columns: Option<usize>) -> String {
    let mut tracks: Vec<&Track> = outcome.tracks.values().collect();
    tracks.sort_by(|a, b| a.name.cmp(&b.name));
    let names: Vec<String> = tracks
        .iter()
        .take(ROWS)
        .map(|t| sanitize(&t.name))
        .collect();
    let width = names
        .iter()
        .map(|n| n.chars().count())
        .max()
        .unwrap_or(0)
        .clamp(8, 24);
    let cells = columns.map_or(CELLS, |columns| {
        columns.saturating_sub(width + 3).clamp(30, 240)
    });
    let cell = scenario.span / u32::try_from(cells).unwrap_or(1);
    let label = |name: &str| {
        let long = name.chars().count() > width;
        let mut name: String = name.chars().take(width - usize::from(long)).collect();
        if long {
            name.push('…');
        }
        let padding = width - name.chars().count();
        format!("{name}{}  ", " ".repeat(padding))
    };
    let mut text = label("") + &scale(scenario.span, cells) + "\n";
    for (spans, name, mark) in [
        (&scenario.outages, "outage", '!'),
        (&scenario.sleeps, "asleep", 'z'),
    ] {
        if spans.is_empty() {
            continue;
        }
        let marks = (0..cells).map(|at| {
            let from = cell * u32::try_from(at).unwrap_or(0);
            let touched = spans.iter().any(|s| s.from < from + cell && s.to > from);
            if touched { mark } else { ' ' }
        });
        text += &format!("{}{}\n", label(name), marks.collect::<String>().trim_end());
    }
    for (track, name) in tracks.iter().zip(&names) {
        text += &format!("{}{}\n", label(name), row(track, scenario, cell, cells));
    }
    if tracks.len() > ROWS {
        text += &format!("{}… and {} more\n", label(""), tracks.len() - ROWS);
    }
    text += &format!(
        "\n  █ active  ▄ partly  · inactive  ▸ started  ◂ stopped\n  ✗ an attempt failed  ! \
         expired unrenewed; a cell is {}\n",
        time::span(cell)
    );
    text
}

fn row(track: &Track, scenario: &Scenario, cell: Duration, cells: usize) -> String {
    (0..cells)
        .map(|at| {
            let from = scenario.begin.plus(cell * u32::try_from(at).unwrap_or(0));
            let to = from.plus(cell);
            let active = track.active_between(from, to);
            let decided = |action: Action| {
                let first = track.decisions.partition_point(|d| d.at < from);
                let decisions = track.decisions[first..].iter().take_while(|d| d.at < to);
                decisions.into_iter().any(|d| d.action == action)
            };
            if track.failures.iter().any(|(f, _)| (from..to).contains(f)) && active < cell {
                '✗'
            } else if track.expired.iter().any(|e| (from..to).contains(e)) {
                '!'
            } else if decided(Action::Stop) {
                '◂'
            } else if decided(Action::Start) {
                '▸'
            } else if active >= cell.mul_f64(0.98) {
                '█'
            } else if active > Duration::ZERO {
                '▄'
            } else {
                '·'
            }
        })
        .collect()
}

/// A mark at the beginning of each day, or of each hour of a short scenario.
fn scale(span: Duration, width: usize) -> String {
    let day = Duration::from_secs(86_400);
    let (unit, word) = if span >= 2 * day {
        (day, "d")
    } else {
        (Duration::from_secs(3 * 3_600), "h")
    };
    let mut cells = vec![' '; width];
    let mut at = Duration::ZERO;
    while at < span {
        let place = (at.as_secs_f64() / span.as_secs_f64() * width as f64).floor();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "below the width"
        )]
        let place = place as usize;
        let number = if word == "d" {
            at.as_secs() / 86_400 + 1
        } else {
            at.as_secs() / 3_600
        };
        let mark = format!("{word}{number}");
        for (offset, letter) in mark.chars().enumerate() {
            if let Some(cell) = cells.get_mut(place + offset) {
                *cell = letter;
            }
        }
        at += unit;
    }
    cells.into_iter().collect::<String>().trim_end().to_owned()
}
