//! Where the parts of a valid JSON text stand, and edits that touch only them.
//!
//! Not the tree of the crate `jsonc-parser`: it has a counted node for each token of the whole text. A
//! Workspace of thousands of sessions is written every time that one changes its state, and here only the
//! texts of the sessions that change are taken apart.

use std::ops::Range;

use crate::position::offset_in;
use crate::raw::{Elements, Members};
use crate::render::Style;

/// The replacement of a range of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) range: Range<usize>,
    pub(crate) text: String,
}

/// Applies edits that do not overlap; those at one place in their order.
pub(crate) fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| edit.range.start);
    let added: usize = edits.iter().map(|edit| edit.text.len()).sum();
    let mut out = String::with_capacity(text.len() + added);
    let mut done = 0;
    for edit in edits {
        out.push_str(text.get(done..edit.range.start).unwrap_or_default());
        out.push_str(&edit.text);
        done = edit.range.end.max(done);
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out
}

/// A member of an object; offsets of the whole text.
pub(crate) struct Member {
    pub(crate) name: String,
    /// Where the quote of its key stands.
    pub(crate) start: usize,
    pub(crate) value: Range<usize>,
}

/// An object of the text.
pub(crate) struct Object<'a> {
    pub(crate) text: &'a str,
    pub(crate) span: Range<usize>,
    pub(crate) members: Vec<Member>,
}

impl<'a> Object<'a> {
    /// The object that stands there.
    pub(crate) fn at(text: &'a str, span: Range<usize>) -> Option<Self> {
        let raw = text.get(span.clone())?;
        let found: Members<'_> = serde_json::from_str(raw).ok()?;
        let mut end = span.start + 1;
        let mut members = Vec::with_capacity(found.0.len());
        for (name, value) in found.0 {
            let from = offset_in(text, value.get());
            // Only space and a comma stand before the key.
            let start = end + text.get(end..from)?.find('"')?;
            end = from + value.get().len();
            members.push(Member {
                name,
                start,
                value: from..end,
            });
        }
        Some(Self {
            text,
            span,
            members,
        })
    }

    /// The text of a member's value, the last of that name.
    pub(crate) fn get(&self, name: &str) -> Option<(&'a str, Range<usize>)> {
        let member = self.members.iter().rev().find(|m| m.name == name)?;
        Some((self.text.get(member.value.clone())?, member.value.clone()))
    }

    /// How the members are laid out; the style of one's value.
    pub(crate) fn style(&self, place: usize, outer: &Style) -> Style {
        let Some(member) = self.members.get(place) else {
            return outer.clone();
        };
        let key_end = self
            .text
            .get(member.start..member.value.start)
            .and_then(|key| key.rfind('"'))
            .map_or(member.value.start, |quote| member.start + quote + 1);
        let colon = self.text.get(key_end..member.value.start);
        let line = space_before(self.text, member.start);
        let comma_space = if place == 0 { &*outer.gap } else { line };
        let is_lines = line.contains('\n');
        Style {
            line: if is_lines {
                line.to_owned()
            } else {
                String::new()
            },
            step: step(line, &outer.line).unwrap_or_else(|| outer.step.clone()),
            colon: colon.unwrap_or(":").to_owned(),
            gap: if is_lines {
                outer.gap.clone()
            } else {
                comma_space.to_owned()
            },
        }
    }

    /// Edits that set members to texts of JSON, and remove those whose text is none. A new member
    /// stands after the last of the names in `after` that is there and stays, else at the end.
    pub(crate) fn set(&self, changes: &[(&str, Option<String>)], after: &[&str]) -> Vec<Edit> {
        let change = |m: &Member| changes.iter().find(|(name, _)| *name == m.name);
        let stays: Vec<bool> = self
            .members
            .iter()
            .map(|m| change(m).is_none_or(|(_, text)| text.is_some()))
            .collect();
        let mut edits = Vec::new();
        for (m, (_, text)) in self.members.iter().filter_map(|m| Some((m, change(m)?))) {
            if let Some(text) = text
                && self.text.get(m.value.clone()) != Some(text)
            {
                edits.push(Edit {
                    range: m.value.clone(),
                    text: text.clone(),
                });
            }
        }
        let is_new = |name: &str| self.members.iter().all(|m| m.name != name);
        let new = changes.iter().filter(|(name, _)| is_new(name));
        let new: Vec<(&str, &String)> = new
            .filter_map(|(name, text)| Some((*name, text.as_ref()?)))
            .collect();
        let pair = |(name, text): &(&str, &String), colon: &str| {
            format!("{}{colon}{text}", crate::render::quoted(name))
        };
        let places = || self.members.iter().enumerate().filter(|(p, _)| stays[*p]);
        let anchor = places()
            .rfind(|(_, m)| after.contains(&m.name.as_str()))
            .or_else(|| places().next_back());
        let Some((place, anchor)) = anchor else {
            // Nothing stays.
            if self.members.is_empty() && new.is_empty() {
                return edits;
            }
            let pairs: Vec<String> = new.iter().map(|n| pair(n, ": ")).collect();
            return vec![Edit {
                range: self.span.clone(),
                text: format!("{{{}}}", pairs.join(", ")),
            }];
        };
        let style = self.style(place, &Style::compact());
        let space = space_before(self.text, anchor.start);
        for n in &new {
            edits.push(Edit {
                range: anchor.value.end..anchor.value.end,
                text: format!(",{space}{}", pair(n, &style.colon)),
            });
        }
        edits.extend(self.removals(&stays));
        edits
    }

    fn removals(&self, stays: &[bool]) -> Vec<Edit> {
        let parts: Vec<Range<usize>> = self.members.iter().map(|m| m.start..m.value.end).collect();
        removals(&parts, stays)
    }
}

/// An array of the text: where its elements stand.
pub(crate) fn elements(text: &str, span: Range<usize>) -> Option<Vec<Range<usize>>> {
    let raw = text.get(span)?;
    let found: Elements<'_> = serde_json::from_str(raw).ok()?;
    let place = |element: &&serde_json::value::RawValue| {
        let start = offset_in(text, element.get());
        start..start + element.get().len()
    };
    Some(found.0.iter().map(place).collect())
}

/// Edits that take out the parts of an object or array that do not stay, with their commas. At
/// least one part stays.
pub(crate) fn removals(parts: &[Range<usize>], stays: &[bool]) -> Vec<Edit> {
    let mut edits = Vec::new();
    let first = stays.iter().position(|s| *s).unwrap_or(0);
    if first > 0 {
        edits.push(Edit {
            range: parts[0].start..parts[first].start,
            text: String::new(),
        });
    }
    for place in first + 1..parts.len() {
        if !stays[place] {
            edits.push(Edit {
                range: parts[place - 1].end..parts[place].end,
                text: String::new(),
            });
        }
    }
    edits
}

/// The white space that ends there.
pub(crate) fn space_before(text: &str, offset: usize) -> &str {
    let before = text.get(..offset).unwrap_or_default();
    let start = before.trim_end_matches([' ', '\t', '\r', '\n']).len();
    before.get(start..).unwrap_or_default()
}

/// What `inner` is indented further than `outer`; both with their ends of line.
pub(crate) fn step(inner: &str, outer: &str) -> Option<String> {
    let indent = |space: &str| space.rsplit_once('\n').map(|(_, indent)| indent.to_owned());
    let inner = indent(inner)?;
    let outer = indent(outer).unwrap_or_default();
    let step = inner.strip_prefix(&outer)?;
    (!step.is_empty()).then(|| step.to_owned())
}
