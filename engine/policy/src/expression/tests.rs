//! What expressions see of a session, and what is said of wrong ones.

use dayfly_core::policy::SessionFacts;

use super::{sample, session_expression};

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
        ("labels.env == ", 15, "the end"),
        ("nam == 'x'", 1, "no \"nam\"; there are id, name"),
        ("true || status == 'active'", 9, "changes by itself"),
        ("true || shout(name)", 9, "no function \"shout\""),
        ("name", 0, "true or false"),
        ("name + 1 == 'x'", 0, "cannot be worked out"),
        ("name == 'a' @ b", 13, "no expression"),
        ("", 0, "no expression"),
    ] {
        let error = session_expression(text, false).expect_err(text);
        assert!(error.message.contains(part), "{text}: {error}");
        if column > 0 {
            assert_eq!(error.column, column, "{text}: {error}");
        }
    }
}

#[test]
fn deep_and_long_expressions_are_refused_before_they_cost_the_stack() {
    let nested = |n: usize| format!("{}true{}", "(".repeat(n), ")".repeat(n));
    assert!(session_expression(&nested(20), false).is_ok());
    // The deepest that is read, on the small stack of this thread.
    let deepest = session_expression(&nested(90), false).expect("90 brackets");
    assert!(deepest.0.passes(&sample()));
    let joined = vec!["true"; 97].join("&&");
    let joined = session_expression(&joined, false).expect("96 operators");
    assert!(joined.0.passes(&sample()));
    assert!(session_expression(&nested(120), false).is_err());
    assert!(session_expression(&format!("{}true", "!".repeat(900)), false).is_err());
    let long = format!("name == '{}'", "x".repeat(2_000));
    assert!(session_expression(&long, false).is_err());
}
