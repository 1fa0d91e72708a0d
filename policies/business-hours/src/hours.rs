//! When it is open: ranges of wall-clock time on days of the week, in a time zone.
//!
//! A range belongs to the day on which it begins. It is open whenever the clock on the wall shows
//! a time in it: a beginning or end that falls into a gap (clocks go forward) happens at the jump;
//! of a time that the clock shows twice (clocks go back), a range begins at the first and ends at
//! the second, so that it never closes and opens again within an hour.

use dayfly_policy_sdk::TimestampMs;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};

/// How far ahead an opening is looked for, days.
const HORIZON: usize = 400;
/// How far ahead the end of an open period is looked for, days.
const OPEN_HORIZON: usize = 15;
/// When a period without an end in sight is looked at again.
const LOOK_AGAIN_MS: u64 = 30 * 86_400_000;

/// A day of the week.
pub type Day = Weekday;

/// From one time of day to another, in minutes since midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range {
    /// Where it begins: 0 to 1,439.
    pub from: u16,
    /// Where it ends: 1 to 1,440, or up to `from` for an end on the next day.
    pub to: u16,
}

/// When it is open.
#[derive(Clone, Debug)]
pub struct Hours {
    zone: TimeZone,
    ranges: Vec<Range>,
    days: Vec<Day>,
    closed: Vec<Date>,
}

/// What holds now, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Whether it is open.
    pub open: bool,
    /// When that changes; none where no change is in sight.
    pub until: Option<TimestampMs>,
    /// When to look again, where no change is in sight.
    look_again: TimestampMs,
}

impl Period {
    /// When to look again.
    #[must_use]
    pub fn wake_at(&self) -> TimestampMs {
        self.until.unwrap_or(self.look_again)
    }
}

/// Which end of a range a wall-clock time is.
#[derive(Clone, Copy)]
enum Edge {
    Begin,
    End,
}

impl Hours {
    /// Open in these ranges on these days, but not on the closed dates.
    #[must_use]
    pub fn new(zone: TimeZone, mut ranges: Vec<Range>, days: Vec<Day>, closed: Vec<Date>) -> Self {
        ranges.sort_unstable();
        Self {
            zone,
            ranges,
            days,
            closed,
        }
    }

    /// Name of the time zone.
    #[must_use]
    pub fn zone_name(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// A moment as the clock on the wall shows it: `Mon 2026-11-23 08:00`.
    #[must_use]
    pub fn local_text(&self, moment: TimestampMs) -> String {
        let local = self.zone.to_datetime(timestamp(moment));
        let day = match local.weekday() {
            Weekday::Monday => "Mon",
            Weekday::Tuesday => "Tue",
            Weekday::Wednesday => "Wed",
            Weekday::Thursday => "Thu",
            Weekday::Friday => "Fri",
            Weekday::Saturday => "Sat",
            Weekday::Sunday => "Sun",
        };
        let (year, month, date) = (local.year(), local.month(), local.day());
        format!(
            "{day} {year:04}-{month:02}-{date:02} {:02}:{:02}",
            local.hour(),
            local.minute()
        )
    }

    /// What holds at a moment, and until when.
    #[must_use]
    pub fn period(&self, now: TimestampMs) -> Period {
        let today = self.zone.to_datetime(timestamp(now)).date();
        // Yesterday's ranges may end today; one day more for zones that skipped a date.
        let first = today
            .yesterday()
            .and_then(Date::yesterday)
            .ok()
            .or(Some(today));
        let mut run: Option<TimestampMs> = None;
        let mut beyond = false;
        let days = core::iter::successors(first, |day| day.tomorrow().ok());
        for (index, day) in days.enumerate().take(HORIZON) {
            if run.is_some() && index > OPEN_HORIZON {
                beyond = true;
                break;
            }
            for (begin, end) in self.intervals(day) {
                match run {
                    Some(until) if begin > until => return change(true, until),
                    Some(until) => run = Some(until.max(end)),
                    None if end <= now => {}
                    None if begin <= now => run = Some(end),
                    None => return change(false, begin),
                }
            }
        }
        match run {
            // The last range before the end of the calendar.
            Some(until) if !beyond => change(true, until),
            Some(until) => Period {
                open: true,
                until: None,
                look_again: until,
            },
            None => Period {
                open: false,
                until: None,
                look_again: now.saturating_add(LOOK_AGAIN_MS),
            },
        }
    }

    /// The open intervals that begin on this day, in their order, none of them empty.
    fn intervals(&self, day: Date) -> impl Iterator<Item = (TimestampMs, TimestampMs)> {
        let open = self.days.contains(&day.weekday()) && !self.closed.contains(&day);
        let ranges: &[Range] = if open { &self.ranges } else { &[] };
        ranges.iter().filter_map(move |range| {
            let begin = self.instant(day, range.from, Edge::Begin)?;
            let last = if range.to <= range.from {
                day.tomorrow().ok()?
            } else {
                day
            };
            let end = self.instant(last, range.to, Edge::End)?;
            (begin < end).then_some((begin, end))
        })
    }

    /// The moment at which a range begins or ends at this wall-clock time.
    fn instant(&self, day: Date, minutes: u16, edge: Edge) -> Option<TimestampMs> {
        let day = if minutes == 1_440 {
            day.tomorrow().ok()?
        } else {
            day
        };
        let hour = i8::try_from(minutes % 1_440 / 60).ok()?;
        let minute = i8::try_from(minutes % 60).ok()?;
        let wall: DateTime = day.at(hour, minute, 0, 0);
        let moment = match self.zone.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(wall).ok()?,
            AmbiguousOffset::Fold { before, after } => match edge {
                Edge::Begin => before.to_timestamp(wall).ok()?,
                Edge::End => after.to_timestamp(wall).ok()?,
            },
            // The offset of after the jump, applied to a time in the gap, lies before the jump.
            AmbiguousOffset::Gap { after, .. } => {
                let ahead = after.to_timestamp(wall).ok()?;
                self.zone.following(ahead).next()?.timestamp()
            }
        };
        u64::try_from(moment.as_millisecond()).ok()
    }
}

fn change(open: bool, until: TimestampMs) -> Period {
    Period {
        open,
        until: Some(until),
        look_again: until,
    }
}

/// The moment, as far as the calendar reaches.
fn timestamp(moment: TimestampMs) -> Timestamp {
    i64::try_from(moment)
        .ok()
        .and_then(|millis| Timestamp::from_millisecond(millis).ok())
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
