//! A new long-lived key in the place of an IAM user's old one, so that a crash at any step locks nobody
//! out and loses no key that is in force.
//!
//! A user has two keys at most. The new one is made and put aside in the vault beside the old one; it
//! takes the old one's place in the vault once AWS accepts it; only then the old one is deactivated and
//! deleted, by the new one. What the vault has put aside says where to go on after a crash. One step has no
//! record: a key that was made and not put aside any more. Its secret is lost; it is in nobody's way but
//! of the next rotation, which names it and deletes it when a person says so.
//!
//! Source: IAM User Guide, "Update access keys".

use std::future::Future;
use std::time::Duration;

use dayfly_core::session::{Session, SessionId};
use dayfly_core::time::Timestamp;
use dayfly_vault::{AccessKey, SecretString, Vault, VaultError};
use serde::{Deserialize, Serialize};

use crate::aws_sts::{Identity, Sts};
use crate::errors::ProviderError;
use crate::hints::{quoted, set_secret};
use crate::iam::{Iam, IamError, User};
use crate::settings::AwsSettings;

/// How names of what a rotation put aside begin in the vault; the session's id follows.
const ASIDE: &str = "access-key-rotation/";
/// How long AWS may take to know a new key everywhere.
const KNOWN_WITHIN: Duration = Duration::from_secs(60);
/// How often it is asked meanwhile.
const ASKED_EACH: Duration = Duration::from_secs(2);

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotationStep {
    /// AWS made the new key; nothing has it yet.
    Made,
    /// The vault has it beside the old one.
    PutAside,
    /// AWS accepts it.
    Accepted,
    /// It took the place of the old one in the vault.
    InForce,
    /// The old one can no longer be used.
    Deactivated,
    /// The old one is gone.
    Deleted,
}

/// How a rotation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotated {
    /// The new key is in the place of the old one, which is gone.
    Done {
        /// Id of the old key.
        old: String,
        /// Id of the new key.
        new: String,
    },
    /// The key is younger than was asked for.
    Young {
        /// Its id.
        id: String,
        /// How old it is.
        age: Duration,
    },
}

/// What a rotation is to do.
#[derive(Clone, Copy, Debug, Default)]
pub struct RotationWish<'a> {
    /// Only a key that is older than this.
    pub older_than: Option<Duration>,
    /// Another key of the user, which may be deleted to make room.
    pub discard: Option<&'a str>,
}

/// Why a key was not rotated, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// There is no key.
    #[error("the vault has no access key for session \"{0}\"")]
    NoKey(String),
    /// The vault cannot be read or written.
    #[error("the access key of session \"{session}\" is not rotated to its end: {source}")]
    Vault {
        /// The session's name.
        session: String,
        /// Why not.
        source: Box<VaultError>,
    },
    /// IAM did not do it.
    #[error("the access key of session \"{session}\" is not rotated to its end: {source}")]
    Iam {
        /// The session's name.
        session: String,
        /// Why not.
        source: IamError,
    },
    /// AWS does not say whose key it is.
    #[error("the access key of session \"{session}\" is not rotated: {source}")]
    Whose {
        /// The session's name.
        session: String,
        /// Why not.
        source: Box<ProviderError>,
    },
    /// It is not the key of an IAM user, or AWS does not list it.
    #[error("the access key {id} of session \"{session}\" is not rotated: {problem}")]
    NotOfUser {
        /// The session's name.
        session: String,
        /// Its id.
        id: String,
        /// Why not.
        problem: &'static str,
    },
    /// The user has another key, and two is the most.
    #[error(
        "the IAM user of session \"{session}\" has a second access key, {other}, whose secret Dayfly does \
         not have, and AWS allows two; nothing was changed"
    )]
    TwoKeys {
        /// The session's name.
        session: String,
        /// Id of the other key.
        other: String,
    },
    /// The new key is not accepted.
    #[error(
        "AWS does not accept the new access key {new} of session \"{session}\" yet; the old one stays in \
         force, and the vault keeps both"
    )]
    NotAccepted {
        /// The session's name.
        session: String,
        /// Id of the new key.
        new: String,
    },
}

impl RotationError {
    /// What a person can do next.
    #[must_use]
    pub fn hint(&self) -> String {
        let again = |session: &str| {
            format!(
                "run `dayfly secret rotate {}` again; it goes on where it ended",
                quoted(session)
            )
        };
        match self {
            Self::NoKey(session) => set_secret(session),
            Self::Iam { session, source } if source.is("AccessDenied") => format!(
                "the user's policy has to allow iam:ListAccessKeys, CreateAccessKey, UpdateAccessKey and \
                 DeleteAccessKey on itself, without MFA; then {}",
                again(session)
            ),
            Self::Vault { session, .. } | Self::Iam { session, .. } => again(session),
            Self::TwoKeys { session, other } => format!(
                "if nobody uses {other} (a rotation that was interrupted may have left it), run `dayfly \
                 secret rotate {} --discard {other}`, which deletes it",
                quoted(session)
            ),
            Self::NotAccepted { session, .. } => again(session),
            Self::Whose { source, .. } => source.hint().unwrap_or_default(),
            Self::NotOfUser { session, .. } => set_secret(session),
        }
    }
}

/// A key that is on its way into force, and the one that it replaces.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Aside {
    old: String,
    new: String,
    secret: String,
}

impl Drop for Aside {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.secret);
    }
}

/// A rotation of one session's key.
pub struct KeyRotation<'a> {
    /// Where STS is, which says whose key it is.
    pub aws: &'a AwsSettings,
    /// IAM, for the session's partition.
    pub iam: &'a Iam,
    /// Where the key is.
    pub vault: &'a Vault,
    /// Whose key it is.
    pub session: &'a Session,
    /// The time.
    pub now: Timestamp,
}

impl KeyRotation<'_> {
    /// Rotates the key, or goes on where an earlier call ended. `told` hears of each step once it is done
    /// and before the next begins.
    ///
    /// # Errors
    /// [`RotationError`]. The key in the vault is one that AWS accepts in any case.
    pub async fn run<F: Future<Output = ()>>(
        &self,
        wish: RotationWish<'_>,
        mut told: impl FnMut(RotationStep) -> F,
    ) -> Result<Rotated, RotationError> {
        let key = self.key()?;
        let name = self.user_of(&key).await?;
        let user = User {
            name: &name,
            key: &key,
        };
        let aside = self.aside()?;
        if let Some(aside) = aside
            .as_ref()
            .filter(|aside| aside.new == key.access_key_id)
        {
            return self.retire(user, &aside.old, told).await;
        }
        let listed = self.iam(self.iam.list(user).await)?;
        let own = listed.iter().find(|listed| listed.id == key.access_key_id);
        let own = own.ok_or_else(|| self.not_of_user(&key, "IAM does not list it"))?;
        let age = own.created.map(|created| self.now.since(created));
        if let (Some(least), Some(age)) = (wish.older_than, age)
            && age < least
        {
            let id = key.access_key_id;
            return Ok(Rotated::Young { id, age });
        }
        let is_listed = |id: &str| listed.iter().any(|listed| listed.id == id);
        let begun = aside.filter(|aside| aside.old == key.access_key_id && is_listed(&aside.new));
        let new = match begun {
            Some(aside) => AccessKey {
                access_key_id: aside.new.clone(),
                secret_access_key: SecretString::copy_of(&aside.secret),
            },
            None => {
                let ids = listed.iter().map(|listed| listed.id.as_str());
                let others = ids.filter(|id| *id != key.access_key_id);
                for other in others {
                    if wish.discard != Some(other) {
                        return Err(RotationError::TwoKeys {
                            session: self.session.name.clone(),
                            other: other.to_owned(),
                        });
                    }
                    self.iam(self.iam.delete(user, other).await)?;
                }
                let new = self.iam(self.iam.create(user).await)?;
                told(RotationStep::Made).await;
                self.put_aside(&key, &new)?;
                told(RotationStep::PutAside).await;
                new
            }
        };
        let renewed = User {
            name: &name,
            key: &new,
        };
        self.wait_until_accepted(renewed).await?;
        told(RotationStep::Accepted).await;
        let kept = self.vault.set_access_key(&self.session.id, &new);
        self.vault(kept)?;
        told(RotationStep::InForce).await;
        self.retire(renewed, &key.access_key_id, told).await
    }

    /// The old key goes, by the new one.
    async fn retire<F: Future<Output = ()>>(
        &self,
        user: User<'_>,
        old: &str,
        mut told: impl FnMut(RotationStep) -> F,
    ) -> Result<Rotated, RotationError> {
        let unless_gone = |result: Result<(), IamError>| match result {
            Err(error) if error.is("NoSuchEntity") => Ok(()),
            other => other,
        };
        self.iam(unless_gone(self.iam.deactivate(user, old).await))?;
        told(RotationStep::Deactivated).await;
        self.iam(unless_gone(self.iam.delete(user, old).await))?;
        told(RotationStep::Deleted).await;
        let removed = self.vault.remove(&aside_name(&self.session.id));
        self.vault(removed)?;
        Ok(Rotated::Done {
            old: old.to_owned(),
            new: user.key.access_key_id.clone(),
        })
    }

    /// AWS knows a new key everywhere only after some seconds.
    async fn wait_until_accepted(&self, user: User<'_>) -> Result<(), RotationError> {
        let begun = tokio::time::Instant::now();
        loop {
            match self.iam.list(user).await {
                Ok(_) => return Ok(()),
                Err(error) if error.is("InvalidClientTokenId") => {}
                Err(error) => return self.iam(Err(error)),
            }
            if begun.elapsed() >= KNOWN_WITHIN {
                return Err(RotationError::NotAccepted {
                    session: self.session.name.clone(),
                    new: user.key.access_key_id.clone(),
                });
            }
            tokio::time::sleep(ASKED_EACH).await;
        }
    }

    /// The name of the user that a key is of.
    async fn user_of(&self, key: &AccessKey) -> Result<String, RotationError> {
        let whose = |source| RotationError::Whose {
            session: self.session.name.clone(),
            source: Box::new(source),
        };
        let sts = Sts::new(self.aws.clone());
        let call = sts.call(self.session, "GetCallerIdentity", self.now).await;
        let mut call = call.map_err(whose)?;
        let identity = Identity {
            access_key_id: &key.access_key_id,
            secret_access_key: &key.secret_access_key,
            session_token: None,
        };
        let settings = call.with(identity, true);
        let asked = call.client.get_caller_identity().customize();
        let answer = asked.config_override(settings).send().await;
        let answer = answer.map_err(|error| whose(call.refused(error)))?;
        // `arn:aws:iam::123456789012:user/path/name`
        let user = answer.arn().and_then(|arn| arn.split_once(":user/"));
        let name = user.and_then(|(_, path)| path.rsplit('/').next());
        name.map(str::to_owned)
            .ok_or_else(|| self.not_of_user(key, "it is not the key of an IAM user"))
    }

    fn not_of_user(&self, key: &AccessKey, problem: &'static str) -> RotationError {
        RotationError::NotOfUser {
            session: self.session.name.clone(),
            id: key.access_key_id.clone(),
            problem,
        }
    }

    fn key(&self) -> Result<AccessKey, RotationError> {
        let key = self.vault(self.vault.access_key(&self.session.id))?;
        key.ok_or_else(|| RotationError::NoKey(self.session.name.clone()))
    }

    fn aside(&self) -> Result<Option<Aside>, RotationError> {
        let text = self.vault(self.vault.get(&aside_name(&self.session.id)))?;
        // What cannot be read is as good as none: the key that is in force is elsewhere.
        Ok(text.and_then(|text| serde_json::from_str(text.expose()).ok()))
    }

    fn put_aside(&self, old: &AccessKey, new: &AccessKey) -> Result<(), RotationError> {
        let aside = Aside {
            old: old.access_key_id.clone(),
            new: new.access_key_id.clone(),
            secret: new.secret_access_key.expose().to_owned(),
        };
        let text = serde_json::to_string(&aside).unwrap_or_default();
        let name = aside_name(&self.session.id);
        self.vault(self.vault.set(&name, &SecretString::from(text)))
    }

    fn vault<T>(&self, result: Result<T, VaultError>) -> Result<T, RotationError> {
        result.map_err(|source| RotationError::Vault {
            session: self.session.name.clone(),
            source: Box::new(source),
        })
    }

    fn iam<T>(&self, result: Result<T, IamError>) -> Result<T, RotationError> {
        result.map_err(|source| RotationError::Iam {
            session: self.session.name.clone(),
            source,
        })
    }
}

fn aside_name(session: &SessionId) -> String {
    format!("{ASIDE}{session}")
}
