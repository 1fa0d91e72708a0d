//! Sessions of Leapp as candidates.

use std::collections::{BTreeMap, BTreeSet};

use dayfly_core::session::SessionType;
use dayfly_workspace::splice::List;
use serde_json::{Map, Value};

use super::model::{Model, ONLY_PORTAL, text};
use super::segment;
use super::tool::Tool;
use crate::candidate::{Candidate, Entry, Listing, NotTaken, Parent, Portal, Refused, Requirement};

/// Fields that are read, or that say nothing which lasts.
const KNOWN: [&str; 22] = [
    "sessionId",
    "sessionName",
    "status",
    "startDateTime",
    "sessionTokenExpiration",
    "type",
    "region",
    "profileId",
    "awsAccount",
    "mfaDevice",
    "roleArn",
    "parentSessionId",
    "roleSessionName",
    "idpUrlId",
    "idpArn",
    "awsSsoConfigurationId",
    "email",
    "subscriptionId",
    "tenantId",
    "azureIntegrationId",
    "endPointUrl",
    // What Leapp shows while a session is worked on.
    "accountNumber",
];

/// Seconds that a role takes (AWS STS API reference).
const ROLE_SECONDS: std::ops::RangeInclusive<u64> = 900..=43_200;

struct Reading<'a> {
    tool: &'a Tool,
    model: &'a Model,
    place: &'a str,
    /// The team, for a file of one.
    team: Option<&'a str>,
    /// How many sessions have each name.
    names: BTreeMap<&'a str, usize>,
    listing: Listing,
}

/// All sessions of a file: candidates, parents before those that are chained to them, or why they are none.
pub(super) fn list(tool: &Tool, model: &Model, place: &str, team: Option<&str>) -> Listing {
    let mut names = BTreeMap::new();
    for session in &model.sessions {
        *names
            .entry(text(session, "sessionName").unwrap_or_default())
            .or_default() += 1;
    }
    let mut reading = Reading {
        tool,
        model,
        place,
        team,
        names,
        listing: Listing {
            shares_profiles: true,
            ..Listing::default()
        },
    };
    reading.integrations();
    for session in in_order(&model.sessions) {
        match reading.candidate(session) {
            Ok(candidate) => reading.listing.candidates.push(candidate),
            Err((why, hint)) => reading.refuse(session, why, hint),
        }
    }
    reading.settings();
    reading.listing
}

/// Parents first. Those that are chained to each other in a circle, and to what is not there, are last.
fn in_order(sessions: &[Map<String, Value>]) -> Vec<&Map<String, Value>> {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let mut ordered = Vec::new();
    let mut waiting: Vec<_> = sessions.iter().collect();
    loop {
        let before = ordered.len();
        waiting.retain(|session| {
            let parent = text(session, "parentSessionId");
            let ready = parent.is_none_or(|parent| done.contains(parent));
            if ready {
                done.extend(text(session, "sessionId"));
                ordered.push(*session);
            }
            !ready
        });
        if ordered.len() == before {
            ordered.extend(waiting);
            return ordered;
        }
    }
}

type No = (String, Option<&'static str>);

fn no(why: impl Into<String>) -> No {
    (why.into(), Some("complete it there, and import again"))
}

impl Reading<'_> {
    fn refuse(&mut self, session: &Map<String, Value>, why: String, hint: Option<&str>) {
        let name = text(session, "sessionName").or_else(|| text(session, "sessionId"));
        self.listing.refused.push(Refused {
            name: name.unwrap_or("a session").to_owned(),
            place: self.place.to_owned(),
            why,
            hint: hint.map(str::to_owned),
        });
    }

    /// Portals, tenants and sign-in addresses.
    fn integrations(&mut self) {
        for portal in &self.model.portals {
            let (Some(id), Some(url), Some(region)) = (
                text(portal, "id"),
                text(portal, "portalUrl"),
                text(portal, "region"),
            ) else {
                continue;
            };
            self.listing.portals.push(Portal {
                key: id.to_owned(),
                alias: text(portal, "alias")
                    .unwrap_or("AWS Single Sign-On")
                    .to_owned(),
                url: url.to_owned(),
                region: region.to_owned(),
            });
        }
        for (id, url) in &self.model.idp_urls {
            self.entry(List::IdpUrls, &[("id", id), ("url", url)]);
        }
        for tenant in &self.model.tenants {
            let fields = ["id", "alias", "tenantId", "region"];
            let fields: Vec<_> = fields
                .into_iter()
                .filter_map(|field| Some((field, text(tenant, field)?)))
                .collect();
            self.entry(List::AzureIntegrations, &fields);
        }
    }

    fn entry(&mut self, list: List, fields: &[(&str, &str)]) {
        let object = fields
            .iter()
            .map(|(field, value)| ((*field).to_owned(), Value::from(*value)));
        self.listing.entries.push(Entry {
            list,
            object: object.collect(),
        });
    }

    /// What is no session, and has no place in a Workspace.
    fn settings(&mut self) {
        if let Some(proxy) = &self.model.proxy {
            self.listing.refused.push(Refused {
                name: "proxy".to_owned(),
                place: self.place.to_owned(),
                why: format!(
                    "{proxy} is a setting of {}, not of a session",
                    self.tool.title
                ),
                hint: Some("set HTTPS_PROXY for the engine, with who uses it".to_owned()),
            });
        }
    }

    fn candidate(&self, session: &Map<String, Value>) -> Result<Candidate, No> {
        let id = text(session, "sessionId").ok_or_else(|| no("it has no id"))?;
        let word = text(session, "type").unwrap_or_default();
        let kind = SessionType::ALL
            .into_iter()
            .find(|kind| kind.as_str() == word);
        let kind = kind.ok_or_else(|| {
            let why = format!(
                "{} has no way to start sessions of type \"{word}\" either",
                self.tool.title
            );
            (why, None)
        })?;
        let mut candidate = Candidate {
            key: id.to_owned(),
            id: Some(id.to_owned()),
            name: String::new(),
            profile: None,
            kind,
            fields: Map::new(),
            parent: None,
            portal: None,
            secret: None,
            kept_as: None,
            requires: Vec::new(),
            not_taken: Vec::new(),
            lines: Vec::new(),
            place: self.place.to_owned(),
        };
        self.name(session, &mut candidate)?;
        if kind != SessionType::Azure {
            let profile = text(session, "profileId").and_then(|id| self.model.profiles.get(id));
            // A profile that is gone is the default one to Leapp as well.
            candidate.profile = Some(profile.map_or("default", String::as_str).to_owned());
        }
        take(&mut candidate, session, &["region"]);
        self.access(session, &mut candidate)?;
        self.labels(session, &mut candidate);
        if self.model.asks && kind != SessionType::Azure {
            let asked = Value::from(vec!["credential-process"]);
            candidate.fields.insert("delivery".to_owned(), asked);
        }
        for field in session
            .keys()
            .filter(|field| !KNOWN.contains(&field.as_str()))
        {
            candidate.not_taken.push(NotTaken {
                field: field.clone(),
                place: self.place.to_owned(),
                why: "is nothing that a session has; it does not come".to_owned(),
            });
        }
        Ok(candidate)
    }

    /// Names need not tell sessions of Leapp apart: all roles of an account have its name.
    fn name(&self, session: &Map<String, Value>, candidate: &mut Candidate) -> Result<(), No> {
        let name = text(session, "sessionName").ok_or_else(|| no("it has no name"))?;
        name.clone_into(&mut candidate.name);
        let same = self.names.get(name).copied().unwrap_or_default();
        let role = text(session, "roleArn").and_then(|arn| arn.rsplit('/').next());
        if let Some(role) = role.filter(|_| same > 1) {
            candidate.name = format!("{name}/{role}");
            candidate.not_taken.push(NotTaken {
                field: "its name".to_owned(),
                place: self.place.to_owned(),
                why: format!(
                    "is \"{name}\" for {same} sessions there, so its role stands behind it"
                ),
            });
        }
        Ok(())
    }

    fn access(&self, session: &Map<String, Value>, candidate: &mut Candidate) -> Result<(), No> {
        let needed = |field: &'static str| {
            text(session, field).ok_or_else(|| no(format!("it has no {field}")))
        };
        match candidate.kind {
            SessionType::AwsIamUser => {
                take(candidate, session, &["mfaDevice", "awsAccount"]);
                candidate.requires.push(Requirement::Secret);
                if text(session, "mfaDevice").is_some() {
                    candidate.requires.push(Requirement::MfaCode);
                }
            }
            SessionType::AwsIamRoleChained => {
                needed("roleArn")?;
                take(
                    candidate,
                    session,
                    &["roleArn", "roleSessionName", "awsAccount"],
                );
                candidate.parent = Some(self.parent(needed("parentSessionId")?)?);
            }
            SessionType::AwsIamRoleFederated => {
                let url = needed("idpUrlId")?;
                if !self.model.idp_urls.contains_key(url) {
                    return Err(no("the address of its identity provider is not there"));
                }
                needed("roleArn")?;
                needed("idpArn")?;
                take(
                    candidate,
                    session,
                    &["roleArn", "idpArn", "idpUrlId", "awsAccount"],
                );
                let seconds = self.model.saml_seconds;
                if let Some(seconds) = seconds.filter(|seconds| ROLE_SECONDS.contains(seconds)) {
                    candidate
                        .fields
                        .insert("durationSeconds".to_owned(), Value::from(seconds));
                }
                candidate.requires.push(Requirement::SignIn);
            }
            SessionType::AwsSsoRole => self.sso(session, candidate, needed("roleArn")?)?,
            SessionType::Azure => self.azure(session, candidate, needed("subscriptionId")?)?,
            SessionType::Localstack => take(candidate, session, &["endPointUrl"]),
            _ => return Err(no("it is of no type that Leapp has")),
        }
        Ok(())
    }

    fn parent(&self, id: &str) -> Result<Parent, No> {
        let comes = self.listing.candidates.iter().any(|one| one.key == id);
        if comes {
            return Ok(Parent::Candidate(id.to_owned()));
        }
        let name = self
            .model
            .sessions
            .iter()
            .find(|one| text(one, "sessionId") == Some(id))
            .and_then(|one| text(one, "sessionName"));
        Err(match name {
            Some(name) => (
                format!(
                    "\"{name}\", whose credentials it uses, does not come, or uses those of this one"
                ),
                Some("see the reason at that one"),
            ),
            None => no("the session whose credentials it uses is not there"),
        })
    }

    fn sso(
        &self,
        session: &Map<String, Value>,
        candidate: &mut Candidate,
        role_arn: &str,
    ) -> Result<(), No> {
        let portal = text(session, "awsSsoConfigurationId");
        let portals = &self.listing.portals;
        let known = portals
            .iter()
            .find(|known| Some(known.key.as_str()) == portal);
        // The first versions have one portal, which no session names.
        let known = known.or_else(|| portals.first().filter(|one| one.key == ONLY_PORTAL));
        let known = known.ok_or_else(|| no("its portal is not there"))?;
        candidate.portal = Some(known.key.clone());
        take(candidate, session, &["roleArn", "email"]);
        let account = role_arn
            .split(':')
            .nth(4)
            .map(|rest| rest.split('/').next().unwrap_or(rest));
        if let Some(account) = account.filter(|account| account.len() == 12) {
            let name = text(session, "sessionName").unwrap_or_default();
            let about = [("accountId", account), ("accountName", name)];
            let about = about.map(|(field, value)| (field.to_owned(), Value::from(value)));
            let about = Value::Object(Map::from_iter(about));
            candidate.fields.insert("awsAccount".to_owned(), about);
        }
        candidate.requires.push(Requirement::SignIn);
        Ok(())
    }

    fn azure(
        &self,
        session: &Map<String, Value>,
        candidate: &mut Candidate,
        _subscription: &str,
    ) -> Result<(), No> {
        let tenants = &self.model.tenants;
        let named = text(session, "azureIntegrationId");
        let tenant = tenants
            .iter()
            .find(|one| text(one, "id") == named && named.is_some());
        let own = text(session, "tenantId");
        let own = own.or_else(|| tenant.and_then(|one| text(one, "tenantId")));
        let own = own.ok_or_else(|| no("its tenant is not there"))?;
        // The first versions have sessions without an integration; their tenant may have one all the same.
        let tenant = tenant.or_else(|| {
            tenants
                .iter()
                .find(|one| text(one, "tenantId") == Some(own))
        });
        take(candidate, session, &["subscriptionId"]);
        candidate
            .fields
            .insert("tenantId".to_owned(), Value::from(own));
        if let Some(id) = tenant.and_then(|one| text(one, "id")) {
            candidate
                .fields
                .insert("azureIntegrationId".to_owned(), Value::from(id));
        }
        candidate.requires.push(Requirement::SignIn);
        Ok(())
    }

    /// What Leapp marks sessions with.
    fn labels(&self, session: &Map<String, Value>, candidate: &mut Candidate) {
        let model = self.model;
        let mut labels = Map::new();
        let mut label = |name: String, value: &str| labels.insert(name, Value::from(value));
        if model.pinned.contains(&candidate.key) {
            label("pinned".to_owned(), "true");
        }
        if let Some((folder, _)) = model
            .folders
            .iter()
            .find(|(_, ids)| ids.contains(&candidate.key))
        {
            label("folder".to_owned(), folder);
        }
        for (name, filters) in &model.segments {
            if segment::shows(model, filters, session) {
                label(format!("segment.{name}"), "true");
            }
        }
        if let Some(team) = self.team {
            label("team".to_owned(), team);
        }
        if !labels.is_empty() {
            candidate
                .fields
                .insert("labels".to_owned(), Value::Object(labels));
        }
    }
}

/// Takes fields as they are.
fn take(candidate: &mut Candidate, session: &Map<String, Value>, fields: &[&str]) {
    for field in fields {
        let value = session.get(*field);
        let value = value.filter(|value| !value.is_null() && value.as_str() != Some(""));
        if let Some(value) = value {
            candidate.fields.insert((*field).to_owned(), value.clone());
        }
    }
}
