//! Why, in words: the same for all sessions of a call.

use dayfly_policy_sdk::{Reason, TimestampMs, moment_text};

use crate::{Hours, Period};

/// A reason for each thing that may be proposed.
pub(crate) struct Reasons {
    pub(crate) start: Reason,
    pub(crate) stop: Reason,
    pub(crate) hold: Reason,
}

impl Reasons {
    pub(crate) fn new(hours: &Hours, period: &Period, now: TimestampMs) -> Self {
        let zone = hours.zone_name();
        let (verb, key) = if period.open {
            ("end", "closes-at")
        } else {
            ("begin", "opens-at")
        };
        let boundary = match period.until {
            Some(at) => format!("they {verb} {} ({zone})", hours.local_text(at)),
            None => format!("they do not {verb} within the next year"),
        };
        let reason = |code: &str, message: &str| {
            let reason = Reason::new(code, format!("{message}; {boundary}"))
                .with("timezone", zone)
                .with("local-time", hours.local_text(now));
            match period.until {
                Some(at) => reason.with(key, moment_text(at)),
                None => reason,
            }
        };
        Self {
            start: reason("business-hours", "to be active during business hours"),
            stop: reason("outside-hours", "active outside business hours"),
            hold: reason(
                "outside-hours",
                "must not be started outside business hours",
            ),
        }
    }
}
