//! What is wrong with the expressions of a rule, before it runs.

use dayfly_cel::Mistake;
use dayfly_cel::check::{Field, Scope, Type, check, condition};
use dayfly_cel::parser::parse;
use dayfly_cel::template::{Part, sentence};
use dayfly_policy_sdk::config::ConfigError;

use crate::expression::{Because, Expression};
use crate::rule::Rule;
use crate::scene::{SESSION, Visible, event_fields};

/// What is wrong with the expressions of a rule.
pub(crate) fn mistakes(rule: &Rule) -> Vec<ConfigError> {
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
    if let Some(text) = rule.condition.as_ref().map(Expression::text) {
        note(
            "if",
            text,
            parse(text).and_then(|expr| condition(&expr, &scope)),
        );
    }
    for (key, expression) in [("until", &rule.until), ("at", &rule.at)] {
        if let Some(text) = expression.as_ref().map(Expression::text) {
            note(key, text, moment(text, &scope));
        }
    }
    for (key, expression) in &rule.remember {
        let text = expression.text();
        let checked = parse(text).and_then(|expr| check(&expr, &scope).map(|_| ()));
        note(&format!("remember.{key}"), text, checked);
    }
    if let Some(text) = rule.because.as_ref().map(Because::text) {
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
            "the expression gives a span of time, but must give a moment; write `now + …`",
        )),
        other => {
            let message = format!(
                "the expression gives {}, but must give a moment such as `session.expires_at` or `now + duration(\"1h\")`",
                other.name()
            );
            Err(Mistake::new(expr.at, message))
        }
    }
}
