//! One rule: its keys, and whether they go together.

use dayfly_policy_sdk::config::{ConfigError, Object};

use crate::expression::{Because, Expression};
use crate::then::{Then, then};
use crate::when::{When, when};

/// Keys of a rule.
pub(crate) const KEYS: [&str; 9] = [
    "name", "when", "if", "then", "until", "for", "at", "remember", "because",
];

/// One rule.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    /// Its place in the list, from 1.
    pub(crate) number: usize,
    pub(crate) when: When,
    pub(crate) condition: Option<Expression>,
    pub(crate) then: Then,
    pub(crate) until: Option<Expression>,
    /// Milliseconds.
    pub(crate) lasting: Option<u64>,
    pub(crate) at: Option<Expression>,
    pub(crate) remember: Vec<(String, Expression)>,
    pub(crate) because: Option<Because>,
}

impl Rule {
    /// Whether it goes by sessions: what it does is done to one, or happens to one.
    pub(crate) fn by_session(&self) -> bool {
        matches!(self.when, When::Always | When::Session(_))
            || matches!(self.then, Then::Act(_) | Then::Hold(_) | Then::Leave)
    }

    /// Whether any of its expressions names this.
    pub(crate) fn names(&self, what: &str) -> bool {
        let single = [&self.condition, &self.until, &self.at];
        let because = self.because.iter().map(|because| because.text());
        single
            .into_iter()
            .flatten()
            .chain(self.remember.iter().map(|(_, expression)| expression))
            .map(Expression::text)
            .chain(because)
            .any(|text| text.contains(what))
    }
}

/// Reads a rule.
pub(crate) fn rule(object: &Object, number: usize) -> Result<Rule, ConfigError> {
    let name = match object.text("name")? {
        Some(name) if kebab(name) => name.to_owned(),
        Some(name) => {
            let message = format!(
                "`{name}` must consist of lower-case letters, digits and single hyphens: `{}`",
                kebabbed(name)
            );
            return Err(object.wrong("name", message));
        }
        None => format!("rule-{number}"),
    };
    let when = when(object)?;
    let then = then(object)?;
    let expression = |key| Ok::<_, ConfigError>(object.text(key)?.map(Expression::new));
    let remember = object.pairs("remember")?;
    let rule = Rule {
        name,
        number,
        when,
        condition: expression("if")?,
        then,
        until: expression("until")?,
        lasting: object.duration("for")?,
        at: expression("at")?,
        remember: remember
            .iter()
            .map(|(key, text)| (key.clone(), Expression::new(text)))
            .collect(),
        because: object.text("because")?.map(Because::new),
    };
    fits_moment(object, &rule)?;
    fits_end(object, &rule)?;
    Ok(rule)
}

fn kebab(name: &str) -> bool {
    name.len() <= 64
        && name.split('-').all(|word| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
}

/// The name as it could be.
fn kebabbed(name: &str) -> String {
    let words = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let name = words
        .map(str::to_ascii_lowercase)
        .take(8)
        .collect::<Vec<_>>()
        .join("-");
    if name.is_empty() {
        "stop-idle".into()
    } else {
        name
    }
}

/// Whether what the rule does goes with what it answers to.
fn fits_moment(object: &Object, rule: &Rule) -> Result<(), ConfigError> {
    let always = rule.when == When::Always;
    if rule.then == Then::Nothing && rule.remember.is_empty() {
        let purpose = "what the rule does: `start`, `stop`, `rotate`, `hold start`, `wake NAME`, `notify info` or `leave`";
        return Err(object.missing("then", purpose));
    }
    if always && !rule.remember.is_empty() {
        return Err(object.wrong(
            "remember",
            "needs a `when`: something is remembered when something happens",
        ));
    }
    match rule.then {
        Then::Wake(_) if always => Err(object.wrong(
            "then",
            "`wake` needs a `when`; the engine looks at a rule without `when` again by itself",
        )),
        Then::Wake(_) if rule.at.is_none() && rule.lasting.is_none() => {
            Err(object.missing("at", "when to wake: `now + duration(\"30m\")`"))
        }
        Then::Wake(_) => Ok(()),
        _ if rule.at.is_some() => {
            Err(object.wrong("at", "says when to wake; did you mean `until`?"))
        }
        _ => Ok(()),
    }
}

/// Whether the rule may say when it ends, or has to.
fn fits_end(object: &Object, rule: &Rule) -> Result<(), ConfigError> {
    let always = rule.when == When::Always;
    let proposes = matches!(rule.then, Then::Act(_) | Then::Hold(_));
    if rule.until.is_some() && rule.lasting.is_some() {
        return Err(object.wrong(
            "for",
            "cannot be combined with `until`; take one of them away",
        ));
    }
    if !proposes && rule.until.is_some() {
        return Err(object.wrong(
            "until",
            "goes only with `start`, `stop`, `rotate` and `hold`",
        ));
    }
    if always && rule.lasting.is_some() {
        return Err(object.wrong("for", "needs a `when`: a rule without `when` applies while its condition holds; say so with `if`, or write `until`"));
    }
    if !proposes && rule.lasting.is_some() && !matches!(rule.then, Then::Wake(_)) {
        return Err(object.wrong(
            "for",
            "goes only with `start`, `stop`, `rotate`, `hold` and `wake`",
        ));
    }
    let endless = rule.until.is_none() && rule.lasting.is_none();
    match rule.then {
        Then::Hold(_) if !always && endless => Err(object.missing(
            "for",
            "how long the hold stands: `for = \"1h\"`, or `until`",
        )),
        Then::Leave if !always => Err(object.wrong(
            "then",
            "`leave` is for rules without `when`; remove the `when`",
        )),
        Then::Notify(_) if always && rule.condition.is_none() => Err(object.wrong(
            "then",
            "would notify about every session; add an `if` or a `when`",
        )),
        _ => Ok(()),
    }
}
