//! `[rates]` and `[damping]`: how often something may happen.

use std::time::Duration;

use dayfly_core::rates::Rate;
use dayfly_core::settings::{CallRates, Damping};
use serde::Deserialize;

use super::providers::ProvidersSettings;

/// `[rates]`: calls of providers, as `"20/s"` or `"100/min"`, for each account that they are
/// counted for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct RateSettings {
    /// AWS STS.
    pub sts: Option<Rate>,
    /// IAM Identity Center.
    pub sso: Option<Rate>,
    /// Microsoft Entra ID.
    pub azure: Option<Rate>,
    /// IAM Roles Anywhere.
    pub roles_anywhere: Option<Rate>,
}

impl RateSettings {
    /// The rates that these make of the usual ones, or of what older names of them say.
    #[must_use]
    pub fn calls(&self, older: &ProvidersSettings) -> CallRates {
        let usual = CallRates::default();
        CallRates {
            sts: self.sts.or(older.sts.calls()).unwrap_or(usual.sts),
            sso: self.sso.or(older.sso.calls()).unwrap_or(usual.sso),
            azure: self.azure.or(older.azure.calls()).unwrap_or(usual.azure),
            roles_anywhere: self.roles_anywhere.unwrap_or(usual.roles_anywhere),
        }
    }
}

/// `[damping]`: what decisions of policies to start or renew a session wait for. See
/// [`Damping`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct DampingSettings {
    /// How old credentials are before a policy renews them, at most.
    pub dwell_seconds: Option<u32>,
    /// How long a session that a policy stopped stays so.
    pub cooldown_seconds: Option<u32>,
    /// Starts and stops by policies in short order.
    pub flaps_max: Option<u32>,
    /// The time in which half of these is forgotten.
    pub flap_half_life_seconds: Option<u32>,
    /// How often one policy may undo what another does to a session …
    pub rounds_max: Option<u32>,
    /// … within this time …
    pub rounds_within_seconds: Option<u32>,
    /// … before both leave it alone for so long.
    pub freeze_seconds: Option<u32>,
}

impl DampingSettings {
    /// The settings that these make of the usual ones.
    #[must_use]
    pub fn damping(&self) -> Damping {
        let usual = Damping::default();
        let span = |seconds: Option<u32>, usual: Duration| {
            seconds.map_or(usual, |seconds| Duration::from_secs(seconds.into()))
        };
        Damping {
            dwell: span(self.dwell_seconds, usual.dwell),
            cooldown: span(self.cooldown_seconds, usual.cooldown),
            flaps_max: self.flaps_max.unwrap_or(usual.flaps_max),
            flap_half_life: span(self.flap_half_life_seconds, usual.flap_half_life),
            rounds_max: self.rounds_max.unwrap_or(usual.rounds_max),
            rounds_within: span(self.rounds_within_seconds, usual.rounds_within),
            freeze: span(self.freeze_seconds, usual.freeze),
        }
    }
}
