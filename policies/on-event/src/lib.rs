//! Does one thing to sessions when something happens: a file changes, a branch is checked out, a
//! schedule is due, a custom event comes, the engine starts or stops, the machine wakes.
//!
//! It decides nothing by what it hears; for that write a policy of your own. Without `then` it only
//! tells what it hears, in the log, which is a way to see what a trigger brings.

use dayfly_policy_sdk::config::{ConfigError, Object};
use dayfly_policy_sdk::{
    Act, Action, Context, Descriptor, EngineEvent, EngineMoments, Event, FileChangeKind, Filter,
    Matcher, Policy, Reason, Session, SessionKey, Severity, State, Status, Subscription, Verdict,
    Workspace, WorkspaceRule, moment_text, span_text, zoned,
};

/// JSON Schema of the configuration.
const SCHEMA: &str = concat!(
    r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","title":"on-event","x-dayfly-asks":["/then"],"type":"object","additionalProperties":false,"properties":{"#,
    r#""files":{"description":"Files whose changes count: patterns, absolute or from ~/ on.","type":"array","items":{"type":"string"}},"#,
    r#""branches":{"description":"Repositories whose checked-out branch counts: patterns of their folders.","type":"array","items":{"type":"string"}},"#,
    r#""schedules":{"description":"Cron expressions, with a time zone before them.","type":"array","items":{"type":"string"}},"#,
    r#""events":{"description":"Names of custom events.","type":"array","items":{"type":"string"}},"#,
    r#""engine":{"description":"What happens to the engine or the machine.","type":"array","items":{"enum":["started","stopping","resumed","clock-set"]}},"#,
    r#""then":{"description":"What is done to the sessions.","enum":["start","stop","rotate"]},"#,
    r#""for":{"description":"How long the proposal stands: a duration, or seconds.","oneOf":[{"type":"string"},{"type":"integer","minimum":0}],"default":"1m"},"#,
    r#""match":"#,
    dayfly_policy_sdk::match_schema!(),
    "}}"
);

const KEYS: [&str; 8] = [
    "files",
    "branches",
    "schedules",
    "events",
    "engine",
    "then",
    "for",
    "match",
];

/// Sessions that are asked for at once.
const PAGE: u32 = 500;
/// The most that are looked at in one call.
const PER_CALL: usize = 5_000;

/// The configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    files: Vec<String>,
    branches: Vec<String>,
    schedules: Vec<String>,
    events: Vec<String>,
    engine: EngineMoments,
    then: Option<Action>,
    lasts: u64,
    matcher: Matcher,
}

/// The rule.
pub struct OnEvent;

impl Policy for OnEvent {
    type Config = Settings;

    fn descriptor() -> Descriptor {
        Descriptor {
            name: "on-event".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "reports events, and starts, stops or rotates sessions on them".into(),
            config_schema: SCHEMA.into(),
            actions: vec![Action::Start, Action::Stop, Action::Rotate],
            may_hold: false,
            state_bytes: 0,
        }
    }

    fn parse(text: &str) -> Result<Settings, ConfigError> {
        let config = Object::parse(text, &KEYS)?;
        let texts = |key: &str| -> Result<Vec<String>, ConfigError> {
            let texts = config.texts(key)?;
            Ok(texts.into_iter().map(|(_, text)| text.into()).collect())
        };
        let mut engine = EngineMoments::empty();
        for (place, word) in config.texts("engine")? {
            engine |= match word {
                "started" => EngineMoments::STARTED,
                "stopping" => EngineMoments::STOPPING,
                "resumed" => EngineMoments::RESUMED,
                "clock-set" => EngineMoments::CLOCK_SET,
                other => {
                    let message = format!(
                        "`{other}` is not an engine event; there are started, stopping, \
                         resumed, clock-set"
                    );
                    return Err(config.wrong(&place, message));
                }
            };
        }
        let then = match config.text("then")? {
            None => None,
            Some("start") => Some(Action::Start),
            Some("stop") => Some(Action::Stop),
            Some("rotate") => Some(Action::Rotate),
            Some(other) => {
                let message = format!("`{other}` is not an action; there are start, stop, rotate");
                return Err(config.wrong("then", message));
            }
        };
        for (place, schedule) in config.texts("schedules")? {
            if !zoned(schedule) {
                let message = format!(
                    "`{schedule}` has no time zone; write the one that it is meant in before it: \
                     `Europe/Berlin {schedule}`, or `UTC {schedule}`"
                );
                return Err(config.wrong(&place, message));
            }
        }
        let settings = Settings {
            files: texts("files")?,
            branches: texts("branches")?,
            schedules: texts("schedules")?,
            events: texts("events")?,
            engine,
            then,
            lasts: config.duration("for")?.unwrap_or(60_000),
            matcher: Matcher::read(&config, "match")?,
        };
        if Self::subscriptions(&settings).is_empty() {
            return Err(config.missing(
                "events",
                "what the policy waits for: `files`, `branches`, `schedules`, `events` or `engine`",
            ));
        }
        Ok(settings)
    }

    fn subscriptions(config: &Settings) -> Vec<Subscription> {
        let mut all = Vec::new();
        all.extend(config.files.iter().cloned().map(Subscription::Files));
        all.extend(config.branches.iter().cloned().map(Subscription::Branch));
        all.extend(config.schedules.iter().cloned().map(Subscription::Schedule));
        all.extend(config.events.iter().cloned().map(Subscription::Custom));
        if !config.engine.is_empty() {
            all.push(Subscription::Engine(config.engine));
        }
        all
    }
}

impl WorkspaceRule for OnEvent {
    fn evaluate(
        config: &Settings,
        context: &Context,
        events: &[Event],
        workspace: &dyn Workspace,
        _: &mut dyn State,
    ) -> Verdict {
        let mut verdict = Verdict::default();
        let mut last = None;
        for heard in events.iter().filter_map(told) {
            verdict.note(Severity::Info, heard.text.clone());
            if heard.counts {
                last = Some(heard.text);
            }
        }
        let (Some(action), Some(why)) = (config.then, last) else {
            return verdict;
        };
        let end = context.now.saturating_add(config.lasts);
        for session in sessions(config, workspace) {
            // What is so already needs no proposal, and a rotation needs something to rotate.
            let sensible = match action {
                Action::Start => session.status != Status::Active,
                Action::Stop => session.status != Status::Inactive,
                Action::Rotate => session.status == Status::Active,
            };
            if sensible {
                let reason = Reason::new("on-event", why.clone());
                verdict.push(Act::new(action, &session, reason).until(Some(end)));
            }
        }
        verdict
    }
}

fn sessions(config: &Settings, workspace: &dyn Workspace) -> Vec<Session> {
    let filter = Filter {
        status: None,
        ..config.matcher.filter()
    };
    let mut all: Vec<Session> = Vec::new();
    let mut after: Option<SessionKey> = None;
    let mut seen = 0;
    while seen < PER_CALL {
        let page = workspace.find(&filter, after, PAGE);
        let Some(last) = page.last() else { break };
        after = Some(last.key);
        seen += page.len();
        all.extend(page.into_iter().filter(|s| config.matcher.matches(s)));
    }
    all
}

/// An event in words.
struct Heard {
    text: String,
    /// Whether something happened, in contrast to what is merely there or is gone.
    counts: bool,
}

fn told(event: &Event) -> Option<Heard> {
    let heard = |text: String, counts| Some(Heard { text, counts });
    match event {
        Event::File(file) => {
            let content = match &file.content {
                Some(content) => format!(", {} bytes", content.len()),
                None => String::new(),
            };
            let text = format!("file {} {}{content}", file.path, file.kind.word());
            heard(text, changed(file.kind))
        }
        Event::Branch(change) => {
            let branch = change.branch.as_deref().unwrap_or("no branch");
            let before = match &change.previous {
                Some(before) => format!(" instead of {before}"),
                None => String::new(),
            };
            let text = format!(
                "repository {} {}: {branch}{before}",
                change.repository,
                change.kind.word()
            );
            heard(text, changed(change.kind))
        }
        Event::Schedule(tick) => {
            let missed = match tick.missed {
                0 => String::new(),
                n => format!(", {n} more missed"),
            };
            let text = format!(
                "schedule {} due {}{missed}",
                tick.expression,
                moment_text(tick.due)
            );
            heard(text, true)
        }
        Event::Custom(custom) => heard(format!("event {} {}", custom.name, custom.data), true),
        Event::Engine(event) => {
            let text = match event {
                EngineEvent::Started => "engine started".into(),
                EngineEvent::Stopping(_) => "engine stopping".into(),
                EngineEvent::Resumed(slept) => {
                    format!("engine resumed after {}", span_text(*slept))
                }
                EngineEvent::ClockSet(by) if *by < 0 => {
                    format!("engine clock-set back by {}", span_text(by.unsigned_abs()))
                }
                EngineEvent::ClockSet(by) => {
                    format!(
                        "engine clock-set forward by {}",
                        span_text(by.unsigned_abs())
                    )
                }
            };
            heard(text, true)
        }
        Event::Sessions(_) | Event::Resync(_) | Event::Wake(_) => None,
    }
}

fn changed(kind: FileChangeKind) -> bool {
    matches!(kind, FileChangeKind::Created | FileChangeKind::Changed)
}

dayfly_policy_sdk::export_policy!(stateful OnEvent);

#[cfg(test)]
mod tests;
