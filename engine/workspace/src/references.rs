//! What sessions refer to: named profiles, integrations, parents.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use dayfly_awsfiles::Kind;
use dayfly_awsfiles::name::profile_problem;
use dayfly_core::delivery::{self, Place};
use dayfly_core::role_lifetime::{CHAINED_SECONDS_MAX, assumed_with};
use dayfly_core::session::{Session, SessionId, SessionType};

use crate::check;
use crate::parse::Noted;
use crate::problem::Note;
use crate::read::{Draft, Integration, Spot};
use crate::region::partition;
use crate::section::{Item, Section};
use crate::versions_in_force::{InForce, Open};
use crate::workspace::{Element, Entry, Lists, Workspace};

/// Why a session cannot be started, and which of its fields says so.
#[derive(Clone)]
struct Fault {
    offset: usize,
    message: String,
    hint: Option<String>,
}

impl Fault {
    fn at(offset: usize, message: String) -> Self {
        Self {
            offset,
            message,
            hint: None,
        }
    }

    fn hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }
}

/// Completes the sessions. One that is equal to its previous version is that version.
pub(crate) fn resolve(
    in_force: InForce,
    elements: &[Element],
    lists: &Lists,
    previous: Option<&Workspace>,
    notes: &mut Vec<Noted>,
) -> Vec<Entry> {
    let open = in_force.open;
    let hints = Hints::default();
    let same_profiles = previous.is_some_and(|old| old.lists.profiles.is(&lists.profiles));
    let mut profiles = Vec::with_capacity(open.len());
    for (place, o) in open.iter().enumerate() {
        // Where neither the session nor the list changed, the name did not either.
        let before = previous.and_then(|old| same_place(old, place, &o.draft));
        let before = before.filter(|e| same_profiles && e.session.fault.is_none());
        profiles.push(match before {
            Some(entry) => Ok(entry.session.named_profile.as_deref()),
            None => named_profile(&o.draft, lists, &hints),
        });
    }
    let all_in_force = in_force.unique_ids && open.len() == elements.len();
    let default = lists.default_region.as_deref();
    let family = Family::new(
        &open,
        &in_force.by_id,
        elements,
        all_in_force,
        &hints,
        default,
    );
    let faults: Vec<Vec<Fault>> = (0..open.len())
        .map(|place| {
            let draft = &open[place].draft;
            let name = match &profiles[place] {
                Ok(name) => unwritable(draft, *name, lists, notes, &open[place]),
                Err(fault) => Some(fault.clone()),
            };
            let integration = integration_fault(draft, lists, &hints);
            let family = family.fault(place, &profiles);
            name.into_iter().chain(integration).chain(family).collect()
        })
        .collect();
    let ancestors = family.broken_ancestors(&faults);
    let mut sessions = Vec::with_capacity(open.len());
    for (place, o) in open.iter().enumerate() {
        let profile = profiles[place].as_ref().ok().copied().flatten();
        let own = &faults[place];
        let inherited = ancestors[place].filter(|_| own.is_empty());
        let inherited = inherited.and_then(|ancestor| {
            let fault = faults[ancestor].first()?;
            Some(family.inherited(place, ancestor, fault))
        });
        let mut first: Option<String> = None;
        let mut report = |fault: &Fault| {
            first.get_or_insert_with(|| fault.message.clone());
            // The fields of a kept version do not stand in the present text.
            let offset = if o.kept { 0 } else { fault.offset };
            notes.push(Noted {
                note: Note {
                    hint: fault.hint.clone(),
                    ..Note::error(o.start + offset, fault.message.clone())
                },
                session: Some(o.draft.session.id.clone()),
                name: Some(o.draft.session.name.clone()),
            });
        };
        own.iter().chain(&inherited).for_each(&mut report);
        let before = previous.and_then(|old| {
            same_place(old, place, &o.draft).or_else(|| old.get(&o.draft.session.id))
        });
        sessions.push(complete(&o.draft, profile, lists, first, before));
    }
    let entry = |(o, session): (Open, Arc<Session>)| Entry {
        session,
        projection: o.projection,
        line: o.line,
        kept: o.kept,
        draft: o.draft,
    };
    open.into_iter().zip(sessions).map(entry).collect()
}

/// The previous version of a session whose text has not changed, where it stands at the same
/// place, as most do.
fn same_place<'a>(old: &'a Workspace, place: usize, draft: &Arc<Draft>) -> Option<&'a Entry> {
    let entry = old.entries.get(place)?;
    Arc::ptr_eq(&entry.draft, draft).then_some(entry)
}

fn complete(
    draft: &Arc<Draft>,
    profile: Option<&str>,
    lists: &Lists,
    fault: Option<String>,
    before: Option<&Entry>,
) -> Arc<Session> {
    let is_azure = draft.session.session_type() == SessionType::Azure;
    let default = lists.default_region.as_deref().filter(|_| !is_azure);
    let region = draft.session.region.as_deref().or(default);
    if let Some(entry) = before
        && Arc::ptr_eq(&entry.draft, draft)
        && entry.session.named_profile.as_deref() == profile
        && entry.session.region.as_deref() == region
        && entry.session.fault == fault
    {
        return Arc::clone(&entry.session);
    }
    let session = Session {
        region: region.map(str::to_owned),
        named_profile: profile.map(str::to_owned),
        fault,
        ..draft.session.clone()
    };
    match before {
        Some(entry) if *entry.session == session => Arc::clone(&entry.session),
        _ => Arc::new(session),
    }
}

/// The name that the credentials stand under.
fn named_profile<'a>(
    draft: &'a Draft,
    lists: &'a Lists,
    hints: &Hints,
) -> Result<Option<&'a str>, Fault> {
    let own = draft.profile_name.as_ref().map(|spot| spot.text.as_str());
    let Some(id) = &draft.profile_id else {
        return Ok(own);
    };
    let Some(profile) = lists.profiles.get(&id.text) else {
        let message = format!("`profileId` \"{}\" names no entry of `profiles`", id.text);
        let ids = lists.profiles.items.iter().map(|p| p.id.as_str());
        let hint = hints
            .did_you_mean(&id.text, ids)
            .unwrap_or_else(|| "add the profile, or write `profileName` instead".to_owned());
        return Err(Fault::at(id.offset, message).hint(Some(hint)));
    };
    match own {
        Some(name) if name != profile.name => {
            let message = format!(
                "`profileId` means the profile \"{}\", but `profileName` says \"{name}\"",
                profile.name
            );
            Err(Fault::at(id.offset, message).hint(Some("keep one of them".to_owned())))
        }
        _ => Ok(Some(&profile.name)),
    }
}

/// The places that a session goes to and that cannot take its profile's name. Where none of them
/// can, the session cannot be started; else that is noted.
fn unwritable(
    draft: &Draft,
    name: Option<&str>,
    lists: &Lists,
    notes: &mut Vec<Noted>,
    open: &Open,
) -> Option<Fault> {
    let usual = delivery::usual();
    let said = draft.delivery.as_ref().or(lists.delivery.as_ref());
    let files = said.unwrap_or(&usual).iter().filter_map(|place| {
        let kind = match place {
            Place::CredentialsFile => Kind::Credentials,
            Place::CredentialProcess => Kind::Config,
            Place::AzureProfile => return None,
        };
        Some((place, kind))
    });
    let files: Vec<_> = files.collect();
    let name = name?;
    let problems = files.iter().copied();
    let problems = problems.filter_map(|(place, kind)| Some((place, profile_problem(name, kind)?)));
    let problems: Vec<_> = problems.collect();
    let (place, problem) = problems.first()?;
    let spot = draft.profile_name.as_ref().or(draft.profile_id.as_ref());
    let offset = spot.map_or(0, |spot| spot.offset);
    let message = format!("its named profile \"{name}\" {problem}, so {place} cannot take it");
    let hint = match place {
        Place::CredentialProcess => {
            "give it another `profileName`, or the `delivery` credentials-file"
        }
        _ => "give it another `profileName`",
    };
    if problems.len() == files.len() {
        return Some(Fault::at(offset, message).hint(Some(hint.to_owned())));
    }
    let offset = if open.kept { 0 } else { offset };
    notes.push(Noted {
        note: Note::warning(open.start + offset, message).hint(hint),
        session: Some(draft.session.id.clone()),
        name: Some(draft.session.name.clone()),
    });
    None
}

fn integration_fault(draft: &Draft, lists: &Lists, hints: &Hints) -> Option<Fault> {
    /// The entry is missing: the ids that are there.
    fn unless<'a, T: Item>(section: &'a Section<T>, id: &str) -> Option<Vec<&'a str>> {
        let ids = || section.items.iter().map(Item::id).collect();
        section.get(id).is_none().then(ids)
    }
    let (integration, Spot { text: id, offset }) = draft.integration.as_ref()?;
    let (field, list, ids) = match integration {
        Integration::IdpUrl => ("idpUrlId", "idpUrls", unless(&lists.idp_urls, id)?),
        Integration::AwsSso => (
            "awsSsoConfigurationId",
            "awsSsoIntegrations",
            unless(&lists.aws_sso, id)?,
        ),
        Integration::Azure => (
            "azureIntegrationId",
            "azureIntegrations",
            unless(&lists.azure, id)?,
        ),
    };
    let message = format!("`{field}` \"{id}\" names no entry of `{list}`");
    let hint = hints
        .did_you_mean(id, ids)
        .unwrap_or_else(|| "add it with `dayfly integration add`".to_owned());
    Some(Fault::at(*offset, message).hint(Some(hint)))
}

/// Looks for names that were meant, as often as a person would read of it: each look costs as
/// much as there are names.
struct Hints(Cell<u32>);

impl Default for Hints {
    fn default() -> Self {
        Self(Cell::new(20))
    }
}

impl Hints {
    /// Whether one more look may be had.
    fn spend(&self) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(1));
        left > 0
    }

    fn did_you_mean<'a>(
        &self,
        word: &str,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Option<String> {
        if !self.spend() {
            return None;
        }
        check::did_you_mean(word, names)
    }
}

/// Who is whose parent.
struct Family<'a> {
    open: &'a [Open],
    hints: &'a Hints,
    /// Sessions that are in the file, but not in force.
    left_out: HashSet<&'a SessionId>,
    /// The place of each session's parent.
    parents: Vec<Option<usize>>,
    /// For each session, whether its chain of parents leads back to it.
    in_cycle: Vec<bool>,
    default_region: Option<&'a str>,
}

impl<'a> Family<'a> {
    fn new(
        open: &'a [Open],
        by_id: &HashMap<SessionId, usize>,
        elements: &'a [Element],
        all_in_force: bool,
        hints: &'a Hints,
        default_region: Option<&'a str>,
    ) -> Self {
        let parent = |o: &Open| by_id.get(o.draft.session.parent()?).copied();
        let ids = elements.iter().filter_map(|e| e.id.as_ref());
        let mut family = Self {
            open,
            hints,
            left_out: if all_in_force {
                HashSet::new()
            } else {
                ids.filter(|id| !by_id.contains_key(*id)).collect()
            },
            parents: open.iter().map(parent).collect(),
            in_cycle: vec![false; open.len()],
            default_region,
        };
        family.find_cycles();
        family
    }

    fn parent(&self, place: usize) -> Option<usize> {
        self.parents.get(place).copied().flatten()
    }

    /// Each session has one parent at most, so a walk from each that stops where an earlier walk
    /// has been finds all cycles in one pass.
    fn find_cycles(&mut self) {
        let mut walk_of = vec![usize::MAX; self.open.len()];
        for start in 0..self.open.len() {
            let mut next = Some(start);
            while let Some(place) = next.filter(|p| walk_of[*p] == usize::MAX) {
                walk_of[place] = start;
                next = self.parent(place);
            }
            // The walk ended on its own track: from there on it goes round.
            let mut round = next.filter(|p| walk_of[*p] == start);
            while let Some(place) = round.filter(|p| !self.in_cycle[*p]) {
                self.in_cycle[place] = true;
                round = self.parent(place);
            }
        }
    }

    fn fault(&self, place: usize, profiles: &[Result<Option<&str>, Fault>]) -> Option<Fault> {
        let draft = &self.open[place].draft;
        let wanted = draft.session.parent()?;
        let at = |message: String| Fault::at(draft.parent_offset, message);
        let Some(parent) = self.parent(place) else {
            return Some(self.missing(wanted, draft));
        };
        let parent_session = &self.open[parent].draft.session;
        if parent == place {
            let message = "the session is its own parent".to_owned();
            return Some(at(message));
        }
        if self.in_cycle[place] {
            let message = format!(
                "its chain of parents goes round in a circle: {}",
                self.circle(place)
            );
            return Some(at(message).hint(Some("one of them needs another parent".to_owned())));
        }
        if parent_session.session_type() == SessionType::Azure {
            let message = format!(
                "its parent \"{}\" is of type `azure`, which has no AWS credentials",
                parent_session.name
            );
            return Some(at(message));
        }
        if let Some((own, of_parent)) = self.partitions(place, parent) {
            let message = format!(
                "its role is in the partition {own}, but its parent \"{}\" in {of_parent}, whose \
                 credentials are not known there",
                parent_session.name
            );
            let hint = "give it a parent of the same partition".to_owned();
            return Some(at(message).hint(Some(hint)));
        }
        if let Err(seconds) = assumed_with(&draft.session, parent_session.session_type()) {
            let message = format!(
                "`durationSeconds` is {seconds}, but its parent \"{}\" is a role: AWS gives a role \
                 that a role assumes {CHAINED_SECONDS_MAX} at most",
                parent_session.name
            );
            let hint = "leave it out, or give it an IAM user as its parent";
            return Some(at(message).hint(Some(hint.to_owned())));
        }
        match (&profiles[place], &profiles[parent]) {
            (Ok(Some(own)), Ok(Some(of_parent))) if own == of_parent => {
                let message = format!(
                    "it has the same named profile \"{own}\" as its parent \"{}\", and only one \
                     session can be active under a name",
                    parent_session.name
                );
                Some(at(message).hint(Some("give one of them another profile".to_owned())))
            }
            _ => None,
        }
    }

    /// The partitions of a session and its parent, where both are known and not the same.
    fn partitions(&self, place: usize, parent: usize) -> Option<(&str, &str)> {
        let own = check::arn_partition(self.open[place].draft.session.role_arn()?)?;
        let session = &self.open[parent].draft.session;
        if session.session_type() == SessionType::Localstack {
            return None;
        }
        let region = session.region.as_deref().or(self.default_region);
        let arn = session.role_arn().or_else(|| session.mfa_device());
        let of_parent = arn
            .and_then(check::arn_partition)
            .or_else(|| partition(region?))?;
        (own != of_parent).then_some((own, of_parent))
    }

    /// For each session the nearest ancestor that cannot be started, where there is one.
    fn broken_ancestors(&self, faults: &[Vec<Fault>]) -> Vec<Option<usize>> {
        let mut known: Vec<Option<Option<usize>>> = vec![None; self.open.len()];
        let mut trail = Vec::new();
        for start in 0..self.open.len() {
            let mut place = start;
            // Ends: each circle is broken, and a broken parent ends the walk.
            let found = loop {
                if let Some(found) = known[place] {
                    break found;
                }
                trail.push(place);
                match self.parent(place) {
                    None => break None,
                    Some(parent) if !faults[parent].is_empty() => {
                        known[place] = Some(Some(parent));
                        break Some(parent);
                    }
                    Some(parent) => place = parent,
                }
            };
            for place in trail.drain(..) {
                known[place].get_or_insert(found);
            }
        }
        known.into_iter().map(Option::flatten).collect()
    }

    /// What a fault of an ancestor means for a session.
    fn inherited(&self, place: usize, ancestor: usize, fault: &Fault) -> Fault {
        let named = &self.open[ancestor].draft.session.name;
        let who = match self.parent(place) == Some(ancestor) {
            true => "parent",
            false => "ancestor",
        };
        let message = format!("its {who} \"{named}\" cannot be started: {}", fault.message);
        Fault::at(self.open[place].draft.parent_offset, message).hint(fault.hint.clone())
    }

    fn missing(&self, wanted: &SessionId, draft: &Draft) -> Fault {
        if self.left_out.contains(wanted) {
            let message =
                format!("its parent session \"{wanted}\" cannot be used as it is written");
            return Fault::at(draft.parent_offset, message);
        }
        let message = format!("its parent session \"{wanted}\" is not in the Workspace");
        let sessions = || self.open.iter().map(|o| &o.draft.session);
        let mut hint = None;
        if self.hints.spend() {
            hint = match sessions().find(|s| s.name == wanted.as_str()) {
                Some(named) => Some(format!(
                    "that is a session's name: write its id, \"{}\"",
                    named.id
                )),
                None => check::did_you_mean(wanted.as_str(), sessions().map(|s| s.id.as_str())),
            };
        }
        Fault::at(draft.parent_offset, message).hint(hint)
    }

    /// The names along a circle, at most a few.
    fn circle(&self, start: usize) -> String {
        const SHOWN: usize = 5;
        let mut names = vec![self.open[start].draft.session.name.as_str()];
        let mut next = self.parent(start);
        while let Some(place) = next.filter(|p| *p != start) {
            if names.len() == SHOWN {
                names.push("…");
                break;
            }
            names.push(&self.open[place].draft.session.name);
            next = self.parent(place);
        }
        names.push(&self.open[start].draft.session.name);
        names.join(" → ")
    }
}
