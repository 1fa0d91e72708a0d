//! What importing would do to a Workspace.

use std::collections::{BTreeMap, BTreeSet};

use dayfly_core::session::{Access, InstanceSource, Session, SessionId, SessionType};
use dayfly_workspace::splice::{self, List, SpliceError};
use dayfly_workspace::{Severity, Workspace, derived_id};
use serde_json::{Map, Value};

use crate::candidate::{Candidate, Entry, Listing, Parent, Portal, Refused, Requirement};
use crate::entries;
use crate::source::{Source, SourceError};

/// What is to be done with all candidates of some sources. Sources that come earlier take precedence.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// One row a candidate, parents first.
    pub rows: Vec<Row>,
    /// What cannot come, with the name of its source.
    pub refused: Vec<(String, Refused)>,
    /// Portals that the Workspace gets.
    pub portals: Vec<Map<String, Value>>,
    /// What else it gets.
    pub entries: Vec<Entry>,
}

/// A candidate and what becomes of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The name of its source.
    pub source: String,
    /// The candidate.
    pub candidate: Candidate,
    /// What becomes of it.
    pub verdict: Verdict,
}

/// What becomes of a candidate.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It becomes a session, which the Workspace file gets in this form.
    Add(Map<String, Value>),
    /// This session is it already.
    Present(SessionId),
    /// An earlier source brings the same lines of the same file, as this session.
    Twice(SessionId),
    /// It does not come, since something of the Workspace or of another source is in its way.
    Collides {
        /// What is in its way.
        why: String,
        /// What to do about it.
        hint: String,
    },
}

/// Names and profiles that are in use.
#[derive(Default)]
struct Taken {
    ids: BTreeSet<String>,
    /// Which source brings a session of this id.
    planned: BTreeMap<String, String>,
    /// The session that a source brings of these lines, and which source: by place and name.
    brought: BTreeMap<(String, String), (SessionId, String)>,
    /// Whose a session name is: for a person.
    names: BTreeMap<String, String>,
    /// Whose a named profile is, and of which source where it is none of the Workspace.
    profiles: BTreeMap<String, (String, Option<String>)>,
}

impl Plan {
    /// Compares what sources have with a Workspace.
    #[must_use]
    pub fn new(workspace: &Workspace, listings: &[(&str, Listing)]) -> Self {
        let mut plan = Self::default();
        let mut taken = Taken::of(workspace);
        for (source, listing) in listings {
            let portals = plan.portals(workspace, source, &listing.portals);
            let known = entries::known(workspace, &mut plan.entries, &listing.entries);
            // The session that each candidate is or becomes.
            let mut sessions: BTreeMap<&str, String> = BTreeMap::new();
            for candidate in &listing.candidates {
                let verdict = match object(workspace, source, candidate, &sessions, &portals) {
                    Ok(mut object) => {
                        entries::refer(&mut object, &known);
                        taken.judge(workspace, (source, listing), candidate, object)
                    }
                    Err(verdict) => verdict,
                };
                match &verdict {
                    Verdict::Add(object) => {
                        let id = object
                            .get("sessionId")
                            .and_then(Value::as_str)
                            .unwrap_or_default();
                        sessions.insert(&candidate.key, id.to_owned());
                    }
                    Verdict::Present(id) | Verdict::Twice(id) => {
                        sessions.insert(&candidate.key, id.as_str().to_owned());
                    }
                    Verdict::Collides { .. } => {}
                }
                plan.rows.push(Row {
                    source: (*source).to_owned(),
                    candidate: candidate.clone(),
                    verdict,
                });
            }
            let refused = listing.refused.iter().cloned();
            plan.refused
                .extend(refused.map(|refused| ((*source).to_owned(), refused)));
        }
        plan.check(workspace);
        // What one source cannot bring, another may.
        let named: BTreeSet<&str> = plan
            .rows
            .iter()
            .filter_map(|row| row.candidate.profile.as_deref())
            .collect();
        plan.refused
            .retain(|(_, refused)| !named.contains(refused.name.as_str()));
        plan
    }

    /// Turns those away that the Workspace would not take as they are.
    fn check(&mut self, workspace: &Workspace) {
        // Without a session, those that are chained to it are turned away too.
        while let Some(problems) = self.problems(workspace) {
            let mut any = false;
            for row in &mut self.rows {
                let Verdict::Add(object) = &row.verdict else {
                    continue;
                };
                let id = object.get("sessionId").and_then(Value::as_str);
                let problem = id.and_then(|id| problems.get(id));
                if let Some((why, hint)) = problem {
                    row.verdict = Verdict::Collides {
                        why: why.clone(),
                        hint: hint.clone(),
                    };
                    any = true;
                }
            }
            if !any {
                return;
            }
        }
    }

    /// What a Workspace with all this would have to say of its sessions; none where it has nothing to say.
    fn problems(&self, workspace: &Workspace) -> Option<BTreeMap<String, (String, String)>> {
        let text = self.apply(workspace.source()).ok()?;
        let after = Workspace::parse(&text, workspace.path(), None).ok()?;
        let errors = after.problems().iter();
        let errors = errors.filter(|problem| problem.severity == Severity::Error);
        let of_sessions = errors.filter_map(|problem| {
            let hint = problem.hint.clone();
            let hint = hint.unwrap_or_else(|| "correct the source, and import again".to_owned());
            let id = problem.session.as_ref()?.as_str().to_owned();
            Some((id, (problem.message.clone(), hint)))
        });
        let found: BTreeMap<_, _> = of_sessions.collect();
        (!found.is_empty()).then_some(found)
    }

    /// Gets the long-lived keys of what is to be added out of the tools' own keyrings.
    ///
    /// # Errors
    /// A keyring is locked, or a passphrase is wrong. Nothing has been changed then.
    pub fn fetch_keys(&mut self, sources: &[&dyn Source]) -> Result<(), SourceError> {
        for row in &mut self.rows {
            let waits = row.candidate.requires.contains(&Requirement::Secret);
            if !matches!(row.verdict, Verdict::Add(_)) || !waits || row.candidate.secret.is_some() {
                continue;
            }
            let source = sources.iter().find(|source| source.name() == row.source);
            row.candidate.secret = match source {
                Some(source) => source.key(&row.candidate)?,
                None => None,
            };
            if row.candidate.secret.is_none() {
                row.candidate.without_key();
            }
        }
        Ok(())
    }

    /// Leaves the long-lived keys that are in the tools' own keyrings to the person.
    pub fn leave_keys(&mut self) {
        for row in &mut self.rows {
            if row.candidate.secret.is_none() {
                row.candidate.without_key();
            }
        }
    }

    /// The ids of portals in the Workspace, by their keys; those that it has not are added.
    fn portals<'a>(
        &mut self,
        workspace: &Workspace,
        source: &str,
        portals: &'a [Portal],
    ) -> BTreeMap<&'a str, String> {
        let same = |url: &str, portal: &Portal| {
            url.trim_end_matches(['/', '#']) == portal.url.trim_end_matches(['/', '#'])
        };
        let mut ids = BTreeMap::new();
        for portal in portals {
            let known = workspace.aws_sso_integrations().iter();
            let mut known =
                known.filter(|i| i.region == portal.region && same(&i.portal_url, portal));
            let planned = self.portals.iter().find(|object| {
                let text = |field| {
                    object
                        .get(field)
                        .and_then(Value::as_str)
                        .unwrap_or_default()
                };
                text("region") == portal.region && same(text("portalUrl"), portal)
            });
            let planned = planned
                .and_then(|object| object.get("id"))
                .and_then(Value::as_str);
            let id = known
                .next()
                .map(|i| i.id.clone())
                .or(planned.map(str::to_owned));
            let id = id.unwrap_or_else(|| {
                let id = derived_id(&["import", source, "portal", &portal.key]);
                self.portals.push(Map::from_iter(
                    [
                        ("id", &id),
                        ("alias", &portal.alias),
                        ("portalUrl", &portal.url),
                        ("region", &portal.region),
                    ]
                    .map(|(field, value)| (field.to_owned(), Value::from(value.as_str()))),
                ));
                id
            });
            ids.insert(portal.key.as_str(), id);
        }
        ids
    }

    /// The sessions that the Workspace gets.
    pub fn added(&self) -> impl Iterator<Item = (&Row, &Map<String, Value>)> {
        self.rows.iter().filter_map(|row| match &row.verdict {
            Verdict::Add(object) => Some((row, object)),
            Verdict::Present(_) | Verdict::Twice(_) | Verdict::Collides { .. } => None,
        })
    }

    /// The text of the Workspace file with all this done; the very same text where nothing is to be added.
    ///
    /// # Errors
    /// [`SpliceError`] where the text is not fit for it.
    pub fn apply(&self, text: &str) -> Result<String, SpliceError> {
        // A portal without a session that needs it is nothing that a person has.
        let used: BTreeSet<&str> = self
            .added()
            .filter_map(|(_, object)| object.get("awsSsoConfigurationId")?.as_str())
            .collect();
        let portals: Vec<_> = self
            .portals
            .iter()
            .filter(|portal| {
                portal
                    .get("id")
                    .and_then(Value::as_str)
                    .is_some_and(|id| used.contains(id))
            })
            .cloned()
            .collect();
        let mut text = splice::add_all(text, List::AwsSsoIntegrations, &portals)?;
        for list in entries::LISTS {
            let used = self.added().filter_map(|(_, object)| {
                object
                    .get(entries::reference(list)?)
                    .and_then(Value::as_str)
            });
            let used: BTreeSet<&str> = used.collect();
            let of_list = self.entries.iter().filter(|entry| entry.list == list);
            let new: Vec<_> = of_list
                .filter(|entry| used.contains(entries::id(&entry.object)))
                .map(|entry| entry.object.clone())
                .collect();
            text = splice::add_all(&text, list, &new)?;
        }
        let sessions: Vec<_> = self.added().map(|(_, object)| object.clone()).collect();
        splice::add_all(&text, List::Sessions, &sessions)
    }
}

/// The session that a candidate becomes, as the file has it.
fn object(
    workspace: &Workspace,
    source: &str,
    candidate: &Candidate,
    sessions: &BTreeMap<&str, String>,
    portals: &BTreeMap<&str, String>,
) -> Result<Map<String, Value>, Verdict> {
    let id = candidate.id.clone();
    let id = id.unwrap_or_else(|| derived_id(&["import", source, &candidate.key]));
    let mut object = Map::new();
    let mut set = |field: &str, value: &str| object.insert(field.to_owned(), Value::from(value));
    set("sessionId", &id);
    set("sessionName", &candidate.name);
    set("type", candidate.kind.as_str());
    if let Some(profile) = &candidate.profile {
        set("profileName", profile);
    }
    if let Some(parent) = &candidate.parent {
        let (id, name) = match parent {
            Parent::Candidate(key) => (sessions.get(key.as_str()).cloned(), key.as_str()),
            Parent::Session(id) => (
                workspace.get(id).map(|entry| entry.session.id.to_string()),
                id.as_str(),
            ),
        };
        let Some(id) = id else {
            return Err(Verdict::Collides {
                why: format!("\"{name}\", whose credentials it uses, does not come"),
                hint: "see the reason at that one".to_owned(),
            });
        };
        set("parentSessionId", &id);
    }
    if let Some(portal) = candidate.portal.as_deref().and_then(|key| portals.get(key)) {
        set("awsSsoConfigurationId", portal);
    }
    object.extend(candidate.fields.clone());
    // A key that only others use is published nowhere.
    if candidate.profile.is_none() && candidate.kind != SessionType::Azure {
        object.insert("delivery".to_owned(), Value::Array(Vec::new()));
    }
    Ok(object)
}

impl Taken {
    fn of(workspace: &Workspace) -> Self {
        let mut taken = Self::default();
        for entry in workspace.sessions() {
            let session = &entry.session;
            let whose = format!("session \"{}\" of the Workspace", session.name);
            taken.ids.insert(session.id.as_str().to_owned());
            taken.names.insert(session.name.clone(), whose.clone());
            if let Some(profile) = &session.named_profile {
                taken.profiles.insert(profile.clone(), (whose, None));
            }
        }
        taken
    }

    fn judge(
        &mut self,
        workspace: &Workspace,
        (source, listing): (&str, &Listing),
        candidate: &Candidate,
        object: Map<String, Value>,
    ) -> Verdict {
        let text = |field: &str| object.get(field).and_then(Value::as_str);
        let id = SessionId::new(text("sessionId").unwrap_or_default());
        if workspace.get(&id).is_some() {
            return Verdict::Present(id);
        }
        // What a tool took over from another has its id.
        let other = self.planned.get(id.as_str());
        if other.is_some_and(|other| other != source) {
            return Verdict::Twice(id);
        }
        let lines = (candidate.place.clone(), candidate.name.clone());
        if let Some((id, other)) = self.brought.get(&lines)
            && other != source
        {
            return Verdict::Twice(id.clone());
        }
        let mut known = workspace.sessions().iter().map(|entry| &entry.session);
        if let Some(known) = known.find(|session| is_same(session, candidate, &object)) {
            return Verdict::Present(known.id.clone());
        }
        let profile = candidate.profile.as_ref();
        let held = profile.and_then(|profile| self.profiles.get(profile));
        let held =
            held.filter(|(_, of)| !(listing.shares_profiles && of.as_deref() == Some(source)));
        let in_the_way = if self.ids.contains(id.as_str()) {
            Some((
                format!("another session has the id {id}"),
                "correct the source",
            ))
        } else if let Some((whose, _)) = held {
            let hint = "give that session another profile, or remove it, and import again";
            Some((format!("its named profile is that of {whose}"), hint))
        } else if let Some(whose) = self.names.get(&candidate.name) {
            let hint = "rename that session, and import again";
            Some((format!("its name is that of {whose}"), hint))
        } else {
            None
        };
        if let Some((why, hint)) = in_the_way {
            return Verdict::Collides {
                why,
                hint: hint.to_owned(),
            };
        }
        let whose = format!("\"{}\" of {source}", candidate.name);
        self.ids.insert(id.as_str().to_owned());
        self.planned
            .insert(id.as_str().to_owned(), source.to_owned());
        self.brought.insert(lines, (id.clone(), source.to_owned()));
        self.names.insert(candidate.name.clone(), whose.clone());
        if let Some(profile) = profile {
            self.profiles
                .insert(profile.clone(), (whose, Some(source.to_owned())));
        }
        Verdict::Add(object)
    }
}

/// Whether a session of the Workspace, however it came there, is the candidate already.
fn is_same(session: &Session, candidate: &Candidate, object: &Map<String, Value>) -> bool {
    let text = |field: &str| object.get(field).and_then(Value::as_str);
    let same_profile = candidate.profile.is_some() && session.named_profile == candidate.profile;
    if session.session_type() != candidate.kind || !same_profile {
        return false;
    }
    match &session.access {
        Access::AwsIamRoleChained {
            role_arn, parent, ..
        } => text("roleArn") == Some(role_arn) && text("parentSessionId") == Some(parent.as_str()),
        Access::AwsSsoRole {
            role_arn,
            integration_id,
        } => {
            text("roleArn") == Some(role_arn)
                && text("awsSsoConfigurationId") == Some(integration_id)
        }
        Access::AwsIamRoleFederated { role_arn, .. }
        | Access::AwsIamRoleWebIdentity { role_arn, .. } => text("roleArn") == Some(role_arn),
        Access::Azure {
            subscription_id, ..
        } => text("subscriptionId") == Some(subscription_id),
        Access::Process { command } => {
            object.get("command") == Some(&Value::from(command.as_slice()))
        }
        Access::AwsInstance { source } => {
            text("credentialSource") == source.map(InstanceSource::as_str)
        }
        Access::AwsRolesAnywhere { role_arn, anywhere } => {
            text("roleArn") == Some(role_arn) && text("certificate") == Some(&anywhere.certificate)
        }
        Access::AwsLogin { login_session } => text("loginSession") == Some(login_session),
        // Whose key it is, only the vault knows.
        Access::AwsIamUser { .. } | Access::Localstack { .. } => false,
    }
}
