//! Which sessions of a list are meant. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use dayfly_core::grant::wildcard;
use dayfly_core::time::Timestamp;
use dayfly_runtime::report::SessionReport;

use crate::sessions;

/// What all have to be like. Without anything, all are meant.
///
/// Upper and lower case are the same, and `*` stands for any text.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Each is found somewhere in what is shown of the session.
    pub texts: Vec<String>,
    /// Of a field, the values of which one fits.
    pub fields: Vec<(Field, Vec<String>)>,
    /// `KEY` or `KEY=VALUE`, each of which fits.
    pub labels: Vec<String>,
    /// Its credentials end within this time.
    pub ends_within: Option<Duration>,
}

/// What is shown of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Access method.
    Type,
    /// Active, pending, inactive.
    Status,
    /// Named profile.
    Profile,
    /// Region.
    Region,
    /// Account or subscription.
    Account,
    /// Role, by its ARN or its name.
    Role,
    /// The session that it is chained to, by its name or id.
    Parent,
}

impl Filter {
    /// Whether nothing is filtered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
            && self.fields.iter().all(|(_, values)| values.is_empty())
            && self.labels.is_empty()
            && self.ends_within.is_none()
    }

    /// Leaves those that are meant.
    pub fn apply(&self, sessions: &mut Vec<SessionReport>, now: Timestamp) {
        if self.is_empty() {
            return;
        }
        let fitting: Vec<bool> = {
            let all = &*sessions;
            all.iter().map(|one| self.fits(one, all, now)).collect()
        };
        let mut fitting = fitting.into_iter();
        sessions.retain(|_| fitting.next().unwrap_or(false));
    }

    fn fits(&self, session: &SessionReport, all: &[SessionReport], now: Timestamp) -> bool {
        let parent = session.parent.as_ref();
        let parent = parent.and_then(|id| all.iter().find(|one| one.id == *id));
        let of = |field: Field| -> Vec<&str> {
            match field {
                Field::Type => vec![session.session_type.as_str()],
                Field::Status => vec![session.status.as_str()],
                Field::Profile => session.profile.as_deref().into_iter().collect(),
                Field::Region => session.region.as_deref().into_iter().collect(),
                Field::Account => session.account.as_deref().into_iter().collect(),
                Field::Role => {
                    let arn = session.role_arn.as_deref();
                    let name = arn.and_then(|arn| arn.rsplit('/').next());
                    arn.into_iter().chain(name).collect()
                }
                Field::Parent => {
                    let id = session.parent.as_ref().map(|id| id.as_str());
                    id.into_iter()
                        .chain(parent.map(|p| p.name.as_str()))
                        .collect()
                }
            }
        };
        let one_fits = |(field, values): &(Field, Vec<String>)| {
            values.is_empty() || {
                let has = of(*field);
                values
                    .iter()
                    .any(|value| has.iter().any(|text| fits(value, text)))
            }
        };
        let labelled = |wanted: &String| has_label(&session.labels, wanted);
        let soon = self.ends_within.is_none_or(|span| {
            let ends = session.expires_at;
            ends.is_some_and(|end| end > now && end.since(now) <= span)
        });
        let found = || {
            let shown = shown(session, parent, now);
            let everywhere = |text: &String| {
                let wanted = format!("*{text}*");
                shown.iter().any(|shown| fits(&wanted, shown))
            };
            self.texts.iter().all(everywhere)
        };
        soon && self.fields.iter().all(one_fits) && self.labels.iter().all(labelled) && found()
    }
}

/// All that a list or a page of the session has.
fn shown(session: &SessionReport, parent: Option<&SessionReport>, now: Timestamp) -> Vec<String> {
    let labels = session
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"));
    let optional = [
        &session.profile,
        &session.region,
        &session.account,
        &session.role_arn,
        &session.doing,
    ];
    let mut all = vec![
        session.name.clone(),
        session.id.to_string(),
        session.session_type.to_string(),
        session.status.to_string(),
        sessions::note(session, now),
    ];
    all.extend(optional.into_iter().flatten().cloned());
    all.extend(labels);
    all.extend(sessions::places(session));
    all.extend(parent.map(|parent| parent.name.clone()));
    all
}

/// Whether one of the labels is as `KEY` or `KEY=VALUE` has it, in upper or lower case; `*` stands for any text.
#[must_use]
pub fn has_label(labels: &BTreeMap<String, String>, wanted: &str) -> bool {
    let (key, value) = wanted.split_once('=').unwrap_or((wanted, "*"));
    let mut labels = labels.iter();
    labels.any(|(k, v)| fits(key, k) && fits(value, v))
}

/// Whether a text is as a pattern has it, in upper or lower case.
fn fits(pattern: &str, text: &str) -> bool {
    wildcard(&pattern.to_lowercase(), &text.to_lowercase())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use dayfly_core::session::{Access, Session, SessionId, Status};

    use super::*;

    #[test]
    fn a_star_is_any_text_and_case_is_no_difference() {
        for (pattern, text, so) in [
            ("dev", "dev", true),
            ("DEV", "dev", true),
            ("dev", "develop", false),
            ("dev*", "develop", true),
            ("*op", "develop", true),
            ("d*l*p", "develop", true),
            ("d*p*l", "develop", false),
            ("*", "", true),
            ("", "", true),
            ("", "x", false),
            ("a*a", "a", false),
            ("**", "x", true),
            ("gr*ß", "GROß", true),
        ] {
            assert_eq!(fits(pattern, text), so, "{pattern} {text}");
        }
    }

    fn session(id: &str, name: &str, parent: Option<&str>) -> SessionReport {
        let access = match parent {
            Some(parent) => Access::AwsIamRoleChained {
                role_arn: "arn:aws:iam::111111111111:role/team/Deploy".into(),
                parent: SessionId::new(parent),
                assume: Default::default(),
            },
            None => Access::Localstack { endpoint_url: None },
        };
        let session = Session {
            id: SessionId::new(id),
            name: name.into(),
            region: Some("eu-west-1".into()),
            access,
            named_profile: Some(format!("profile-{id}")),
            account: Some("111111111111".into()),
            labels: BTreeMap::from([("env".to_owned(), name.to_owned())]),
            fault: None,
        };
        let status = if parent.is_some() {
            Status::Active
        } else {
            Status::Inactive
        };
        let mut report = SessionReport::written(&session, status);
        report.expires_at = parent.map(|_| Timestamp::from_millis(600_000));
        report
    }

    #[test]
    fn sessions_are_found_by_what_is_shown_of_them() {
        let all = [session("1", "dev", None), session("2", "prod", Some("1"))];
        let found = |filter: Filter| {
            let mut left = all.to_vec();
            filter.apply(&mut left, Timestamp::from_millis(0));
            left.iter()
                .map(|one| one.id.as_str().to_owned())
                .collect::<String>()
        };
        let field = |field, value: &str| Filter {
            fields: vec![(field, vec![value.to_owned()])],
            ..Filter::default()
        };
        let text = |texts: &[&str]| Filter {
            texts: texts.iter().map(|text| (*text).to_owned()).collect(),
            ..Filter::default()
        };
        let label = |label: &str| Filter {
            labels: vec![label.to_owned()],
            ..Filter::default()
        };
        let within = |seconds| Filter {
            ends_within: Some(Duration::from_secs(seconds)),
            ..Filter::default()
        };
        for (filter, ids) in [
            (Filter::default(), "12"),
            (field(Field::Status, "active"), "2"),
            (field(Field::Type, "local*"), "1"),
            (field(Field::Role, "deploy"), "2"),
            (field(Field::Parent, "dev"), "2"),
            (field(Field::Profile, "profile-*"), "12"),
            (field(Field::Region, "us-*"), ""),
            (text(&["111", "DEV"]), "12"),
            (text(&["profile-1"]), "1"),
            (text(&["nothing"]), ""),
            (label("env"), "12"),
            (label("env=pr*"), "2"),
            (label("team"), ""),
            (within(900), "2"),
            (within(60), ""),
        ] {
            assert_eq!(found(filter.clone()), ids, "{filter:?}");
        }
        let either = Filter {
            fields: vec![(Field::Status, vec!["active".into(), "inactive".into()])],
            ..Filter::default()
        };
        assert_eq!(found(either), "12");
    }
}
