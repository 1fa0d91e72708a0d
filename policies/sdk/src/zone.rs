//! Whether a schedule says which clock it goes by.

/// Whether a cron expression names its time zone, or comes at the same moments in all of them. The
/// engine takes one without a zone for UTC, which is rarely what a person means who writes an hour.
#[must_use]
pub fn zoned(schedule: &str) -> bool {
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    fields.len() != 5 || fields[1..].iter().all(|field| *field == "*")
}

#[cfg(test)]
mod tests {
    use super::zoned;

    #[test]
    fn an_hour_needs_a_zone_and_a_minute_does_not() {
        for (schedule, expected) in [
            ("Europe/Berlin 0 9 * * 1-5", true),
            ("UTC 0 9 * * *", true),
            ("*/5 * * * *", true),
            ("0 9 * * 1-5", false),
            ("0 * * * 1", false),
            // Of another length: what is wrong with it is told elsewhere.
            ("9 * * *", true),
        ] {
            assert_eq!(zoned(schedule), expected, "{schedule}");
        }
    }
}
