//! From what the SDK reports to a [`ProviderError`].
//!
//! The service's own words are shown only for codes whose messages are known to carry no
//! credentials (the message of `SignatureDoesNotMatch` repeats the signed headers, session
//! token included), and even then without anything that the call carried.

use std::error::Error;

use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::answer::{Answer, Reply, clean, word};
use crate::aws_sts::Call;
use crate::errors::{ProviderError, Refusal};
use crate::sts_codes::Words;

impl Call<'_> {
    /// What the SDK's error means.
    pub(crate) fn refused<E>(&self, error: SdkError<E, HttpResponse>) -> ProviderError
    where
        E: ProvideErrorMetadata + RequestId + Error + Send + Sync + 'static,
    {
        match Reply::of(&error, &self.secrets) {
            Reply::NotTheServices(raw) => self.not_sts(raw),
            Reply::Answer(answer) => self.judge(&answer),
            Reply::Unreachable(how) => ProviderError::Unreachable {
                session: self.session.name.clone(),
                service: self.service.clone(),
                how,
            },
        }
    }

    /// A success that has not the form of one.
    fn not_sts(&self, raw: &HttpResponse) -> ProviderError {
        ProviderError::Answer {
            session: self.session.name.clone(),
            service: self.service.clone(),
            operation: self.operation,
            problem: "with something that is not STS's answer".to_owned(),
            clock: false,
            request_id: raw.request_id().map(|id| word(id).to_owned()),
        }
    }

    /// What an answer that says no means.
    fn judge(&self, answer: &Answer) -> ProviderError {
        let verdict = self.verdict(answer);
        let name = &self.session.name;
        let sentence = match &verdict.words {
            Words::Ours(words) => format!("{words} ({})", answer.code),
            Words::Theirs if !answer.message.is_empty() => format!(
                "{} refused {} for session \"{name}\": {} ({})",
                self.service,
                self.operation,
                self.clean(&answer.message),
                answer.code
            ),
            Words::Theirs | Words::None => format!(
                "{} refused {} for session \"{name}\" ({})",
                self.service, self.operation, answer.code
            ),
        };
        ProviderError::Refused(Box::new(Refusal {
            kind: verdict.kind,
            code: answer.code.clone(),
            sentence,
            hint: verdict.hint,
            retry_at: answer.retry_at(self.now.plus(self.started.elapsed())),
            request_id: answer.request_id.clone(),
        }))
    }

    fn clean(&self, words: &str) -> String {
        clean(words, &self.secrets)
    }
}
