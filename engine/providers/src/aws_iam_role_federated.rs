//! `awsIamRoleFederated`: a role assumed by STS `AssumeRoleWithSAML` with what an identity provider
//! says of a person who signed in.
//!
//! Source: AWS STS API reference, `AssumeRoleWithSAML`: unsigned, since the assertion is what proves
//! who asks; 900 s to the role's maximum, one hour where nothing is asked for, and no longer than
//! the assertion's own `SessionDuration`.

use std::sync::Arc;

use dayfly_core::session::{Access, ErrorKind, Session, SessionType};
use dayfly_core::time::Timestamp;
use dayfly_vault::TemporaryCredentials;
use tokio::time::Instant;

use crate::aws_sts::Sts;
use crate::errors::ProviderError;
use crate::errors_sign_in::SignIn;
use crate::provider::{BoxFuture, IssueRequest, Provider};
use crate::saml::assertion::{Assertion, Unfit};
use crate::saml::{AssertionRequest, Assertions, NoAssertion};

/// How many of the roles that an assertion offers are named.
const NAMED: usize = 20;

/// The provider for `awsIamRoleFederated`.
pub(crate) struct AwsIamRoleFederated {
    pub(crate) sts: Arc<Sts>,
    pub(crate) assertions: Arc<dyn Assertions>,
}

/// What a session asks for.
struct Wanted<'a> {
    session: &'a Session,
    role: &'a str,
    principal: &'a str,
    idp: &'a str,
    seconds: Option<u32>,
}

impl AwsIamRoleFederated {
    async fn assertion(
        &self,
        wanted: &Wanted<'_>,
        now: Timestamp,
    ) -> Result<Arc<Assertion>, ProviderError> {
        let request = AssertionRequest {
            session: wanted.session,
            idp_url_id: wanted.idp,
            now,
        };
        let session = wanted.session.name.clone();
        let idp = wanted.idp.to_owned();
        self.assertions.assertion(request).await.map_err(|why| {
            let how = match why {
                NoAssertion::Nobody => SignIn::Nobody,
                NoAssertion::Asking => SignIn::Asking,
                NoAssertion::Command(error) => SignIn::Command(error),
                NoAssertion::Unusable(error) => SignIn::Unusable(error),
            };
            let how = Box::new(how);
            ProviderError::SamlSignIn { session, idp, how }
        })
    }

    async fn call(
        &self,
        wanted: &Wanted<'_>,
        assertion: &Assertion,
        now: Timestamp,
    ) -> Result<TemporaryCredentials, ProviderError> {
        // A shorter wish of the IdP is AWS's to enforce; a longer one has to be asked for.
        let wish = assertion.session_duration();
        let Some(wish) = wish.filter(|_| wanted.seconds.is_none()) else {
            return self.call_for(wanted, assertion, wanted.seconds, now).await;
        };
        match self.call_for(wanted, assertion, Some(wish), now).await {
            // The IdP wishes for all roles at once; what this one does not give, nobody asked for.
            Err(ProviderError::Refused(refusal)) if refusal.is_of_lifetime() => {
                tracing::info!(
                    session = wanted.session.name,
                    seconds = wish,
                    "the role does not allow the lifetime that the identity provider asks for; \
                     Dayfly asks for the default lifetime"
                );
                self.call_for(wanted, assertion, None, now).await
            }
            answer => answer,
        }
    }

    async fn call_for(
        &self,
        wanted: &Wanted<'_>,
        assertion: &Assertion,
        seconds: Option<u32>,
        now: Timestamp,
    ) -> Result<TemporaryCredentials, ProviderError> {
        let session = wanted.session;
        let principal = assertion
            .principal(wanted.role, wanted.principal, now)
            .map_err(|why| unfit(wanted, why))?;
        let seconds = seconds.and_then(|seconds| i32::try_from(seconds).ok());
        let mut call = self.sts.call(session, "AssumeRoleWithSAML", now).await?;
        call.secrets.push(assertion.text().clone());
        let answer = call
            .client
            .assume_role_with_saml()
            .role_arn(wanted.role)
            .principal_arn(principal)
            .saml_assertion(assertion.text().expose())
            .set_duration_seconds(seconds)
            .send()
            .await;
        match answer {
            Ok(mut answer) => {
                let credentials = answer.credentials.take();
                call.accept(credentials, &answer)
            }
            Err(error) => Err(call.refused(error)),
        }
    }
}

fn unfit(wanted: &Wanted<'_>, why: Unfit) -> ProviderError {
    let session = wanted.session.name.clone();
    let how = match why {
        Unfit::Ended(seconds) => SignIn::Ended { seconds },
        Unfit::Early(seconds) => SignIn::Early { seconds },
        Unfit::NotOffered(mut roles) => {
            let more = roles.len().saturating_sub(NAMED);
            roles.truncate(NAMED);
            let mut offered = roles.join(", ");
            if more > 0 {
                offered += &format!(" and {more} more");
            }
            return ProviderError::NotOffered {
                session,
                role: wanted.role.to_owned(),
                offered,
            };
        }
    };
    let idp = wanted.idp.to_owned();
    let how = Box::new(how);
    ProviderError::SamlSignIn { session, idp, how }
}

impl Provider for AwsIamRoleFederated {
    fn session_type(&self) -> SessionType {
        SessionType::AwsIamRoleFederated
    }

    fn issue<'a>(
        &'a self,
        request: IssueRequest<'a>,
    ) -> BoxFuture<'a, Result<TemporaryCredentials, ProviderError>> {
        Box::pin(async move {
            let session = request.session;
            let Access::AwsIamRoleFederated {
                role_arn,
                idp_arn,
                idp_url_id,
                duration_seconds,
            } = &session.access
            else {
                return Err(ProviderError::wrong_provider(session, self.session_type()));
            };
            let wanted = Wanted {
                session,
                role: role_arn,
                principal: idp_arn,
                idp: idp_url_id,
                seconds: *duration_seconds,
            };
            let begin = Instant::now();
            let now = || request.now.plus(begin.elapsed());
            let assertion = self.assertion(&wanted, now()).await?;
            let error = match self.call(&wanted, &assertion, now()).await {
                Ok(credentials) => return Ok(credentials),
                Err(error) => error,
            };
            if error.kind() != ErrorKind::NeedsSignIn {
                return Err(error);
            }
            // It was left by somebody a while ago; a sign-in command can bring another.
            self.assertions.forget(idp_url_id);
            match self.assertion(&wanted, now()).await {
                Ok(assertion) => self.call(&wanted, &assertion, now()).await,
                Err(ProviderError::SamlSignIn { how, .. }) if *how == SignIn::Nobody => Err(error),
                Err(other) => Err(other),
            }
        })
    }
}
