//! The configuration: rules in the order in which they count.

use core::cell::OnceCell;

use dayfly_cel::Mistake;
use dayfly_cel::ast::Expr;
use dayfly_cel::check::{Field, Scope, Type, check, condition};
use dayfly_cel::parser::parse;
use dayfly_cel::template::{Part, sentence};
use dayfly_policy_sdk::config::{ConfigError, Object};
use dayfly_policy_sdk::{Action, Matcher, Severity, closest};

use crate::cron;
use crate::scene::{SESSION, Visible, event_fields};

/// JSON Schema of the configuration.
pub(crate) const SCHEMA: &str = concat!(
    r##"{"$schema":"https://json-schema.org/draft/2020-12/schema","title":"rules","x-dayfly-asks":["/rule/*/then"],"type":"object","additionalProperties":false,"required":["rule"],"properties":{"rule":{"description":"The rules, in the order in which they count: of those that hold for a session, the first that acts decides; holds count all.","type":"array","minItems":1,"items":{"$ref":"#/$defs/rule"}},"match":"##,
    dayfly_policy_sdk::match_schema!(),
    r##"},"$defs":{"expression":{"type":"string","pattern":"\\S"},"rule":{"type":"object","additionalProperties":false,"properties":{"name":{"type":"string","pattern":"^[a-z0-9]+(-[a-z0-9]+)*$","description":"Shown as the code of its reasons; rule-1, rule-2 where absent."},"when":{"type":"string","pattern":"\\S","description":"What it answers to: started, stopped, rotated, failed, needs-person, expiring, expired, added, edited, resumed, `engine started` (or stopping, clock-set), `event NAME`, `wake NAME`, `file GLOB`, `branch GLOB`, `schedule CRON`. Absent: it always counts, and is looked at again whenever its condition may come to something else."},"if":{"$ref":"#/$defs/expression","description":"Its condition, in CEL over session, event, state and now. Absent: always."},"then":{"type":"string","pattern":"\\S","description":"start, stop, rotate; `hold start` or `hold start, rotate`; `wake NAME`; `notify info`, `notify warning`, `notify error`; `leave`: nothing, and no later rule acts either."},"until":{"$ref":"#/$defs/expression","description":"When what it proposes ends: an expression that comes to a moment."},"for":{"description":"How long what it proposes stands: a duration, or seconds.","oneOf":[{"type":"string"},{"type":"integer","minimum":0}]},"at":{"$ref":"#/$defs/expression","description":"When to wake: an expression that comes to a moment."},"remember":{"type":"object","description":"What to remember as state.KEY: expressions by key.","additionalProperties":{"$ref":"#/$defs/expression"}},"because":{"type":"string","pattern":"\\S","description":"Why, for a person; expressions in braces."}}}}}"##
);

/// Keys of a rule.
const KEYS: [&str; 9] = [
    "name", "when", "if", "then", "until", "for", "at", "remember", "because",
];

/// What can happen to the engine or the machine.
const ENGINE: [&str; 4] = ["started", "stopping", "resumed", "clock-set"];

/// All rules.
#[derive(Debug, Default)]
pub struct Settings {
    pub(crate) rules: Vec<Rule>,
    pub(crate) matcher: Matcher,
}

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

/// An expression that is read when it is first asked.
#[derive(Debug)]
pub(crate) struct Expression {
    text: String,
    read: OnceCell<Option<Expr>>,
}

/// A sentence that is read when it is first said.
#[derive(Debug)]
pub(crate) struct Because {
    text: String,
    read: OnceCell<Option<Vec<Part>>>,
}

impl Expression {
    fn new(text: &str) -> Self {
        Self {
            text: text.into(),
            read: OnceCell::new(),
        }
    }

    /// The expression; none where the text is none, which `configure` refuses.
    pub(crate) fn expr(&self) -> Option<&Expr> {
        self.read.get_or_init(|| parse(&self.text).ok()).as_ref()
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

impl Because {
    pub(crate) fn parts(&self) -> Option<&[Part]> {
        let read = self.read.get_or_init(|| sentence(&self.text).ok());
        read.as_deref()
    }
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
        let because = self.because.iter().map(|because| because.text.as_str());
        single
            .into_iter()
            .flatten()
            .chain(self.remember.iter().map(|(_, expression)| expression))
            .map(Expression::text)
            .chain(because)
            .any(|text| text.contains(what))
    }
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

fn rule(object: &Object, number: usize) -> Result<Rule, ConfigError> {
    let name = match object.text("name")? {
        Some(name) if kebab(name) => name.to_owned(),
        Some(name) => {
            let message = format!(
                "`{name}` has to be of small letters, digits and single hyphens: `{}`",
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
        because: object.text("because")?.map(|text| Because {
            text: text.into(),
            read: OnceCell::new(),
        }),
    };
    fits(object, &rule).map(|()| rule)
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

/// Whether the keys of a rule go together.
fn fits(object: &Object, rule: &Rule) -> Result<(), ConfigError> {
    let proposes = matches!(rule.then, Then::Act(_) | Then::Hold(_));
    if rule.then == Then::Nothing && rule.remember.is_empty() {
        let purpose = "what the rule does: `start`, `stop`, `rotate`, `hold start`, `wake NAME`, `notify info` or `leave`";
        return Err(object.missing("then", purpose));
    }
    if rule.when == When::Always {
        if !rule.remember.is_empty() {
            return Err(object.wrong(
                "remember",
                "needs a `when`: something is remembered when something happens",
            ));
        }
        if matches!(rule.then, Then::Wake(_)) {
            return Err(object.wrong(
                "then",
                "`wake` needs a `when`; a rule that always counts is looked at again by itself",
            ));
        }
    }
    if let Then::Wake(_) = rule.then {
        if rule.at.is_none() && rule.lasting.is_none() {
            return Err(object.missing("at", "when to wake: `now + duration(\"30m\")`"));
        }
    } else if rule.at.is_some() {
        return Err(object.wrong("at", "says when to wake; did you mean `until`?"));
    }
    if rule.until.is_some() && rule.lasting.is_some() {
        return Err(object.wrong(
            "for",
            "goes not together with `until`; take one of them away",
        ));
    }
    if !proposes && rule.until.is_some() {
        return Err(object.wrong(
            "until",
            "goes with `start`, `stop`, `rotate` and `hold` only",
        ));
    }
    if rule.when == When::Always && rule.lasting.is_some() {
        return Err(object.wrong("for", "needs a `when`: a rule that always counts stands while its condition holds; say so with `if`, or write `until`"));
    }
    if !proposes && rule.lasting.is_some() && !matches!(rule.then, Then::Wake(_)) {
        return Err(object.wrong(
            "for",
            "goes with `start`, `stop`, `rotate`, `hold` and `wake` only",
        ));
    }
    if matches!(rule.then, Then::Hold(_))
        && rule.when != When::Always
        && rule.until.is_none()
        && rule.lasting.is_none()
    {
        return Err(object.missing(
            "for",
            "how long the hold stands: `for = \"1h\"`, or `until`",
        ));
    }
    if rule.then == Then::Leave && rule.when != When::Always {
        return Err(object.wrong(
            "then",
            "`leave` is for rules that always count; take the `when` away",
        ));
    }
    if matches!(rule.then, Then::Notify(_)) && rule.when == When::Always && rule.condition.is_none()
    {
        return Err(object.wrong(
            "then",
            "would notify of every session; add an `if` or a `when`",
        ));
    }
    Ok(())
}

fn when(object: &Object) -> Result<When, ConfigError> {
    let Some(text) = object.text("when")? else {
        return Ok(When::Always);
    };
    let text = text.trim();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    let named = |example: &str| match rest {
        "" => Err(object.wrong(
            "when",
            format!("`{word}` needs a name behind it: `{example}`"),
        )),
        rest => Ok(rest.to_owned()),
    };
    let alone = |when: When| match rest {
        "" => Ok(when),
        rest => Err(object.wrong(
            "when",
            format!("`{rest}` is too much behind `{word}`; put conditions into `if`"),
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
        "engine" => match ENGINE.into_iter().find(|known| *known == rest) {
            Some(known) => Ok(When::Engine(known)),
            None => {
                let advice = match closest(rest, ENGINE) {
                    Some(meant) => format!("did you mean `engine {meant}`?"),
                    None => "write `engine started`, `engine stopping`, `engine resumed` or `engine clock-set`".into(),
                };
                Err(object.wrong(
                    "when",
                    format!("`{rest}` is nothing that happens to the engine; {advice}"),
                ))
            }
        },
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
        _ => {
            let words = Happening::WORDS.iter().map(|(word, _)| *word);
            let others = [
                "always", "resumed", "engine", "event", "wake", "file", "branch", "schedule",
            ];
            let advice = match closest(word, words.chain(others)) {
                Some(meant) if rest.is_empty() => format!("did you mean `{meant}`?"),
                Some(meant) => format!("did you mean `{meant} {rest}`?"),
                None => "there are started, stopped, rotated, failed, needs-person, expiring, expired, added, edited, resumed, `engine started`, `event NAME`, `wake NAME`, `file GLOB`, `branch GLOB` and `schedule CRON`".into(),
            };
            Err(object.wrong(
                "when",
                format!("`{word}` is nothing that happens; {advice}"),
            ))
        }
    }
}

fn then(object: &Object) -> Result<Then, ConfigError> {
    let Some(text) = object.text("then")? else {
        return Ok(Then::Nothing);
    };
    let text = text.trim();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    let action = |word: &str| match word {
        "start" => Some(Action::Start),
        "stop" => Some(Action::Stop),
        "rotate" => Some(Action::Rotate),
        _ => None,
    };
    if let Some(action) = action(word) {
        return match rest {
            "" => Ok(Then::Act(action)),
            rest => Err(object.wrong("then", format!("`{rest}` is too much behind `{word}`; `until`, `for` and `if` are keys of their own"))),
        };
    }
    match word {
        "leave" if rest.is_empty() => Ok(Then::Leave),
        "hold" => {
            let words: Vec<&str> = rest
                .split([',', ' '])
                .filter(|word| !word.is_empty() && *word != "and")
                .collect();
            let mut actions = Vec::new();
            for word in &words {
                let Some(action) = action(word) else {
                    let advice = match closest(word, ["start", "stop", "rotate"]) {
                        Some(meant) => format!("did you mean `{meant}`?"),
                        None => "there are start, stop and rotate; when it ends goes into `until` or `for`".into(),
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
        "wake" => match rest {
            "" => Err(object.wrong(
                "then",
                "`wake` needs a name: `wake lunch-over`, which `when = \"wake lunch-over\"` hears",
            )),
            rest => Ok(Then::Wake(rest.to_owned())),
        },
        "notify" => match rest {
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
                Err(object.wrong("then", format!("`{other}` is no loudness; {advice}")))
            }
        },
        _ => {
            let advice = match closest(word, ["start", "stop", "rotate", "hold", "wake", "notify", "leave"]) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "there are start, stop, rotate, `hold start`, `wake NAME`, `notify info` and leave".into(),
            };
            Err(object.wrong(
                "then",
                format!("`{word}` is nothing that a rule can do; {advice}"),
            ))
        }
    }
}

/// What is wrong with the expressions of a rule.
fn mistakes(rule: &Rule) -> Vec<ConfigError> {
    let event = event_fields(&rule.when);
    let with_session: &[Field] = match rule.by_session() {
        true => SESSION.as_slice(),
        false => &[],
    };
    let visible = Visible::new(with_session, event.as_deref());
    let missing = |name: &str| visible.missing(name);
    let scope = visible.scope(&missing);
    let mut wrong = Vec::new();
    let mut note = |key: &str, text: &str, checked: Result<(), Mistake>| {
        if let Err(mistake) = checked {
            wrong.push(ConfigError::Expression {
                key: key.into(),
                column: mistake.column(text),
                message: mistake.message,
            });
        }
    };
    if let Some(Expression { text, .. }) = &rule.condition {
        note(
            "if",
            text,
            parse(text).and_then(|expr| condition(&expr, &scope)),
        );
    }
    for (key, expression) in [("until", &rule.until), ("at", &rule.at)] {
        if let Some(Expression { text, .. }) = expression {
            note(key, text, moment(text, &scope));
        }
    }
    for (key, Expression { text, .. }) in &rule.remember {
        let checked = parse(text).and_then(|expr| check(&expr, &scope).map(|_| ()));
        note(&format!("remember.{key}"), text, checked);
    }
    if let Some(Because { text, .. }) = &rule.because {
        let checked = sentence(text).and_then(|parts| {
            parts.iter().try_for_each(|part| match part {
                Part::Text(_) => Ok(()),
                Part::Value(at, expr) => {
                    check(expr, &scope).map(|_| ()).map_err(|mistake| Mistake {
                        at: at + mistake.at,
                        ..mistake
                    })
                }
            })
        });
        note("because", text, checked);
    }
    wrong
}

/// Refuses an expression that does not come to a moment.
fn moment(text: &str, scope: &Scope<'_>) -> Result<(), Mistake> {
    let expr = parse(text)?;
    match check(&expr, scope)? {
        Type::Moment | Type::Any => Ok(()),
        Type::Span => Err(Mistake::new(
            expr.at,
            "it comes to a span of time, and has to come to a moment; write `now + …`",
        )),
        other => {
            let message = format!(
                "it comes to {}, and has to come to a moment such as `session.expires_at` or `now + duration(\"1h\")`",
                other.name()
            );
            Err(Mistake::new(expr.at, message))
        }
    }
}
