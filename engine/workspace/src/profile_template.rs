//! What the named profiles of a portal's sessions are called: a text with fields, `{account_name}-{role}`. Pure.

use dayfly_awsfiles::{Kind, name};

/// How the sessions of a portal are named as profiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileTemplate(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(Field),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    AccountName,
    AccountId,
    Role,
    Email,
}

/// What the fields stand for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Values<'a> {
    pub(crate) account: &'a str,
    /// The account's id where it has no name.
    pub(crate) account_name: &'a str,
    pub(crate) role: &'a str,
    /// The account's id where it has no address.
    pub(crate) email: &'a str,
}

/// The fields, as they are written.
const FIELDS: [(&str, Field); 4] = [
    ("account_name", Field::AccountName),
    ("account_id", Field::AccountId),
    ("role", Field::Role),
    ("email", Field::Email),
];

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It has a field that there is not.
    #[error("`profileTemplate` has a field {{{0}}}, which does not exist")]
    Unknown(String),
    /// A bracket is not closed, or none is open.
    #[error("`profileTemplate` has a brace without its counterpart")]
    Brace,
    /// What stands between the fields cannot stand in the name of a profile.
    #[error("`profileTemplate` {0}")]
    Name(&'static str),
    /// All sessions would have one profile.
    #[error("`profileTemplate` has no field {{role}}, or none of the account")]
    Same,
}

impl TemplateError {
    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        "write for example \"{account_name}/{role}\"; the fields are {account_name}, {account_id}, {role} and {email}"
    }
}

impl ProfileTemplate {
    /// Reads it.
    ///
    /// # Errors
    /// [`TemplateError`].
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, after) = rest.split_at(at);
            let after = after.strip_prefix('{').ok_or(TemplateError::Brace)?;
            let (field, after) = after.split_once('}').ok_or(TemplateError::Brace)?;
            parts.push(Part::Text(before.to_owned()));
            let known = FIELDS.iter().find(|(name, _)| *name == field);
            let (_, field) = known.ok_or_else(|| TemplateError::Unknown(field.to_owned()))?;
            parts.push(Part::Field(*field));
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        let template = Self(parts);
        let has = |fields: &[Field]| {
            let mut parts = template.0.iter();
            parts.any(|part| matches!(part, Part::Field(field) if fields.contains(field)))
        };
        if !has(&[Field::Role]) || !has(&[Field::AccountName, Field::AccountId, Field::Email]) {
            return Err(TemplateError::Same);
        }
        let sample = template.filled(|_| "x");
        match name::profile_problem(&sample, Kind::Config) {
            Some(problem) => Err(TemplateError::Name(problem)),
            None => Ok(template),
        }
    }

    /// The profile of a role. What the portal tells is made fit for a name first.
    pub(crate) fn profile(&self, of: Values<'_>) -> String {
        let [name, role, email] = [of.account_name, of.role, of.email].map(plain);
        self.filled(|field| match field {
            Field::AccountName => &name,
            Field::AccountId => of.account,
            Field::Role => &role,
            Field::Email => &email,
        })
    }

    fn filled<'a>(&'a self, value: impl Fn(Field) -> &'a str) -> String {
        let part = |part: &'a Part| match part {
            Part::Text(text) => text,
            Part::Field(field) => value(*field),
        };
        self.0.iter().map(part).collect()
    }
}

/// A name that every tool takes for a profile.
pub(crate) fn plain(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_alphanumeric() || "._-@+=".contains(c) {
            plain.push(c);
        } else if !plain.ends_with('-') {
            plain.push('-');
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_names_a_profile_for_each_role() {
        let role = Values {
            account: "111111111111",
            account_name: "Acme Prod; [x]",
            email: "prod@acme.example",
            role: "Read Only",
        };
        for (template, profile) in [
            ("{account_name}/{role}", "Acme-Prod-x-/Read-Only"),
            ("aws:{account_id}:{role}", "aws:111111111111:Read-Only"),
            ("{role}@{email}", "Read-Only@prod@acme.example"),
        ] {
            let template = ProfileTemplate::parse(template).unwrap();
            assert_eq!(template.profile(role), profile);
            let problem = name::profile_problem(profile, Kind::Config);
            assert_eq!(problem, None, "{profile}");
        }
    }

    #[test]
    fn a_text_that_is_no_template_is_refused() {
        for (text, part) in [
            ("{account_name}", "no field {role}"),
            ("{role}", "none of the account"),
            ("prod", "no field {role}"),
            ("{account}/{role}", "{account}, which does not exist"),
            ("{account_name}/{role", "brace"),
            ("{account_name}}/{role}", "brace"),
            ("{account_name} {role}", "contains a space"),
            ("[{account_id}]{role}", "contains a bracket"),
            ("profile {account_id}{role}", "begins with a word"),
            ("{account_id}{role}\n[default]", "line break"),
        ] {
            let error = ProfileTemplate::parse(text).unwrap_err();
            assert!(error.to_string().contains(part), "{text}: {error}");
        }
    }
}
