//! Completes each session with what it refers to: its named profile, its integration, its parent.

use std::sync::Arc;

use dayfly_awsfiles::Kind;
use dayfly_awsfiles::name::profile_problem;
use dayfly_core::delivery::{self, Place};
use dayfly_core::session::{Session, SessionType};

use crate::fault::{Fault, Hints};
use crate::parents::Family;
use crate::problem::{Note, Noted};
use crate::read::{Draft, FieldText, Integration};
use crate::section::{Item, Section};
use crate::versions_in_force::{InForce, Open};
use crate::workspace::{Element, Entry, Lists, Workspace};

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
    let profiles = named_profiles(&open, lists, previous, &hints);
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
        let all = own.iter().chain(&inherited);
        notes.extend(all.clone().map(|fault| noted(o, fault)));
        let first = all.map(|fault| fault.message.clone()).next();
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

/// The named profile of each session. Where neither the session nor the list of profiles changed,
/// the name did not either.
fn named_profiles<'a>(
    open: &'a [Open],
    lists: &'a Lists,
    previous: Option<&'a Workspace>,
    hints: &Hints,
) -> Vec<Result<Option<&'a str>, Fault>> {
    let same_profiles = previous.is_some_and(|old| old.lists.profiles.is(&lists.profiles));
    let name = |(place, o): (usize, &'a Open)| {
        let before = previous.and_then(|old| same_place(old, place, &o.draft));
        let before = before.filter(|e| same_profiles && e.session.fault.is_none());
        match before {
            Some(entry) => Ok(entry.session.named_profile.as_deref()),
            None => named_profile(&o.draft, lists, hints),
        }
    };
    open.iter().enumerate().map(name).collect()
}

/// A fault as a note on its session. The fields of a version that was kept are not in the present
/// text.
fn noted(open: &Open, fault: &Fault) -> Noted {
    let offset = if open.kept { 0 } else { fault.offset };
    Noted {
        note: Note {
            hint: fault.hint.clone(),
            ..Note::error(open.start + offset, fault.message.clone())
        },
        session: Some(open.draft.session.id.clone()),
        name: Some(open.draft.session.name.clone()),
    }
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
    let own = draft.profile_name.as_ref().map(|field| field.text.as_str());
    let Some(id) = &draft.profile_id else {
        return Ok(own);
    };
    let Some(profile) = lists.profiles.get(&id.text) else {
        let message = format!(
            "`profileId` \"{}\" is not the id of an entry of `profiles`",
            id.text
        );
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
    let field = draft.profile_name.as_ref().or(draft.profile_id.as_ref());
    let offset = field.map_or(0, |field| field.offset);
    let message =
        format!("its named profile \"{name}\" {problem}, so Dayfly cannot publish it in {place}");
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
    let (integration, FieldText { text: id, offset }) = draft.integration.as_ref()?;
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
    let message = format!("`{field}` \"{id}\" is not the id of an entry of `{list}`");
    let hint = hints
        .did_you_mean(id, ids)
        .unwrap_or_else(|| "add it with `dayfly integration add`".to_owned());
    Some(Fault::at(*offset, message).hint(Some(hint)))
}
