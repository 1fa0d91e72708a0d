//! Under which names the AWS CLI and the SDKs keep the sign-in to a portal.
//!
//! A profile that names an `[sso-session]` shares the sign-in of that name; an older profile, with
//! `sso_start_url` of its own, shares that of its start address. Dayfly takes whichever is there,
//! and writes to the first that the AWS config file has.
//!
//! The file is read as botocore reads it ([`dayfly_awsfiles`]), so that the names are the AWS CLI's. One
//! that cannot be read names nothing: whoever needs it is told why, and not that nobody is signed in.
//!
//! Source: AWS SDKs and Tools Reference Guide, "IAM Identity Center credential provider"; botocore,
//! `SSOTokenLoader`.

use dayfly_awsfiles::{AwsFile, Kind, load};

use super::error::SsoError;
use super::integration::{SsoIntegration, SsoSettings};
use crate::shared_config;

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

    /// As the AWS config file has it now; without a file, as without any `[sso-session]`.
    pub(crate) async fn of(
        integration: &SsoIntegration,
        settings: &SsoSettings,
    ) -> Result<Self, SsoError> {
        let path = settings.config_file.clone().or_else(shared_config::path);
        let read = move || path.map(|path| load(&path, Kind::Config)).transpose();
        let failed = |problem: String, hint: &str| SsoError::ConfigFile {
            integration: integration.name.clone(),
            problem,
            hint: hint.to_owned(),
        };
        match tokio::task::spawn_blocking(read).await {
            Ok(Ok(config)) => Ok(choose(integration, config.as_ref())),
            Ok(Err(unreadable)) => Err(failed(unreadable.to_string(), unreadable.hint())),
            Err(_) => Err(failed("reading it ended without an answer".to_owned(), "")),
        }
    }
}

fn choose(integration: &SsoIntegration, config: Option<&AwsFile>) -> Names {
    let (sessions, scopes) = shared(integration, config);
    let legacy = older(integration, config);
    let scopes: Vec<String> = scopes
        .unwrap_or(SCOPE)
        .split(',')
        .map(|scope| scope.trim().to_owned())
        .filter(|scope| !scope.is_empty())
        .collect();
    let mut all = sessions;
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

/// The `[sso-session]`s whose sign-in is shared, and what the first of them asks for.
fn shared<'c>(
    integration: &SsoIntegration,
    config: Option<&'c AwsFile>,
) -> (Vec<Name>, Option<&'c str>) {
    let is_portal = |url: &str| same_portal(url, &integration.portal_url);
    let mut sessions: Vec<(Name, Option<&str>)> = Vec::new();
    let mut found: Vec<_> = config.iter().flat_map(|file| file.sso_sessions()).collect();
    found.sort_unstable_by_key(|(name, _)| *name);
    for (name, session) in found {
        let named = integration.sso_session.as_deref() == Some(name);
        let url = session.text("sso_start_url").unwrap_or_default();
        let region = session.text("sso_region").unwrap_or_default();
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
            sessions.push((name, session.text("sso_registration_scopes")));
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
    (sessions.into_iter().map(|(name, _)| name).collect(), scopes)
}

/// The start addresses of older profiles.
fn older(integration: &SsoIntegration, config: Option<&AwsFile>) -> Vec<Name> {
    let mut legacy: Vec<Name> = Vec::new();
    let mut profiles: Vec<_> = config.iter().flat_map(|file| file.profiles()).collect();
    profiles.sort_unstable_by_key(|(name, _)| *name);
    for (_, profile) in profiles {
        let url = profile.text("sso_start_url");
        let url = url.filter(|url| same_portal(url, &integration.portal_url));
        if let (Some(url), false) = (url, profile.keys.contains_key("sso_session"))
            && legacy.iter().all(|name| name.key != url)
        {
            legacy.push(Name {
                key: url.to_owned(),
                start_url: url.to_owned(),
            });
        }
    }
    legacy
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
        read_names(config.as_bytes(), sso_session).await.unwrap()
    }

    async fn read_names(config: &[u8], sso_session: Option<&str>) -> Result<Names, SsoError> {
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

    #[tokio::test]
    async fn names_in_quotes_are_those_of_the_aws_cli() {
        let config = "[sso-session \"big corp\"]\nsso_start_url = https://corp.awsapps.com/start\n\
            sso_region = eu-west-1\n[profile \"an old one\"]\n\
            sso_start_url = https://corp.awsapps.com/start/\n";
        let found = names(config, None).await;
        let old = "https://corp.awsapps.com/start/";
        assert_eq!(keys(&found.all), ["big corp", old, PORTAL]);
        let found = names(config, Some("big corp")).await;
        assert_eq!(keys(&found.all)[0], "big corp");
    }

    #[tokio::test]
    async fn a_config_that_the_aws_cli_refuses_is_told_with_line_and_byte() {
        for (config, told) in [
            (
                &b"\xef\xbb\xbf[sso-session corp]\n"[..],
                "line 1, byte 1: the file begins with",
            ),
            (
                b"[sso-session corp]\nsso_start_url\n",
                "line 2, byte 1: the line has no `=`",
            ),
            (
                b"[profile \xff]\n",
                "line 1, byte 10: the byte 0xff is not UTF-8",
            ),
            (
                b"a = b\n[profile a]\n",
                "line 1, byte 1: this line is before the first section",
            ),
        ] {
            let error = read_names(config, None).await.unwrap_err();
            assert!(error.to_string().contains(told), "{error}");
            assert_eq!(error.kind(), dayfly_core::session::ErrorKind::Misconfigured);
        }
    }
}
