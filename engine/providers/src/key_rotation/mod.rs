//! A new long-lived key in the place of an IAM user's old one, so that a crash at any step locks nobody
//! out and loses no key that is in force.
//!
//! A user has two keys at most. First the vault notes that a rotation begins, so that no key is made that the
//! vault cannot take. The new key is made and put aside in the vault beside the old one; it takes the old one's
//! place in the vault once AWS accepts it; only then the old one is deactivated and deleted, by the new one.
//! What the vault has put aside says where to go on after a crash. One step cannot be gone on with: a key that
//! was made and not put aside any more. Its secret is lost. The note says that a rotation was begun, so that
//! the key is named at the next look; it is deleted when a person says so, since a person may have made it too.
//!
//! Source: IAM User Guide, "Update access keys".

mod aside;
mod error;

use std::future::Future;
use std::time::Duration;

use dayfly_core::key_rotation::KeyFacts;
use dayfly_core::session::Session;
use dayfly_core::time::Timestamp;
use dayfly_vault::{AccessKey, Vault, VaultError};

use self::aside::Aside;
pub use self::aside::{ROTATION_ASIDE, interrupted_rotations};
pub use self::error::{Kept, RotationError};
use crate::aws_sts::{Identity, Sts};
use crate::errors::ProviderError;
use crate::iam::{Iam, IamError, ListedKey, User};
use crate::settings::AwsSettings;

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

/// How a rotation stands.
struct Standing {
    key: AccessKey,
    /// Whose key it is.
    user: String,
    aside: Option<Aside>,
    /// The user's keys.
    listed: Vec<ListedKey>,
    /// When the key was made.
    created: Timestamp,
}

impl Standing {
    fn by(&self) -> User<'_> {
        User {
            name: &self.user,
            key: &self.key,
        }
    }

    /// A key that a rotation put in force whose old one is still to go: the old one's id.
    fn to_retire(&self) -> Option<&str> {
        let aside = self.aside.as_ref()?;
        (aside.new_id()? == self.key.access_key_id).then_some(aside.old())
    }

    /// A key that was made and put aside, and is not in force yet.
    fn begun(&self) -> Option<AccessKey> {
        let aside = self.aside.as_ref()?;
        let new = aside.new_key()?;
        let listed = |id: &str| self.listed.iter().any(|listed| listed.id == id);
        (aside.old() == self.key.access_key_id && listed(&new.access_key_id)).then_some(new)
    }

    /// The user's other keys.
    fn others(&self) -> impl Iterator<Item = &str> {
        let ids = self.listed.iter().map(|listed| listed.id.as_str());
        ids.filter(|id| *id != self.key.access_key_id)
    }

    /// A key that nobody put aside, though a rotation was about to make one.
    fn lost(&self) -> Option<&str> {
        let noted = self
            .aside
            .as_ref()
            .is_some_and(|aside| aside.new_id().is_none());
        self.others().find(|_| noted)
    }
}

impl KeyRotation<'_> {
    /// How old the key is, and whether a rotation of it was interrupted.
    ///
    /// # Errors
    /// [`RotationError`]. Where a rotation left a key that nobody can use, that is an error too: a person has to
    /// know of it.
    pub async fn look(&self) -> Result<KeyFacts, RotationError> {
        let standing = self.standing().await?;
        let interrupted = standing.to_retire().is_some() || standing.begun().is_some();
        match standing.lost() {
            Some(other) if !interrupted => Err(self.two_keys(other)),
            _ => Ok(KeyFacts {
                created: standing.created,
                interrupted,
            }),
        }
    }

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
        let standing = self.standing().await?;
        if let Some(old) = standing.to_retire() {
            return self.retire(standing.by(), old, told).await;
        }
        let new = match standing.begun() {
            Some(new) => new,
            None => {
                let age = self.now.since(standing.created);
                if wish.older_than.is_some_and(|least| age < least) {
                    let id = standing.key.access_key_id;
                    return Ok(Rotated::Young { id, age });
                }
                self.make_room(&standing, wish.discard).await?;
                // What the vault cannot take is not made.
                self.put_aside(&Aside::begun(&standing.key), Kept::Unchanged)?;
                let made = self.iam.create(standing.by()).await;
                let new = self.iam(made, Kept::Unchanged)?;
                told(RotationStep::Made).await;
                self.keep_aside(&standing, &new).await?;
                told(RotationStep::PutAside).await;
                new
            }
        };
        let kept = || Kept::Both {
            new: new.access_key_id.clone(),
        };
        let renewed = User {
            name: &standing.user,
            key: &new,
        };
        self.wait_until_accepted(renewed).await?;
        told(RotationStep::Accepted).await;
        // Other sessions may have the same key.
        let stored = self
            .vault
            .replace_access_key(&standing.key.access_key_id, &new);
        if self.vault(stored, kept())? == 0 {
            return self.take_back(renewed).await;
        }
        told(RotationStep::InForce).await;
        self.retire(renewed, &standing.key.access_key_id, told)
            .await
    }

    /// The key, whose it is, and which keys that user has.
    async fn standing(&self) -> Result<Standing, RotationError> {
        let key = self.vault(self.vault.access_key(&self.session.id), Kept::Unchanged)?;
        let key = key.ok_or_else(|| RotationError::NoKey(self.session.name.clone()))?;
        let aside = self.vault(Aside::of(self.vault, &self.session.id), Kept::Unchanged)?;
        let kept = kept_by(&key, aside.as_ref());
        let user = self.user_of(&key, kept.clone()).await?;
        let by = User {
            name: &user,
            key: &key,
        };
        let listed = self.iam(self.iam.list(by).await, kept)?;
        let own = listed.iter().find(|listed| listed.id == key.access_key_id);
        let own = own.ok_or_else(|| self.not_of_user(&key, "IAM does not list it"))?;
        let created = own.created;
        let created = created.ok_or_else(|| self.not_of_user(&key, "IAM does not tell its age"))?;
        Ok(Standing {
            key,
            user,
            aside,
            listed,
            created,
        })
    }

    /// Deletes the user's other key, where a person said which.
    async fn make_room(
        &self,
        standing: &Standing,
        discard: Option<&str>,
    ) -> Result<(), RotationError> {
        for other in standing.others() {
            if discard != Some(other) {
                return Err(self.two_keys(other));
            }
            let deleted = self.iam.delete(standing.by(), other).await;
            self.iam(deleted, Kept::Unchanged)?;
        }
        Ok(())
    }

    /// Puts a key aside that was made. Where the vault does not take it any more, AWS is not left with it.
    async fn keep_aside(&self, standing: &Standing, new: &AccessKey) -> Result<(), RotationError> {
        let aside = Aside::made(&standing.key, new);
        let Err(error) = aside.put(self.vault, &self.session.id) else {
            return Ok(());
        };
        let id = &new.access_key_id;
        let kept = match self.iam.delete(standing.by(), id).await {
            Ok(()) => Kept::Unchanged,
            Err(_) => Kept::Lost { new: id.clone() },
        };
        self.vault(Err(error), kept)
    }

    /// Somebody stored another key meanwhile: that one counts, and the one that was made goes again, by itself.
    async fn take_back(&self, made: User<'_>) -> Result<Rotated, RotationError> {
        let id = &made.key.access_key_id;
        let kept = Kept::Lost { new: id.clone() };
        self.iam(self.iam.delete(made, id).await, kept)?;
        let removed = Aside::remove(self.vault, &self.session.id);
        self.vault(removed, Kept::Unchanged)?;
        Err(RotationError::Changed(self.session.name.clone()))
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
        let new = user.key.access_key_id.clone();
        let kept = || Kept::Replaced {
            new: new.clone(),
            old: old.to_owned(),
        };
        // A session that was given the old one since is not locked out either.
        let stored = self.vault.replace_access_key(old, user.key);
        self.vault(stored, kept())?;
        self.iam(unless_gone(self.iam.deactivate(user, old).await), kept())?;
        told(RotationStep::Deactivated).await;
        self.iam(unless_gone(self.iam.delete(user, old).await), kept())?;
        told(RotationStep::Deleted).await;
        self.vault(Aside::remove(self.vault, &self.session.id), kept())?;
        Ok(Rotated::Done {
            old: old.to_owned(),
            new,
        })
    }

    /// AWS knows a new key everywhere only after some seconds: IAM, and the STS that the session asks.
    async fn wait_until_accepted(&self, user: User<'_>) -> Result<(), RotationError> {
        let kept = || Kept::Both {
            new: user.key.access_key_id.clone(),
        };
        let begun = tokio::time::Instant::now();
        loop {
            match self.iam.list(user).await {
                Ok(_) if self.user_of(user.key, kept()).await.is_ok() => return Ok(()),
                Ok(_) => {}
                Err(error) if error.is("InvalidClientTokenId") => {}
                Err(error) => return self.iam(Err(error), kept()),
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
    async fn user_of(&self, key: &AccessKey, kept: Kept) -> Result<String, RotationError> {
        let whose = |source| RotationError::Whose {
            session: self.session.name.clone(),
            source: Box::new(source),
            kept,
        };
        match self.arn_of(key).await {
            Err(source) => Err(whose(source)),
            // `arn:aws:iam::123456789012:user/path/name`
            Ok(arn) => {
                let user = arn.as_deref().and_then(|arn| arn.split_once(":user/"));
                let name = user.and_then(|(_, path)| path.rsplit('/').next());
                name.map(str::to_owned)
                    .ok_or_else(|| self.not_of_user(key, "it is not the key of an IAM user"))
            }
        }
    }

    async fn arn_of(&self, key: &AccessKey) -> Result<Option<String>, ProviderError> {
        let sts = Sts::new(self.aws.clone());
        let call = sts.call(self.session, "GetCallerIdentity", self.now);
        let mut call = call.await?;
        let identity = Identity {
            access_key_id: &key.access_key_id,
            secret_access_key: &key.secret_access_key,
            session_token: None,
        };
        let settings = call.with(identity, true);
        let asked = call.client.get_caller_identity().customize();
        let answer = asked.config_override(settings).send().await;
        let answer = answer.map_err(|error| call.refused(error))?;
        Ok(answer.arn().map(str::to_owned))
    }

    fn not_of_user(&self, key: &AccessKey, problem: &'static str) -> RotationError {
        RotationError::NotOfUser {
            session: self.session.name.clone(),
            id: key.access_key_id.clone(),
            problem,
        }
    }

    fn two_keys(&self, other: &str) -> RotationError {
        RotationError::TwoKeys {
            session: self.session.name.clone(),
            other: other.to_owned(),
        }
    }

    fn put_aside(&self, aside: &Aside, kept: Kept) -> Result<(), RotationError> {
        self.vault(aside.put(self.vault, &self.session.id), kept)
    }

    fn vault<T>(&self, result: Result<T, VaultError>, kept: Kept) -> Result<T, RotationError> {
        result.map_err(|source| RotationError::Vault {
            session: self.session.name.clone(),
            source: Box::new(source),
            kept,
        })
    }

    fn iam<T>(&self, result: Result<T, IamError>, kept: Kept) -> Result<T, RotationError> {
        result.map_err(|source| RotationError::Iam {
            session: self.session.name.clone(),
            source: Box::new(source),
            kept,
        })
    }
}

/// What the vault has at the beginning of a call.
fn kept_by(key: &AccessKey, aside: Option<&Aside>) -> Kept {
    let id = &key.access_key_id;
    let new = aside.and_then(Aside::new_id);
    match (aside, new) {
        (Some(aside), Some(new)) if new == id => Kept::Replaced {
            new: new.to_owned(),
            old: aside.old().to_owned(),
        },
        (Some(aside), Some(new)) if aside.old() == id => Kept::Both {
            new: new.to_owned(),
        },
        _ => Kept::Unchanged,
    }
}
