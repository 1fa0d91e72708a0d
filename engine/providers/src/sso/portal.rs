//! What the access token of a sign-in is for: credentials of roles, and which roles there are.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use dayfly_core::session::{ErrorKind, Lease};
use dayfly_core::time::Timestamp;
use dayfly_vault::{Material, SecretString, TemporaryCredentials};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::access::Sso;
use super::error::SsoError;
use super::integration::SsoIntegration;
use aws_sdk_sso::types::AccountInfo;
use aws_types::request_id::RequestId as _;

/// Entries of one page, the most that the portal gives.
const PAGE: i32 = 100;
/// Pages of one list: a bound, not a figure that anybody reaches.
const PAGES: usize = 10_000;
/// Lists that are read at the same time.
const AT_ONCE: usize = 4;
/// How often a list is asked for again where the portal wants fewer calls or is not reached.
const TRIES: u32 = 8;
/// The first and the longest wait before that, where the portal does not say how long.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// How long a list may wait for its turn.
const TURN: Duration = Duration::from_secs(600);

/// An account that the person has a role in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account {
    /// The twelve digits.
    pub id: String,
    /// What its owners call it.
    pub name: Option<String>,
    /// Its address.
    pub email: Option<String>,
}

/// A role that the person has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Role {
    /// The account that it is in.
    pub account: Account,
    /// Its name: that of the permission set.
    pub name: String,
}

/// Which credentials are wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) account: &'a str,
    pub(crate) role: &'a str,
    pub(crate) region: &'a str,
    /// How long they may wait for their turn.
    pub(crate) turn: Duration,
    pub(crate) now: Timestamp,
}

impl Sso {
    /// Credentials of a role.
    pub(crate) async fn role_credentials(
        self: &Arc<Self>,
        integration: &SsoIntegration,
        wanted: Wanted<'_>,
    ) -> Result<TemporaryCredentials, SsoError> {
        self.with_token(integration, wanted.turn, |token| async move {
            let (portal, mut asked) = self
                .clients
                .portal(integration, "GetRoleCredentials")
                .await?;
            asked.secrets.push(token.clone());
            let answer = portal
                .get_role_credentials()
                .account_id(wanted.account)
                .role_name(wanted.role)
                .access_token(token.expose())
                .send()
                .await
                .map_err(|error| asked.refused(&error, self.now()))?;
            let request_id = answer.request_id().map(str::to_owned);
            let refuse =
                |problem: String, clock| Err(asked.answered(problem, clock, request_id.as_deref()));
            let Some(credentials) = answer.role_credentials else {
                return refuse("without credentials".to_owned(), false);
            };
            let end = u64::try_from(credentials.expiration).unwrap_or(0);
            let (Some(id), Some(secret), Some(session_token), 1..) = (
                filled(credentials.access_key_id),
                filled(credentials.secret_access_key),
                filled(credentials.session_token),
                end,
            ) else {
                return refuse("with incomplete credentials".to_owned(), false);
            };
            let end = Timestamp::from_millis(end);
            let now = wanted.now.plus(asked.started.elapsed());
            if end <= now {
                let late = now.since(end).as_secs();
                return refuse(
                    format!("with credentials that expired {late} s ago by this machine's clock"),
                    true,
                );
            }
            Ok(TemporaryCredentials {
                lease: Lease {
                    issued_at: wanted.now,
                    expires_at: Some(end),
                },
                material: Material::Aws {
                    access_key_id: id,
                    secret_access_key: SecretString::from(secret),
                    session_token: Some(SecretString::from(session_token)),
                    region: Some(wanted.region.to_owned()),
                },
            })
        })
        .await
    }

    /// Every role that the person has, sorted. `progress` is told how many accounts there are, how
    /// many of them are done, and how many roles were found.
    ///
    /// # Errors
    /// Some list could not be had: then nothing is told at all, since half a list would look like
    /// roles that were taken away.
    pub async fn roles(
        self: &Arc<Self>,
        integration: &SsoIntegration,
        progress: impl Fn(usize, usize, usize),
    ) -> Result<Vec<Role>, SsoError> {
        let accounts = self.accounts(integration).await?;
        progress(accounts.len(), 0, 0);
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let mut lists = JoinSet::new();
        for account in accounts.iter().cloned() {
            let (sso, integration) = (Arc::clone(self), integration.clone());
            let places = Arc::clone(&places);
            lists.spawn(async move {
                // Never closed.
                let _place = places.acquire_owned().await;
                let names = sso.account_roles(&integration, &account.id).await?;
                let roles = names.into_iter().map(|name| Role {
                    account: account.clone(),
                    name,
                });
                Ok::<Vec<Role>, SsoError>(roles.collect())
            });
        }
        let mut all = Vec::new();
        let mut done = 0;
        while let Some(list) = lists.join_next().await {
            let list = list.unwrap_or_else(|_| {
                Err(SsoError::Cache {
                    integration: integration.name.clone(),
                    problem: "listing ended without an answer".to_owned(),
                })
            });
            // The others end with the set.
            all.extend(list?);
            done += 1;
            progress(accounts.len(), done, all.len());
        }
        all.sort_by(|a, b| {
            (&a.account.name, &a.account.id, &a.name).cmp(&(
                &b.account.name,
                &b.account.id,
                &b.name,
            ))
        });
        all.dedup();
        Ok(all)
    }

    async fn accounts(
        self: &Arc<Self>,
        integration: &SsoIntegration,
    ) -> Result<Vec<Account>, SsoError> {
        let page = |next: Option<String>| {
            self.patiently(integration, move |token| {
                let next = next.clone();
                async move {
                    let (portal, mut asked) =
                        self.clients.portal(integration, "ListAccounts").await?;
                    asked.secrets.push(token.clone());
                    portal
                        .list_accounts()
                        .max_results(PAGE)
                        .set_next_token(next)
                        .access_token(token.expose())
                        .send()
                        .await
                        .map_err(|error| asked.refused(&error, self.now()))
                }
            })
        };
        let account = |listed: AccountInfo| {
            Some(Account {
                id: filled(listed.account_id)?,
                name: filled(listed.account_name),
                email: filled(listed.email_address),
            })
        };
        let mut accounts = pages(page, |page| {
            let listed = page.account_list.unwrap_or_default().into_iter();
            (listed.filter_map(account).collect(), page.next_token)
        })
        .await?;
        accounts.sort();
        accounts.dedup();
        Ok(accounts)
    }

    async fn account_roles(
        self: &Arc<Self>,
        integration: &SsoIntegration,
        account: &str,
    ) -> Result<Vec<String>, SsoError> {
        let page = |next: Option<String>| {
            self.patiently(integration, move |token| {
                let next = next.clone();
                async move {
                    let (portal, mut asked) =
                        self.clients.portal(integration, "ListAccountRoles").await?;
                    asked.secrets.push(token.clone());
                    portal
                        .list_account_roles()
                        .account_id(account)
                        .max_results(PAGE)
                        .set_next_token(next)
                        .access_token(token.expose())
                        .send()
                        .await
                        .map_err(|error| asked.refused(&error, self.now()))
                }
            })
        };
        pages(page, |page| {
            let listed = page.role_list.unwrap_or_default().into_iter();
            let names = listed.filter_map(|role| filled(role.role_name));
            (names.collect(), page.next_token)
        })
        .await
    }

    /// Ends the sign-in at the portal and removes it from the shared files; whether there was one.
    ///
    /// # Errors
    /// The files cannot be changed; or the portal could not be told, and the files are changed.
    pub async fn sign_out(&self, integration: &SsoIntegration) -> Result<bool, SsoError> {
        let tokens = self.forget(integration).await?;
        let was = !tokens.is_empty();
        for token in tokens {
            let (portal, mut asked) = self.clients.portal(integration, "Logout").await?;
            asked.secrets.push(token.clone());
            let told = portal.logout().access_token(token.expose()).send().await;
            if let Err(error) = told {
                let error = asked.refused(&error, self.now());
                // One that is no good any more is what was wanted.
                if !error.is_not_accepted() {
                    return Err(error);
                }
            }
        }
        Ok(was)
    }

    /// Calls the portal for a list, again and again where that can help.
    async fn patiently<T, F: Future<Output = Result<T, SsoError>>>(
        self: &Arc<Self>,
        integration: &SsoIntegration,
        call: impl Fn(SecretString) -> F,
    ) -> Result<T, SsoError> {
        let mut tries = 0;
        loop {
            let error = match self.with_token(integration, TURN, &call).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            tries += 1;
            let passes = matches!(
                error.kind(),
                ErrorKind::Throttled | ErrorKind::Unavailable | ErrorKind::Network
            );
            if !passes || tries >= TRIES {
                return Err(error);
            }
            let wanted = match &error {
                SsoError::Refused {
                    retry_at: Some(at), ..
                } => at.since(self.now()),
                _ => Duration::ZERO,
            };
            tokio::time::sleep(wanted + backoff(tries)).await;
        }
    }

    /// Calls the portal with a token; with another one where the portal does not take the first.
    async fn with_token<T, F: Future<Output = Result<T, SsoError>>>(
        self: &Arc<Self>,
        integration: &SsoIntegration,
        turn: Duration,
        call: impl Fn(SecretString) -> F,
    ) -> Result<T, SsoError> {
        let pace = self.pace(integration);
        let mut refused: Option<(SecretString, SsoError)> = None;
        loop {
            let before = refused.as_ref().map(|(token, _)| token);
            let token = match self.token(integration, before).await {
                Ok(token) => token,
                Err(error) => {
                    // The portal's word says more than that the file is of no use.
                    let needs = error.kind() == ErrorKind::NeedsSignIn;
                    let first = refused.take().map(|(_, first)| first).filter(|_| needs);
                    return Err(first.unwrap_or(error));
                }
            };
            pace.turn(turn).await.map_err(|too_long| SsoError::Busy {
                integration: integration.name.clone(),
                seconds: too_long.wait.as_secs().max(1),
            })?;
            match call(token.clone()).await {
                Ok(answer) => {
                    pace.went_well();
                    return Ok(answer);
                }
                Err(error) if error.is_not_accepted() && refused.is_none() => {
                    refused = Some((token, error));
                }
                Err(error) => {
                    if let SsoError::Refused {
                        kind: ErrorKind::Throttled,
                        retry_at,
                        ..
                    } = &error
                    {
                        pace.throttled(retry_at.map(|at| at.since(self.now())));
                    }
                    return Err(error);
                }
            }
        }
    }
}

/// All that a list has, page after page; a portal that has another page for ever is not followed for ever.
async fn pages<P, T, F: Future<Output = Result<P, SsoError>>>(
    page: impl Fn(Option<String>) -> F,
    taken: impl Fn(P) -> (Vec<T>, Option<String>),
) -> Result<Vec<T>, SsoError> {
    let mut all = Vec::new();
    let mut next = None;
    for _ in 0..PAGES {
        let (more, token) = taken(page(next).await?);
        all.extend(more);
        next = filled(token);
        if next.is_none() {
            break;
        }
    }
    Ok(all)
}

fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// Exponential, with half of it at random, so that processes that were refused together do not
/// come back together.
fn backoff(tries: u32) -> Duration {
    let ceiling = WAITS
        .0
        .saturating_mul(1 << tries.saturating_sub(1).min(16))
        .min(WAITS.1);
    let mut byte = [0];
    // Without random numbers the wait is the longest.
    let part = match getrandom::fill(&mut byte) {
        Ok(()) => f64::from(byte[0]) / 255.0,
        Err(_) => 1.0,
    };
    ceiling.mul_f64(0.5 + part / 2.0)
}
