//! `RoleSessionName`: what AWS shows in its logs for a role that was assumed.
//!
//! Source: AWS STS API reference, `AssumeRole`: 2 to 64 characters of `[\w+=,.@-]`.

use dayfly_core::session::Session;

use crate::errors::ProviderError;

/// The fewest characters that STS takes.
const LENGTH_MIN: usize = 2;
/// The most characters that STS takes.
const LENGTH_MAX: usize = 64;
/// Marks the calls of this engine in the logs of AWS.
const PREFIX: &str = "dayfly-";

/// The name that the session asks for, or one made from the session's own name.
pub(crate) fn role_session_name(
    session: &Session,
    wished: Option<&str>,
) -> Result<String, ProviderError> {
    let Some(name) = wished else {
        return Ok(derived(&session.name, LENGTH_MAX));
    };
    let fits = (LENGTH_MIN..=LENGTH_MAX).contains(&name.len()) && name.chars().all(allowed);
    if fits {
        Ok(name.to_owned())
    } else {
        Err(ProviderError::Field {
            session: session.name.clone(),
            field: "roleSessionName",
            problem: format!(
                "must have {LENGTH_MIN} to {LENGTH_MAX} letters, digits or characters of _+=,.@-"
            ),
        })
    }
}

/// `dayfly-` and the name, with every run of other characters as one dash, in so many characters.
pub(crate) fn derived(name: &str, most: usize) -> String {
    let mut out = String::from(PREFIX);
    for c in name.chars() {
        if out.len() == most {
            break;
        }
        if allowed(c) {
            out.push(c);
        } else if !out.ends_with('-') {
            out.push('-');
        }
    }
    out.truncate(out.trim_end_matches('-').len());
    out
}

/// Whether STS takes the character; all of them take one byte.
fn allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)
}

#[cfg(test)]
mod tests {
    use super::LENGTH_MAX;

    fn derived(name: &str) -> String {
        super::derived(name, LENGTH_MAX)
    }

    #[test]
    fn keeps_what_sts_takes() {
        assert_eq!(derived("prod.admin@eu"), "dayfly-prod.admin@eu");
    }

    #[test]
    fn replaces_runs_of_what_sts_refuses() {
        assert_eq!(derived("Prod / Büro (EU)"), "dayfly-Prod-B-ro-EU");
        assert_eq!(derived("  lead"), "dayfly-lead");
    }

    #[test]
    fn is_never_too_long_nor_too_short() {
        assert_eq!(derived("日本語"), "dayfly");
        assert_eq!(derived(""), "dayfly");
        let long = derived(&"x".repeat(200));
        assert_eq!(long.len(), 64);
        assert_eq!(super::derived("an-iam-user-with-a-long-name", 32).len(), 32);
    }
}
