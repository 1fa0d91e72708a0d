//! `[providers.…]`: how many calls each cloud has under way at once; and older names of what `[rates]` says.

use dayfly_core::rates::Rate;
use dayfly_core::settings::CallRates;
use dayfly_providers::{Limit, Limits};
use serde::Deserialize;

/// So many calls a second are as good as no limit.
const NO_LIMIT: u32 = 1_000_000;

/// `[providers]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ProvidersSettings {
    /// STS: all access methods of AWS but `awsSsoRole`.
    pub sts: CloudSettings,
    /// The portal of each integration with IAM Identity Center.
    pub sso: CloudSettings,
    /// Microsoft Entra ID.
    pub azure: CloudSettings,
    /// IAM Roles Anywhere.
    pub roles_anywhere: CloudSettings,
}

/// `[providers.sso]` and its like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct CloudSettings {
    /// Calls a second; 0: no limit. Older than `[rates]`, and counts where that says nothing.
    pub rate: Option<f64>,
    /// Calls at once after a pause.
    pub burst: Option<u32>,
    /// Calls of one access method under way at the same time.
    pub calls_in_flight: Option<usize>,
}

impl ProvidersSettings {
    /// The limits of calls at these rates.
    #[must_use]
    pub fn limits(&self, rates: &CallRates) -> Limits {
        let at = Limits::at(rates);
        Limits {
            sts: self.sts.limit(at.sts),
            sso: self.sso.limit(at.sso),
            azure: self.azure.limit(at.azure),
            roles_anywhere: self.roles_anywhere.limit(at.roles_anywhere),
        }
    }
}

impl CloudSettings {
    /// `rate`, as `[rates]` has it.
    pub(super) fn calls(self) -> Option<Rate> {
        let rate = self.rate.filter(|rate| rate.is_finite() && *rate >= 0.0)?;
        if rate == 0.0 {
            return Some(Rate::per_second(NO_LIMIT));
        }
        let (count, unit) = match rate.fract() == 0.0 {
            true => (rate, "s"),
            false => (rate * 60.0, "min"),
        };
        let count = count.round().clamp(1.0, f64::from(NO_LIMIT));
        format!("{count}/{unit}").parse().ok()
    }

    fn limit(self, at: Limit) -> Limit {
        let burst = self.burst.unwrap_or(at.rate.burst);
        Limit {
            rate: dayfly_providers::pace::Rate { burst, ..at.rate },
            calls_in_flight: self.calls_in_flight.or(at.calls_in_flight),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    fn config(text: &str) -> Config {
        Config::parse(Path::new("dayfly.toml"), text).unwrap()
    }

    #[test]
    fn the_core_and_the_providers_call_at_one_rate() {
        let usual = Config::default();
        assert_eq!(usual.limits(), Limits::at(&usual.settings().calls));
        let config = config("[rates]\nsso = \"2/s\"\n[providers.azure]\ncalls-in-flight = 3\n");
        let (limits, calls) = (config.limits(), config.settings().calls);
        assert_eq!(calls.sso, Rate::per_second(2));
        assert_eq!(limits.sso.rate, calls.sso.into());
        assert_eq!(limits.azure.calls_in_flight, Some(3));
        assert_eq!(limits.sts, usual.limits().sts);
    }

    #[test]
    fn the_older_names_of_rates_count_where_the_newer_say_nothing() {
        for (text, rate) in [
            ("rate = 2", "2/s"),
            ("rate = 0.5", "30/min"),
            ("rate = 0", "1000000/s"),
        ] {
            let config = config(&format!("[providers.sso]\n{text}\nburst = 7\n"));
            assert_eq!(config.settings().calls.sso, rate.parse().unwrap(), "{text}");
            let limit = config.limits().sso.rate;
            let per_second =
                dayfly_providers::pace::Rate::from(config.settings().calls.sso).per_second;
            assert_eq!((limit.per_second, limit.burst), (per_second, 7), "{text}");
        }
        let both = config("[rates]\nsts = \"9/s\"\n[providers.sts]\nrate = 5\n");
        assert_eq!(both.settings().calls.sts, Rate::per_second(9));
        assert_eq!(both.limits().sts.rate, Rate::per_second(9).into());
    }

    #[test]
    fn a_name_that_is_none_is_refused() {
        for wrong in [
            "[providers.sso]\nrates = 2\n",
            "[providers.ssso]\nrate = 2\n",
        ] {
            assert!(Config::parse(Path::new("dayfly.toml"), wrong).is_err());
        }
    }
}
