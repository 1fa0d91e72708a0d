//! Which failures a second attempt mends at once.
//!
//! The engine has the backoff, the budgets and the journal, so the SDK must not have its own:
//! everything comes back to the engine, except what the very next attempt will mend. That is
//! a clock that is off (the SDK has just learned by how much) and a kept connection that the
//! server closed.

use std::io;

use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority, RetryReason,
};
use aws_smithy_types::retry::ErrorKind;

use crate::answer::sources;

/// Takes back every wish for another attempt except the two that are worth it.
#[derive(Debug)]
pub(crate) struct RetryTransient;

impl ClassifyRetry for RetryTransient {
    fn classify_retry(&self, _context: &InterceptorContext) -> RetryAction {
        RetryAction::NoActionIndicated
    }

    fn classify_retry_v2(
        &self,
        context: &InterceptorContext,
        previous: &RetryAction,
    ) -> RetryAction {
        let RetryAction::RetryIndicated(RetryReason::RetryableError { kind, .. }) = previous else {
            return RetryAction::NoActionIndicated;
        };
        let mends = match context.response() {
            // The SDK's classifier for clock skew alone calls a refusal the server's error.
            Some(response) => {
                response.status().is_client_error() && *kind == ErrorKind::ServerError
            }
            None => match context.output_or_error() {
                Some(Err(error)) => error.as_connector_error().is_some_and(broke_off),
                _ => false,
            },
        };
        if mends {
            RetryAction::NoActionIndicated
        } else {
            RetryAction::RetryForbidden
        }
    }

    fn name(&self) -> &'static str {
        "only what mends itself"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

/// Whether a connection stood and was then closed by the other side.
pub(crate) fn broke_off(error: &ConnectorError) -> bool {
    // An answer that ended before it was complete.
    error.as_other() == Some(ErrorKind::TransientError)
        || sources(error).any(|source| {
            source.downcast_ref::<io::Error>().is_some_and(|error| {
                matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionReset
                        | io::ErrorKind::ConnectionAborted
                        | io::ErrorKind::BrokenPipe
                        | io::ErrorKind::UnexpectedEof
                )
            })
        })
}
