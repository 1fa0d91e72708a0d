//! `awsRolesAnywhere`: a role that IAM Roles Anywhere gives to whoever signs with a certificate's key.
//!
//! Certificate and key are read anew for each call ([`identity`]), so that a certificate that was renewed is used
//! from then on. What is signed is in [`request`], the call in [`call`]. A key in a token signs in a process of
//! its own ([`dayfly_pkcs11`]). The credentials end with the certificate at the latest.
//!
//! Sources: IAM Roles Anywhere user guide, "Authentication", "Signing process", `CreateSession`.

mod call;
mod end;
mod identity;
mod problem;
mod request;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dayfly_core::session::{Access, Lease, RolesAnywhere, Session, SessionId, SessionType};
use dayfly_pkcs11::{Answer, Problem, Trouble, Work};
use dayfly_vault::{Material, SecretString, TemporaryCredentials};
use dayfly_x509::Certificate;
use tokio::time::Instant;

pub use end::{CertificateEnd, certificate_end};
pub use problem::AnywhereProblem;

use self::identity::{Identity, Signer};
use self::problem::Field;
use self::request::{Call, Signed};
use crate::errors::ProviderError;
use crate::keys::LongLivedKeys;
use crate::provider::{BoxFuture, IssueRequest, Provider};
use crate::role_session_name::role_session_name;
use crate::settings::AwsSettings;

/// The lifetime where the session names none, seconds.
const LIFETIME_SECONDS: u32 = 3_600;
/// The shortest that the service gives.
const LIFETIME_MIN: u32 = 900;

/// The provider for `awsRolesAnywhere`.
pub(crate) struct AwsRolesAnywhere {
    keys: Arc<dyn LongLivedKeys>,
    caller: call::Caller,
    default_region: String,
    /// The program that loads modules of tokens.
    program: PathBuf,
    /// PINs that tokens refused: one that is tried again and again locks the token.
    refused: Mutex<BTreeMap<SessionId, SecretString>>,
}

/// What is at hand for one call.
struct Attempt<'a> {
    session: &'a Session,
    role_arn: &'a str,
    anywhere: &'a RolesAnywhere,
    secret: Option<SecretString>,
}

impl AwsRolesAnywhere {
    pub(crate) fn new(settings: &AwsSettings, keys: Arc<dyn LongLivedKeys>) -> Self {
        Self {
            keys,
            caller: call::Caller::new(settings.timeouts),
            default_region: settings.default_region.clone(),
            program: dayfly_pkcs11::own_program(),
            refused: Mutex::new(BTreeMap::new()),
        }
    }

    /// The passphrase or PIN that the vault has for the session.
    async fn secret(&self, session: &Session) -> Result<Option<SecretString>, ProviderError> {
        let (keys, id) = (Arc::clone(&self.keys), session.id.clone());
        let read = tokio::task::spawn_blocking(move || keys.key_passphrase(&id)).await;
        let read = read.map_err(|_| ProviderError::Interrupted {
            session: session.name.clone(),
            task: "reading the passphrase",
        })?;
        read.map_err(|source| ProviderError::Keys {
            session: session.name.clone(),
            source: Box::new(source),
        })
    }

    async fn identity(&self, attempt: &Attempt<'_>) -> Result<Identity, AnywhereProblem> {
        let anywhere = attempt.anywhere;
        let in_token = match dayfly_pkcs11::is_uri(&anywhere.certificate) {
            true => {
                let work = Work::Certificate;
                let uri = &anywhere.certificate;
                match self.ask(attempt, Field::Certificate, uri, work).await? {
                    Answer::Certificate(text) => Some(text),
                    _ => return Err(Field::Certificate.of_token(Trouble::Ended)),
                }
            }
            false => None,
        };
        let (anywhere, secret) = (anywhere.clone(), attempt.secret.clone());
        let read = move || Identity::read(&anywhere, in_token.as_deref(), secret.as_ref());
        tokio::task::spawn_blocking(read)
            .await
            .unwrap_or(Err(AnywhereProblem::Interrupted))
    }

    /// The signature of a request, which the certificate's own key made.
    async fn signature(
        &self,
        attempt: &Attempt<'_>,
        signer: Signer,
        certificate: &Certificate,
        signed: &Signed,
    ) -> Result<Vec<u8>, AnywhereProblem> {
        let text = signed.text(certificate.algorithm());
        let signature = self.sign(attempt, signer, &text).await?;
        if certificate.verifies(text.as_bytes(), &signature) {
            return Ok(signature);
        }
        Err(AnywhereProblem::Foreign {
            subject: certificate.subject().to_owned(),
        })
    }

    async fn sign(
        &self,
        attempt: &Attempt<'_>,
        signer: Signer,
        text: &str,
    ) -> Result<Vec<u8>, AnywhereProblem> {
        match signer {
            Signer::Key(key) => {
                let message = text.to_owned();
                // RSA takes its time.
                let signed = tokio::task::spawn_blocking(move || key.sign(message.as_bytes()));
                signed
                    .await
                    .map_err(|_| AnywhereProblem::Interrupted)?
                    .map_err(|problem| Field::PrivateKey.of_content(attempt.anywhere, problem))
            }
            Signer::Token(uri) => {
                let work = Work::Sign(text.to_owned());
                match self.ask(attempt, Field::PrivateKey, &uri, work).await? {
                    Answer::Signature(hex) => data_encoding::HEXLOWER
                        .decode(hex.as_bytes())
                        .map_err(|_| Field::PrivateKey.of_token(Trouble::Ended)),
                    _ => Err(Field::PrivateKey.of_token(Trouble::Ended)),
                }
            }
        }
    }

    /// Asks the token, unless it is known to refuse the PIN.
    async fn ask(
        &self,
        attempt: &Attempt<'_>,
        field: Field,
        uri: &str,
        work: Work,
    ) -> Result<Answer, AnywhereProblem> {
        let id = &attempt.session.id;
        if attempt.secret.is_some() && self.refused().get(id) == attempt.secret.as_ref() {
            return Err(AnywhereProblem::PinRefused);
        }
        let module = attempt.anywhere.pkcs11_module.as_deref();
        let module = identity::module(module.unwrap_or_default())?;
        let pin = attempt.secret.as_ref().map(SecretString::expose);
        let answer = dayfly_pkcs11::ask(&self.program, &module, uri, work, pin).await;
        if let (Err(Trouble::Token(Problem::WrongPin)), Some(pin)) = (&answer, &attempt.secret) {
            self.refused().insert(id.clone(), pin.clone());
        }
        answer.map_err(|trouble| field.of_token(trouble))
    }

    fn refused(&self) -> std::sync::MutexGuard<'_, BTreeMap<SessionId, SecretString>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn obtain(
        &self,
        request: &IssueRequest<'_>,
        attempt: Attempt<'_>,
    ) -> Result<TemporaryCredentials, ProviderError> {
        let begin = Instant::now();
        let now = || request.now.plus(begin.elapsed());
        let session = attempt.session;
        let failed = |problem: AnywhereProblem| ProviderError::Anywhere {
            session: session.name.clone(),
            problem: Box::new(problem),
        };
        let region = attempt.anywhere.region().unwrap_or_default().to_owned();
        let place = self.caller.place(session, &region).await?;
        let identity = self.identity(&attempt).await.map_err(failed)?;
        let certificate = identity.certificate.clone();
        let end = end::check(&certificate, now()).map_err(failed)?;
        end::warn(&session.name, &certificate, now());
        let name = attempt.anywhere.role_session_name.as_deref();
        let name = name
            .map(|name| role_session_name(session, Some(name)))
            .transpose()?;
        let call = Call {
            url: &place.url,
            region: &region,
            role_arn: attempt.role_arn,
            anywhere: attempt.anywhere,
            role_session_name: name.as_deref(),
            seconds: seconds(attempt.anywhere.duration_seconds, end.since(now())),
            certificate: &certificate,
            chain: &identity.chain,
            now: now(),
        };
        let signed = Signed::of(&call).ok_or_else(|| place.unusable(session))?;
        let algorithm = certificate.algorithm();
        let signature = self.signature(&attempt, identity.signer, &certificate, &signed);
        let signature = signature.await.map_err(failed)?;
        let issued_at = now();
        let answer = self
            .caller
            .send(session, &place, &signed, algorithm, &signature, issued_at);
        let given = answer.await?;
        Ok(TemporaryCredentials {
            lease: Lease {
                issued_at,
                expires_at: Some(given.expires_at.min(end)),
            },
            material: Material::Aws {
                access_key_id: given.access_key_id,
                secret_access_key: given.secret_access_key,
                session_token: Some(given.session_token),
                region: Some(
                    session
                        .region
                        .clone()
                        .unwrap_or_else(|| self.default_region.clone()),
                ),
            },
        })
    }
}

/// How long the credentials are asked for: not longer than the certificate counts, where the service gives so
/// little.
fn seconds(wished: Option<u32>, left: Duration) -> u32 {
    let left = u32::try_from(left.as_secs()).unwrap_or(u32::MAX);
    wished
        .unwrap_or(LIFETIME_SECONDS)
        .min(left)
        .max(LIFETIME_MIN)
}

impl Provider for AwsRolesAnywhere {
    fn session_type(&self) -> SessionType {
        SessionType::AwsRolesAnywhere
    }

    fn issue<'a>(
        &'a self,
        request: IssueRequest<'a>,
    ) -> BoxFuture<'a, Result<TemporaryCredentials, ProviderError>> {
        Box::pin(async move {
            let session = request.session;
            let Access::AwsRolesAnywhere { role_arn, anywhere } = &session.access else {
                return Err(ProviderError::wrong_provider(session, self.session_type()));
            };
            let attempt = Attempt {
                session,
                role_arn,
                anywhere,
                secret: self.secret(session).await?,
            };
            self.obtain(&request, attempt).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_longer_than_the_certificate_and_no_shorter_than_the_service() {
        let hours = |hours: u64| Duration::from_secs(hours * 3_600);
        assert_eq!(seconds(None, hours(48)), 3_600);
        assert_eq!(seconds(Some(43_200), hours(48)), 43_200);
        assert_eq!(seconds(Some(43_200), hours(2)), 7_200);
        assert_eq!(seconds(None, Duration::from_secs(60)), 900);
    }
}
