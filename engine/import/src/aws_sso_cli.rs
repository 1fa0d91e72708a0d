//! aws-sso-cli: the roles of its configuration, those that it remembers of portals, and the profiles that call it.
//!
//! Source: aws-sso-cli, `internal/sso/config/config.go`, `docs/config.md`, `cmd/aws-sso/setup_profiles_cmd.go`;
//! `internal/sso/cache.go` and `internal/sso/roles.go` for the cache.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;

use dayfly_awsfiles::split_words;
use dayfly_core::session::SessionType;
use dayfly_fs::bounded;
use serde_json::{Map, Value};

use crate::aws_profiles::{AwsProfiles, read};
use crate::candidate::{Candidate, Listing, NotTaken, Parent, Portal, Refused, Requirement};
use crate::in_the_way::{self, Own};
use crate::source::{Source, SourceError};
use crate::yaml;

/// The largest cache, in bytes: some thousand roles take a megabyte.
const LARGEST: u64 = 32 << 20;

/// What aws-sso-cli has on this machine.
#[derive(Debug)]
pub struct AwsSsoCli {
    /// Its configuration.
    pub config: PathBuf,
    /// What it remembers of portals: accounts and roles that it was offered there.
    pub cache: PathBuf,
    /// The shared AWS files.
    pub aws: AwsProfiles,
}

/// A role that a profile asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Role {
    /// The name of the portal.
    sso: String,
    account: String,
    name: String,
}

impl Role {
    fn key(&self) -> String {
        format!("{}/{}/{}", self.sso, self.account, self.name)
    }

    /// The role of an ARN as the tool writes it: `arn:aws:iam::ACCOUNT:role/NAME`.
    fn of(arn: &str, sso: &str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        let account = parts.nth(4)?;
        let name = parts.next()?.strip_prefix("role/")?;
        (!account.is_empty() && !name.is_empty()).then(|| Self {
            sso: sso.to_owned(),
            account: padded(account),
            name: name.to_owned(),
        })
    }

    /// The role that a `credential_process` asks the tool for.
    fn asked(process: &str, default: &str) -> Option<Self> {
        let words = split_words(process)?;
        let program = words.first()?.rsplit('/').next()?;
        if program != "aws-sso" || !words.iter().any(|word| word == "process") {
            return None;
        }
        let option = |names: [&str; 2]| {
            let at = words
                .iter()
                .position(|word| names.contains(&word.as_str()))?;
            words.get(at + 1)
        };
        let sso = option(["-S", "--sso"]).map_or(default, String::as_str);
        Self::of(option(["-a", "--arn"])?, sso)
    }
}

/// An account has twelve digits; YAML takes its first zeros for nothing.
fn padded(account: &str) -> String {
    format!("{account:0>12}")
}

/// A table of a table.
fn table<'a>(value: &'a Value, field: &str) -> Option<&'a Map<String, Value>> {
    value.get(field)?.as_object()
}

fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value
        .get(field)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

/// The tags of an account, and those of a role over them.
fn labels(account: &Value, role: &Value) -> Map<String, Value> {
    let all = [account, role]
        .into_iter()
        .filter_map(|at| table(at, "Tags"));
    let texts = all.flatten().filter(|(_, value)| value.is_string());
    texts
        .map(|(tag, value)| (tag.clone(), value.clone()))
        .collect()
}

/// The roles of a portal, as the configuration has them, and the cache as well.
fn roles_of(sso: &str, portal: &Value) -> Vec<(Role, Value)> {
    let mut roles = Vec::new();
    for (account, config) in table(portal, "Accounts").into_iter().flatten() {
        for (name, config) in table(config, "Roles").into_iter().flatten() {
            let role = Role {
                sso: sso.to_owned(),
                account: padded(account),
                name: name.clone(),
            };
            roles.push((role, config.clone()));
        }
    }
    roles
}

/// What an account is called: by the configuration, else at AWS.
fn account_name(account: &Value) -> Option<&str> {
    text(account, "Name").or_else(|| text(account, "Alias"))
}

struct Reading<'a> {
    place: String,
    config: &'a Value,
    /// The cache, by portal; nothing where there is none.
    cache: &'a Value,
    /// The profiles that call the tool for a role, with their regions.
    callers: BTreeMap<Role, (String, Option<String>)>,
    listing: Listing,
}

impl Reading<'_> {
    fn default_sso(&self) -> String {
        text(self.config, "DefaultSSO")
            .unwrap_or("Default")
            .to_owned()
    }

    fn portals(&mut self) {
        for (name, sso) in table(self.config, "SSOConfig").into_iter().flatten() {
            let (Some(url), Some(region)) = (text(sso, "StartUrl"), text(sso, "SSORegion")) else {
                self.refuse(name.clone(), "its StartUrl or its SSORegion is missing");
                continue;
            };
            self.listing.portals.push(Portal {
                key: name.clone(),
                alias: name.clone(),
                url: url.to_owned(),
                region: region.to_owned(),
            });
        }
    }

    fn refuse(&mut self, name: String, why: impl Into<String>) {
        self.listing.refused.push(Refused {
            name,
            place: self.place.clone(),
            why: why.into(),
            hint: Some("complete it, and import again".to_owned()),
        });
    }

    /// The roles that are told in the configuration, remembered of one of its portals or asked for by a profile,
    /// first those that no other is needed for.
    fn roles(&self) -> Vec<(Role, Value)> {
        let mut roles: BTreeMap<Role, Value> = BTreeMap::new();
        for (sso, config) in table(self.config, "SSOConfig").into_iter().flatten() {
            roles.extend(roles_of(sso, config));
            // The configuration says more of a role than is remembered of it.
            for (role, config) in self
                .remembered(sso)
                .into_iter()
                .flat_map(|at| roles_of(sso, at))
            {
                roles.entry(role).or_insert(config);
            }
        }
        for role in self.callers.keys() {
            roles.entry(role.clone()).or_insert(Value::Null);
        }
        // One that others go by need not be told anywhere.
        let via: Vec<Role> = roles
            .iter()
            .filter_map(|(role, config)| Role::of(text(config, "Via")?, &role.sso))
            .collect();
        for role in via {
            roles.entry(role).or_insert(Value::Null);
        }
        let mut roles: Vec<_> = roles.into_iter().collect();
        let (mut ordered, mut waiting): (Vec<_>, Vec<_>) = roles
            .drain(..)
            .partition(|(_, config)| text(config, "Via").is_none());
        while !waiting.is_empty() {
            let ready = |(role, config): &(Role, Value)| {
                let via = text(config, "Via").and_then(|arn| Role::of(arn, &role.sso));
                via.is_none_or(|via| ordered.iter().any(|(there, _)| *there == via))
            };
            let (now, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(ready);
            let stuck = now.is_empty();
            ordered.extend(now);
            waiting = later;
            if stuck {
                ordered.append(&mut waiting);
            }
        }
        ordered
    }

    /// What stands at the role, its account, its portal, or above all.
    fn setting(&self, role: &Role, config: &Value, field: &str) -> Option<String> {
        let sso = self.config.get("SSOConfig")?.get(&role.sso);
        let account = self.account(role);
        [Some(config), account, sso, Some(self.config)]
            .into_iter()
            .flatten()
            .find_map(|at| text(at, field))
            .map(str::to_owned)
    }

    /// What is remembered of a portal.
    fn remembered(&self, sso: &str) -> Option<&Value> {
        self.cache.get(sso)?.get("Roles")
    }

    /// What the configuration says of the account of a role, else what is remembered of it.
    fn account(&self, role: &Role) -> Option<&Value> {
        let told = self
            .config
            .get("SSOConfig")
            .and_then(|all| all.get(&role.sso));
        let mut both = told.into_iter().chain(self.remembered(&role.sso));
        both.find_map(|portal| {
            let mut accounts = table(portal, "Accounts")?.iter();
            let found = accounts.find(|(account, _)| padded(account) == role.account)?;
            Some(found.1)
        })
    }

    fn add(&mut self, role: &Role, config: &Value) {
        let account = self.account(role).cloned().unwrap_or_default();
        let shown = account_name(&account).unwrap_or(&role.account);
        let caller = self.callers.get(role).cloned();
        // The tool's own default for a name is the account and the role.
        let named = text(config, "Profile").map(str::to_owned);
        let named = caller.as_ref().map(|(name, _)| name.clone()).or(named);
        let name = named.unwrap_or_else(|| format!("{shown}:{}", role.name));
        if !self
            .listing
            .portals
            .iter()
            .any(|portal| portal.key == role.sso)
        {
            let why = format!("its portal \"{}\" is not in {}", role.sso, self.place);
            return self.refuse(name, why);
        }
        let mut candidate = Candidate {
            key: role.key(),
            id: None,
            name: name.clone(),
            profile: Some(name.clone()),
            kind: SessionType::AwsSsoRole,
            fields: Map::new(),
            parent: None,
            portal: Some(role.sso.clone()),
            secret: None,
            kept_as: None,
            requires: vec![Requirement::SignIn],
            not_taken: Vec::new(),
            lines: Vec::new(),
            place: self.place.clone(),
        };
        let mut set = |field: &str, value: Value| candidate.fields.insert(field.to_owned(), value);
        let mut about =
            Map::from_iter([("accountId".to_owned(), Value::from(role.account.as_str()))]);
        if let Some(name) = account_name(&account) {
            about.insert("accountName".to_owned(), Value::from(name));
        }
        set("awsAccount", Value::Object(about));
        set(
            "roleArn",
            Value::from(format!("arn:aws:iam::{}/{}", role.account, role.name)),
        );
        let region = caller.and_then(|(_, region)| region);
        if let Some(region) = region.or_else(|| self.setting(role, config, "DefaultRegion")) {
            set("region", Value::from(region));
        }
        let labels = labels(&account, config);
        if !labels.is_empty() {
            set("labels", Value::Object(labels));
        }
        if let Some(via) = text(config, "Via")
            && let Err(why) = self.chain(role, config, via, &mut candidate)
        {
            return self.refuse(name, why);
        }
        self.listing.candidates.push(candidate);
    }

    /// A role that the credentials of another assume.
    fn chain(
        &self,
        role: &Role,
        config: &Value,
        via: &str,
        candidate: &mut Candidate,
    ) -> Result<(), String> {
        let parent = Role::of(via, &role.sso).map(|via| via.key());
        let parent = parent.filter(|key| self.listing.candidates.iter().any(|one| one.key == *key));
        let parent =
            parent.ok_or_else(|| format!("the role that it goes by ({via}) does not come"))?;
        candidate.kind = SessionType::AwsIamRoleChained;
        candidate.parent = Some(Parent::Candidate(parent));
        candidate.portal = None;
        candidate.requires.clear();
        let arn = format!("arn:aws:iam::{}:role/{}", role.account, role.name);
        candidate
            .fields
            .insert("roleArn".to_owned(), Value::from(arn));
        for (from, to) in [
            ("ExternalId", "externalId"),
            ("SourceIdentity", "sourceIdentity"),
        ] {
            if let Some(value) = text(config, from) {
                candidate.fields.insert(to.to_owned(), Value::from(value));
            }
        }
        Ok(())
    }
}

impl AwsSsoCli {
    /// What the cache has, by portal. One that cannot be read costs the roles that stand in it alone, which is
    /// told.
    fn remembered(&self) -> (Value, Option<Refused>) {
        let refused = |why: String| Refused {
            name: "the roles of its cache".to_owned(),
            place: self.cache.display().to_string(),
            why,
            hint: Some("let `aws-sso cache` write it anew, and import again".to_owned()),
        };
        let bytes = match bounded::read(&self.cache, LARGEST) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return (Value::Null, None),
            Err(error) => return (Value::Null, Some(refused(error.to_string()))),
        };
        match serde_json::from_slice::<Value>(&bytes) {
            Ok(mut cache) => {
                let portals = cache.get_mut("SSO").map(Value::take);
                (portals.unwrap_or_default(), None)
            }
            Err(error) => {
                let why = format!("it is no cache of aws-sso-cli: {error}");
                (Value::Null, Some(refused(why)))
            }
        }
    }
}

impl Source for AwsSsoCli {
    fn name(&self) -> &'static str {
        "aws-sso-cli"
    }

    fn list(&self) -> Result<Listing, SourceError> {
        let Some(config) = yaml::configuration(&self.config, "aws-sso-cli")? else {
            return Ok(Listing::default());
        };
        let (cache, unread) = self.remembered();
        let mut reading = Reading {
            place: self.config.display().to_string(),
            config: &config,
            cache: &cache,
            callers: BTreeMap::new(),
            listing: Listing::default(),
        };
        let default = reading.default_sso();
        let (both, _) = read(&self.aws)?;
        let mut also = Vec::new();
        for (name, section) in both.config.profiles() {
            let process = section.text("credential_process");
            let Some(role) = process.and_then(|process| Role::asked(process, &default)) else {
                continue;
            };
            let region = section.text("region").map(str::to_owned);
            match reading.callers.entry(role) {
                Entry::Occupied(taken) => also.push((taken.key().clone(), name.to_owned())),
                Entry::Vacant(free) => {
                    free.insert((name.to_owned(), region));
                }
            }
        }
        reading.portals();
        for (role, config) in reading.roles() {
            reading.add(&role, &config);
        }
        let mut listing = reading.listing;
        for (role, name) in also {
            let mut all = listing.candidates.iter_mut();
            if let Some(candidate) = all.find(|one| one.key == role.key()) {
                candidate.not_taken.push(NotTaken {
                    field: format!("profile \"{name}\""),
                    place: self.aws.config.display().to_string(),
                    why: "asks for it as well, and stays as it is".to_owned(),
                });
            }
        }
        listing.refused.extend(unread);
        listing.files.push(self.config.clone());
        if !cache.is_null() {
            listing.files.push(self.cache.clone());
        }
        in_the_way::settle(&self.aws, &mut listing, &|process| {
            Role::asked(process, &default).map(|role| Own::Session(role.key()))
        })?;
        Ok(listing)
    }
}

#[cfg(test)]
mod tests;
