//! Moments and spans, as a person reads them.

use std::time::Duration;

use chrono::{DateTime, Local};
use dayfly_core::time::Timestamp;

/// `in 12 min`, `3 h ago`.
pub fn relative(moment: Timestamp, now: Timestamp) -> String {
    if moment >= now {
        format!("in {}", span(moment.since(now)))
    } else {
        format!("{} ago", span(now.since(moment)))
    }
}

/// The largest unit that says enough: `45 s`, `12 min`, `3 h 20 min`, `5 days`.
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (minutes, hours) = (seconds / 60, seconds / 3_600);
    if seconds < 10 && span.subsec_millis() >= 100 {
        format!("{:.1} s", span.as_secs_f64())
    } else if seconds < 120 {
        format!("{seconds} s")
    } else if minutes < 120 {
        format!("{minutes} min")
    } else if hours < 48 {
        match minutes % 60 {
            0 => format!("{hours} h"),
            rest => format!("{hours} h {rest} min"),
        }
    } else {
        format!("{} days", hours / 24)
    }
}

/// `14:03:27` here.
pub fn clock(moment: Timestamp) -> String {
    local(moment).map_or_else(
        || moment.to_string(),
        |date| date.format("%H:%M:%S").to_string(),
    )
}

/// `2026-03-01 14:03:27` here.
pub fn date_and_clock(moment: Timestamp) -> String {
    local(moment).map_or_else(
        || moment.to_string(),
        |date| date.format("%Y-%m-%d %H:%M:%S").to_string(),
    )
}

fn local(moment: Timestamp) -> Option<DateTime<Local>> {
    let millis = i64::try_from(moment.as_millis()).ok()?;
    Some(DateTime::from_timestamp_millis(millis)?.with_timezone(&Local))
}

/// A span as it is typed: `90` (seconds), `90s`, `15m`, `8h`, `2d`, `1h30m`.
///
/// Of our own: jiff takes neither a number alone nor, as a duration, days, and takes signs and fractions.
pub fn parse_span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("\"{text}\" is not a time span; write 90s, 15m, 8h, 2d or 1h30m");
    let mut seconds = 0u64;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        let (unit, skip) = match rest[digits..].chars().next() {
            // A number alone is seconds, but not behind another.
            None if rest.len() == text.trim().len() => (1, 0),
            Some('s') => (1, 1),
            Some('m') => (60, 1),
            Some('h') => (3_600, 1),
            Some('d') => (86_400, 1),
            _ => return Err(wrong()),
        };
        let more = number
            .checked_mul(unit)
            .and_then(|n| n.checked_add(seconds));
        seconds = more.ok_or_else(wrong)?;
        rest = &rest[digits + skip..];
    }
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_and_write() {
        for (text, seconds) in [
            ("90", 90),
            ("90s", 90),
            ("15m", 900),
            ("1h30m", 5_400),
            ("2d", 172_800),
        ] {
            assert_eq!(parse_span(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "m",
            "1x",
            "1h30",
            "0s30",
            "-5s",
            "99999999999999999999s",
            "9999999999999999999d",
        ] {
            assert!(parse_span(text).is_err(), "{text}");
        }
        assert_eq!(span(Duration::from_millis(340)), "0.3 s");
        for (seconds, text) in [
            (5, "5 s"),
            (130, "2 min"),
            (7_200, "2 h"),
            (12_000, "3 h 20 min"),
            (500_000, "5 days"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }
}
