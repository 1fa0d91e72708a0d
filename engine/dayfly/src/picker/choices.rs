//! Sessions to choose from, and which of them a few typed letters mean.

use std::collections::BTreeMap;

use dayfly_control::client;
use dayfly_control::protocol::Request;
use dayfly_core::session::{SessionId, Status};
use dayfly_core::time::Timestamp;
use dayfly_dialog::{sanitize, time};
use dayfly_host::uses::Uses;
use dayfly_runtime::report::{EngineReport, SessionReport};
use dayfly_runtime::{Home, clock};
use dayfly_workspace::Workspace;
use nucleo_matcher::pattern::{Atom, AtomKind, CaseMatching, Normalization};
use nucleo_matcher::{Config, Matcher, Utf32String};

/// A session as it is shown and found.
#[derive(Debug)]
pub(super) struct Choice {
    pub(crate) id: SessionId,
    /// What is shown, the name first.
    pub(crate) cells: [String; 4],
    /// Letters with others between them are looked for in these two,
    name: Utf32String,
    profile: Utf32String,
    /// and words as they are in what else is known: an ARN has about every letter.
    rest: Utf32String,
}

/// What is to be chosen from, the most used first, then those that are active.
pub(super) fn of(
    home: &Home,
    workspace: &Workspace,
    fits: &dyn Fn(&SessionReport) -> bool,
) -> Vec<Choice> {
    let now = clock::now();
    let uses = Uses::of(home);
    let mut sessions = sessions(home, workspace);
    sessions.retain(|session| fits(session));
    sessions.sort_by(|a, b| {
        let weight = |session: &SessionReport| uses.weight(&session.id, now);
        let active = |session: &SessionReport| session.status == Status::Active;
        weight(b)
            .total_cmp(&weight(a))
            .then_with(|| active(b).cmp(&active(a)))
            .then_with(|| (&a.name, &a.id).cmp(&(&b.name, &b.id)))
    });
    choices(&sessions, now)
}

fn choices(sessions: &[SessionReport], now: Timestamp) -> Vec<Choice> {
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for session in sessions {
        *names.entry(&session.name).or_default() += 1;
    }
    let choice = |session| choice(session, &names, now);
    sessions.iter().map(choice).collect()
}

/// As the running engine has them; without one, as they are written.
fn sessions(home: &Home, workspace: &Workspace) -> Vec<SessionReport> {
    if let Some(Ok(report)) = client::ask::<EngineReport>(home, &Request::Report {}) {
        return report.sessions;
    }
    let written =
        |entry: &dayfly_workspace::Entry| SessionReport::written(&entry.session, Status::Inactive);
    workspace.sessions().iter().map(written).collect()
}

fn choice(session: &SessionReport, names: &BTreeMap<&str, usize>, now: Timestamp) -> Choice {
    // The name alone would not tell it from another one.
    let alone = names.get(session.name.as_str()) == Some(&1);
    let name = match alone {
        true => sanitize(&session.name),
        false => sanitize(&format!("{} ({})", session.name, session.id)),
    };
    let status = match (session.status, session.expires_at) {
        (Status::Active, Some(end)) => format!("ends {}", time::relative(end, now)),
        (Status::Active, None) => "active".to_owned(),
        (Status::Pending, _) => "pending".to_owned(),
        (Status::Inactive, _) => String::new(),
    };
    let text = |text: &Option<String>| text.as_deref().map(sanitize).unwrap_or_default();
    let role = session.role_arn.as_deref().unwrap_or_default();
    let labels: Vec<String> = session
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let rest = [
        session.account.as_deref().unwrap_or_default(),
        role,
        session.region.as_deref().unwrap_or_default(),
        &labels.join(" "),
        session.session_type.as_str(),
    ]
    .join(" ");
    Choice {
        id: session.id.clone(),
        cells: [name, status, text(&session.profile), text(&session.account)],
        name: Utf32String::from(session.name.as_str()),
        profile: Utf32String::from(session.profile.as_deref().unwrap_or_default()),
        rest: Utf32String::from(rest.as_str()),
    }
}

/// A word that was typed.
struct Word {
    loose: Atom,
    whole: Atom,
}

impl Word {
    fn new(typed: &str) -> Self {
        let atom = |kind| {
            Atom::new(
                typed,
                CaseMatching::Smart,
                Normalization::Smart,
                kind,
                false,
            )
        };
        Self {
            loose: atom(AtomKind::Fuzzy),
            whole: atom(AtomKind::Substring),
        }
    }

    /// How well a session is meant by it: best where it stands in the name.
    fn score(&self, choice: &Choice, matcher: &mut Matcher) -> Option<u32> {
        let name = self.loose.score(choice.name.slice(..), matcher);
        let profile = self.loose.score(choice.profile.slice(..), matcher);
        let rest = self.whole.score(choice.rest.slice(..), matcher);
        let name = name.map(|score| 2 * u32::from(score));
        let others = profile.max(rest).map(u32::from);
        name.max(others)
    }
}

/// The places of those that the letters mean, the best first; without letters, all in their order.
pub(super) fn matching(choices: &[Choice], typed: &str) -> Vec<usize> {
    if typed.trim().is_empty() {
        return (0..choices.len()).collect();
    }
    let mut matcher = Matcher::new(Config::DEFAULT);
    let words: Vec<Word> = typed.split_whitespace().map(Word::new).collect();
    let mut score = |choice: &Choice| -> Option<u32> {
        words
            .iter()
            .map(|word| word.score(choice, &mut matcher))
            .sum()
    };
    let mut found: Vec<(u32, usize)> = choices
        .iter()
        .enumerate()
        .filter_map(|(at, choice)| Some((score(choice)?, at)))
        .collect();
    // The more used one first where two fit as well.
    found.sort_by_key(|(score, at)| (std::cmp::Reverse(*score), *at));
    found.into_iter().map(|(_, at)| at).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;

    use super::*;

    /// Sessions of these names.
    pub(in super::super) fn named(names: &[&str]) -> Vec<Choice> {
        let sessions: Vec<_> = names
            .iter()
            .enumerate()
            .map(|(n, name)| {
                serde_json::json!({ "sessionId": n.to_string(), "sessionName": name, "type": "localstack" })
            })
            .collect();
        let text = serde_json::json!({ "sessions": sessions }).to_string();
        read(&text)
    }

    fn choices() -> Vec<Choice> {
        let text = r#"{"sessions": [
            {"sessionId": "1", "sessionName": "Acme Prod/Admin", "type": "awsSsoRole", "profileName": "acme-prod",
             "roleArn": "arn:aws:iam::111111111111/Admin", "awsSsoConfigurationId": "i"},
            {"sessionId": "2", "sessionName": "Acme Dev/Admin", "type": "awsSsoRole",
             "roleArn": "arn:aws:iam::222222222222/Admin", "awsSsoConfigurationId": "i", "labels": {"team": "blue"}},
            {"sessionId": "3", "sessionName": "größe", "type": "localstack", "region": "eu-west-1"}],
            "awsSsoIntegrations": [{"id": "i", "portalUrl": "https://p.example", "region": "eu-west-1"}]}"#;
        read(text)
    }

    fn read(text: &str) -> Vec<Choice> {
        let workspace = Workspace::parse(text, Path::new("w"), None).unwrap();
        let written = |entry: &dayfly_workspace::Entry| {
            SessionReport::written(&entry.session, Status::Inactive)
        };
        let reports: Vec<_> = workspace.sessions().iter().map(written).collect();
        super::choices(&reports, Timestamp::from_millis(0))
    }

    #[test]
    fn a_session_is_found_by_a_part_of_anything_that_is_known_of_it() {
        let choices = choices();
        let first = |typed: &str| {
            let found = matching(&choices, typed);
            found.first().map(|at| choices[*at].id.as_str().to_owned())
        };
        for (typed, id) in [
            ("prod", "1"),
            ("admin prod", "1"),
            ("apa", "1"),
            ("2222", "2"),
            ("blue", "2"),
            ("acme-prod", "1"),
            ("grosse", "none"),
            ("größe", "3"),
            ("GRÖSSE", "none"),
            ("groe", "3"),
            ("localst", "3"),
            ("eu-west", "3"),
        ] {
            let found = first(typed).unwrap_or_else(|| "none".to_owned());
            assert_eq!(found, id, "{typed}");
        }
        assert_eq!(matching(&choices, " "), [0, 1, 2]);
        assert_eq!(matching(&choices, "admin"), [0, 1]);
        assert!(matching(&choices, "zzz").is_empty());
        // Letters that stand somewhere in an ARN mean nothing.
        assert!(matching(&choices, "wsir").is_empty());
    }
}
