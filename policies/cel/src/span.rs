//! Spans of time and moments: how they are written, and how people read them.

/// Nanoseconds of a second.
pub const SECOND: i128 = 1_000_000_000;
/// Nanoseconds of a millisecond.
pub const MILLI: i128 = 1_000_000;

const UNITS: [(&str, i128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", MILLI),
    ("s", SECOND),
    ("m", 60 * SECOND),
    ("h", 3_600 * SECOND),
    ("d", 86_400 * SECOND),
];

/// Nanoseconds of a span such as `20m`, `1h30m`, `-1.5s` or `2d`.
pub(crate) fn parse(text: &str) -> Result<i128, String> {
    let wrong = || format!("`{text}` is not a duration; write `20m`, `1h30m`, `90s` or `2d`");
    let trimmed = text.trim();
    let (sign, mut rest) = match trimmed.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, trimmed.strip_prefix('+').unwrap_or(trimmed)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let unit_at = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(wrong)?;
        let (number, after) = rest.split_at(unit_at);
        let letters = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let (_, unit) = UNITS
            .into_iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(wrong)?;
        let part = scaled(number, unit).ok_or_else(wrong)?;
        total = total.saturating_add(part);
        rest = after;
    }
    in_range(sign * total).ok_or_else(|| format!("`{text}` is too long"))
}

/// A number with or without a fraction, times the unit.
fn scaled(number: &str, unit: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || whole.len() > 20 || fraction.contains('.') {
        return None;
    }
    let whole: i128 = match whole {
        "" => 0,
        whole => whole.parse().ok()?,
    };
    let (mut total, mut unit_left) = (whole.checked_mul(unit)?, unit);
    for digit in fraction.bytes() {
        // Below a nanosecond nothing counts; of days, the thirteenth digit still does.
        let digit = i128::from(digit.checked_sub(b'0')?);
        total += digit * unit_left / 10;
        unit_left /= 10;
    }
    Some(total)
}

/// Spans are those that 64 bits of nanoseconds can tell: 292 years.
pub(crate) fn in_range(nanos: i128) -> Option<i128> {
    i64::try_from(nanos).ok().map(i128::from)
}

/// As the specification writes it: `6347s`, `0.5s`.
pub(crate) fn seconds_text(nanos: i128) -> String {
    let minus = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    let (whole, rest) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    if rest == 0 {
        return format!("{minus}{whole}s");
    }
    let fraction = format!("{rest:09}");
    format!("{minus}{whole}.{}s", fraction.trim_end_matches('0'))
}

/// A span in words, its two largest units: `1 h 5 min`, `18 min 30 s`, `2 d`.
#[must_use]
pub fn span_text(nanos: i128) -> String {
    const WORDS: [(&str, u128); 4] = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];
    let seconds = nanos.unsigned_abs() / 1_000_000_000;
    let minus = if nanos < 0 { "-" } else { "" };
    let Some(first) = WORDS.iter().position(|(_, unit)| seconds >= *unit) else {
        return "0 s".into();
    };
    let (word, unit) = WORDS[first];
    let mut text = format!("{minus}{} {word}", seconds / unit);
    if let Some((word, smaller)) = WORDS.get(first + 1) {
        let rest = seconds % unit / smaller;
        if rest > 0 {
            text.push_str(&format!(" {rest} {word}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{SECOND, parse, seconds_text, span_text};

    #[test]
    fn spans_read() {
        for (text, nanos) in [
            ("20m", 1_200 * SECOND),
            ("1h30m", 5_400 * SECOND),
            ("30m1h", 5_400 * SECOND),
            ("2d", 172_800 * SECOND),
            ("-1.5s", -1_500_000_000),
            (".5s", 500_000_000),
            ("1ns", 1),
            ("0", 0),
            (" 5m ", 300 * SECOND),
        ] {
            assert_eq!(parse(text), Ok(nanos), "{text}");
        }
        for text in [
            "", "-", "20", "m", "20x", "1.2.3s", "5 m", "9999999d", "٣m", ".s", "1e3s",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn spans_are_written_for_programs_and_for_people() {
        for (nanos, program, person) in [
            (0, "0s", "0 s"),
            (500_000_000, "0.5s", "0 s"),
            (-90 * SECOND, "-90s", "-1 min 30 s"),
            (3_900 * SECOND, "3900s", "1 h 5 min"),
        ] {
            assert_eq!(seconds_text(nanos), program);
            assert_eq!(span_text(nanos), person);
        }
    }
}
