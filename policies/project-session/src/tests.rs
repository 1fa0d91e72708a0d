use dayfly_policy_sdk::testing::{Memory, Sessions, at, branch, changed, custom, file, session};
use dayfly_policy_sdk::{ChangedFields, FileChangeKind};

use super::*;

const CONFIG: &str = r#"{
    "files": ["~/code/*/.dayfly"],
    "event": "folder",
    "projects": [
        { "folder": "~/code/shop", "sessions": ["shop-*"] },
        { "repository": "~/code/bank", "branch": "release/*", "sessions": ["bank-prod"] },
        { "repository": "~/code/bank", "sessions": ["bank-dev"] }
    ],
    "match": { "labels": ["project"] }
}"#;

struct Play(Memory);

impl Play {
    fn call(&mut self, events: &[Event]) -> (Vec<String>, Verdict) {
        let named = |key, name| session(key).name(name).label("project", "");
        let sessions = [
            named(1, "shop-dev").build(),
            named(2, "bank-dev").active(0, 99).build(),
            named(3, "bank-prod").build(),
            session(4).name("mail").active(0, 99).build(),
        ];
        let config = ProjectSession::parse(CONFIG).unwrap();
        let verdict = ProjectSession::evaluate(
            &config,
            &at(1),
            events,
            &Sessions::new(sessions),
            &mut self.0,
        );
        let said = verdict.effects.iter().filter_map(|effect| match effect {
            Effect::Act(act) => Some(format!(
                "{} {}: {}",
                act.session,
                act.action_word(),
                act.why.message
            )),
            _ => None,
        });
        (said.collect(), verdict.clone())
    }
}

trait Word {
    fn action_word(&self) -> &'static str;
}

impl Word for Act {
    fn action_word(&self) -> &'static str {
        match self.action {
            Action::Start => "start",
            Action::Stop => "stop",
            Action::Rotate => "rotate",
        }
    }
}

fn play() -> Play {
    Play(Memory::default())
}

#[test]
fn a_file_that_is_saved_names_the_sessions() {
    let mut play = play();
    let path = "/srv/me/code/shop/.dayfly";
    let present = file(path, FileChangeKind::Present, Some("shop-dev"));
    assert_eq!(
        play.call(&[present]).0,
        [""; 0],
        "that it is there says nothing"
    );
    let saved = file(
        path,
        FileChangeKind::Changed,
        Some("# what the shop needs\nshop-*\n"),
    );
    let (said, _) = play.call(std::slice::from_ref(&saved));
    assert_eq!(
        said,
        [
            format!("1 start: {path} names it"),
            format!("2 stop: {path} does not name it")
        ]
    );
    assert_eq!(play.call(&[saved]).0, [""; 0], "no news");
    // It is remembered: a session that changes is told the same again.
    let back = session(2)
        .name("bank-dev")
        .label("project", "")
        .active(0, 99)
        .build();
    let (said, _) = play.call(&[changed(back, ChangedFields::STATUS)]);
    assert_eq!(said, [format!("2 stop: {path} does not name it")]);
    let (_, verdict) = play.call(&[file(path, FileChangeKind::Changed, None)]);
    assert!(
        verdict.lines[0]
            .1
            .contains("the engine does not pass its content"),
        "{:?}",
        verdict.lines
    );
}

#[test]
fn a_folder_that_is_entered_and_a_branch_name_them_too() {
    let mut play = play();
    let (said, _) = play.call(&[custom("folder", r#"{"path":"/srv/me/code/shop/src"}"#)]);
    assert_eq!(said[0], "1 start: folder /srv/me/code/shop/src names it");
    let (said, _) = play.call(&[custom("folder", r#"{"path":"/srv/me/music"}"#)]);
    assert_eq!(said, [""; 0], "elsewhere nothing changes");
    let (said, _) = play.call(&[branch("/srv/me/code/bank", Some("release/2"), Some("main"))]);
    assert_eq!(
        said[1],
        "3 start: branch release/2 of /srv/me/code/bank names it"
    );
    let (said, _) = play.call(&[branch("/srv/me/code/bank", Some("main"), Some("release/2"))]);
    assert_eq!(said, ["2 start: branch main of /srv/me/code/bank names it"]);
    let (said, _) = play.call(&[custom("folder", r#"{"sessions":[]}"#)]);
    assert_eq!(said, ["2 stop: event folder does not name it"]);
    let (_, verdict) = play.call(&[custom("folder", "7")]);
    assert_eq!(
        verdict.lines[0].1,
        "event folder: its data must be a list `sessions`, or the `path` of a folder"
    );
}

#[test]
fn mistakes_are_named_and_the_schema_agrees() {
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(validator.is_valid(&serde_json::from_str(CONFIG).unwrap()));
    for (text, message) in [
        ("{}", "`files` is missing: what names the project"),
        (
            r#"{"event":"e","projects":[{"folder":"/a"}]}"#,
            "project 1, `sessions` is missing",
        ),
        (
            r#"{"event":"e","projects":[{"sessions":[]}]}"#,
            "project 1, `folder` is missing",
        ),
        (
            r#"{"event":"e","projects":[{"folder":"/a","sesions":[]}]}"#,
            "project 1, `sesions` is not a key of this policy; did you mean `sessions`?",
        ),
        (
            r#"{"event":"e","projects":[{"folder":"/a","branch":"x","sessions":[]}]}"#,
            "project 1, `repository` is missing",
        ),
    ] {
        let error = ProjectSession::parse(text).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
}
