//! The configuration: rules in the order in which they count.

use dayfly_policy_sdk::Matcher;
use dayfly_policy_sdk::config::{ConfigError, Object};

use crate::mistakes::mistakes;
use crate::rule::{KEYS, Rule, rule};

/// JSON Schema of the configuration.
pub(crate) const SCHEMA: &str = concat!(
    r##"{"$schema":"https://json-schema.org/draft/2020-12/schema","title":"rules","x-dayfly-asks":["/rule/*/then"],"type":"object","additionalProperties":false,"required":["rule"],"properties":{"rule":{"description":"The rules, in the order in which they count: of those that hold for a session, the first that acts decides; holds count all.","type":"array","minItems":1,"items":{"$ref":"#/$defs/rule"}},"match":"##,
    dayfly_policy_sdk::match_schema!(),
    r##"},"$defs":{"expression":{"type":"string","pattern":"\\S"},"rule":{"type":"object","additionalProperties":false,"properties":{"name":{"type":"string","pattern":"^[a-z0-9]+(-[a-z0-9]+)*$","description":"Shown as the code of its reasons; rule-1, rule-2 where absent."},"when":{"type":"string","pattern":"\\S","description":"What it answers to: started, stopped, rotated, failed, needs-person, expiring, expired, added, edited, resumed, `engine started` (or stopping, clock-set), `event NAME`, `wake NAME`, `file GLOB`, `branch GLOB`, `schedule CRON`. Absent: it always counts, and is looked at again whenever its condition may come to something else."},"if":{"$ref":"#/$defs/expression","description":"Its condition, in CEL over session, event, state and now. Absent: always."},"then":{"type":"string","pattern":"\\S","description":"start, stop, rotate; `hold start` or `hold start, rotate`; `wake NAME`; `notify info`, `notify warning`, `notify error`; `leave`: nothing, and no later rule acts either."},"until":{"$ref":"#/$defs/expression","description":"When what it proposes ends: an expression that comes to a moment."},"for":{"description":"How long what it proposes stands: a duration, or seconds.","oneOf":[{"type":"string"},{"type":"integer","minimum":0}]},"at":{"$ref":"#/$defs/expression","description":"When to wake: an expression that comes to a moment."},"remember":{"type":"object","description":"What to remember as state.KEY: expressions by key.","additionalProperties":{"$ref":"#/$defs/expression"}},"because":{"type":"string","pattern":"\\S","description":"Why, for a person; expressions in braces."}}}}}"##
);

/// All rules.
#[derive(Debug, Default)]
pub struct Settings {
    pub(crate) rules: Vec<Rule>,
    pub(crate) matcher: Matcher,
}

impl Settings {
    /// Reads a configuration and asks whether its expressions make sense.
    ///
    /// # Errors
    /// Names each rule, key and column that is wrong.
    pub fn read(text: &str) -> Result<Self, ConfigError> {
        let (settings, mut wrong) = Self::rough(text)?;
        for rule in &settings.rules {
            let found = mistakes(rule);
            wrong.extend(
                found
                    .into_iter()
                    .map(|error| (rule.number, &rule.name, error))
                    .map(|(number, name, error)| {
                        let place = place(number, Some(name));
                        (number, within(place, error))
                    }),
            );
        }
        wrong.sort_by_key(|(number, _)| *number);
        let mut wrong: Vec<ConfigError> = wrong.into_iter().map(|(_, error)| error).collect();
        match wrong.len() {
            0 => Ok(settings),
            1 => Err(wrong.swap_remove(0)),
            _ => Err(ConfigError::Several(wrong)),
        }
    }

    /// Reads a configuration that was accepted before.
    ///
    /// # Errors
    /// Names the first rule and key that is wrong.
    pub fn recall(text: &str) -> Result<Self, ConfigError> {
        let (settings, wrong) = Self::rough(text)?;
        match wrong.into_iter().next() {
            Some((_, error)) => Err(error),
            None => Ok(settings),
        }
    }

    /// The rules that can be read, and what is wrong with the others, by their number.
    fn rough(text: &str) -> Result<(Self, Vec<(usize, ConfigError)>), ConfigError> {
        let config = Object::parse(text, &["rule", "match"])?;
        if !config.has("rule") {
            let purpose = "the rules; write [[policy.config.rule]] with `if` and `then`";
            return Err(config.missing("rule", purpose));
        }
        let mut settings = Self {
            rules: Vec::new(),
            matcher: Matcher::read(&config, "match")?,
        };
        let mut wrong = Vec::new();
        for (index, object) in config.objects("rule")?.into_iter().enumerate() {
            let number = index + 1;
            let name = match object.text("name") {
                Ok(Some(name)) => Some(name.to_owned()),
                _ => None,
            };
            let rules = &mut settings.rules;
            let read = object
                .checked(&KEYS)
                .and_then(|object| rule(&object, number));
            let read = read.and_then(|rule| match rules.iter().any(|r| r.name == rule.name) {
                true => Err(ConfigError::Wrong {
                    key: "name".into(),
                    message: format!(
                        "another rule is called `{}` already; take another name",
                        rule.name
                    ),
                }),
                false => Ok(rule),
            });
            match read {
                Ok(rule) => rules.push(rule),
                Err(error) => wrong.push((number, within(place(number, name.as_deref()), error))),
            }
        }
        if settings.rules.is_empty() && wrong.is_empty() {
            return Err(config.wrong("rule", "is empty; a rule has `if` and `then`"));
        }
        Ok((settings, wrong))
    }
}

fn within(place: String, error: ConfigError) -> ConfigError {
    let error = Box::new(error);
    ConfigError::Within { place, error }
}

/// How a rule is called in messages.
fn place(number: usize, name: Option<&str>) -> String {
    match name {
        Some(name) if name != format!("rule-{number}") => format!("rule {number} ({name})"),
        _ => format!("rule {number}"),
    }
}
