//! Under which names the AWS CLI and the SDKs keep the sign-in to a portal.
//!
//! A profile that names an `[sso-session]` shares the sign-in of that name; an older profile, with
//! `sso_start_url` of its own, shares that of its start address. Dayfly takes whichever is there,
//! and writes to the first that the AWS config file has.
//!
//! Source: AWS SDKs and Tools Reference Guide, "IAM Identity Center credential provider"; botocore,
//! `SSOTokenLoader`.

use std::borrow::Cow;

use aws_config::profile::{self, ProfileSet};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_types::os_shim_internal::{Env, Fs};

use super::{SsoIntegration, SsoSettings};

/// What a sign-in may do; the only thing that a portal's sessions need.
const SCOPE: &str = "sso:account:access";

/// Where a sign-in stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// What the file is named by.
    pub(crate) key: String,
    /// The start address as its readers have it.
    pub(crate) start_url: String,
}

/// Where the sign-in to a portal may stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    /// Where a new sign-in goes, and everywhere that one may be found; never empty.
    pub(crate) all: Vec<Name>,
    /// Further places where older profiles look for the access token alone.
    pub(crate) copies: Vec<Name>,
    /// What is asked for at the sign-in.
    pub(crate) scopes: Vec<String>,
}

impl Names {
    /// Where a new sign-in goes.
    pub(crate) fn home(&self) -> &Name {
        // There is always one; see `choose`.
        &self.all[0]
    }

    /// As the AWS config file has it now; as without one where that cannot be read.
    pub(crate) async fn of(integration: &SsoIntegration, settings: &SsoSettings) -> Self {
        let mut files = EnvConfigFiles::builder();
        files = match &settings.config_file {
            Some(file) => files.with_file(EnvConfigFileKind::Config, file),
            None => files.include_default_config_file(true),
        };
        let any = Some(Cow::Borrowed("default"));
        let loaded = profile::load(&Fs::real(), &Env::real(), &files.build(), any).await;
        choose(integration, loaded.ok().as_ref())
    }
}

fn choose(integration: &SsoIntegration, config: Option<&ProfileSet>) -> Names {
    let is_portal = |url: &str| same_portal(url, &integration.portal_url);
    let mut sessions: Vec<(Name, Option<&str>)> = Vec::new();
    let mut legacy: Vec<Name> = Vec::new();
    if let Some(config) = config {
        let mut names: Vec<&str> = config.sso_sessions().collect();
        names.sort_unstable();
        for name in names {
            let Some(session) = config.sso_session(name) else {
                continue;
            };
            let named = integration.sso_session.as_deref() == Some(name);
            let url = session.get("sso_start_url").unwrap_or_default();
            let region = session.get("sso_region").unwrap_or_default();
            let fits = is_portal(url) && region == integration.region;
            // A session that the person named is meant whatever it says, and no other is.
            if named || (fits && integration.sso_session.is_none()) {
                let name = Name {
                    key: name.to_owned(),
                    start_url: if named && !is_portal(url) {
                        integration.portal_url.clone()
                    } else {
                        url.to_owned()
                    },
                };
                sessions.push((name, session.get("sso_registration_scopes")));
            }
        }
        let mut profiles: Vec<&str> = config.profiles().collect();
        profiles.sort_unstable();
        for profile in profiles.into_iter().filter_map(|p| config.get_profile(p)) {
            let url = profile.get("sso_start_url").filter(|url| is_portal(url));
            if let (Some(url), None) = (url, profile.get("sso_session"))
                && legacy.iter().all(|name| name.key != url)
            {
                legacy.push(Name {
                    key: url.to_owned(),
                    start_url: url.to_owned(),
                });
            }
        }
    }
    if let Some(name) = &integration.sso_session
        && sessions.is_empty()
    {
        let name = Name {
            key: name.clone(),
            start_url: integration.portal_url.clone(),
        };
        sessions.push((name, None));
    }
    let scopes = sessions.first().and_then(|(_, scopes)| *scopes);
    let scopes: Vec<String> = scopes
        .unwrap_or(SCOPE)
        .split(',')
        .map(|scope| scope.trim().to_owned())
        .filter(|scope| !scope.is_empty())
        .collect();
    let mut all: Vec<Name> = sessions.into_iter().map(|(name, _)| name).collect();
    let copies: Vec<Name> = if all.is_empty() {
        legacy.iter().skip(1).cloned().collect()
    } else {
        legacy.clone()
    };
    all.extend(legacy);
    if all.iter().all(|name| name.key != integration.portal_url) {
        all.push(Name {
            key: integration.portal_url.clone(),
            start_url: integration.portal_url.clone(),
        });
    }
    Names {
        all,
        copies,
        scopes,
    }
}

/// Whether two start addresses are of one portal: people copy them with and without what the
/// browser adds.
fn same_portal(a: &str, b: &str) -> bool {
    fn plain(url: &str) -> &str {
        let url = url.split(['#', '?']).next().unwrap_or_default();
        url.trim_end_matches('/')
    }
    plain(a).eq_ignore_ascii_case(plain(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORTAL: &str = "https://corp.awsapps.com/start";

    async fn names(config: &str, sso_session: Option<&str>) -> Names {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        std::fs::write(&file, config).unwrap();
        let integration = SsoIntegration {
            id: "i".to_owned(),
            name: "corp".to_owned(),
            portal_url: PORTAL.to_owned(),
            region: "eu-west-1".to_owned(),
            sso_session: sso_session.map(str::to_owned),
        };
        let mut settings = SsoSettings::new(|| dayfly_core::time::Timestamp::ZERO);
        settings.config_file = Some(file);
        Names::of(&integration, &settings).await
    }

    fn keys(names: &[Name]) -> Vec<&str> {
        names.iter().map(|name| name.key.as_str()).collect()
    }

    #[tokio::test]
    async fn without_a_config_the_start_address_is_the_name() {
        let found = names("", None).await;
        assert_eq!(keys(&found.all), [PORTAL]);
        assert!(found.copies.is_empty());
        assert_eq!(found.scopes, [SCOPE]);
    }

    #[tokio::test]
    async fn sessions_of_the_portal_come_first_and_others_do_not_count() {
        let config = "[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start/#\n\
            sso_region = eu-west-1\nsso_registration_scopes = sso:account:access, x:y\n\
            [sso-session elsewhere]\nsso_start_url = https://corp.awsapps.com/start\n\
            sso_region = us-east-1\n\
            [sso-session other]\nsso_start_url = https://other.awsapps.com/start\n\
            sso_region = eu-west-1\n\
            [profile old]\nsso_start_url = https://corp.awsapps.com/start/\nsso_region = eu-west-1\n\
            [profile new]\nsso_session = corp\n";
        let found = names(config, None).await;
        let old = "https://corp.awsapps.com/start/";
        assert_eq!(keys(&found.all), ["corp", old, PORTAL]);
        assert_eq!(found.home().start_url, "https://corp.awsapps.com/start/#");
        assert_eq!(keys(&found.copies), [old]);
        assert_eq!(found.scopes, [SCOPE, "x:y"]);
        // A session that the person named counts alone, whether the file has it or not.
        let found = names(config, Some("elsewhere")).await;
        assert_eq!(keys(&found.all), ["elsewhere", old, PORTAL]);
        let found = names(config, Some("mine")).await;
        assert_eq!(found.home().key, "mine");
        assert_eq!(found.home().start_url, PORTAL);
    }

    #[tokio::test]
    async fn older_profiles_alone_give_the_name() {
        let config = "[profile old]\nsso_start_url = https://corp.awsapps.com/start#/\n\
            sso_region = eu-west-1\n";
        let found = names(config, None).await;
        assert_eq!(found.home().key, "https://corp.awsapps.com/start#/");
        assert!(found.copies.is_empty());
    }
}
