//! A timeline of sessions as SVG, for a page or a review.
//!
//! Of our own: plotting crates draw axes and series; lanes of bars with marks and their reasons are a few elements each.

use std::fmt::Write as _;
use std::time::Duration;

use dayfly_core::policy::{Action, Outcome as Ended};
use dayfly_core::session::Status;
use dayfly_core::time::Timestamp;
use dayfly_dialog::{sanitize, time};
use dayfly_sim::{Outcome, Scenario, Span, Track};

use crate::expect::{voice, when};

/// Where the bars begin.
const LEFT: f64 = 170.0;
/// How wide the time is.
const WIDTH: f64 = 1_000.0;
/// Where the first row begins.
const TOP: f64 = 118.0;
/// Height of a row.
const ROW: f64 = 20.0;
/// Rows with marks of all kinds.
const ROWS: usize = 60;
/// Height of a row where there are more; its rotations are not marked.
const LOW_ROW: f64 = 12.0;
/// Such rows; still more sessions share the height of these, as lines.
const LOW_ROWS: usize = 300;
/// How far apart names are at least, where not every row has room for its own.
const NAMES_APART: f64 = 14.0;
/// Labels of the time, at most.
const LABELS: u32 = 12;
/// Marks of one session: more would be a carpet.
const MARKS: usize = 400;

const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#24292f}.t{font-size:16px;font-weight:600}\
.s{fill:#57606a}.a{fill:#2da44e}.x{stroke:#d0d7de}.o{fill:#cf222e;fill-opacity:.14}.z{fill:#0969da;fill-opacity:.13}\
.start{fill:#116329}.stop{fill:#24292f}.rotate{fill:#ffffff;fill-opacity:.75}.f{fill:#cf222e}.e{fill:#bf8700}.b{fill:#f6f8fa}\
@media(prefers-color-scheme:dark){svg{background:#0d1117}text{fill:#e6edf3}.s{fill:#8d96a0}.b{fill:#161b22}.x{stroke:#30363d}.start,.stop{fill:#e6edf3}}";

/// The picture.
pub fn picture(scenario: &Scenario, outcome: &Outcome) -> String {
    let mut tracks: Vec<&Track> = outcome.tracks.values().collect();
    tracks.sort_by(|a, b| a.name.cmp(&b.name));
    let row = match tracks.len() {
        count if count <= ROWS => ROW,
        count if count <= LOW_ROWS => LOW_ROW,
        count => (LOW_ROW * LOW_ROWS as f64 / count as f64).max(1.0),
    };
    let bottom = TOP + row * tracks.len() as f64;
    let height = bottom + 64.0;
    let total = LEFT + WIDTH + 24.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{total}\" height=\"{height}\" viewBox=\"0 0 {total} {height}\" role=\"img\">\n\
         <style>{STYLE}</style>\n<text class=\"t\" x=\"16\" y=\"28\">{} of {} sessions</text>\n",
        time::span(scenario.span),
        tracks.len()
    );
    for (line, text) in figures(outcome).iter().enumerate() {
        let y = 50.0 + 17.0 * line as f64;
        let _ = writeln!(
            svg,
            "<text class=\"s\" x=\"16\" y=\"{y}\">{}</text>",
            escape(text)
        );
    }
    let place = Place { scenario };
    for (spans, class, name) in [
        (&scenario.outages, "o", "outage"),
        (&scenario.sleeps, "z", "asleep"),
    ] {
        for span in spans {
            place.band(&mut svg, span, class, name, bottom);
        }
    }
    place.scale(&mut svg, bottom);
    let mut named = f64::NEG_INFINITY;
    for (index, track) in tracks.iter().enumerate() {
        let y = TOP + row * index as f64;
        if row >= LOW_ROW || y - named >= NAMES_APART {
            named = y;
            name(&mut svg, track, y, row);
        }
        place.track(&mut svg, track, y, row);
    }
    legend(&mut svg, bottom + 40.0);
    svg + "</svg>\n"
}

fn figures(outcome: &Outcome) -> [String; 2] {
    let count = |ended| outcome.ended.get(&ended).copied().unwrap_or(0);
    [
        format!(
            "{} started, {} rotated, {} stopped, {} expired unrenewed, {} attempts failed",
            count(Ended::Started),
            count(Ended::Rotated),
            count(Ended::Stopped),
            count(Ended::Expired),
            count(Ended::Failed)
        ),
        format!(
            "{} calls, at most {} in a minute; without credentials for {} while the cloud was up",
            outcome.calls,
            outcome.calls_per_minute_max,
            time::span(outcome.gap_while_up)
        ),
    ]
}

/// Turns moments into places.
struct Place<'a> {
    scenario: &'a Scenario,
}

impl Place<'_> {
    fn x(&self, at: Duration) -> f64 {
        let whole = self.scenario.span.as_secs_f64().max(1.0);
        LEFT + WIDTH * (at.as_secs_f64() / whole).min(1.0)
    }

    fn of(&self, at: Timestamp) -> f64 {
        self.x(at.since(self.scenario.begin))
    }

    fn band(&self, svg: &mut String, span: &Span, class: &str, name: &str, bottom: f64) {
        let (from, to) = (self.x(span.from), self.x(span.to));
        let _ = writeln!(
            svg,
            "<rect class=\"{class}\" x=\"{from:.1}\" y=\"{}\" width=\"{:.1}\" height=\"{:.1}\"><title>{name}</title></rect>",
            TOP - 8.0,
            (to - from).max(1.0),
            bottom - TOP + 8.0
        );
        let _ = writeln!(
            svg,
            "<text class=\"s\" x=\"{from:.1}\" y=\"{:.1}\">{name}</text>",
            bottom + 14.0
        );
    }

    fn scale(&self, svg: &mut String, bottom: f64) {
        let hour = Duration::from_secs(3_600);
        let day = 24 * hour;
        let steps = [hour, 3 * hour, 6 * hour, 12 * hour, day, 2 * day];
        let fits = |step: &Duration| self.scenario.span <= *step * LABELS;
        let weeks = u32::try_from(self.scenario.span.as_secs() / (7 * 86_400)).unwrap_or(u32::MAX);
        let step = steps.into_iter().find(fits);
        let step = step.unwrap_or(7 * day * (1 + weeks / LABELS));
        let mut at = Duration::ZERO;
        while at <= self.scenario.span {
            let x = self.x(at);
            let text = when(self.scenario.begin.plus(at), self.scenario.begin);
            let text = text
                .rsplit_once(':')
                .map_or(text.as_str(), |(minutes, _)| minutes);
            let _ = writeln!(
                svg,
                "<line class=\"x\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{}\" y2=\"{bottom:.1}\"/>",
                TOP - 8.0
            );
            if at < self.scenario.span {
                let _ = writeln!(
                    svg,
                    "<text class=\"s\" x=\"{:.1}\" y=\"{}\">{text}</text>",
                    x + 2.0,
                    TOP - 12.0
                );
            }
            at += step;
        }
    }

    fn track(&self, svg: &mut String, track: &Track, y: f64, row: f64) {
        let thin = row < LOW_ROW;
        let inset = match row {
            _ if thin => 0.0,
            row if row < ROW => 1.0,
            _ => 3.0,
        };
        let height = row - 2.0 * inset;
        if !thin {
            let _ = writeln!(
                svg,
                "<rect class=\"b\" x=\"{LEFT}\" y=\"{:.1}\" width=\"{WIDTH}\" height=\"{height:.1}\"/>",
                y + inset
            );
        }
        for (index, (since, status)) in track.statuses.iter().enumerate() {
            if *status != Status::Active {
                continue;
            }
            let end = track
                .statuses
                .get(index + 1)
                .map_or(self.scenario.begin.plus(self.scenario.span), |(next, _)| {
                    *next
                });
            let (from, to) = (self.of(*since), self.of(end));
            let _ = writeln!(
                svg,
                "<rect class=\"a\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\"/>",
                y + inset,
                (to - from).max(0.5)
            );
        }
        if thin {
            return;
        }
        let middle = y + row / 2.0;
        self.decisions(svg, track, middle, row);
        self.failures(svg, track, y + row - 7.0);
        self.expired(svg, track, middle);
    }

    /// A mark for each decision.
    fn decisions(&self, svg: &mut String, track: &Track, middle: f64, row: f64) {
        let mut last = f64::NEG_INFINITY;
        for decision in track.decisions.iter().take(MARKS) {
            let x = self.of(decision.at);
            // Rotations close to each other are one mark, and a low row has no room for them.
            if decision.action == Action::Rotate && (row < ROW || x - last < 4.0) {
                continue;
            }
            last = x;
            let (class, shape) = match decision.action {
                Action::Start => ("start", format!("M{:.1} {:.1}l8 5l-8 5z", x, middle - 5.0)),
                Action::Stop => (
                    "stop",
                    format!("M{:.1} {:.1}h7v7h-7z", x - 3.5, middle - 3.5),
                ),
                Action::Rotate => (
                    "rotate",
                    format!("M{:.1} {:.1}l2.5 3l-2.5 3l-2.5 -3z", x, middle - 3.0),
                ),
            };
            let title = format!(
                "{}: {} by {}: {}",
                when(decision.at, self.scenario.begin),
                decision.action,
                voice(&decision.by),
                sanitize(&decision.why.message)
            );
            let _ = writeln!(
                svg,
                "<path class=\"{class}\" d=\"{shape}\"><title>{}</title></path>",
                escape(&title)
            );
        }
    }

    /// A mark for each attempt that failed.
    fn failures(&self, svg: &mut String, track: &Track, y: f64) {
        for (at, kind) in track.failures.iter().take(MARKS) {
            let x = self.of(*at);
            let title = format!(
                "{}: an attempt failed ({})",
                when(*at, self.scenario.begin),
                kind.as_str()
            );
            let _ = writeln!(
                svg,
                "<path class=\"f\" d=\"M{x:.1} {:.1}l3 5l-6 0z\"><title>{}</title></path>",
                y,
                escape(&title)
            );
        }
    }

    /// A mark for each end without renewal.
    fn expired(&self, svg: &mut String, track: &Track, middle: f64) {
        for at in &track.expired {
            let x = self.of(*at);
            let title = format!("{}: expired unrenewed", when(*at, self.scenario.begin));
            let _ = writeln!(
                svg,
                "<circle class=\"e\" cx=\"{x:.1}\" cy=\"{middle:.1}\" r=\"4\"><title>{}</title></circle>",
                escape(&title)
            );
        }
    }
}

/// The name of a session before its row.
fn name(svg: &mut String, track: &Track, y: f64, row: f64) {
    let name: String = sanitize(&track.name).chars().take(22).collect();
    let (style, down) = if row < ROW {
        (" style=\"font-size:10px\"", row / 2.0 + 3.5)
    } else {
        ("", 14.0)
    };
    let _ = writeln!(
        svg,
        "<text x=\"16\" y=\"{:.1}\"{style}>{}</text>",
        y + down,
        escape(&name)
    );
}

fn legend(svg: &mut String, y: f64) {
    let _ = writeln!(
        svg,
        "<rect class=\"a\" x=\"16\" y=\"{:.1}\" width=\"18\" height=\"10\"/><text x=\"40\" \
         y=\"{y:.1}\">active</text><path class=\"start\" d=\"M100 {:.1}l8 5l-8 5z\"/><text \
         x=\"114\" y=\"{y:.1}\">start</text><path class=\"stop\" d=\"M164 {:.1}h7v7h-7z\"/><text \
         x=\"178\" y=\"{y:.1}\">stop</text><rect class=\"a\" x=\"222\" y=\"{:.1}\" width=\"14\" \
         height=\"10\"/><path class=\"rotate\" d=\"M229 {:.1}l2.5 3l-2.5 3l-2.5 -3z\"/><text \
         x=\"242\" y=\"{y:.1}\">rotate</text><path class=\"f\" d=\"M303 {:.1}l3 5l-6 0z\"/><text \
         x=\"314\" y=\"{y:.1}\">an attempt failed</text><circle class=\"e\" cx=\"432\" \
         cy=\"{:.1}\" r=\"4\"/><text x=\"442\" y=\"{y:.1}\">expired unrenewed</text><text \
         class=\"s\" x=\"570\" y=\"{y:.1}\">times are UTC; hold the pointer over a mark for who \
         decided and why</text>",
        y - 9.0,
        y - 9.0,
        y - 8.0,
        y - 9.0,
        y - 7.0,
        y - 7.0,
        y - 4.0
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
