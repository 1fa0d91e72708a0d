//! `[policy.grant]`: what an entry may see and do.

use std::fmt;

use dayfly_core::grant::Selector;
use dayfly_core::policy::{Action, Actions};
use dayfly_core::rates::Rate;
use dayfly_core::session::SessionType;
use dayfly_policy::Wasi;
use serde::Deserialize;

/// What an entry is granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantSettings {
    /// The sessions.
    pub sessions: Selector,
    /// The actions.
    pub actions: Actions,
    /// Whether it may hold.
    pub may_hold: bool,
    /// Patterns of the files that it may hear of.
    pub paths: Vec<String>,
    /// How often what it decides may start or renew a session.
    pub rate: Option<Rate>,
    /// Whether its component may import WASI.
    pub wasi: Wasi,
}

impl GrantSettings {
    /// A grant of these actions on all sessions.
    pub(crate) fn of(actions: Actions, may_hold: bool) -> Self {
        Self {
            sessions: Selector::default(),
            actions,
            may_hold,
            paths: Vec::new(),
            rate: None,
            wasi: Wasi::Refused,
        }
    }

    /// The line that says it in an entry of `dayfly.toml`.
    pub(crate) fn line(&self) -> String {
        let texts = |texts: Vec<&str>| {
            let texts = texts.into_iter().map(|text| text.to_owned().into());
            toml::Value::Array(texts.collect()).to_string()
        };
        let strings = |all: &[String]| texts(all.iter().map(String::as_str).collect());
        let selector = &self.sessions;
        let lists = [
            (
                "types",
                texts(selector.types.iter().map(|t| t.as_str()).collect()),
            ),
            ("ids", strings(&selector.ids)),
            ("names", strings(&selector.names)),
            ("profiles", strings(&selector.profiles)),
            ("accounts", strings(&selector.accounts)),
            ("labels", strings(&selector.labels)),
        ];
        let mut chosen: Vec<String> = lists
            .into_iter()
            .filter(|(_, list)| list != "[]")
            .map(|(key, list)| format!("{key} = {list}"))
            .collect();
        let condition = selector.condition.as_ref();
        let condition = condition.map(|c| toml::Value::from(c.0.text()).to_string());
        let mut parts = Vec::new();
        match condition {
            Some(text) if chosen.is_empty() => parts.push(format!("sessions = {text}")),
            condition => {
                chosen.extend(condition.map(|text| format!("where = {text}")));
                if !chosen.is_empty() {
                    parts.push(format!("sessions = {{ {} }}", chosen.join(", ")));
                }
            }
        }
        if !self.actions.is_empty() {
            let actions = self.actions.iter().map(Action::as_str).collect();
            parts.push(format!("actions = {}", texts(actions)));
        }
        if self.may_hold {
            parts.push("hold = true".into());
        }
        if !self.paths.is_empty() {
            parts.push(format!("paths = {}", strings(&self.paths)));
        }
        if let Some(rate) = self.rate {
            parts.push(format!("rate = \"{rate}\""));
        }
        if self.wasi == Wasi::from(true) {
            parts.push("wasi = true".into());
        }
        format!("grant = {{ {} }}", parts.join(", "))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct GrantTable {
    #[serde(default)]
    sessions: SelectorSetting,
    #[serde(default)]
    actions: Vec<Action>,
    #[serde(default)]
    hold: bool,
    #[serde(default)]
    paths: Vec<String>,
    rate: Option<Rate>,
    #[serde(default)]
    wasi: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct SelectorTable {
    types: Vec<String>,
    ids: Vec<String>,
    names: Vec<String>,
    profiles: Vec<String>,
    accounts: Vec<String>,
    labels: Vec<String>,
    /// An expression, beside the lists.
    #[serde(rename = "where")]
    condition: Option<String>,
}

/// `sessions` of a grant: lists, or an expression alone.
#[derive(Debug, Default)]
struct SelectorSetting(SelectorTable);

impl<'de> Deserialize<'de> for SelectorSetting {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> serde::de::Visitor<'de> for Either {
            type Value = SelectorSetting;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of lists, or an expression such as \"labels.env == 'dev'\"")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(SelectorSetting(SelectorTable {
                    condition: Some(text.to_owned()),
                    ..SelectorTable::default()
                }))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                map: A,
            ) -> Result<Self::Value, A::Error> {
                let table = serde::de::value::MapAccessDeserializer::new(map);
                SelectorTable::deserialize(table).map(SelectorSetting)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl GrantTable {
    /// Reads it. `guards`: whether the entry is a guard rail, which guards what a condition is unclear on.
    pub(super) fn settings(self, guards: bool) -> Result<GrantSettings, String> {
        let selector = self.sessions.0;
        let condition = match &selector.condition {
            Some(text) => Some(
                dayfly_policy::session_expression(text, guards)
                    .map_err(|e| format!("the expression `{text}` is not valid: {e}"))?,
            ),
            None => None,
        };
        let types = selector.types.iter().map(|word| {
            SessionType::from_word(word).ok_or_else(|| {
                let known: Vec<_> = SessionType::ALL.iter().map(|t| t.as_str()).collect();
                format!(
                    "\"{word}\" is not an access method; the valid values are {}",
                    known.join(", ")
                )
            })
        });
        dayfly_policy::Paths::new(&self.paths, std::env::home_dir().as_deref())
            .map_err(|e| e.to_string())?;
        Ok(GrantSettings {
            sessions: Selector {
                types: types.collect::<Result<_, _>>()?,
                ids: selector.ids,
                names: selector.names,
                profiles: selector.profiles,
                accounts: selector.accounts,
                labels: selector.labels,
                condition,
            },
            actions: self.actions.into_iter().collect(),
            may_hold: self.hold,
            paths: self.paths,
            rate: self.rate,
            wasi: self.wasi.into(),
        })
    }
}
