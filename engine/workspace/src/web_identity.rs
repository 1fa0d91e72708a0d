//! The fields of `awsIamRoleWebIdentity`: a role, and exactly one place where its token comes from.

use dayfly_core::session::{Access, TokenService, TokenSource};

use crate::check;
use crate::format::SessionObject;
use crate::method::Method;
use crate::position::offset_in;
use crate::problem::Note;
use crate::raw::Field;
use crate::read::Reader;

/// The fields that say where a token comes from; a session has one of them.
pub(crate) const TOKENS: [&str; 4] = ["tokenFile", "tokenCommand", "tokenVariable", "tokenService"];

impl Reader<'_> {
    pub(crate) fn web_identity(
        &mut self,
        method: &Method,
        object: &mut SessionObject<'_>,
        role_arn: Option<String>,
    ) -> Option<Access> {
        let token = self.token(object);
        let role_session_name = self.sts("roleSessionName", object.role_session_name.take());
        let duration_seconds = self.duration(method, object.duration_seconds.take());
        Some(Access::AwsIamRoleWebIdentity {
            role_arn: role_arn?,
            token: token?,
            role_session_name,
            duration_seconds,
        })
    }

    fn token(&mut self, object: &mut SessionObject<'_>) -> Option<TokenSource> {
        // Which of them are there is said of the text, right or wrong.
        let there: Vec<(&str, usize)> = object
            .present()
            .filter(|(name, _)| TOKENS.contains(name))
            .map(|(name, raw)| (name, offset_in(self.raw, raw)))
            .collect();
        let choice = match there[..] {
            [_] => None,
            [] => {
                let [most @ .., last] = TOKENS.map(|name| format!("`{name}`"));
                let most = most.join(", ");
                Some((0, format!("the session has none of {most} and {last}")))
            }
            [(one, _), (other, offset), ..] => Some((
                offset,
                format!("the session has both `{one}` and `{other}`"),
            )),
        };
        if let Some((offset, message)) = choice {
            self.notes
                .push(Note::error(offset, message).hint("set exactly one of them"));
        }
        let of_service = there.iter().any(|(name, _)| *name == "tokenService");
        let file = self.filled("tokenFile", object.token_file.take());
        let command = self.take("tokenCommand", object.token_command.take());
        let variable = self.filled("tokenVariable", object.token_variable.take());
        let service = self.service(object.token_service.take());
        let audience = self.filled("tokenAudience", object.token_audience.take());
        if let Some((words, offset)) = &command {
            self.program("tokenCommand", words, *offset);
        }
        if let Some(audience) = &audience
            && !of_service
        {
            let message = "`tokenAudience` means something beside `tokenService` only";
            self.notes.push(Note::warning(audience.offset, message));
        }
        let service = service.map(|service| TokenSource::Service {
            service,
            audience: audience.map(|audience| audience.text),
        });
        file.map(|file| TokenSource::File(file.text))
            .or(command.map(|(words, _)| TokenSource::Command(words)))
            .or(variable.map(|variable| TokenSource::Variable(variable.text)))
            .or(service)
    }

    fn service(&mut self, field: Option<Field<'_, String>>) -> Option<TokenService> {
        let (word, offset) = self.take("tokenService", field)?;
        let service = TokenService::from_word(&word);
        if service.is_none() {
            let words = TokenService::ALL.map(TokenService::as_str);
            let hint = check::did_you_mean(&word, words)
                .unwrap_or_else(|| format!("the valid values are {}", words.join(", ")));
            let message = format!("unknown `tokenService` \"{word}\"");
            self.notes.push(Note::error(offset, message).hint(hint));
        }
        service
    }
}
