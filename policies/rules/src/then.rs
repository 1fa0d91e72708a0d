//! What a rule does: `then`.

use dayfly_policy_sdk::config::{ConfigError, Object};
use dayfly_policy_sdk::{Action, Severity, closest};

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Act(Action),
    Hold(Vec<Action>),
    Wake(String),
    Notify(Severity),
    /// Nothing, and no later rule acts.
    Leave,
    /// It only remembers.
    Nothing,
}

/// Reads `then`.
pub(crate) fn then(object: &Object) -> Result<Then, ConfigError> {
    let Some(text) = object.text("then")? else {
        return Ok(Then::Nothing);
    };
    let text = text.trim();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    if let Some(action) = action(word) {
        return match rest {
            "" => Ok(Then::Act(action)),
            rest => Err(object.wrong("then", format!("`{rest}` is too much after `{word}`; `until`, `for` and `if` are keys of their own"))),
        };
    }
    match word {
        "leave" if rest.is_empty() => Ok(Then::Leave),
        "hold" => hold(object, rest),
        "wake" => match rest {
            "" => Err(object.wrong(
                "then",
                "`wake` needs a name: `wake lunch-over`, which `when = \"wake lunch-over\"` hears",
            )),
            rest => Ok(Then::Wake(rest.to_owned())),
        },
        "notify" => notify(object, rest),
        _ => {
            let advice = match closest(word, ["start", "stop", "rotate", "hold", "wake", "notify", "leave"]) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "there are start, stop, rotate, `hold start`, `wake NAME`, `notify info` and leave".into(),
            };
            Err(object.wrong(
                "then",
                format!("`{word}` is not something a rule can do; {advice}"),
            ))
        }
    }
}

fn action(word: &str) -> Option<Action> {
    match word {
        "start" => Some(Action::Start),
        "stop" => Some(Action::Stop),
        "rotate" => Some(Action::Rotate),
        _ => None,
    }
}

fn hold(object: &Object, rest: &str) -> Result<Then, ConfigError> {
    let words: Vec<&str> = rest
        .split([',', ' '])
        .filter(|word| !word.is_empty() && *word != "and")
        .collect();
    let mut actions = Vec::new();
    for word in &words {
        let Some(action) = action(word) else {
            let advice = match closest(word, ["start", "stop", "rotate"]) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "there are start, stop and rotate; when it ends goes into `until` or `for`"
                    .into(),
            };
            return Err(object.wrong("then", format!("`{word}` cannot be held; {advice}")));
        };
        actions.push(action);
    }
    match actions.is_empty() {
        true => Err(object.wrong(
            "then",
            "`hold` needs to know what: `hold start`, or `hold start, rotate`",
        )),
        false => Ok(Then::Hold(actions)),
    }
}

fn notify(object: &Object, rest: &str) -> Result<Then, ConfigError> {
    match rest {
        "info" | "" => Ok(Then::Notify(Severity::Info)),
        "warning" => Ok(Then::Notify(Severity::Warning)),
        "error" => Ok(Then::Notify(Severity::Error)),
        other => {
            let advice = match closest(other, ["info", "warning", "error"]) {
                Some(meant) => format!("did you mean `notify {meant}`?"),
                None => {
                    "there are info, warning and error; what it says goes into `because`".into()
                }
            };
            Err(object.wrong("then", format!("`{other}` is not a severity; {advice}")))
        }
    }
}
