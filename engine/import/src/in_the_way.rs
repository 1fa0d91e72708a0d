//! Profiles of the shared AWS files that have the name of a candidate of another tool.
//!
//! Dayfly publishes a session under its named profile, and the profile must not say anything else about where
//! its credentials come from. What the tool itself wrote there is set aside; anything else is somebody's own,
//! and is in the way.

use std::collections::{BTreeMap, BTreeSet};

use dayfly_awsfiles::{Kind, set_asides};

use crate::aws_profiles::{AwsProfiles, read};
use crate::candidate::{Candidate, Lines, Listing, NotTaken, Parent, Refused};
use crate::source::SourceError;

/// Keys of which each says where credentials come from.
const WAYS: [&str; 11] = [
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "aws_security_token",
    "credential_process",
    "credential_source",
    "login_session",
    "role_arn",
    "sso_session",
    "sso_start_url",
    "web_identity_token_file",
];
/// A key that is good for some hours, and what tools write beside it.
const TEMPORARY: [&str; 6] = [
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "aws_security_token",
    "x_security_token_expires",
    "x_principal_arn",
];

/// Whose a `credential_process` is.
pub(crate) enum Own {
    /// The tool's, for this session.
    Session(String),
}

/// A profile that says where its credentials come from.
struct Standing {
    place: String,
    /// The keys that say so, by file.
    keys: BTreeMap<&'static str, Vec<Kind>>,
    process: Option<String>,
}

impl Standing {
    fn has(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    /// Whether all that it has is a key that ends by itself, which the tool left there.
    fn is_temporary(&self) -> bool {
        self.has("aws_session_token") && self.keys.keys().all(|key| TEMPORARY.contains(key))
    }

    fn lines(&self, profile: &str, only: &[&str]) -> Vec<Lines> {
        let of = |kind: Kind| {
            let keys = self.keys.iter();
            let keys = keys.filter(|(key, kinds)| only.contains(key) && kinds.contains(&kind));
            Lines {
                kind,
                profile: profile.to_owned(),
                keys: keys.map(|(key, _)| (*key).to_owned()).collect(),
                // It ends by itself, so it comes back as it was.
                secret: Vec::new(),
            }
        };
        let all = [Kind::Config, Kind::Credentials].map(of);
        all.into_iter()
            .filter(|lines| !lines.keys.is_empty())
            .collect()
    }
}

/// Lets candidates take over what their tool wrote into the profiles, and refuses those whose profile is
/// somebody else's.
pub(crate) fn settle(
    files: &AwsProfiles,
    listing: &mut Listing,
    own: &dyn Fn(&str) -> Option<Own>,
) -> Result<(), SourceError> {
    if listing.candidates.is_empty() {
        return Ok(());
    }
    let standing = standing(files)?;
    rename(&standing, listing, own);
    let mut refused = Vec::new();
    let mut owned: BTreeSet<String> = BTreeSet::new();
    let mut gone: BTreeMap<String, String> = BTreeMap::new();
    let mut kept = Vec::new();
    for mut candidate in std::mem::take(&mut listing.candidates) {
        let parent = match &candidate.parent {
            Some(Parent::Candidate(key)) => gone.get(key),
            _ => None,
        };
        if let Some(name) = parent {
            let why = format!("\"{name}\", whose credentials it uses, does not come");
            refused.push(Refused {
                name: candidate.name.clone(),
                place: candidate.place,
                why,
                hint: Some("see the reason at that one".to_owned()),
            });
            gone.insert(candidate.key, candidate.name);
            continue;
        }
        let Some(found) = candidate
            .profile
            .as_ref()
            .and_then(|profile| standing.get(profile))
        else {
            kept.push(candidate);
            continue;
        };
        let profile = candidate.profile.clone().unwrap_or_default();
        let process = found.process.as_deref().and_then(own);
        let only: &[&str] = match process {
            Some(_) if found.keys.len() == 1 => &["credential_process"],
            None if found.is_temporary() => &TEMPORARY,
            _ => {
                gone.insert(candidate.key, candidate.name.clone());
                refused.push(Refused {
                    name: candidate.name,
                    place: found.place.clone(),
                    why: format!("its named profile \"{profile}\" says already where its credentials come from"),
                    hint: Some(
                        "`dayfly import aws` imports that profile; or remove its lines, and import again"
                            .to_owned(),
                    ),
                });
                continue;
            }
        };
        // Of several sessions with one named profile, one has its lines.
        if owned.insert(profile.clone()) {
            candidate.lines = found.lines(&profile, only);
        }
        kept.push(candidate);
    }
    listing.candidates = kept;
    listing.refused.extend(refused);
    Ok(())
}

/// Where a profile calls the tool for a session with another named profile, programs find the session under the
/// name of that profile.
fn rename(
    standing: &BTreeMap<String, Standing>,
    listing: &mut Listing,
    own: &dyn Fn(&str) -> Option<Own>,
) {
    let mut called: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (profile, found) in standing {
        if let Some(Own::Session(id)) = found.process.as_deref().and_then(own) {
            called.entry(id).or_default().push(profile);
        }
    }
    let of_session = |candidate: &Candidate| called.get(&candidate.key).cloned();
    for candidate in &mut listing.candidates {
        let Some(profiles) = of_session(candidate) else {
            continue;
        };
        let own = candidate.profile.clone().unwrap_or_default();
        let name = if profiles.contains(&own.as_str()) {
            own.as_str()
        } else {
            profiles[0]
        };
        if name != own {
            candidate.not_taken.push(NotTaken {
                field: "its named profile".to_owned(),
                place: candidate.place.clone(),
                why: format!("is \"{own}\" there; it comes under \"{name}\", which asks for it"),
            });
            candidate.profile = Some(name.to_owned());
        }
        for other in profiles.iter().filter(|other| **other != name) {
            candidate.not_taken.push(NotTaken {
                field: format!("profile \"{other}\""),
                place: standing
                    .get(*other)
                    .map(|found| found.place.clone())
                    .unwrap_or_default(),
                why: "asks for it as well, and stays as it is".to_owned(),
            });
        }
    }
}

/// The profiles that say where their credentials come from, but for those that are Dayfly's already.
fn standing(files: &AwsProfiles) -> Result<BTreeMap<String, Standing>, SourceError> {
    let (both, texts) = read(files)?;
    let [config, credentials] = &texts;
    let aside = [
        set_asides(config, Kind::Config),
        set_asides(credentials, Kind::Credentials),
    ];
    let mut found: BTreeMap<String, Standing> = BTreeMap::new();
    for (kind, file) in [
        (Kind::Config, &both.config),
        (Kind::Credentials, &both.credentials),
    ] {
        for (name, section) in file.profiles() {
            let is_ours = both.key(name, "dayfly_session").is_some()
                || aside.iter().flatten().any(|aside| aside.profile == name);
            if is_ours {
                continue;
            }
            if !WAYS.iter().any(|way| section.keys.contains_key(*way)) {
                continue;
            }
            let beside = TEMPORARY.into_iter().filter(|key| !WAYS.contains(key));
            for way in WAYS.into_iter().chain(beside) {
                let Some(key) = section.keys.get(way) else {
                    continue;
                };
                let standing = found.entry(name.to_owned()).or_insert_with(|| Standing {
                    place: files.place(kind, section.line),
                    keys: BTreeMap::new(),
                    process: None,
                });
                standing.keys.entry(way).or_default().push(kind);
                if way == "credential_process" {
                    standing.process = key.text().map(str::to_owned);
                }
            }
        }
    }
    Ok(found)
}
