//! Isolation of problems, the previous version, reuse, differences and names.
#![allow(clippy::unwrap_used)]

mod sample;

use std::path::Path;
use std::sync::Arc;

use dayfly_core::input::{PersistedStatus, WorkspaceChange};
use dayfly_core::session::{SessionId, Status};
use dayfly_core::time::Timestamp;
use dayfly_workspace::{ResolveError, Severity, Workspace, diff};

fn parse(text: &str, previous: Option<&Workspace>) -> Workspace {
    Workspace::parse(text, Path::new("workspace.json"), previous).unwrap()
}

fn name(workspace: &Workspace, id: &str) -> Option<String> {
    workspace
        .get(&SessionId::new(id))
        .map(|e| e.session.name.clone())
}

fn of(sessions: &str) -> String {
    format!(
        r#"{{"sessions": [{sessions}], "profiles": [{{"id": "p", "name": "prod"}}], "defaultRegion": "eu-west-1"}}"#
    )
}

const A: &str = r#"{"sessionId": "a", "sessionName": "A", "type": "localstack"}"#;
const B: &str = r#"{"sessionId": "b", "sessionName": "B", "type": "awsIamUser", "profileId": "p", "status": 2, "startDateTime": "1970-01-01T00:00:01Z"}"#;

#[test]
fn reads_fields_and_defaults() {
    let workspace = parse(&of(&format!("{A}, {B}")), None);
    assert!(workspace.problems().is_empty());
    let b = workspace.get(&SessionId::new("b")).unwrap();
    assert_eq!(b.session.named_profile.as_deref(), Some("prod"));
    assert_eq!(b.session.region.as_deref(), Some("eu-west-1"));
    assert_eq!(
        b.projection,
        PersistedStatus {
            status: Status::Active,
            start: Some(Timestamp::from_millis(1000)),
            expiration: None
        }
    );
    let a = workspace.get(&SessionId::new("a")).unwrap();
    assert_eq!(a.session.named_profile, None);
    assert_eq!(a.projection, PersistedStatus::default());
}

#[test]
fn a_byte_order_mark_is_no_problem() {
    let text = format!("\u{feff}{}", of(A));
    assert_eq!(parse(&text, None).sessions().len(), 1);
    let rejected = Workspace::parse("\u{feff}{\"sessions\": x}", Path::new("w"), None).unwrap_err();
    assert_eq!(
        (rejected.problems[0].line, rejected.problems[0].column),
        (1, 15)
    );
}

#[test]
fn a_broken_session_keeps_its_previous_version() {
    let old = parse(&of(&format!("{A}, {B}")), None);
    let broken = r#"{"sessionId": "b", "sessionName": "B2", "type": "awsIamUsr"}"#;
    let new = parse(&of(&format!("{A}, {broken}")), Some(&old));
    let entry = new.get(&SessionId::new("b")).unwrap();
    assert!(entry.kept);
    assert!(Arc::ptr_eq(
        &entry.session,
        &old.get(&SessionId::new("b")).unwrap().session
    ));
    assert_eq!(entry.projection.status, Status::Active);
    assert_eq!(new.problems().len(), 1);
    assert_eq!(new.problems()[0].session_name.as_deref(), Some("B2"));
    assert_eq!(diff(Some(&old), &new), WorkspaceChange::default());
    // Without a previous version it is left out, and the others are not.
    let alone = parse(&of(&format!("{A}, {broken}")), None);
    assert_eq!(alone.sessions().len(), 1);
    // Mended, it is in force again.
    let mended = parse(
        &of(&format!("{A}, {}", broken.replace("Usr", "User"))),
        Some(&new),
    );
    assert_eq!(name(&mended, "b").as_deref(), Some("B2"));
    assert!(!mended.get(&SessionId::new("b")).unwrap().kept);
}

#[test]
fn no_session_goes_while_an_id_cannot_be_read() {
    let old = parse(&of(&format!("{A}, {B}")), None);
    let new = parse(
        &of(&format!("{A}, {}", B.replace("\"b\"", "7"))),
        Some(&old),
    );
    assert!(new.get(&SessionId::new("b")).unwrap().kept);
    assert_eq!(diff(Some(&old), &new), WorkspaceChange::default());
    let gone = parse(&of(A), Some(&new));
    assert_eq!(diff(Some(&new), &gone).removed, [SessionId::new("b")]);
}

#[test]
fn an_id_that_stands_twice() {
    let old = parse(&of(A), None);
    let other = A.replace("\"A\"", "\"other\"");
    // The first is the one that was there: it stays, not kept but read.
    let copied = parse(&of(&format!("{A}, {other}")), Some(&old));
    assert_eq!(name(&copied, "a").as_deref(), Some("A"));
    assert!(!copied.get(&SessionId::new("a")).unwrap().kept);
    // The first is another: the previous version stays.
    let before = parse(&of(&format!("{other}, {A}")), Some(&old));
    assert_eq!(name(&before, "a").as_deref(), Some("A"));
    assert!(before.get(&SessionId::new("a")).unwrap().kept);
    // There was none: neither is taken.
    let new = parse(&of(&format!("{other}, {A}, {B}")), None);
    assert_eq!(name(&new, "a"), None);
    assert_eq!(new.sessions().len(), 1);
    assert!(new.problems()[0].message.contains("on lines 1 and 1"));
}

#[test]
fn lists_keep_what_cannot_be_read() {
    let old = parse(&of(B), None);
    for broken in [r#"[{"id": "p", "name": 3}]"#, "3", r#"[{"id": "p"}]"#] {
        let text = of(B).replace(r#"[{"id": "p", "name": "prod"}]"#, broken);
        let new = parse(&text, Some(&old));
        assert_eq!(new.problems().len(), 1, "{broken}");
        assert_eq!(
            diff(Some(&old), &new),
            WorkspaceChange::default(),
            "{broken}"
        );
        assert_ne!(
            parse(&text, None).sessions()[0].session.fault,
            None,
            "{broken}"
        );
    }
}

#[test]
fn faults_concern_a_session_and_its_children() {
    let chain = |id: &str, parent: &str| {
        format!(
            r#"{{"sessionId": "{id}", "sessionName": "{id}", "type": "awsIamRoleChained", "roleArn": "arn:aws:iam::123456789012:role/x", "parentSessionId": "{parent}"}}"#
        )
    };
    let all = [
        chain("x", "y"),
        chain("y", "x"),
        chain("z", "x"),
        chain("lost", "nobody"),
        chain("child", "lost"),
    ];
    let workspace = parse(&of(&all.join(",")), None);
    let faulty: Vec<&str> = workspace
        .sessions()
        .iter()
        .filter(|e| e.session.fault.is_some())
        .map(|e| e.session.name.as_str())
        .collect();
    assert_eq!(faulty, ["x", "y", "z", "lost", "child"]);
    // A parent that comes is a change of its child.
    let with_parent = parse(
        &of(&format!("{}, {}", all[3], A.replace("\"a\"", "\"nobody\""))),
        Some(&workspace),
    );
    let changed: Vec<String> = diff(Some(&workspace), &with_parent)
        .upserts
        .iter()
        .map(|u| u.session.name.clone())
        .collect();
    assert_eq!(changed, ["lost", "A"]);
}

#[test]
fn unchanged_sessions_are_the_same_values() {
    let text = sample::workspace(50);
    let old = parse(&text, None);
    assert_eq!(old.problems(), []);
    let changed = text.replace("account-7 ops", "renamed");
    let new = parse(&changed, Some(&old));
    for (a, b) in old.sessions().iter().zip(new.sessions()) {
        assert_eq!(
            Arc::ptr_eq(&a.session, &b.session),
            b.session.name != "renamed"
        );
    }
    let difference = diff(Some(&old), &new);
    assert_eq!(difference.upserts.len(), 1);
    assert!(difference.removed.is_empty());
}

#[test]
fn reading_on_from_a_previous_version_gives_what_reading_anew_gives() {
    let text = sample::workspace(30);
    let old = parse(&text, None);
    let variants = [
        text.replace(
            "profile-6\", \"name\": \"account-6",
            "profile-6\", \"name\": \"other",
        ),
        text.replace("us-east-1", "us-west-2")
            .replace("\"region\": \"eu-west-1\",\n", ""),
        text.replace("    {\n", "    {"),
        sample::workspace(29),
        sample::workspace(31),
        text.replacen(&sample::id(0), "another", 1),
        String::from(r#"{"sessions": []}"#),
    ];
    for variant in variants {
        let on = parse(&variant, Some(&old));
        let anew = parse(&variant, None);
        assert_eq!(on.problems(), anew.problems());
        let sessions = |w: &Workspace| {
            w.sessions()
                .iter()
                .map(|e| ((*e.session).clone(), e.projection, e.line))
                .collect::<Vec<_>>()
        };
        assert_eq!(sessions(&on), sessions(&anew));
        assert_eq!(diff(Some(&on), &anew), WorkspaceChange::default());
    }
}

#[test]
fn moving_a_session_is_no_change() {
    let old = parse(&of(&format!("{A}, {B}")), None);
    let new = parse(&of(&format!("\n\n{B},\n{A}")), Some(&old));
    assert_eq!(diff(Some(&old), &new), WorkspaceChange::default());
    assert_eq!(new.get(&SessionId::new("a")).unwrap().line, 4);
}

#[test]
fn a_state_is_a_change() {
    let old = parse(&of(&format!("{A}, {B}")), None);
    let new = parse(
        &of(&format!("{A}, {}", B.replace(": 2", ": \"inactive\""))),
        Some(&old),
    );
    let difference = diff(Some(&old), &new);
    assert_eq!(difference.upserts.len(), 1);
    assert_eq!(difference.upserts[0].written.status, Status::Inactive);
    assert!(Arc::ptr_eq(
        &difference.upserts[0].session,
        &old.sessions()[1].session
    ));
}

#[test]
fn problems_say_where() {
    let text = "{\n  \"sessions\": [\n    {\"sessionId\": \"é\", \"sessionName\": \"é\", \"region\": \"x\", \"type\": \"localstack\"}\n  ]\n}";
    let workspace = parse(text, None);
    let problem = &workspace.problems()[0];
    assert_eq!(
        (problem.severity, problem.line, problem.column),
        (Severity::Error, 3, 54)
    );
    assert_eq!(text.lines().nth(2).unwrap().chars().nth(54), Some('x'));
    assert_eq!(problem.session, Some(SessionId::new("é")));
}

#[test]
fn names_resolve() {
    let session = |id: &str, name: &str| {
        A.replace("\"a\"", &format!("\"{id}\""))
            .replace("\"A\"", &format!("\"{name}\""))
    };
    let all = [
        session("abc1", "production"),
        session("abd2", "staging"),
        session("x", "twin"),
        session("y", "twin"),
        session("staging-id", "abc"),
    ];
    let workspace = parse(&of(&all.join(",")), None);
    let id = |asked: &str| {
        workspace
            .resolve(asked)
            .map(|e| e.session.id.as_str().to_owned())
    };
    assert_eq!(id("abc1").unwrap(), "abc1");
    assert_eq!(id("abd").unwrap(), "abd2");
    assert_eq!(
        id("staging").unwrap(),
        "abd2",
        "a name goes before a beginning of an id"
    );
    assert_eq!(id("abc").unwrap(), "staging-id");
    let ResolveError::Ambiguous { candidates, .. } = id("twin").unwrap_err() else {
        panic!()
    };
    assert_eq!(candidates.len(), 2);
    assert!(matches!(
        id("ab").unwrap_err(),
        ResolveError::Ambiguous { .. }
    ));
    let ResolveError::None { similar, .. } = id("prodction").unwrap_err() else {
        panic!()
    };
    assert_eq!(similar[0].name, "production");
    assert!(matches!(id("").unwrap_err(), ResolveError::None { .. }));
}

/// What is told of a session in a Workspace of these sessions.
fn told(sessions: &str, id: &str) -> String {
    let workspace = parse(&format!("{{\"sessions\": [{sessions}]}}"), None);
    let problems = workspace.problems().iter();
    let own = problems.filter(|p| p.session.as_ref().is_some_and(|s| s.as_str() == id));
    own.map(|p| {
        format!(
            "{}: {} ({})\n",
            p.severity,
            p.message,
            p.hint.as_deref().unwrap_or("")
        )
    })
    .collect()
}

fn chained(id: &str, parent: &str, partition: &str) -> String {
    format!(
        r#"{{"sessionId": "{id}", "sessionName": "{id}", "type": "awsIamRoleChained",
            "parentSessionId": "{parent}", "roleArn": "arn:{partition}:iam::123456789012:role/r"}}"#
    )
}

fn user(id: &str, more: &str) -> String {
    format!(r#"{{"sessionId": "{id}", "sessionName": "{id}", "type": "awsIamUser"{more}}}"#)
}

#[test]
fn what_no_cloud_takes_is_told_when_it_is_written() {
    let role = chained("r", "u", "aws").replace("role/r", "role/r ");
    let text = told(&format!("{role}, {}", user("u", "")), "r");
    assert!(
        text.contains("error: `roleArn` ends with a space"),
        "{text}"
    );
    let text = told(&user("u", ", \"mfaDevice\": \"GAHT\u{200b}12345678\""), "u");
    assert!(text.contains("U+200B, at position 5"), "{text}");
    let text = told(&user("u", r#", "profileName": "prod ""#), "u");
    assert!(text.contains("`profileName` ends with a space"), "{text}");
}

#[test]
fn a_profile_that_no_delivery_can_write_is_told() {
    let process = r#", "profileName": "my acct", "delivery": ["credential-process"]"#;
    let text = told(&user("u", process), "u");
    assert!(
        text.contains("error: its named profile \"my acct\" contains a space"),
        "{text}"
    );
    assert!(text.contains("`delivery` credentials-file"), "{text}");
    let both = process.replace("[\"", "[\"credentials-file\", \"");
    let text = told(&user("u", &both), "u");
    assert!(text.starts_with("warning: its named profile"), "{text}");
    let file = r#", "profileName": "my acct", "delivery": ["credentials-file"]"#;
    assert_eq!(told(&user("u", file), "u"), "");
    let text = told(&user("u", r#", "profileName": "a]b""#), "u");
    assert!(text.contains("contains a bracket"), "{text}");
    assert_eq!(
        told(&user("u", r#", "profileName": "a]b", "delivery": []"#), "u"),
        ""
    );
}

#[test]
fn a_child_of_what_cannot_be_started_is_told() {
    let circle = format!("{}, {}", chained("a", "b", "aws"), chained("b", "a", "aws"));
    let all = format!(
        "{circle}, {}, {}",
        chained("c", "a", "aws"),
        chained("d", "c", "aws")
    );
    let text = told(&all, "c");
    assert!(
        text.contains("cannot start its parent \"a\": its chain of parents"),
        "{text}"
    );
    let text = told(&all, "d");
    assert!(text.contains("cannot start its ancestor \"a\""), "{text}");
    let missing = format!(
        "{}, {}",
        chained("a", "gone", "aws"),
        chained("b", "a", "aws")
    );
    let text = told(&missing, "b");
    assert!(
        text.contains("cannot start its parent \"a\": its parent session"),
        "{text}"
    );
}

#[test]
fn partitions_do_not_mix() {
    let gov = user("g", r#", "region": "us-gov-west-1""#);
    let text = told(&format!("{gov}, {}", chained("c", "g", "aws")), "c");
    assert!(
        text.contains("its role is in the partition aws, but its parent \"g\" in aws-us-gov"),
        "{text}"
    );
    assert_eq!(
        told(&format!("{gov}, {}", chained("c", "g", "aws-us-gov")), "c"),
        ""
    );
    let two = format!(
        "{}, {}",
        chained("a", "u", "aws"),
        chained("b", "a", "aws-cn")
    );
    let text = told(&format!("{}, {two}", user("u", "")), "b");
    assert!(
        text.contains("partition aws-cn, but its parent \"a\" in aws"),
        "{text}"
    );
    let role =
        chained("c", "g", "aws-us-gov").replace("\"type\"", "\"region\": \"eu-west-1\", \"type\"");
    let text = told(&format!("{gov}, {role}"), "c");
    assert!(
        text.contains("error: `region` \"eu-west-1\" is in the partition aws, but `roleArn`"),
        "{text}"
    );
    let device =
        r#", "region": "eu-west-1", "mfaDevice": "arn:aws-us-gov:iam::123456789012:mfa/jo""#;
    assert!(told(&user("u", device), "u").contains("but `mfaDevice` is in aws-us-gov"));
    let saml = r#"{"sessionId": "f", "sessionName": "f", "type": "awsIamRoleFederated", "idpUrlId": "i",
        "roleArn": "arn:aws:iam::123456789012:role/r",
        "idpArn": "arn:aws:iam::210987654321:saml-provider/p"}"#;
    assert!(told(saml, "f").contains("`idpArn` is in account 210987654321"));
}

#[test]
fn more_entries_than_anybody_has_are_refused_before_they_cost_much() {
    let before = Workspace::parse("{\"sessions\": []}", Path::new("w"), None).unwrap();
    for entry in ["{}", "0", "[]", "\"\""] {
        let many = format!(
            "{{\"sessions\": [{}0]}}",
            format!("{entry},").repeat(1_000_000)
        );
        let refused = Workspace::parse(&many, Path::new("w"), Some(&before)).unwrap_err();
        assert_eq!(refused.problems.len(), 1);
        let told = refused.to_string();
        assert!(
            told.contains("`sessions`: there are more than 200,000"),
            "{told}"
        );
        // A list that sessions refer to does not hinder the rest.
        let many = many
            .replace("sessions", "profiles")
            .replacen('{', "{\"sessions\":[],", 1);
        let read = Workspace::parse(&many, Path::new("w"), Some(&before)).unwrap();
        assert_eq!(read.problems().len(), 1);
    }
}

#[test]
fn what_a_message_quotes_is_not_the_whole_file() {
    let long = "x".repeat(1_000_000);
    let text = format!("{{\"sessions\": \"{long}\"}}");
    let refused = Workspace::parse(&text, Path::new("w"), None).unwrap_err();
    assert!(
        refused.to_string().len() < 1_000,
        "{}",
        refused.to_string().len()
    );
}
