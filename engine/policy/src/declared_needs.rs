//! What a policy asks for under a configuration.
//!
//! A description is static, so it names all that a policy may ever do. Where what it does is written in
//! its configuration, its schema can say where: `"x-dayfly-asks": ["/rule/*/then"]` names texts of the
//! configuration whose first word is what is asked for, `start`, `stop`, `rotate` or `hold`. Other
//! words ask for nothing. The entry then needs to be granted no more than that.

use dayfly_core::policy::{Action, Actions, Descriptor};
use serde_json::Value;

/// The key of a schema that says where a configuration names what it asks for.
const KEY: &str = "x-dayfly-asks";

/// What a policy asks to be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asks {
    /// The actions.
    pub actions: Actions,
    /// Whether it asks to hold.
    pub hold: bool,
}

/// What a policy asks for under this configuration: what its description names, and of that only what
/// the configuration names, where the schema says where it does.
#[must_use]
pub fn asks(descriptor: &Descriptor, config: &Value) -> Asks {
    let described = Asks {
        actions: descriptor.actions.iter().copied().collect(),
        hold: descriptor.may_hold,
    };
    let schema: Value = serde_json::from_str(&descriptor.config_schema).unwrap_or_default();
    let pointers = schema.get(KEY).and_then(Value::as_array);
    let Some(pointers) = pointers.filter(|all| !all.is_empty() && all.iter().all(Value::is_string))
    else {
        return described;
    };
    let mut named = Asks {
        actions: Actions::NONE,
        hold: false,
    };
    for pointer in pointers.iter().filter_map(Value::as_str) {
        for text in texts(config, pointer) {
            let (word, _) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
            if word == "hold" {
                named.hold = true;
            }
            let action = Action::ALL.into_iter().find(|a| a.as_str() == word);
            named.actions = named.actions.union(action.into_iter().collect());
        }
    }
    Asks {
        actions: described
            .actions
            .without(described.actions.without(named.actions)),
        hold: named.hold && described.hold,
    }
}

/// The texts at a pointer, in which `*` stands for each element of a list. One element may stand there
/// without its list.
fn texts<'v>(config: &'v Value, pointer: &str) -> Vec<&'v str> {
    let mut found = vec![config];
    for step in pointer.split('/').skip(1) {
        found = found
            .into_iter()
            .flat_map(|value| match (step, value) {
                ("*", Value::Array(items)) => items.iter().collect(),
                ("*", value) => vec![value],
                (key, value) => value.get(key).into_iter().collect::<Vec<_>>(),
            })
            .collect();
    }
    found
        .into_iter()
        .filter_map(Value::as_str)
        .map(str::trim)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn descriptor(schema: &Value) -> Descriptor {
        Descriptor {
            name: "rules".into(),
            version: "1.0.0".into(),
            summary: "x".into(),
            config_schema: schema.to_string(),
            actions: vec![Action::Start, Action::Stop],
            may_hold: true,
            state_bytes: 0,
        }
    }

    fn asked(schema: &Value, config: &Value) -> (Vec<&'static str>, bool) {
        let asks = asks(&descriptor(schema), config);
        (asks.actions.iter().map(Action::as_str).collect(), asks.hold)
    }

    #[test]
    fn a_configuration_asks_for_what_it_names_where_the_schema_says_where() {
        let schema = json!({ "x-dayfly-asks": ["/rule/*/then"] });
        for (config, actions, hold) in [
            (
                json!({ "rule": [{ "then": "start" }] }),
                &["start"][..],
                false,
            ),
            (
                json!({ "rule": [{ "then": " stop " }, { "then": "notify info" }] }),
                &["stop"],
                false,
            ),
            (
                json!({ "rule": [{ "then": "hold start, rotate" }] }),
                &[],
                true,
            ),
            (json!({ "rule": { "then": "start" } }), &["start"], false),
            // More than it says of itself is not asked for.
            (json!({ "rule": [{ "then": "rotate" }] }), &[], false),
            (
                json!({ "rule": [{ "then": "leave" }, { "then": 3 }] }),
                &[],
                false,
            ),
            (json!({}), &[], false),
        ] {
            assert_eq!(
                asked(&schema, &config),
                (actions.to_vec(), hold),
                "{config}"
            );
        }
    }

    #[test]
    fn without_such_a_place_all_is_asked_for_that_the_description_names() {
        let config = json!({ "rule": [{ "then": "start" }] });
        for schema in [
            json!({}),
            json!(true),
            json!({ "x-dayfly-asks": [] }),
            json!({ "x-dayfly-asks": "/rule/*/then" }),
            json!({ "x-dayfly-asks": ["/rule/*/then", 3] }),
        ] {
            assert_eq!(
                asked(&schema, &config),
                (vec!["start", "stop"], true),
                "{schema}"
            );
        }
    }
}
