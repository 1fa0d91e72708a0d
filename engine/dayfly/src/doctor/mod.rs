//! What keeps credentials from being obtained or found, each with how to mend it.

pub(crate) mod disk;
mod environment;
mod files;
mod home;
mod network;
mod published;
mod reachability;
mod seen;

use serde::Serialize;

pub(crate) use self::disk::room;
pub(crate) use self::environment::environment;
pub(crate) use self::files::shared_files;
pub(crate) use self::home::{configuration, engine_runs, modes, vault, workspace};
pub(crate) use self::network::network;
pub(crate) use self::published::published;
pub(crate) use self::reachability::{clouds, endpoint};
pub(crate) use self::seen::newest;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Grade {
    Good,
    Notice,
    Wrong,
}

/// Something that was looked at.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Finding {
    pub(crate) grade: Grade,
    pub(crate) about: &'static str,
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
}

/// All that was found.
#[derive(Debug, Default)]
pub(crate) struct Findings(pub(crate) Vec<Finding>);

impl Findings {
    fn good(&mut self, about: &'static str, message: impl Into<String>) {
        self.add(Grade::Good, about, message.into(), None);
    }

    fn notice(&mut self, about: &'static str, message: impl Into<String>, hint: &str) {
        self.add(Grade::Notice, about, message.into(), Some(hint.to_owned()));
    }

    fn wrong(&mut self, about: &'static str, message: impl Into<String>, hint: &str) {
        let hint = Some(hint.to_owned()).filter(|h| !h.is_empty());
        self.add(Grade::Wrong, about, message.into(), hint);
    }

    fn add(&mut self, grade: Grade, about: &'static str, message: String, hint: Option<String>) {
        self.0.push(Finding {
            grade,
            about,
            message,
            hint,
        });
    }
}
