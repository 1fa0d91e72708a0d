//! Which sessions a policy is about: the key `match` that the built-in policies share.

use crate::config::{ConfigError, Object};
use crate::wildcard::wildcard;
use crate::{ChangedFields, Filter, METHODS, Session, SessionFilter, Subscription, closest};

/// JSON Schema of [`Matcher`], a literal for `concat!`.
#[macro_export]
macro_rules! match_schema {
    () => {
        r#"{"type":"object","additionalProperties":false,"description":"Which sessions: those that match all lists that are not empty. Absent: every session.","properties":{"types":{"type":"array","items":{"type":"string","pattern":"\\S"},"description":"Of one of these access methods, by the words that sessions have for type."},"ids":{"type":"array","items":{"type":"string","pattern":"\\S"},"description":"With one of these session ids."},"names":{"type":"array","items":{"type":"string","pattern":"\\S"},"description":"Whose name matches one of these; * stands for any text."},"profiles":{"type":"array","items":{"type":"string","pattern":"\\S"},"description":"Whose named profile matches one of these; * stands for any text."},"accounts":{"type":"array","items":{"type":"string","pattern":"\\S"},"description":"In one of these accounts or subscriptions."},"labels":{"type":"array","items":{"type":"string","pattern":"\\S"},"description":"With one of these labels, key or key=value."}}}"#
    };
}

/// Which sessions are meant: those that match all lists that are not empty. The lists are those
/// of a grant in `dayfly.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matcher {
    /// Of one of these types.
    pub types: Vec<String>,
    /// With one of these ids.
    pub ids: Vec<String>,
    /// Whose name matches one of these patterns (`*` stands for any text).
    pub names: Vec<String>,
    /// Whose named profile matches one of these patterns.
    pub profiles: Vec<String>,
    /// In one of these accounts or subscriptions.
    pub accounts: Vec<String>,
    /// With one of these labels, `key` or `key=value`.
    pub labels: Vec<String>,
}

impl Matcher {
    /// Reads the object under `key`; every session where it is absent.
    ///
    /// # Errors
    /// An unknown key, a type that is a known one mistyped, or something that is no list of texts.
    pub fn read(config: &Object, key: &str) -> Result<Self, ConfigError> {
        let known = ["types", "ids", "names", "profiles", "accounts", "labels"];
        let object = config.object(key, &known)?;
        let texts = |key: &str| -> Result<Vec<String>, ConfigError> {
            Ok(object
                .texts(key)?
                .into_iter()
                .map(|(_, text)| text.to_string())
                .collect())
        };
        // A word that is new to this crate may be one of the engine's, which refuses a subscription
        // to what it does not know; here only what is mistyped is told.
        for (place, word) in object.texts("types")? {
            if METHODS.contains(&word) {
                continue;
            }
            if let Some(meant) = closest(word, METHODS) {
                let advice = format!("`{word}` is not a session type; did you mean `{meant}`?");
                return Err(object.wrong(&place, advice));
            }
        }
        Ok(Self {
            types: texts("types")?,
            ids: texts("ids")?,
            names: texts("names")?,
            profiles: texts("profiles")?,
            accounts: texts("accounts")?,
            labels: texts("labels")?,
        })
    }

    /// Whether the session is meant.
    #[must_use]
    pub fn matches(&self, session: &Session) -> bool {
        let any = |list: &[String], test: &dyn Fn(&str) -> bool| {
            list.is_empty() || list.iter().any(|item| test(item))
        };
        any(&self.types, &|word| word == session.method)
            && any(&self.ids, &|id| id == session.id)
            && any(&self.names, &|pattern| wildcard(pattern, &session.name))
            && any(&self.profiles, &|pattern| {
                session
                    .named_profile
                    .as_deref()
                    .is_some_and(|name| wildcard(pattern, name))
            })
            && any(&self.accounts, &|account| {
                session.account.as_deref() == Some(account)
            })
            && any(&self.labels, &|label| has_label(session, label))
    }

    /// Interest in changes of these fields. Narrowed by type only: a session that loses the
    /// label by which it matched has to be heard of, so that what was proposed for it is
    /// withdrawn.
    #[must_use]
    pub fn subscription(&self, fields: ChangedFields) -> Subscription {
        Subscription::Sessions(SessionFilter {
            clouds: Vec::new(),
            methods: self.types.clone(),
            statuses: Vec::new(),
            labels: Vec::new(),
            fields,
        })
    }

    /// The narrowest question to the Workspace whose answer holds every session that is meant.
    /// The answer may hold others: test each with [`Matcher::matches`].
    #[must_use]
    pub fn filter(&self) -> Filter {
        let only = |list: &[String]| match list {
            [one] => Some(one.clone()),
            _ => None,
        };
        Filter {
            cloud: None,
            method: only(&self.types),
            status: None,
            label: only(&self.labels).and_then(|label| {
                label
                    .split_once('=')
                    .map(|(key, value)| (key.to_string(), value.to_string()))
            }),
            named_profile: only(&self.profiles).filter(|pattern| !pattern.contains('*')),
            name_prefix: only(&self.names)
                .and_then(|pattern| pattern.split('*').next().map(str::to_string))
                .filter(|prefix| !prefix.is_empty()),
        }
    }
}

/// Whether the session has the label, given as `key` or `key=value`.
fn has_label(session: &Session, label: &str) -> bool {
    match label.split_once('=') {
        Some((key, value)) => session
            .labels
            .iter()
            .any(|l| l.key == key && l.value == value),
        None => session.labels.iter().any(|l| l.key == label),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::session;

    fn read(text: &str) -> Result<Matcher, String> {
        let config = Object::parse(text, &["match"]).map_err(|e| e.to_string())?;
        Matcher::read(&config, "match").map_err(|e| e.to_string())
    }

    #[test]
    fn lists_are_alternatives_and_all_lists_have_to_match() {
        let prod = session(1)
            .name("prod-eu")
            .label("team", "a")
            .profile("main")
            .build();
        for (text, expected) in [
            ("{}", true),
            (r#"{"match":{}}"#, true),
            (r#"{"match":{"names":[]}}"#, true),
            (r#"{"match":{"names":["dev*","prod*"]}}"#, true),
            (r#"{"match":{"names":["prod"]}}"#, false),
            (
                r#"{"match":{"names":["prod*"],"labels":["team=b"]}}"#,
                false,
            ),
            (r#"{"match":{"labels":["team=b","team"]}}"#, true),
            (r#"{"match":{"profiles":["m*n"]}}"#, true),
            (r#"{"match":{"ids":["id-1"]}}"#, true),
            (r#"{"match":{"ids":["id-2"]}}"#, false),
            (r#"{"match":{"accounts":["123456789012"]}}"#, false),
            (r#"{"match":{"types":["awsSsoRole"]}}"#, false),
            (r#"{"match":{"types":["awsIamUser","azure"]}}"#, true),
        ] {
            assert_eq!(read(text).unwrap().matches(&prod), expected, "{text}");
        }
    }

    #[test]
    fn errors_name_the_place() {
        for (text, expected) in [
            (
                r#"{"match":{"types":["azure","awsSsoRol"]}}"#,
                "`match.types[1]`: `awsSsoRol` is not a session type; did you mean `awsSsoRole`?",
            ),
            (
                r#"{"match":{"name":["x"]}}"#,
                "`match.name` is not a key of this policy; did you mean `names`?",
            ),
            (
                r#"{"match":{"names":"x"}}"#,
                "`match.names`: must be a list of texts, not a text",
            ),
        ] {
            assert_eq!(read(text).unwrap_err(), expected);
        }
    }

    #[test]
    fn a_type_that_is_mistyped_is_refused() {
        let told = read(r#"{"match":{"types":["Azure"]}}"#).unwrap_err();
        assert!(told.contains("did you mean `azure`"), "{told}");
    }

    #[test]
    fn schema_and_reader_agree() {
        let schema: serde_json::Value = serde_json::from_str(match_schema!()).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        for (text, expected) in [
            ("{}", true),
            ("null", false),
            (
                r#"{"types":["azure"],"names":["a*"],"ids":["x"],"labels":["k=v"]}"#,
                true,
            ),
            (r#"{"profiles":["p"],"accounts":["1"],"types":[]}"#, true),
            (r#"{"types":["gcpServiceAccount"]}"#, true),
            (r#"{"types":[" "]}"#, false),
            (r#"{"names":[1]}"#, false),
            (r#"{"names":[" "]}"#, false),
            (r#"{"regions":["eu-west-1"]}"#, false),
            ("[]", false),
        ] {
            let value = serde_json::from_str(text).unwrap();
            assert_eq!(validator.is_valid(&value), expected, "schema on {text}");
            assert_eq!(
                read(&format!(r#"{{"match":{text}}}"#)).is_ok(),
                expected,
                "reader on {text}"
            );
        }
    }

    #[test]
    fn wildcards() {
        for (pattern, text, expected) in [
            ("prod", "prod", true),
            ("prod", "prod-eu", false),
            ("prod*", "prod-eu", true),
            ("*eu", "prod-eu", true),
            ("p*-*u", "prod-eu", true),
            ("*", "", true),
            ("a*a", "a", false),
            ("a*b*a", "aba", true),
            ("a*b*a", "ab", false),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(wildcard(pattern, text), expected, "{pattern} on {text}");
        }
    }

    proptest! {
        /// The question to the Workspace never loses a session that is meant.
        #[test]
        fn the_filter_is_wider_than_the_matcher(
            names in proptest::collection::vec("[ab*]{1,3}", 0..2),
            labels in proptest::collection::vec("[kl](=[vw])?", 0..2),
            profiles in proptest::collection::vec("[p*]{1,2}", 0..2),
            name in "[ab]{0,3}",
            label in "[kl]=[vw]",
            profile in "[p]{1,2}",
        ) {
            let matcher = Matcher { names, labels, profiles, ..Matcher::default() };
            let (key, value) = label.split_once('=').unwrap();
            let session = session(1).name(&name).label(key, value).profile(&profile).build();
            if matcher.matches(&session) {
                prop_assert!(crate::testing::passes(&matcher.filter(), &session));
            }
        }
    }
}
