//! Names of sessions, profiles, integrations and policies, read as fast as can be: a person waits for them with a
//! finger on the tabulator. Of the Workspace only these few fields are read; whether the file is right is not judged.

use std::collections::{BTreeMap, BTreeSet};

use dayfly_core::text::is_hidden;
use dayfly_fs::bounded;
use dayfly_host::paths;
use serde::Deserialize;

/// The biggest file that is read, in bytes.
const LIMIT: u64 = 64 << 20;

/// What may stand somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    Sessions,
    Profiles,
    Integrations,
    Policies,
    Layers,
}

/// What an argument names, of a command behind `parent`.
pub(crate) fn names_of(parent: &str, argument: &str) -> Option<Names> {
    match (parent, argument) {
        (_, "session" | "sessions" | "parent") => Some(Names::Sessions),
        (_, "profile") => Some(Names::Profiles),
        (_, "integration") => Some(Names::Integrations),
        (_, "entry" | "policy") | ("policy", "name") => Some(Names::Policies),
        (_, "layer") | ("layer", "name" | "names") => Some(Names::Layers),
        _ => None,
    }
}

impl Names {
    /// Each name and what there is to say of it.
    pub(crate) fn list(self) -> Vec<(String, String)> {
        let Ok(home) = paths::home() else {
            return Vec::new();
        };
        match self {
            Self::Policies => configured(&text(&home.config())).policies(),
            Self::Layers => configured(&text(&home.config())).layers(),
            _ => {
                let text = text(&home.workspace());
                let file = serde_json::from_str::<File<'_>>(&text).unwrap_or_default();
                match self {
                    Self::Sessions => sessions(&file),
                    Self::Profiles => profiles(&file),
                    _ => integrations(&file),
                }
            }
        }
    }
}

fn text(path: &std::path::Path) -> String {
    bounded::read_text(path, LIMIT)
        .ok()
        .flatten()
        .unwrap_or_default()
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct File<'a> {
    #[serde(borrow)]
    sessions: Vec<Session<'a>>,
    #[serde(borrow)]
    aws_sso_integrations: Vec<Integration<'a>>,
    #[serde(borrow)]
    azure_integrations: Vec<Integration<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Session<'a> {
    #[serde(borrow)]
    session_id: std::borrow::Cow<'a, str>,
    #[serde(borrow, default)]
    session_name: std::borrow::Cow<'a, str>,
    #[serde(borrow, default)]
    profile_name: Option<std::borrow::Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
struct Integration<'a> {
    #[serde(borrow)]
    id: std::borrow::Cow<'a, str>,
    #[serde(borrow, default)]
    alias: Option<std::borrow::Cow<'a, str>>,
}

/// Sessions by their names; those whose name another has too, or no terminal can show, by their ids.
fn sessions(file: &File<'_>) -> Vec<(String, String)> {
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for session in &file.sessions {
        *count.entry(&session.session_name).or_default() += 1;
    }
    let listed = file.sessions.iter().map(|session| {
        let name = &*session.session_name;
        let profile = session.profile_name.as_deref().unwrap_or_default();
        let usable = !name.is_empty() && !name.starts_with('-') && !name.chars().any(is_hidden);
        match usable && count.get(name) == Some(&1) {
            true => (name.to_owned(), profile.to_owned()),
            false => (session.session_id.clone().into_owned(), name.to_owned()),
        }
    });
    listed.collect()
}

fn profiles(file: &File<'_>) -> Vec<(String, String)> {
    let names = file
        .sessions
        .iter()
        .filter_map(|session| session.profile_name.as_deref());
    let names: BTreeSet<&str> = names.collect();
    names
        .into_iter()
        .map(|name| (name.to_owned(), String::new()))
        .collect()
}

fn integrations(file: &File<'_>) -> Vec<(String, String)> {
    let all = file
        .aws_sso_integrations
        .iter()
        .chain(&file.azure_integrations);
    let listed = all.map(|one| {
        let name = one.alias.as_ref().unwrap_or(&one.id);
        (name.clone().into_owned(), String::new())
    });
    listed.collect()
}

/// What of the configuration has a name.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Config {
    policy: Vec<Entry>,
    include: Vec<Entry>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    name: String,
    module: String,
    source: String,
}

fn configured(text: &str) -> Config {
    toml::from_str(text).unwrap_or_default()
}

impl Config {
    fn policies(self) -> Vec<(String, String)> {
        let entries = self.policy.into_iter();
        entries.map(|entry| (entry.name, entry.module)).collect()
    }

    fn layers(self) -> Vec<(String, String)> {
        let entries = self.include.into_iter();
        entries.map(|entry| (entry.name, entry.source)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_does_not_name_one_session_gives_way_to_the_id() {
        let text = r#"{"x": [1, {}], "sessions": [
            {"sessionId": "1", "sessionName": "dev", "profileName": "p", "other": {"a": [null]}},
            {"sessionId": "2", "sessionName": "twice"}, {"sessionId": "3", "sessionName": "twice"},
            {"sessionId": "4", "sessionName": "a\u001b[2J"}, {"sessionId": "5"},
            {"sessionId": "6", "sessionName": "--yes"}, {"sessionId": "7", "sessionName": "q\"\\ü"}],
            "awsSsoIntegrations": [{"id": "i", "alias": "corp"}], "azureIntegrations": [{"id": "z"}]}"#;
        let file: File<'_> = serde_json::from_str(text).unwrap();
        let names = |list: Vec<(String, String)>| {
            list.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(
            names(sessions(&file)),
            ["dev", "2", "3", "4", "5", "6", "q\"\\ü"]
        );
        assert_eq!(names(profiles(&file)), ["p"]);
        assert_eq!(names(integrations(&file)), ["corp", "z"]);
        let config = "[[policy]]\nname = \"keep\"\nmodule = \"builtin:keep-active\"\n";
        assert_eq!(names(configured(config).policies()), ["keep"]);
        assert!(configured("[[policy").policies().is_empty());
        let config = "[[include]]\nname = \"team\"\nsource = \"../team.json\"\n";
        assert_eq!(names(configured(config).layers()), ["team"]);
    }
}
