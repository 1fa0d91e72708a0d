//! Who there is, which temporary credentials were issued, and what each may do.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use dayfly_vault::SecretString;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::options::{EmulatedRole, EmulatorOptions};
use crate::signature::Claim;
use crate::wire::{Action, Answer, AssumeRole, Incoming, Issued, Refusal};

/// The most temporary credentials that are remembered; the demo needs a few.
const ISSUED_MAX: usize = 10_000;
/// For how long credentials that have ended are still known as such.
const REMEMBERED: Duration = Duration::from_secs(3_600);

/// The state of the emulator.
#[derive(Debug)]
pub(crate) struct Accounts {
    /// By access key id.
    users: BTreeMap<String, User>,
    /// By ARN.
    roles: BTreeMap<String, EmulatedRole>,
    /// By access key id.
    issued: BTreeMap<String, Temporary>,
    max_lifetime: Option<Duration>,
}

#[derive(Debug)]
struct User {
    secret: SecretString,
    arn: String,
}

#[derive(Debug)]
struct Temporary {
    credentials: Issued,
    arn: String,
}

/// Who signed a request.
struct Caller {
    arn: String,
    /// Whether the credentials are temporary.
    temporary: bool,
}

/// How long credentials of an action may live, in seconds.
///
/// Source: AWS STS API reference, `DurationSeconds` of each action.
struct Limits {
    usual: u64,
    most: u64,
}

impl Limits {
    const SHORTEST: u64 = 900;
    const SESSION_TOKEN: Self = Self {
        usual: 43_200,
        most: 129_600,
    };
    const ROLE: Self = Self {
        usual: 3_600,
        most: 43_200,
    };
    const CHAINED_ROLE: Self = Self {
        usual: 3_600,
        most: 3_600,
    };
}

impl Accounts {
    pub(crate) fn new(options: EmulatorOptions) -> Self {
        Self {
            users: options
                .users
                .into_iter()
                .map(|(key, arn)| {
                    let user = User {
                        secret: key.secret_access_key,
                        arn,
                    };
                    (key.access_key_id, user)
                })
                .collect(),
            roles: options
                .roles
                .into_iter()
                .map(|role| (role.arn.clone(), role))
                .collect(),
            issued: BTreeMap::new(),
            max_lifetime: options.max_lifetime,
        }
    }

    /// Does what is asked for, where the caller may.
    pub(crate) fn act(
        &mut self,
        request: &Incoming,
        action: &Action,
        now: SystemTime,
    ) -> Result<Answer, Refusal> {
        let caller = self.caller(request, now)?;
        match action {
            Action::GetCallerIdentity => Ok(Answer::Caller {
                account: account(&caller.arn).to_owned(),
                id: unique_id("AIDA", &caller.arn),
                arn: caller.arn,
            }),
            Action::GetSessionToken { .. } if caller.temporary => Err(Refusal::forbidden(
                "AccessDenied",
                "Cannot call GetSessionToken with session credentials",
            )),
            Action::GetSessionToken { seconds } => {
                let lifetime = self.lifetime(*seconds, &Limits::SESSION_TOKEN)?;
                let issued = self.issue(caller.arn, now, lifetime)?;
                Ok(Answer::SessionToken(issued))
            }
            Action::AssumeRole(asked) => self.assume_role(asked, &caller, now),
        }
    }

    /// Hands out credentials of a role, where it is there and lets the caller.
    fn assume_role(
        &mut self,
        asked: &AssumeRole,
        caller: &Caller,
        now: SystemTime,
    ) -> Result<Answer, Refusal> {
        let AssumeRole {
            role_arn,
            session_name,
            seconds,
            external_id,
            source_identity,
        } = asked;
        let role = self
            .roles
            .get(role_arn)
            .filter(|role| role.external_id.is_none() || role.external_id == *external_id);
        let Some((role_name, account)) =
            role.and_then(|role| Some((name(&role.arn)?, account(&role.arn))))
        else {
            return Err(Refusal::forbidden(
                "AccessDenied",
                format!(
                    "User: {} is not authorized to perform: sts:AssumeRole on resource: \
                     {role_arn}",
                    caller.arn
                ),
            ));
        };
        if !session_name_fits(session_name) {
            return Err(Refusal::validation(
                "1 validation error detected: Value at 'roleSessionName' failed to \
                 satisfy constraint: Member must satisfy regular expression pattern: \
                 [\\w+=,.@-]*, and have 2 to 64 characters",
            ));
        }
        let arn = format!("arn:aws:sts::{account}:assumed-role/{role_name}/{session_name}");
        let id = format!("{}:{session_name}", unique_id("AROA", role_arn));
        let limits = if caller.temporary {
            Limits::CHAINED_ROLE
        } else {
            Limits::ROLE
        };
        let lifetime = self.lifetime(*seconds, &limits)?;
        let issued = self.issue(arn.clone(), now, lifetime)?;
        Ok(Answer::Role {
            issued,
            id,
            arn,
            source_identity: source_identity.clone(),
        })
    }

    /// Who signed the request, checked.
    fn caller(&self, request: &Incoming, now: SystemTime) -> Result<Caller, Refusal> {
        let claim = Claim::read(request)?;
        let unknown = || {
            Refusal::forbidden(
                "InvalidClientTokenId",
                "The security token included in the request is invalid.",
            )
        };
        if let Some(user) = self.users.get(claim.access_key_id) {
            if claim.session_token.is_some() {
                return Err(unknown());
            }
            claim.verify(request, &user.secret, now)?;
            return Ok(Caller {
                arn: user.arn.clone(),
                temporary: false,
            });
        }
        let temporary = self.issued.get(claim.access_key_id).ok_or_else(unknown)?;
        let credentials = &temporary.credentials;
        if claim.session_token != Some(credentials.session_token.expose()) {
            return Err(unknown());
        }
        claim.verify(request, &credentials.secret_access_key, now)?;
        if credentials.expires_at <= now {
            return Err(Refusal::forbidden(
                "ExpiredToken",
                "The security token included in the request is expired",
            ));
        }
        Ok(Caller {
            arn: temporary.arn.clone(),
            temporary: true,
        })
    }

    fn lifetime(&self, seconds: Option<u64>, limits: &Limits) -> Result<Duration, Refusal> {
        let asked = seconds.unwrap_or(limits.usual);
        if let Some(most) = self.max_lifetime {
            return Ok(Duration::from_secs(asked).min(most));
        }
        if (Limits::SHORTEST..=limits.most).contains(&asked) {
            Ok(Duration::from_secs(asked))
        } else {
            Err(Refusal::validation(format!(
                "The requested DurationSeconds must be {} to {}.",
                Limits::SHORTEST,
                limits.most
            )))
        }
    }

    fn issue(
        &mut self,
        arn: String,
        now: SystemTime,
        lifetime: Duration,
    ) -> Result<Issued, Refusal> {
        self.issued
            .retain(|_, old| old.credentials.expires_at + REMEMBERED > now);
        if self.issued.len() >= ISSUED_MAX {
            return Err(Refusal::throttled(1));
        }
        let letters = |id: Uuid| id.simple().to_string().to_uppercase();
        let issued = Issued {
            access_key_id: format!("ASIA{}", &letters(Uuid::new_v4())[..16]),
            secret_access_key: SecretString::from(random_text(40)),
            session_token: SecretString::from(random_text(200)),
            expires_at: now + lifetime,
        };
        self.issued.insert(
            issued.access_key_id.clone(),
            Temporary {
                credentials: issued.clone(),
                arn,
            },
        );
        Ok(issued)
    }
}

/// Text that nobody can guess.
fn random_text(length: usize) -> String {
    let mut text = String::with_capacity(length + 32);
    while text.len() < length {
        text.push_str(&Uuid::new_v4().simple().to_string());
    }
    text.truncate(length);
    text
}

/// An id as IAM makes them, the same for the same ARN.
fn unique_id(prefix: &str, arn: &str) -> String {
    let digest = Sha256::digest(arn.as_bytes());
    let letters: String = digest.iter().take(9).map(|b| format!("{b:02X}")).collect();
    format!("{prefix}{}", &letters[..17])
}

/// The account of an ARN; empty where it has none.
fn account(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or_default()
}

/// The name of a role without its path.
fn name(role_arn: &str) -> Option<&str> {
    role_arn
        .split(':')
        .nth(5)?
        .strip_prefix("role/")?
        .rsplit('/')
        .next()
}

/// Source: AWS STS API reference, `RoleSessionName`.
fn session_name_fits(name: &str) -> bool {
    (2..=64).contains(&name.len())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c))
}
