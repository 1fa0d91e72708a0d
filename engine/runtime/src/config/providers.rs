//! `[providers.…]`: how much each cloud is called.

use dayfly_providers::pace::Rate;
use dayfly_providers::{Limit, Limits};
use serde::Deserialize;

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
}

/// `[providers.sso]` and its like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct CloudSettings {
    /// Calls a second; 0: no limit.
    pub rate: Option<f64>,
    /// Calls at once after a pause.
    pub burst: Option<u32>,
    /// Calls of one access method under way at the same time.
    pub calls_in_flight: Option<usize>,
}

impl ProvidersSettings {
    /// The limits that these make of the usual ones.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let usual = Limits::default();
        Limits {
            sts: self.sts.limit(usual.sts),
            sso: self.sso.limit(usual.sso),
            azure: self.azure.limit(usual.azure),
        }
    }
}

impl CloudSettings {
    fn limit(self, usual: Limit) -> Limit {
        let per_second = self.rate.filter(|rate| rate.is_finite() && *rate >= 0.0);
        Limit {
            rate: Rate {
                per_second: per_second.unwrap_or(usual.rate.per_second),
                burst: self.burst.unwrap_or(usual.rate.burst),
            },
            calls_in_flight: self.calls_in_flight.or(usual.calls_in_flight),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    #[test]
    fn what_is_written_counts_and_the_rest_is_as_usual() {
        let text = "[providers.sso]\nrate = 2\n[providers.azure]\ncalls-in-flight = 3\n";
        let config = Config::parse(Path::new("dayfly.toml"), text).unwrap();
        let (limits, usual) = (config.providers.limits(), Limits::default());
        assert!((limits.sso.rate.per_second - 2.0).abs() < f64::EPSILON);
        assert_eq!(limits.sso.rate.burst, usual.sso.rate.burst);
        assert_eq!(limits.azure.calls_in_flight, Some(3));
        assert_eq!(limits.sts, usual.sts);
        for wrong in [
            "[providers.sso]\nrates = 2\n",
            "[providers.ssso]\nrate = 2\n",
        ] {
            assert!(Config::parse(Path::new("dayfly.toml"), wrong).is_err());
        }
    }
}
