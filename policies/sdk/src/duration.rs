//! Spans of time: `20m`, `1h30m`, and back to words.

const UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// Milliseconds of a span such as `20m`, `1h30m`, `90s` or `2d`.
///
/// # Errors
/// Says what a span looks like.
pub fn parse_duration(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a duration; write `20m`, `1h30m`, `90s` or `2d`");
    let mut rest = text.trim();
    let mut total = 0_u64;
    let mut smallest = u64::MAX;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let letters = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (_, unit) = UNITS
            .into_iter()
            .find(|(name, _)| *name == &rest[..letters])
            .ok_or_else(wrong)?;
        // From large to small, each unit once: `30m1h` is more likely a slip than meant.
        if unit >= smallest {
            return Err(wrong());
        }
        smallest = unit;
        rest = &rest[letters..];
        total = number
            .checked_mul(unit)
            .and_then(|span| total.checked_add(span))
            .ok_or_else(|| format!("`{text}` is too long"))?;
    }
    Ok(total)
}

/// A span in words, its two largest units: `1 h 5 min`, `18 min 30 s`, `2 d`.
#[must_use]
pub fn span_text(millis: u64) -> String {
    const WORDS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];
    let seconds = millis / 1_000;
    let Some(first) = WORDS.iter().position(|(_, unit)| seconds >= *unit) else {
        return "0 s".into();
    };
    let (word, unit) = WORDS[first];
    let mut text = format!("{} {word}", seconds / unit);
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
    use super::{parse_duration, span_text};

    #[test]
    fn spans_read() {
        for (text, millis) in [
            ("20m", 1_200_000),
            ("1h30m", 5_400_000),
            ("90s", 90_000),
            ("2d", 172_800_000),
            ("250ms", 250),
            ("0s", 0),
            (" 5m ", 300_000),
        ] {
            assert_eq!(parse_duration(text), Ok(millis), "{text}");
        }
        for text in [
            "",
            "20",
            "m",
            "20x",
            "-5m",
            "1.5h",
            "30m1h",
            "5m5m",
            "20 m",
            "99999999999999d",
            "٣m",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn spans_in_words() {
        for (millis, text) in [
            (0, "0 s"),
            (999, "0 s"),
            (59_000, "59 s"),
            (1_110_000, "18 min 30 s"),
            (3_600_000, "1 h"),
            (3_900_500, "1 h 5 min"),
            (172_800_000, "2 d"),
        ] {
            assert_eq!(span_text(millis), text);
        }
    }
}
