//! Who signs in to the AWS console, and whose account it is.

use dayfly_core::session::{Access, Session};

use crate::check::{self, Finding};

/// What is wrong with the `login_session` of a profile; none where it can be one of a session.
#[must_use]
pub fn login_session_problem(text: &str) -> Option<String> {
    match check::login_session(text)? {
        Finding::Wrong(..) | Finding::Odd(..) => Some(format!(
            "login_session is \"{text}\", which is not the ARN of who signs in to the AWS console"
        )),
    }
}

/// The ARN of a session's role or of who signs in, and the field that has it.
pub(crate) fn arn(session: &Session) -> Option<(&'static str, &str)> {
    match &session.access {
        Access::AwsLogin { login_session } => Some(("loginSession", login_session)),
        _ => session.role_arn().map(|arn| ("roleArn", arn)),
    }
}

/// The account that this ARN is in, and the field that has it.
pub(crate) fn account(session: &Session) -> Option<(&'static str, &str)> {
    let (field, arn) = arn(session)?;
    let parts = check::iam_arn(arn).or_else(|| check::login_arn(arn))?;
    Some((field, parts.account))
}
