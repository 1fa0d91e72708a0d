//! Reads back what the chain has of ours: after a crash that is the truth.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use dayfly_core::delivery::{Delivery, Place};
use dayfly_core::session::SessionId;
use dayfly_core::time::Timestamp;
use dayfly_vault::{TemporaryCredentials, VaultError};

use crate::chain::Chain;
use crate::error::ChainError;
use crate::target::Target;

/// Credentials of ours that were found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The named profile.
    pub profile: Option<String>,
    /// The credentials.
    pub credentials: TemporaryCredentials,
    /// Where they stand.
    pub in_force: Delivery,
}

/// All that was found.
#[derive(Debug, Default)]
pub struct FoundAll {
    /// The sessions with credentials.
    pub sessions: BTreeMap<SessionId, Found>,
    /// Sessions that have a place in the chain, but no credentials.
    pub without_credentials: Vec<SessionId>,
    /// Places that hold other credentials of a session than those above: they are older, and a
    /// crash or a removal that failed left them there.
    pub outdated: Vec<(SessionId, Place)>,
    /// Places that cannot be read.
    pub problems: Vec<(Place, ChainError)>,
    /// Why what is kept cannot be read.
    pub unread: Option<VaultError>,
}

/// Sessions that have a place, but no credentials there: the place, and the profile that names it.
type WithoutCredentials = Vec<(SessionId, Place, String)>;

/// When credentials were issued that those which are kept replace, and that look newer.
type Replaced = BTreeMap<SessionId, Timestamp>;

impl Chain {
    /// The newest credentials of one session; none where a place that should have them cannot be
    /// read.
    #[must_use]
    pub fn find(&self, session: &SessionId) -> Option<TemporaryCredentials> {
        let kept = self.encrypted.get(session).ok().flatten();
        let observed = self.targets().filter_map(|t| t.observe().ok());
        let observed = observed.flatten().filter(|one| one.session == *session);
        let replaced = kept.as_ref().and_then(|kept| kept.replaces);
        observed
            .filter_map(|one| one.credentials)
            .filter(|credentials| Some(credentials.lease.issued_at) != replaced)
            .chain(kept.map(|kept| kept.credentials))
            .max_by_key(|credentials| credentials.lease.issued_at)
    }

    /// What the chain holds of ours now.
    #[must_use]
    pub fn observe(&self) -> FoundAll {
        let mut all = FoundAll::default();
        let replaced = self.observe_encrypted(&mut all);
        self.observe_former(&mut all);
        let mut without = WithoutCredentials::new();
        for target in self.targets() {
            self.observe_target(target, &replaced, &mut all, &mut without);
        }
        for (session, place, profile) in without {
            match all.sessions.get_mut(&session) {
                // A crash left it under another profile: there it has no effect.
                Some(found) if found.profile.as_ref() == Some(&profile) => {
                    found.in_force.insert(place);
                }
                Some(_) => {}
                None => all.without_credentials.push(session),
            }
        }
        all
    }

    fn observe_encrypted(&self, all: &mut FoundAll) -> Replaced {
        let mut replaced = Replaced::new();
        match self.encrypted.all() {
            Ok(kept) => {
                for (session, kept) in kept {
                    self.known().kept(&session, Some(&kept));
                    if let Some(at) = kept.replaces {
                        replaced.insert(session.clone(), at);
                    }
                    let found = Found {
                        profile: kept.profile,
                        credentials: kept.credentials,
                        in_force: Delivery::new(),
                    };
                    all.sessions.insert(session, found);
                }
            }
            Err(error) => all.unread = Some(error),
        }
        replaced
    }

    /// Targets of an earlier configuration. What cannot be read there is told when it is to be
    /// taken away.
    fn observe_former(&self, all: &mut FoundAll) {
        for target in &self.former {
            for one in target.observe().unwrap_or_default() {
                let Some(credentials) = one.credentials else {
                    continue;
                };
                let found = all.sessions.entry(one.session).or_insert_with(|| Found {
                    profile: Some(one.profile.clone()),
                    credentials: credentials.clone(),
                    in_force: Delivery::new(),
                });
                if credentials.lease.issued_at > found.credentials.lease.issued_at {
                    found.credentials = credentials;
                    found.profile = Some(one.profile);
                }
            }
        }
    }

    fn observe_target(
        &self,
        target: &dyn Target,
        replaced: &Replaced,
        all: &mut FoundAll,
        without: &mut WithoutCredentials,
    ) {
        let place = target.place();
        let observed = match target.observe() {
            Ok(observed) => observed,
            Err(error) => {
                all.problems.push((place, error));
                return;
            }
        };
        for one in observed {
            self.known().found(place, &one);
            let Some(credentials) = one.credentials else {
                without.push((one.session, place, one.profile));
                continue;
            };
            let issued = credentials.lease.issued_at;
            if replaced.get(&one.session) == Some(&issued) {
                all.outdated.push((one.session, place));
                continue;
            }
            let session = one.session.clone();
            let found = all.sessions.entry(one.session).or_insert_with(|| Found {
                profile: None,
                credentials: credentials.clone(),
                in_force: Delivery::new(),
            });
            // What was issued last counts, wherever a crash left it.
            match issued.cmp(&found.credentials.lease.issued_at) {
                Ordering::Less => {
                    all.outdated.push((session, place));
                    continue;
                }
                Ordering::Equal => {}
                Ordering::Greater => {
                    let elsewhere = std::mem::take(&mut found.in_force);
                    let elsewhere = elsewhere.into_iter().map(|older| (session.clone(), older));
                    all.outdated.extend(elsewhere);
                }
            }
            found.credentials = credentials;
            found.profile = Some(one.profile);
            found.in_force.insert(place);
        }
    }
}
