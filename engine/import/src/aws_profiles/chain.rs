//! Profiles that take the credentials of other profiles, parents first.

use std::collections::{BTreeMap, BTreeSet};

use super::access::{self, Access, No, no};
use super::profile::Profile;
use super::profiles::Profiles;
use dayfly_awsfiles::Kind;
use dayfly_core::session::{InstanceSource, SessionId, SessionType};

use crate::candidate::{Candidate, Lines, Listing, NotTaken, Parent, Portal, Refused};

/// Keys that do not belong to signing in, and stay in the profile as they are.
const STAY: [&str; 3] = ["output", "region", "cli_pager"];

/// What a profile's credentials are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    /// By programs, under its name.
    Named,
    /// By a role of the same profile or of another, as `source_profile`, where it has both a key and a role:
    /// the key.
    Key,
}

/// A profile in one use.
type Node<'a> = (&'a str, Use);

struct Walk<'a> {
    profiles: &'a Profiles<'a>,
    /// What was found out, by profile and use; none while it is being found out.
    known: BTreeMap<Node<'a>, Option<Result<(), ()>>>,
    listing: Listing,
    /// The candidates, by their keys, and the refused, by their names, that are a tool's own and not those of
    /// everybody who reads the files.
    own: BTreeSet<String>,
}

/// What of the profiles is a tool's own, with all that is chained to it.
pub(super) fn list_own<'a>(profiles: &'a Profiles<'a>) -> Listing {
    let mut walk = walk(profiles);
    // The credentials that a role of the tool's own takes are needed as well.
    let mut needed = walk.own.clone();
    for candidate in walk.listing.candidates.iter().rev() {
        if let Some(Parent::Candidate(parent)) = &candidate.parent
            && needed.contains(&candidate.key)
        {
            needed.insert(parent.clone());
        }
    }
    let mut listing = std::mem::take(&mut walk.listing);
    listing.candidates.retain(|one| needed.contains(&one.key));
    listing.refused.retain(|one| walk.own.contains(&one.name));
    listing.taken_over = 0;
    listing
}

/// Every profile as a candidate, or with the reason why it is none.
pub(super) fn list<'a>(profiles: &'a Profiles<'a>) -> Listing {
    walk(profiles).listing
}

fn walk<'a>(profiles: &'a Profiles<'a>) -> Walk<'a> {
    let mut walk = Walk {
        profiles,
        known: BTreeMap::new(),
        listing: Listing::default(),
        own: BTreeSet::new(),
    };
    for name in profiles.names() {
        if profiles.taken_over(name, None).is_some() {
            walk.listing.taken_over += 1;
        }
        if let Some(profile) = profiles.get(name) {
            // What Dayfly publishes, or has taken over already, is no source.
            if !profile.has("dayfly_session") && profiles.taken_over(name, None).is_none() {
                // Its key would be in the way of what Dayfly publishes, so it comes along.
                if profile.assumes_role() && profile.has_key() {
                    let _ = walk.visit(&profile, Use::Key);
                }
                let _ = walk.visit(&profile, Use::Named);
            }
        }
    }
    walk
}

/// Names a candidate within this source.
fn key((name, used): Node<'_>) -> String {
    match used {
        Use::Named => name.to_owned(),
        Use::Key => format!("{name}#key"),
    }
}

/// What of a profile Dayfly's own lines take the place of. `mfa_serial` of a key stays, since nothing but a
/// role of the profile reads it.
fn lines(profile: &Profile<'_>, method: SessionType, used: &[&'static str]) -> Vec<Lines> {
    let is_secret = |key: &&str| *key == "aws_secret_access_key";
    let stays = |key: &&str| method == SessionType::AwsIamUser && *key == "mfa_serial";
    let of = |kind: Kind| {
        let there = used
            .iter()
            .copied()
            .filter(|key| profile.has_in(kind, key) && !stays(key));
        let (secret, keys): (Vec<_>, Vec<_>) = there.partition(is_secret);
        let owned = |keys: Vec<&str>| keys.into_iter().map(str::to_owned).collect();
        Lines {
            kind,
            profile: profile.name.to_owned(),
            keys: owned(keys),
            secret: owned(secret),
        }
    };
    let all = [Kind::Config, Kind::Credentials].map(of);
    all.into_iter()
        .filter(|lines| !lines.keys.is_empty() || !lines.secret.is_empty())
        .collect()
}

impl<'a> Walk<'a> {
    /// Lists a profile, its parents before it. An error is listed already.
    fn visit(&mut self, profile: &Profile<'a>, used: Use) -> Result<(), ()> {
        let node = (profile.name, used);
        if let Some(known) = self.known.get(&node) {
            return known.unwrap_or(Err(()));
        }
        self.known.insert(node, None);
        let found = self.resolve(profile, used);
        let result = match found {
            Ok((access, parent)) => {
                self.add(profile, used, access, parent);
                Ok(())
            }
            Err(no) => {
                self.listing.refused.push(Refused {
                    name: profile.name.to_owned(),
                    place: profile.place_of(no.key),
                    why: no.why,
                    hint: no.hint,
                });
                Err(())
            }
        };
        self.known.insert(node, Some(result));
        result
    }

    fn resolve(
        &mut self,
        profile: &Profile<'a>,
        used: Use,
    ) -> Result<(Access, Option<Parent>), No> {
        let dialect = self.profiles.dialect;
        if used == Use::Key || !profile.assumes_role() {
            if let Some(own) = dialect.own(profile) {
                self.own.insert(match &own {
                    Ok(_) => key((profile.name, used)),
                    Err(_) => profile.name.to_owned(),
                });
                return Ok((own?, None));
            }
            let access = match used {
                Use::Key => access::key(profile),
                Use::Named => access::own(profile),
            };
            return Ok((access?, None));
        }
        if profile.text("role_arn").is_none() {
            return Err(no("role_arn", "role_arn is empty", "complete the profile"));
        }
        if profile.is_kept {
            let parent = self.visit(profile, Use::Key);
            parent.map_err(|()| no("role_arn", "its key cannot come", "see the reason there"))?;
            let key = key((profile.name, Use::Key));
            self.own.insert(profile.name.to_owned());
            let (access, _) = self.role(profile)?;
            return Ok((access, Some(Parent::Candidate(key))));
        }
        if let Some(source) = profile.text("credential_source") {
            if profile.has("source_profile") {
                let why =
                    "it has both source_profile and credential_source, which the AWS CLI refuses";
                return Err(no("credential_source", why, "remove the wrong one"));
            }
            let parent = self.machine(profile, source)?;
            let mut access = access::role(profile)?;
            access.used.push("credential_source");
            return Ok((access, Some(parent)));
        }
        let Some(source) = profile.text("source_profile") else {
            return Err(no(
                "role_arn",
                "it has role_arn without source_profile",
                "complete the profile",
            ));
        };
        let parent = self.parent(profile, source)?;
        let (access, mut is_own) = self.role(profile)?;
        if let Parent::Candidate(key) = &parent {
            is_own |= self.own.contains(key);
        }
        if is_own {
            self.own.insert(profile.name.to_owned());
        }
        Ok((access, Some(parent)))
    }

    /// A role, and whether the tool adds something to it.
    fn role(&mut self, profile: &Profile<'a>) -> Result<(Access, bool), No> {
        let mut access = access::role(profile)?;
        match self.profiles.dialect.role(profile, &mut access) {
            Ok(is_own) => Ok((access, is_own)),
            Err(no) => {
                self.own.insert(profile.name.to_owned());
                Err(no)
            }
        }
    }

    /// What the machine itself has, as one session for all roles that it assumes.
    ///
    /// Source: botocore, `CanonicalNameCredentialSourcer`, which ignores case.
    fn machine(&mut self, profile: &Profile<'a>, word: &str) -> Result<Parent, No> {
        let meant = |source: &InstanceSource| source.as_str().eq_ignore_ascii_case(word);
        let Some(source) = InstanceSource::ALL.into_iter().find(meant) else {
            let known = InstanceSource::ALL.map(InstanceSource::as_str).join(", ");
            let why = format!("credential_source is \"{word}\"; there are {known}");
            return Err(no("credential_source", why, "correct the word in the file"));
        };
        let key = format!("#{}", source.as_str());
        if self.listing.candidates.iter().all(|known| known.key != key) {
            self.listing.candidates.push(Candidate {
                key: key.clone(),
                id: None,
                name: format!("this-machine-{}", source.as_str()),
                profile: None,
                kind: SessionType::AwsInstance,
                fields: access::machine(source).fields,
                parent: None,
                portal: None,
                secret: None,
                kept_as: None,
                requires: Vec::new(),
                not_taken: Vec::new(),
                lines: Vec::new(),
                place: profile.place_of("credential_source"),
            });
        }
        Ok(Parent::Candidate(key))
    }

    /// The profile whose credentials assume the role of another.
    ///
    /// Source: botocore, `AssumeRoleProvider._get_role_config` and `_resolve_source_credentials`: a profile
    /// with a key is used for its key, even where it assumes a role itself.
    fn parent(&mut self, profile: &Profile<'a>, source: &'a str) -> Result<Parent, No> {
        let Some(found) = self.profiles.get(source) else {
            let why = format!("its source_profile \"{source}\" does not exist");
            return Err(no("source_profile", why, "correct the name in the file"));
        };
        let taken_over = |key| self.profiles.taken_over(source, key);
        if let Some(session) = taken_over(Some("aws_access_key_id")).or_else(|| taken_over(None)) {
            return Ok(Parent::Session(SessionId::new(session)));
        }
        let used = if found.assumes_role() && found.has_key() {
            Use::Key
        } else {
            Use::Named
        };
        let node = (found.name, used);
        if self.known.get(&node).is_some_and(Option::is_none) {
            let why = if found.name == profile.name {
                "its source_profile is itself, and it has no key".to_owned()
            } else {
                format!("its source_profile \"{source}\" leads back to it")
            };
            return Err(no(
                "source_profile",
                why,
                "name a profile that has credentials of its own",
            ));
        }
        if found.has("dayfly_session") {
            let why = format!("its source_profile \"{source}\" is published by Dayfly");
            return Err(no(
                "source_profile",
                why,
                "add a chained session with `dayfly session add`",
            ));
        }
        match self.visit(&found, used) {
            Ok(()) => Ok(Parent::Candidate(key(node))),
            Err(()) => {
                if self.own.contains(source) {
                    self.own.insert(profile.name.to_owned());
                }
                let why = format!("its source_profile \"{source}\" cannot come");
                Err(no("source_profile", why, "see the reason at that profile"))
            }
        }
    }

    fn add(&mut self, profile: &Profile<'a>, used: Use, access: Access, parent: Option<Parent>) {
        let Some(kind) = access.kind else { return };
        let portal = access.portal.map(|portal| self.portal(portal));
        let mut fields = access.fields;
        if let Some(region) = profile.text("region") {
            fields.insert("region".to_owned(), region.into());
        }
        // A profile that has a key and a role is two sessions; the key has no name of its own.
        let (name, published) = match used {
            Use::Named => (profile.name.to_owned(), Some(profile.name.to_owned())),
            Use::Key => (format!("{}-key", profile.name), None),
        };
        let is_key = |name: &&str| name.starts_with("aws_") && profile.has_key();
        let not_taken = match used {
            Use::Key => Vec::new(),
            Use::Named => profile
                .keys()
                .into_iter()
                .filter(|name| !access.used.contains(name) && !STAY.contains(name) && !is_key(name))
                .map(|name| NotTaken {
                    field: name.to_owned(),
                    place: profile.place_of(name),
                    why: "stays in the profile".to_owned(),
                })
                .collect(),
        };
        self.listing.candidates.push(Candidate {
            key: key((profile.name, used)),
            id: None,
            name,
            profile: published,
            kind,
            fields,
            parent,
            portal,
            secret: access.secret,
            kept_as: access.kept_as,
            requires: access.requires,
            not_taken,
            lines: lines(profile, kind, &access.used),
            place: profile.place.clone(),
        });
    }

    /// The key of a portal, which is listed once.
    fn portal(&mut self, portal: Portal) -> String {
        let known = self
            .listing
            .portals
            .iter_mut()
            .find(|known| known.key == portal.key);
        match known {
            Some(known) => known.key.clone(),
            None => {
                let key = portal.key.clone();
                self.listing.portals.push(portal);
                key
            }
        }
    }
}
