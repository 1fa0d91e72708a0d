//! Where credentials come from: providers as the configuration and the Workspace have them.

use std::collections::BTreeSet;
use std::sync::Arc;

use dayfly_core::session::Access;
use dayfly_providers::azure::AzureTokens;
use dayfly_providers::login::{LoginSettings, Logins};
use dayfly_providers::sso::{Sso, SsoIntegration, SsoSettings};
use dayfly_providers::{
    AwsSettings, Limiter, LongLivedKeys, PortalPaces, Providers, ProvidersConfig,
};
use dayfly_workspace::{AwsSsoIntegration, Entry, Workspace};

use super::engine_loop::EngineLoop;
use crate::clock;
use crate::config::Config;
use crate::input_brokers::InputBrokers;
use crate::sign_ins::Followed;

impl EngineLoop {
    /// Makes the providers anew. Calls that are under way keep theirs, and count on.
    pub(super) fn provide(&mut self) {
        let workspace = self.workspace.as_deref();
        let (providers, sso, logins) = providers(
            &self.config,
            workspace,
            &self.cloud.keys,
            &self.cloud.input_brokers,
            &self.cloud.azure,
            &self.cloud.limiter,
        );
        self.cloud.providers = providers;
        self.cloud.sign_ins.follow(Followed {
            sso,
            integrations: workspace.map(integrations).unwrap_or_default(),
            logins,
            login_sessions: workspace.map(login_sessions).unwrap_or_default(),
        });
    }
}

/// The bounds on the calls of providers that the configuration has.
pub(super) fn limiter(config: &Config) -> Limiter {
    Limiter::new(config.limits(), config.engine.calls_in_flight)
}

/// How portals are called, as the configuration has it.
#[must_use]
pub fn sso_settings(config: &Config) -> SsoSettings {
    SsoSettings {
        portal_endpoint_url: config.aws.sso_endpoint_url.clone(),
        oidc_endpoint_url: config.aws.sso_oidc_endpoint_url.clone(),
        config_file: config.aws.config_file.clone(),
        paces: PortalPaces::new(config.limits().sso.rate),
        ..SsoSettings::new(clock::now)
    }
}

/// How the sign-in service of the console is called.
#[must_use]
pub fn login_settings(config: &Config, workspace: Option<&Workspace>) -> LoginSettings {
    let usual = AwsSettings::default();
    let region = default_region(config, workspace).map(str::to_owned);
    LoginSettings {
        cache: None,
        default_region: region.unwrap_or(usual.default_region),
        timeouts: usual.timeouts,
        clock: clock::now,
    }
}

/// A portal of the Workspace.
#[must_use]
pub fn sso_integration(integration: &AwsSsoIntegration) -> SsoIntegration {
    let AwsSsoIntegration {
        id,
        alias,
        portal_url,
        region,
        sso_session,
        profile_template: _,
    } = integration.clone();
    SsoIntegration {
        name: alias.unwrap_or_else(|| id.clone()),
        id,
        portal_url,
        region,
        sso_session,
    }
}

fn integrations(workspace: &Workspace) -> Vec<SsoIntegration> {
    let all = workspace.aws_sso_integrations().iter();
    all.map(sso_integration).collect()
}

/// The ARNs of who signs in to the console.
fn login_sessions(workspace: &Workspace) -> BTreeSet<String> {
    let sessions = workspace.sessions().iter();
    let of = |entry: &Entry| match &entry.session.access {
        Access::AwsLogin { login_session } => Some(login_session.clone()),
        _ => None,
    };
    sessions.filter_map(of).collect()
}

/// The region of sessions that name none: what the Workspace says, else the configuration.
pub(super) fn default_region<'a>(
    config: &'a Config,
    workspace: Option<&'a Workspace>,
) -> Option<&'a str> {
    let written = workspace.and_then(Workspace::default_region);
    written.or(config.aws.default_region.as_deref())
}

/// How AWS is called.
pub(super) fn aws_settings(config: &Config, workspace: Option<&Workspace>) -> AwsSettings {
    let usual = AwsSettings::default();
    let region = default_region(config, workspace).map(str::to_owned);
    AwsSettings {
        default_region: region.unwrap_or(usual.default_region),
        sts_endpoint_url: config.aws.sts_endpoint_url.clone(),
        timeouts: usual.timeouts,
    }
}

pub(super) fn providers(
    config: &Config,
    workspace: Option<&Workspace>,
    keys: &Arc<dyn LongLivedKeys>,
    input_brokers: &InputBrokers,
    azure: &Arc<AzureTokens>,
    limiter: &Limiter,
) -> (Arc<Providers>, Arc<Sso>, Arc<Logins>) {
    let sso = Arc::new(Sso::new(SsoSettings {
        paces: limiter.portals(),
        ..sso_settings(config)
    }));
    let logins = Arc::new(Logins::new(login_settings(config, workspace)));
    let settings = ProvidersConfig {
        aws: aws_settings(config, workspace),
        sso: Some(Arc::clone(&sso)),
        sso_integrations: workspace.map(integrations).unwrap_or_default(),
        logins: Some(Arc::clone(&logins)),
        limiter: limiter.clone(),
        mfa_codes: Arc::new(input_brokers.mfa.clone()),
        assertions: Arc::new(input_brokers.assertions.clone()),
        azure: Some(Arc::clone(azure)),
        ..ProvidersConfig::default()
    };
    let providers = Arc::new(Providers::new(settings, Arc::clone(keys)));
    (providers, sso, logins)
}
