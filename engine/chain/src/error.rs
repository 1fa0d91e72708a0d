//! Why credentials could not be put into, or removed from, the provider chain.

use std::path::PathBuf;
use std::sync::Arc;

use dayfly_awsfiles::Fault;
use dayfly_core::delivery::Place;
use dayfly_core::session::{ErrorKind, Failure};
use dayfly_vault::private_file::PrivateFileError;

/// What went wrong, with which file and session. Carries no secret.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ChainError {
    /// The file could not be read, locked or replaced.
    #[error("{0}{because}", because = cause(.0))]
    File(Arc<PrivateFileError>),
    /// The profile holds credentials that a person or another program put there.
    #[error(
        "profile \"{profile}\" in {path} has \"{key}\" in line {line}, which Dayfly did not write",
        path = path.display()
    )]
    ForeignProfile {
        /// The file.
        path: PathBuf,
        /// The profile.
        profile: String,
        /// The line of the key, from 1.
        line: usize,
        /// The key, without its value.
        key: String,
    },
    /// Another Dayfly of this person has put credentials under the profile.
    #[error(
        "profile \"{profile}\" in {path} line {line} holds credentials that another Dayfly published",
        path = path.display()
    )]
    OtherHome {
        /// The file.
        path: PathBuf,
        /// The profile.
        profile: String,
        /// The line of its header, from 1.
        line: usize,
    },
    /// Another session of this Dayfly stands there under the same name.
    #[error("{path} already has {profile} for session \"{session}\"", path = path.display())]
    OtherSession {
        /// The file.
        path: PathBuf,
        /// The name.
        profile: String,
        /// The id of that session.
        session: String,
    },
    /// Clients would not read the profile as it is meant.
    #[error("{path} line {line}: {problem}", path = path.display())]
    Unclear {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and how to put it right.
        problem: &'static str,
    },
    /// The AWS CLI and the SDKs cannot read the file, so nothing is added to it.
    #[error(
        "Dayfly cannot read {path}, so it does not change the file: {fault}",
        path = path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and byte.
        fault: Fault,
    },
    /// A value cannot be written, as clients would read it differently.
    #[error("session \"{session}\": its {field} {problem}")]
    Value {
        /// The session's name.
        session: String,
        /// Which value.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// This machine does not have the place.
    #[error(
        "Dayfly does not know the file for {place} on this machine{because}",
        because = because(.reason)
    )]
    NotHere {
        /// The place.
        place: Place,
        /// Why it has none.
        reason: String,
    },
    /// A change broke in the middle.
    #[error("the provider chain could not be changed: an error in Dayfly")]
    Defect,
    /// The file changed each time between reading and replacing it.
    #[error("another program keeps changing {path}", path = .0.display())]
    Busy(PathBuf),
    /// Nobody knows where credentials are to go.
    #[error("Dayfly publishes nothing: {0}")]
    Refused(String),
}

fn because(reason: &str) -> String {
    match reason {
        "" => String::new(),
        reason => format!(": {reason}"),
    }
}

fn cause(error: &PrivateFileError) -> String {
    match error {
        PrivateFileError::Io { source, .. } => format!(": {source}"),
        _ => String::new(),
    }
}

impl From<PrivateFileError> for ChainError {
    fn from(error: PrivateFileError) -> Self {
        Self::File(Arc::new(error))
    }
}

impl ChainError {
    /// What to do next, where the message does not already say it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::ForeignProfile { .. } => Some(
                "take the profile over with `dayfly import`, which gives it back when the session \
                 is removed; or give the session another named profile or another `delivery`"
                    .into(),
            ),
            Self::OtherHome { .. } => Some(
                "stop the session there, or give this one another named profile; each DAYFLY_HOME \
                 publishes separately"
                    .into(),
            ),
            Self::Unreadable { fault, .. } => Some(fault.what.hint().into()),
            Self::OtherSession { .. } => Some("stop that session first".into()),
            Self::Busy(_) => Some("try again when that program has finished".into()),
            Self::Value { .. } => Some("change it in the Workspace".into()),
            Self::NotHere { .. } => Some(
                "name its file in dayfly.toml (`credentials-file` or `config-file` of [aws], \
                 `profile-file` of [azure])"
                    .into(),
            ),
            Self::File(_) | Self::Unclear { .. } | Self::Defect | Self::Refused(_) => None,
        }
    }

    /// What the core, the journal and a person are told about it.
    #[must_use]
    pub fn to_failure(&self) -> Failure {
        let failure = Failure::new(ErrorKind::Delivery, self.to_string());
        match self.hint() {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    }
}
