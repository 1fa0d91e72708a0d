//! What a rule answers to: `when`.

use dayfly_policy_sdk::closest;
use dayfly_policy_sdk::config::{ConfigError, Object};

use crate::cron;

/// What can happen to the engine or the machine.
const ENGINE: [&str; 4] = ["started", "stopping", "resumed", "clock-set"];

/// What a rule answers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// It always counts.
    Always,
    /// Something happened to a session.
    Session(Happening),
    /// Something happened to the engine or to the machine; the word of the contract.
    Engine(&'static str),
    Branch(String),
    Custom(String),
    Wake(String),
    File(String),
    Schedule(String),
}

/// What happens to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    Started,
    Stopped,
    Rotated,
    Failed,
    Expired,
    Expiring,
    NeedsPerson,
    Added,
    Edited,
}

impl Happening {
    pub(crate) const WORDS: [(&'static str, Self); 9] = [
        ("started", Self::Started),
        ("stopped", Self::Stopped),
        ("rotated", Self::Rotated),
        ("failed", Self::Failed),
        ("expired", Self::Expired),
        ("expiring", Self::Expiring),
        ("needs-person", Self::NeedsPerson),
        ("added", Self::Added),
        ("edited", Self::Edited),
    ];
}

/// Reads `when`.
pub(crate) fn when(object: &Object) -> Result<When, ConfigError> {
    let Some(text) = object.text("when")? else {
        return Ok(When::Always);
    };
    let text = text.trim();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    let named = |example: &str| match rest {
        "" => Err(object.wrong(
            "when",
            format!("`{word}` needs a name after it: `{example}`"),
        )),
        rest => Ok(rest.to_owned()),
    };
    let alone = |when: When| match rest {
        "" => Ok(when),
        rest => Err(object.wrong(
            "when",
            format!("`{rest}` is too much after `{word}`; put conditions into `if`"),
        )),
    };
    if let Some((_, happening)) = Happening::WORDS
        .into_iter()
        .find(|(known, _)| *known == word)
    {
        return alone(When::Session(happening));
    }
    match word {
        "always" => alone(When::Always),
        "resumed" => alone(When::Engine("resumed")),
        "engine" => engine(object, rest),
        "branch" => named("branch ~/code/*").map(When::Branch),
        "event" => named("event deploy").map(When::Custom),
        "wake" => named("wake lunch-over").map(When::Wake),
        "file" => named("file ~/code/*/.dayfly").map(When::File),
        "schedule" => {
            let schedule = named("schedule Europe/Berlin 0 9 * * 1-5")?;
            cron::check(&schedule).map_err(|(column, message)| {
                let before = text.chars().count() - schedule.chars().count();
                object.wrong("when", format!("column {}: {message}", before + column))
            })?;
            Ok(When::Schedule(schedule))
        }
        _ => Err(object.wrong("when", unknown(word, rest))),
    }
}

/// Something that happens to the engine or to the machine.
fn engine(object: &Object, word: &str) -> Result<When, ConfigError> {
    if let Some(known) = ENGINE.into_iter().find(|known| *known == word) {
        return Ok(When::Engine(known));
    }
    let advice = match closest(word, ENGINE) {
        Some(meant) => format!("did you mean `engine {meant}`?"),
        None => "write `engine started`, `engine stopping`, `engine resumed` or `engine clock-set`"
            .into(),
    };
    Err(object.wrong("when", format!("`{word}` is not an engine event; {advice}")))
}

/// What to say of a word that is not an event.
fn unknown(word: &str, rest: &str) -> String {
    let words = Happening::WORDS.iter().map(|(word, _)| *word);
    let others = [
        "always", "resumed", "engine", "event", "wake", "file", "branch", "schedule",
    ];
    let advice = match closest(word, words.chain(others)) {
        Some(meant) if rest.is_empty() => format!("did you mean `{meant}`?"),
        Some(meant) => format!("did you mean `{meant} {rest}`?"),
        None => "there are started, stopped, rotated, failed, needs-person, expiring, expired, added, edited, resumed, `engine started`, `event NAME`, `wake NAME`, `file GLOB`, `branch GLOB` and `schedule CRON`".into(),
    };
    format!("`{word}` is not an event; {advice}")
}
