//! What is worked on, and how it is told.

use dayfly_policy_sdk::config::{ConfigError, Object};
use dayfly_policy_sdk::{
    BranchChange, CustomEvent, Event, FileChange, FileChangeKind, Matcher, wildcard,
};
use serde_json::{Value, json};

/// JSON Schema of the configuration.
pub(crate) const SCHEMA: &str = concat!(
    r##"{"$schema":"https://json-schema.org/draft/2020-12/schema","title":"project-session","type":"object","additionalProperties":false,"properties":{"files":{"description":"Files that name sessions, one a line: patterns, absolute or from ~/ on. What is written last counts.","type":"array","items":{"type":"string","pattern":"\\S"}},"event":{"description":"Custom event with a list `sessions`, or with the `path` of a folder.","type":"string","pattern":"\\S"},"projects":{"description":"Sessions of folders and branches.","type":"array","items":{"type":"object","additionalProperties":false,"required":["sessions"],"properties":{"folder":{"description":"It and all folders within; a pattern, of which * stands for any text.","type":"string","pattern":"\\S"},"repository":{"description":"Folder of a repository, absolute or from ~/ on.","type":"string","pattern":"\\S"},"branch":{"description":"The branch that is checked out there; * stands for any text.","type":"string","pattern":"\\S"},"sessions":{"description":"Names of sessions; * stands for any text.","type":"array","items":{"type":"string","pattern":"\\S"}}}}},"match":"##,
    dayfly_policy_sdk::match_schema!(),
    "}}"
);

/// The configuration.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub(crate) files: Vec<String>,
    pub(crate) event: Option<String>,
    pub(crate) rules: Vec<Place>,
    pub(crate) matcher: Matcher,
}

/// A folder, or a branch of a repository, and its sessions.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    folder: Option<String>,
    repository: Option<String>,
    branch: Option<String>,
    sessions: Vec<String>,
}

/// What is worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Patterns of session names, or ids.
    pub sessions: Vec<String>,
    /// What told it, for a person.
    pub source: String,
}

impl Project {
    /// As it was remembered.
    #[must_use]
    pub fn remembered(bytes: Option<&[u8]>) -> Option<Self> {
        let value: Value = serde_json::from_slice(bytes?).ok()?;
        let sessions = value.get(1)?.as_array()?.iter();
        Some(Self {
            source: value.get(0)?.as_str()?.to_owned(),
            sessions: sessions
                .filter_map(|s| s.as_str().map(str::to_owned))
                .collect(),
        })
    }

    /// To be remembered.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&json!([self.source, self.sessions])).unwrap_or_default()
    }
}

impl Settings {
    /// Reads the configuration.
    ///
    /// # Errors
    /// Names the key that is wrong.
    pub fn read(text: &str) -> Result<Self, ConfigError> {
        let config = Object::parse(text, &["files", "event", "projects", "match"])?;
        let files = config.texts("files")?;
        let mut rules = Vec::new();
        for (index, place) in config.objects("projects")?.into_iter().enumerate() {
            let read = place
                .checked(&["folder", "repository", "branch", "sessions"])
                .and_then(|place| read_place(&place));
            rules.push(read.map_err(|error| ConfigError::Within {
                place: format!("project {}", index + 1),
                error: error.into(),
            })?);
        }
        let settings = Self {
            files: files.into_iter().map(|(_, text)| text.to_owned()).collect(),
            event: config.text("event")?.map(str::to_owned),
            rules,
            matcher: Matcher::read(&config, "match")?,
        };
        let told = !settings.files.is_empty()
            || settings.event.is_some()
            || settings
                .rules
                .iter()
                .any(|place| place.repository.is_some());
        if told {
            return Ok(settings);
        }
        let purpose = "what names the project: `[\"~/code/*/.dayfly\"]`, or `event`, or `projects` \
                       with a `repository`";
        Err(config.missing("files", purpose))
    }

    /// Patterns of repositories.
    pub(crate) fn branches(&self) -> impl Iterator<Item = String> {
        let mut all: Vec<String> = self
            .rules
            .iter()
            .filter_map(|p| p.repository.clone())
            .collect();
        all.sort_unstable();
        all.dedup();
        all.into_iter()
    }

    /// What an event says is worked on; none where it says nothing about it.
    pub(crate) fn told(&self, event: &Event) -> Result<Option<Project>, String> {
        match event {
            Event::File(file) => self.by_file(file),
            Event::Custom(event) if self.event.as_ref() == Some(&event.name) => {
                self.by_event(event)
            }
            Event::Branch(change) => Ok(self.by_branch(change)),
            _ => Ok(None),
        }
    }

    /// A file that is only found there says nothing: which of many is worked on is not known.
    fn by_file(&self, file: &FileChange) -> Result<Option<Project>, String> {
        if matches!(file.kind, FileChangeKind::Present | FileChangeKind::Removed) {
            return Ok(None);
        }
        let Some(text) = file.text() else {
            return Err(format!(
                "{}: the engine does not pass its content; grant the path, as paths = [\"{}\"]",
                file.path, file.path
            ));
        };
        let lines = text
            .lines()
            .map(|line| line.split('#').next().unwrap_or("").trim());
        Ok(Some(Project {
            sessions: lines
                .filter(|line| !line.is_empty())
                .map(str::to_owned)
                .collect(),
            source: file.path.clone(),
        }))
    }

    fn by_event(&self, event: &CustomEvent) -> Result<Option<Project>, String> {
        let wrong = || {
            format!(
                "event {}: its data must be a list `sessions`, or the `path` of a folder",
                event.name
            )
        };
        let data: Value = serde_json::from_str(&event.data).map_err(|_| wrong())?;
        if let Some(path) = data.get("path").and_then(Value::as_str) {
            return Ok(self.by_folder(path));
        }
        let names = data
            .get("sessions")
            .and_then(Value::as_array)
            .ok_or_else(wrong)?;
        let names: Option<Vec<String>> = names
            .iter()
            .map(|n| n.as_str().map(str::to_owned))
            .collect();
        Ok(Some(Project {
            sessions: names.ok_or_else(wrong)?,
            source: format!("event {}", event.name),
        }))
    }

    /// A folder that belongs to no project changes nothing.
    fn by_folder(&self, path: &str) -> Option<Project> {
        let path = path.trim_end_matches('/');
        let within = |pattern: &str| {
            let pattern = pattern.replace('~', "*");
            let pattern = pattern.trim_end_matches('/');
            wildcard(pattern, path) || wildcard(&format!("{pattern}/*"), path)
        };
        let place = self
            .rules
            .iter()
            .find(|place| place.folder.as_deref().is_some_and(within))?;
        Some(Project {
            sessions: place.sessions.clone(),
            source: format!("folder {path}"),
        })
    }

    fn by_branch(&self, change: &BranchChange) -> Option<Project> {
        let branch = change.branch.as_deref().unwrap_or("");
        let fits = |place: &&Place| {
            let repository = place.repository.as_deref().is_some_and(|pattern| {
                wildcard(
                    &pattern.replace("**", "*").replace('~', "*"),
                    &change.repository,
                )
            });
            repository
                && place
                    .branch
                    .as_deref()
                    .is_none_or(|pattern| wildcard(pattern, branch))
        };
        let place = self.rules.iter().find(fits)?;
        Some(Project {
            sessions: place.sessions.clone(),
            source: format!("branch {branch} of {}", change.repository),
        })
    }
}

fn read_place(place: &Object) -> Result<Place, ConfigError> {
    let text = |key| Ok::<_, ConfigError>(place.text(key)?.map(str::to_owned));
    let read = Place {
        folder: text("folder")?,
        repository: text("repository")?,
        branch: text("branch")?,
        sessions: place
            .texts("sessions")?
            .into_iter()
            .map(|(_, s)| s.to_owned())
            .collect(),
    };
    if !place.has("sessions") {
        return Err(place.missing("sessions", "which sessions it needs: `[\"shop-*\"]`"));
    }
    if read.folder.is_none() && read.repository.is_none() {
        return Err(place.missing(
            "folder",
            "the folder of the project: `~/code/shop`, or `repository`",
        ));
    }
    if read.branch.is_some() && read.repository.is_none() {
        return Err(place.missing("repository", "whose branch it is: `~/code/shop`"));
    }
    Ok(read)
}
