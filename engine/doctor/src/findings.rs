//! What was looked at, and what was found.

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grade {
    /// As it should be.
    Good,
    /// Worth to know.
    Notice,
    /// To be mended.
    Wrong,
}

/// Something that was looked at.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// How bad it is.
    pub grade: Grade,
    /// What it is about.
    pub about: &'static str,
    /// What was found.
    pub message: String,
    /// How to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// All that was found.
#[derive(Debug, Default)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    pub(crate) fn good(&mut self, about: &'static str, message: impl Into<String>) {
        self.add(Grade::Good, about, message.into(), None);
    }

    pub(crate) fn notice(&mut self, about: &'static str, message: impl Into<String>, hint: &str) {
        self.add(Grade::Notice, about, message.into(), Some(hint.to_owned()));
    }

    pub(crate) fn wrong(&mut self, about: &'static str, message: impl Into<String>, hint: &str) {
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
