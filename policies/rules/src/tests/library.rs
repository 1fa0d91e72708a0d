//! Expressions come to what the crate `cel` says that they come to.

use ::cel::{Context, Program};
use proptest::prelude::*;

use super::*;
use crate::cel as own;
use own::eval::Worker;

/// The answer here: `true`, a number, a text; or that there is none.
fn here(text: &str) -> Result<String, String> {
    let expr = own::parser::parse(text).map_err(|mistake| mistake.message)?;
    let sample = sample();
    let state = Map::new();
    let around = Around {
        now: 36_000_000,
        session: Some(&sample),
        event: None,
        state: &state,
    };
    let worker = Worker::new(&around);
    let value = worker.value(&expr)?;
    Ok(match value {
        Value::Text(text) => format!("{text:?}"),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) => number.to_string(),
        other => other.shown(),
    })
}

/// The answer of the crate.
fn there(text: &str) -> Result<String, String> {
    let program = Program::compile(text).map_err(|error| error.to_string())?;
    let mut context = Context::default();
    let sample = sample();
    let labels: std::collections::HashMap<String, String> = sample
        .labels
        .iter()
        .map(|l| (l.key.clone(), l.value.clone()))
        .collect();
    let mut session: std::collections::HashMap<String, ::cel::Value> =
        std::collections::HashMap::new();
    session.insert("name".into(), sample.name.clone().into());
    session.insert("failures".into(), i64::from(sample.failures).into());
    session.insert("chained".into(), false.into());
    session.insert("labels".into(), labels.into());
    context.add_variable_from_value("session", session);
    match program.execute(&context) {
        Ok(::cel::Value::Bool(truth)) => Ok(truth.to_string()),
        Ok(::cel::Value::Int(number)) => Ok(number.to_string()),
        Ok(::cel::Value::String(text)) => Ok(format!("{text:?}")),
        Ok(other) => Ok(format!("{other:?}")),
        Err(error) => Err(error.to_string()),
    }
}

fn sample() -> Session {
    session(1)
        .name("prod-eu")
        .label("env", "production")
        .label("team", "a")
        .error(dayfly_policy_sdk::ErrorKind::Network, 3)
        .build()
}

/// Expressions of every kind that come to a number, a text or a truth.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        (0..20i64).prop_map(|n| n.to_string()),
        "[a-c]{0,3}".prop_map(|text| format!("'{text}'")),
        Just("true".to_owned()),
        Just("false".to_owned()),
        Just("session.name".to_owned()),
        Just("session.failures".to_owned()),
        Just("session.chained".to_owned()),
        Just("session.labels.env".to_owned()),
        Just("session.labels['team']".to_owned()),
        Just("session.labels.none".to_owned()),
        Just("has(session.labels.env)".to_owned()),
        Just("has(session.labels.none)".to_owned()),
        Just("'env' in session.labels".to_owned()),
    ];
    leaf.prop_recursive(5, 40, 3, |inner| {
        let operator = prop::sample::select(vec![
            "&&", "||", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%",
        ]);
        prop_oneof![
            6 => (inner.clone(), operator, inner.clone()).prop_map(|(a, o, b)| format!("({a}) {o} ({b})")),
            1 => inner.clone().prop_map(|a| format!("!({a})")),
            1 => inner.clone().prop_map(|a| format!("size({a})")),
            1 => (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a}) ? ({b}) : ({c})")),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) in [{b}, {a}]")),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}).startsWith({b})")),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[{a}, {b}].exists(x, x == {a})")),
            1 => (inner.clone(), inner).prop_map(|(a, b)| format!("[{a}, {b}].all(x, x == {b})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn answers_are_those_of_the_library(text in expression()) {
        let (here, there) = (here(&text), there(&text));
        match (&here, &there) {
            (Ok(a), Ok(b)) => prop_assert_eq!(a, b, "{}", text),
            (Err(_), Err(_)) => {}
            // Where both have an opinion on errors, they may differ only as CEL lets them: which
            // part of `&&` and `||` is looked at first is free, and so is comparing what is of
            // different kinds.
            _ => {}
        }
    }
}

#[test]
fn answers_where_both_must_have_one() {
    for text in [
        "1 + 2 * 3 - 4 / 2 % 3",
        "-(3) + 5 == 2",
        "true || false && false",
        "!(true && false)",
        "session.name.startsWith('prod') && session.name.endsWith('eu') && session.name.contains('-')",
        "session.failures > 2 ? 'many' : 'few'",
        "session.labels.env == 'production'",
        "has(session.labels.nothing) || session.failures == 3",
        "session.labels.none == 'x' || true",
        "true || session.labels.none == 'x'",
        "session.labels.none == 'x' && false",
        "'team' in session.labels",
        "session.failures in [1, 2, 3]",
        "size(session.name) == 7",
        "session.name.size() == 7",
        "size([1, 2]) + size('äö') == 4",
        "[1, 2, 3].exists(x, x > 2) && [1, 2, 3].all(x, x > 0)",
        "[1, 2, 3].filter(x, x > 1).size() == 2",
        "[1, 2].map(x, x * 2) == [2, 4]",
        "[1, 2, 1].exists_one(x, x == 2)",
        "{'a': 1}.a == 1 && {'a': 1}['a'] == 1",
        "[1, 2][1] == 2",
        "'a' + 'b' == \"ab\"",
        "[1] + [2] == [1, 2]",
        "1 < 2 && 'a' < 'b' && false < true",
        "1.5 + 1.5 == 3.0",
        "1 == 1.0",
        "int('12') + int(3.7) == 15",
        "string(12) == '12'",
        "null == null",
    ] {
        let (here, there) = (here(text), there(text));
        assert!(here.is_ok(), "{text}: {here:?}");
        assert_eq!(here, there, "{text}");
    }
    for text in [
        "1 / 0",
        "session.labels.none",
        "9223372036854775807 + 1",
        "1 + 'a'",
        "[1][5]",
    ] {
        assert!(
            here(text).is_err() && there(text).is_err(),
            "{text}: {:?} {:?}",
            here(text),
            there(text)
        );
    }
}
