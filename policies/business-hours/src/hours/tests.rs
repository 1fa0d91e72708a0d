use jiff::civil::date;
use proptest::prelude::*;

use super::*;

const HOUR: u64 = 3_600_000;
const WORKDAYS: [Day; 5] = [
    Day::Monday,
    Day::Tuesday,
    Day::Wednesday,
    Day::Thursday,
    Day::Friday,
];
const ALL_DAYS: [Day; 7] = [
    Day::Monday,
    Day::Tuesday,
    Day::Wednesday,
    Day::Thursday,
    Day::Friday,
    Day::Saturday,
    Day::Sunday,
];

fn clock(hour: u16, minute: u16) -> u16 {
    hour * 60 + minute
}

fn hours(zone: &str, ranges: &[(u16, u16)], days: &[Day], closed: &[Date]) -> Hours {
    let ranges = ranges
        .iter()
        .map(|&(from, to)| Range { from, to })
        .collect();
    Hours::new(
        TimeZone::get(zone).unwrap(),
        ranges,
        days.to_vec(),
        closed.to_vec(),
    )
}

/// Milliseconds of a moment in RFC 3339.
fn ms(text: &str) -> u64 {
    let moment: Timestamp = text.parse().unwrap();
    u64::try_from(moment.as_millisecond()).unwrap()
}

/// What holds from one moment on: whether it is open, and until when, again and again.
fn course(hours: &Hours, from: &str, count: usize) -> Vec<(bool, String)> {
    let mut now = ms(from);
    (0..count)
        .map(|_| {
            let period = hours.period(now);
            now = period.until.expect("a boundary is in sight");
            (period.open, dayfly_policy_sdk::moment_text(now))
        })
        .collect()
}

fn expect(hours: &Hours, from: &str, expected: &[(bool, &str)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(open, until)| (*open, (*until).to_string()))
        .collect();
    assert_eq!(course(hours, from, expected.len()), expected);
}

#[test]
fn a_working_week_and_its_end() {
    let hours = hours(
        "Europe/Berlin",
        &[(clock(8, 0), clock(18, 30))],
        &WORKDAYS,
        &[],
    );
    // A Thursday in November: UTC+1.
    expect(
        &hours,
        "2026-11-26T06:59:59.999Z",
        &[
            (false, "2026-11-26T07:00:00Z"),
            (true, "2026-11-26T17:30:00Z"),
            (false, "2026-11-27T07:00:00Z"),
            (true, "2026-11-27T17:30:00Z"),
            (false, "2026-11-30T07:00:00Z"),
        ],
    );
}

#[test]
fn clocks_go_forward() {
    // Berlin, Sunday 2026-03-29: 02:00 becomes 03:00 at 01:00 UTC.
    let zone = "Europe/Berlin";
    let day = hours(zone, &[(clock(8, 0), clock(18, 0))], &ALL_DAYS, &[]);
    expect(
        &day,
        "2026-03-28T12:00:00Z",
        &[
            (true, "2026-03-28T17:00:00Z"),
            (false, "2026-03-29T06:00:00Z"),
            (true, "2026-03-29T16:00:00Z"),
        ],
    );
    // A beginning in the gap: at the jump. An end in the gap: at the jump.
    let begins = hours(zone, &[(clock(2, 30), clock(5, 0))], &[Day::Sunday], &[]);
    expect(
        &begins,
        "2026-03-28T12:00:00Z",
        &[
            (false, "2026-03-29T01:00:00Z"),
            (true, "2026-03-29T03:00:00Z"),
        ],
    );
    let ends = hours(zone, &[(clock(1, 0), clock(2, 30))], &[Day::Sunday], &[]);
    expect(
        &ends,
        "2026-03-28T12:00:00Z",
        &[
            (false, "2026-03-29T00:00:00Z"),
            (true, "2026-03-29T01:00:00Z"),
        ],
    );
    // Wholly in the gap: not on that day, but a week later.
    let inside = hours(zone, &[(clock(2, 15), clock(2, 45))], &[Day::Sunday], &[]);
    expect(
        &inside,
        "2026-03-28T12:00:00Z",
        &[
            (false, "2026-04-05T00:15:00Z"),
            (true, "2026-04-05T00:45:00Z"),
        ],
    );
    // Overnight: an hour shorter.
    let night = hours(zone, &[(clock(22, 0), clock(6, 0))], &[Day::Saturday], &[]);
    expect(
        &night,
        "2026-03-28T12:00:00Z",
        &[
            (false, "2026-03-28T21:00:00Z"),
            (true, "2026-03-29T04:00:00Z"),
        ],
    );
}

#[test]
fn clocks_go_back() {
    // Berlin, Sunday 2026-10-25: 03:00 becomes 02:00 at 01:00 UTC.
    let zone = "Europe/Berlin";
    // Begins at the first 02:30, ends at the second: one period, no flapping.
    let begins = hours(zone, &[(clock(2, 30), clock(5, 0))], &[Day::Sunday], &[]);
    expect(
        &begins,
        "2026-10-24T12:00:00Z",
        &[
            (false, "2026-10-25T00:30:00Z"),
            (true, "2026-10-25T04:00:00Z"),
        ],
    );
    let ends = hours(zone, &[(clock(1, 0), clock(2, 30))], &[Day::Sunday], &[]);
    expect(
        &ends,
        "2026-10-24T12:00:00Z",
        &[
            (false, "2026-10-24T23:00:00Z"),
            (true, "2026-10-25T01:30:00Z"),
        ],
    );
    // Overnight: an hour longer.
    let night = hours(zone, &[(clock(22, 0), clock(6, 0))], &[Day::Saturday], &[]);
    expect(
        &night,
        "2026-10-24T12:00:00Z",
        &[
            (false, "2026-10-24T20:00:00Z"),
            (true, "2026-10-25T05:00:00Z"),
        ],
    );
}

#[test]
fn half_hour_and_southern_zones() {
    // Lord Howe shifts by 30 minutes: 2026-04-05, 02:00 becomes 01:30 at 15:00 UTC the day before.
    let howe = hours(
        "Australia/Lord_Howe",
        &[(clock(1, 0), clock(1, 45))],
        &ALL_DAYS,
        &[],
    );
    expect(
        &howe,
        "2026-04-04T12:00:00Z",
        &[
            (false, "2026-04-04T14:00:00Z"),
            (true, "2026-04-04T15:15:00Z"),
        ],
    );
    let kathmandu = hours(
        "Asia/Kathmandu",
        &[(clock(9, 0), clock(17, 0))],
        &WORKDAYS,
        &[],
    );
    expect(
        &kathmandu,
        "2026-11-23T00:00:00Z",
        &[(false, "2026-11-23T03:15:00Z")],
    );
}

#[test]
fn a_date_that_a_zone_skipped() {
    // Samoa had no 2011-12-30.
    let samoa = hours(
        "Pacific/Apia",
        &[(clock(8, 0), clock(18, 0))],
        &ALL_DAYS,
        &[],
    );
    expect(
        &samoa,
        "2011-12-30T00:00:00Z",
        &[
            (true, "2011-12-30T04:00:00Z"),
            (false, "2011-12-30T18:00:00Z"),
            (true, "2011-12-31T04:00:00Z"),
        ],
    );
}

#[test]
fn leap_days_exist_in_leap_years_only() {
    let days = hours(
        "UTC",
        &[(clock(9, 0), clock(17, 0))],
        &ALL_DAYS,
        &[date(2028, 2, 29)],
    );
    expect(
        &days,
        "2028-02-28T18:00:00Z",
        &[
            (false, "2028-03-01T09:00:00Z"),
            (true, "2028-03-01T17:00:00Z"),
        ],
    );
    let night = hours("UTC", &[(clock(22, 0), clock(6, 0))], &ALL_DAYS, &[]);
    expect(
        &night,
        "2028-02-28T23:00:00Z",
        &[
            (true, "2028-02-29T06:00:00Z"),
            (false, "2028-02-29T22:00:00Z"),
            (true, "2028-03-01T06:00:00Z"),
        ],
    );
    expect(
        &night,
        "2027-02-28T23:00:00Z",
        &[(true, "2027-03-01T06:00:00Z")],
    );
}

#[test]
fn closed_dates_close_the_day_on_which_a_range_begins() {
    let night = hours(
        "UTC",
        &[(clock(22, 0), clock(6, 0))],
        &ALL_DAYS,
        &[date(2026, 12, 24)],
    );
    expect(
        &night,
        "2026-12-23T23:00:00Z",
        &[
            (true, "2026-12-24T06:00:00Z"),
            (false, "2026-12-25T22:00:00Z"),
        ],
    );
}

#[test]
fn ranges_that_touch_or_overlap_are_one() {
    let split = hours(
        "UTC",
        &[
            (clock(13, 0), clock(17, 0)),
            (clock(8, 0), clock(12, 0)),
            (clock(11, 0), clock(13, 0)),
        ],
        &WORKDAYS,
        &[],
    );
    expect(
        &split,
        "2026-11-23T09:00:00Z",
        &[(true, "2026-11-23T17:00:00Z")],
    );
    let whole = hours("UTC", &[(0, 1_440)], &WORKDAYS, &[]);
    expect(
        &whole,
        "2026-11-23T09:00:00Z",
        &[
            (true, "2026-11-28T00:00:00Z"),
            (false, "2026-11-30T00:00:00Z"),
        ],
    );
}

#[test]
fn no_change_in_sight_is_looked_at_again() {
    let always = hours("Europe/Berlin", &[(0, 1_440)], &ALL_DAYS, &[]);
    let now = ms("2026-11-23T09:00:00Z");
    let period = always.period(now);
    assert!(period.open && period.until.is_none());
    assert!(period.wake_at() > now + 7 * 24 * HOUR);
    assert!(always.period(period.wake_at() - 1).open && always.period(period.wake_at()).open);
    let never = hours("UTC", &[(0, 60)], &[], &[]);
    let period = never.period(now);
    assert!(!period.open && period.until.is_none() && period.wake_at() > now);
}

#[test]
fn moments_beyond_the_calendar_do_no_harm() {
    let hours = hours(
        "Europe/Berlin",
        &[(clock(8, 0), clock(18, 0))],
        &WORKDAYS,
        &[],
    );
    for now in [0, 1 << 53, u64::MAX] {
        let period = hours.period(now);
        assert!(!hours.local_text(now).is_empty());
        assert!(period.until.is_none() || period.wake_at() > 0);
    }
}

/// Whether the clock on the wall shows a time in a range.
fn on_the_wall(hours: &Hours, now: u64) -> bool {
    let local = hours.zone.to_datetime(timestamp(now));
    let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).unwrap();
    let open = |day: Date| hours.days.contains(&day.weekday()) && !hours.closed.contains(&day);
    let (today, yesterday) = (local.date(), local.date().yesterday().unwrap());
    hours.ranges.iter().any(|range| {
        if range.from < range.to {
            open(today) && (range.from..range.to).contains(&minute)
        } else {
            (open(today) && minute >= range.from) || (open(yesterday) && minute < range.to)
        }
    })
}

proptest! {
    #[test]
    fn agrees_with_the_clock_on_the_wall(
        zone in prop_oneof![
            Just("Europe/Berlin"), Just("America/New_York"), Just("Australia/Lord_Howe"),
            Just("America/Santiago"), Just("Asia/Kolkata"), Just("UTC"), Just("Africa/Casablanca"),
        ],
        ranges in proptest::collection::vec((0..1_440_u16, 1..=1_440_u16), 1..4),
        mask in 1..128_u8,
        minute in 0..(6 * 366 * 24 * 60_u64),
    ) {
        let days: Vec<Day> =
            ALL_DAYS.into_iter().enumerate().filter(|(n, _)| mask & (1 << n) != 0).map(|(_, d)| d).collect();
        let ranges: Vec<_> = ranges.into_iter().filter(|(from, to)| from != to).collect();
        let hours = hours(zone, &ranges, &days, &[date(2026, 12, 24)]);
        // From 2024 on.
        let now = 1_704_067_200_000 + minute * 60_000;
        let period = hours.period(now);
        let wall = on_the_wall(&hours, now);
        if wall {
            prop_assert!(period.open);
        }
        if period.open && !wall {
            // Only where the clock was put back in the last hours.
            let back = (1..=24).any(|n| {
                let offset = |at| hours.zone.to_offset(timestamp(at)).seconds();
                offset(now - n * HOUR) > offset(now) || offset(now) > offset(now + n * HOUR)
            });
            prop_assert!(back, "open at {now}, though no clock was put back");
        }
        if let Some(until) = period.until {
            prop_assert!(until > now);
            prop_assert_ne!(hours.period(until).open, period.open);
            prop_assert_eq!(hours.period(until - 1), period);
        }
    }
}
