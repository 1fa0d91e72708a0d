//! What expressions see of a session, and what is said of wrong ones.

use dayfly_core::policy::SessionFacts;

use super::session_expression;

/// A session with nothing but a name.
fn sample() -> SessionFacts {
    use dayfly_core::policy::Revision;
    use dayfly_core::session::{SessionId, SessionType, Status};
    SessionFacts {
        id: SessionId::new("id"),
        name: "name".into(),
        session_type: SessionType::AwsIamUser,
        status: Status::Inactive,
        region: None,
        started_at: None,
        expires_at: None,
        named_profile: None,
        account: None,
        role: None,
        chained_to: None,
        labels: std::collections::BTreeMap::new(),
        last_error: None,
        failures: 0,
        last_use: None,
        reason: None,
        revision: Revision(0),
    }
}

fn prod() -> SessionFacts {
    let mut session = sample();
    session.name = "shop-prod".into();
    session.account = Some("111122223333".into());
    session.labels.insert("env".into(), "prod".into());
    session
}

#[test]
fn an_expression_tests_what_the_person_wrote() {
    for (text, prod_passes, bare_passes) in [
        ("labels.env == 'prod'", true, false),
        ("has(labels.env)", true, false),
        ("'env' in labels && labels['env'] != 'dev'", true, false),
        ("!has(labels.env) || labels.env == 'dev'", false, true),
        (
            "name.startsWith('shop-') && account == '111122223333'",
            true,
            false,
        ),
        ("type in ['awsIamUser', 'azure']", true, true),
        ("region == '' && profile == '' && role == ''", true, true),
        ("labels.exists(key, key.startsWith('e'))", true, false),
        ("size(labels) > 0", true, false),
        ("labels.all(key, labels[key] == 'prod')", true, true),
        ("name.matches('^[a-z]+-prod$')", true, false),
        ("name.like('shop-*')", true, false),
        ("name.split('-')[0] in ['shop', 'name']", true, true),
        ("id.contains('d')", true, true),
    ] {
        let condition = session_expression(text, false).expect(text);
        assert_eq!(condition.0.passes(&prod()), prod_passes, "{text} on prod");
        assert_eq!(condition.0.passes(&sample()), bare_passes, "{text} on bare");
    }
}

#[test]
fn where_it_fails_those_who_guard_have_the_session_and_others_have_not() {
    let text = "labels.env == 'prod'";
    let given = session_expression(text, false).unwrap();
    let guarded = session_expression(text, true).unwrap();
    assert!(!given.0.passes(&sample()));
    assert!(guarded.0.passes(&sample()));
}

#[test]
fn what_changes_by_itself_changes_no_answer() {
    let text = "labels.env == 'prod' && name != ''";
    let condition = session_expression(text, false).unwrap();
    let mut session = prod();
    session.status = dayfly_core::session::Status::Active;
    session.failures = 9;
    assert!(condition.0.passes(&session));
}

#[test]
fn wrong_expressions_are_refused_with_the_place_and_what_there_is() {
    for (text, column, part) in [
        (
            "labels.env == ",
            15,
            "a name, a value or a bracket must follow",
        ),
        ("nam == 'x'", 1, "no \"nam\"; the fields are id, name"),
        ("true || status == 'active'", 9, "changes while Dayfly runs"),
        (
            "session.name == 'a'",
            1,
            "write the fields without it: id, name",
        ),
        ("true || shout(name)", 9, "no function `shout`"),
        ("name", 1, "true or false"),
        (
            "name + 1 == 'x'",
            6,
            "no `+` between a text and a whole number",
        ),
        ("name == 'a' @ b", 13, "`@` has no meaning here"),
        ("name.like('[A-Z]*')", 11, "`like` knows only `*`"),
        ("name.matches('a(')", 14, "not a regular expression"),
        ("", 1, "it is empty"),
    ] {
        let error = session_expression(text, false).expect_err(text);
        assert!(error.message.contains(part), "{text}: {error}");
        assert_eq!(error.column, column, "{text}: {error}");
    }
}

#[test]
fn deep_and_long_expressions_are_refused_before_they_cost_the_stack() {
    let nested = |n: usize| format!("{}true{}", "(".repeat(n), ")".repeat(n));
    // The deepest that is read, on the small stack of this thread.
    let deepest = session_expression(&nested(47), false).expect("47 brackets");
    assert!(deepest.0.passes(&sample()));
    let joined = vec!["true"; 140].join("&&");
    let joined = session_expression(&joined, false).expect("139 operators");
    assert!(joined.0.passes(&sample()));
    for deep in [
        nested(49),
        nested(200),
        format!("{}true", "!".repeat(900)),
        format!("{} == 1", vec!["1"; 300].join("+")),
        format!("labels{}", ".a".repeat(400)),
    ] {
        let error = session_expression(&deep, false).expect_err(&deep);
        assert!(error.message.contains("nested too deeply"), "{error}");
    }
    let long = format!("name == '{}'", "x".repeat(2_000));
    assert!(session_expression(&long, false).is_err());
}

#[test]
fn an_expression_that_would_take_long_is_given_up() {
    let mut session = prod();
    for n in 0..200 {
        session.labels.insert(format!("label-{n}"), "x".repeat(200));
    }
    let mut nested = "false".to_owned();
    for variable in ["a", "b", "c", "d", "e"] {
        nested = format!("labels.exists({variable}, {nested})");
    }
    let matching = "labels.all(a, labels.all(b, labels[a].matches('(x+x+)+y') || true))";
    let growing = format!(
        "name{} == ''",
        ".replace('', name + name + name)".repeat(20)
    );
    let doubling = format!("[[1]{0}] == [[1]{0}]", ".map(a, [a, a])".repeat(20));
    for text in [
        nested.as_str(),
        matching,
        growing.as_str(),
        doubling.as_str(),
    ] {
        let asked = std::time::Instant::now();
        let condition = session_expression(text, true).expect(text);
        assert!(condition.0.passes(&session), "{text}");
        assert!(
            asked.elapsed().as_secs() < 2,
            "{text}: {:?}",
            asked.elapsed()
        );
    }
}
