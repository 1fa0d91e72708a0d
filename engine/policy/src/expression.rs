//! Session selectors in the Common Expression Language, <https://cel.dev>, as rules have it too.
//!
//! An expression sees what the person wrote of a session: `id`, `name`, `type`, `cloud`, `region`,
//! `profile`, `account`, `role` (texts, empty where there is none) and `labels` (a map of texts).
//! It sees nothing that changes by itself, so that what an entry is granted changes only when
//! somebody edits something.

use std::fmt;
use std::sync::Arc;

use dayfly_cel::ast::Expr;
use dayfly_cel::check::{Field, Scope, Type, condition};
use dayfly_cel::eval::{Scene, Worker};
use dayfly_cel::parser::parse;
use dayfly_cel::value::Value;
use dayfly_core::grant::{Condition, Test};
use dayfly_core::policy::SessionFacts;

/// Characters of an expression.
const LENGTH: usize = 1_024;
/// What an expression can name.
const VARIABLES: [&str; 9] = [
    "id", "name", "type", "cloud", "region", "profile", "account", "role", "labels",
];

/// Why a text is no expression about a session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ExpressionError {
    /// Where, in characters from 1; 0: it is about the whole.
    pub column: usize,
    /// What is wrong, without a full stop.
    pub message: String,
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.column {
            0 => f.write_str(&self.message),
            column => write!(f, "at character {column}: {}", self.message),
        }
    }
}

/// Reads an expression about a session.
///
/// `unclear` is the answer for a session on which the expression fails, as on
/// `labels.env == "prod"` where there is no such label: false for those who are given something,
/// true for those who guard something.
///
/// # Errors
/// The text is no expression, is too long or too deep, names what there is not, or answers with
/// something else than true or false.
pub fn session_expression(text: &str, unclear: bool) -> Result<Condition, ExpressionError> {
    if text.chars().count() > LENGTH {
        return Err(ExpressionError {
            column: 0,
            message: format!("it is longer than {LENGTH} characters"),
        });
    }
    let labels = || Type::Map(Box::new(Type::Text), Box::new(Type::Text));
    let variables = VARIABLES.map(|name| match name {
        "labels" => (name, labels()),
        name => (name, Type::Text),
    });
    let expr = parse(text).and_then(|expr| {
        condition(&expr, &scope(&variables))?;
        Ok(expr)
    });
    let expr = expr.map_err(|mistake| ExpressionError {
        column: mistake.column(text),
        message: mistake.message,
    })?;
    Ok(Condition(Arc::new(SessionExpression {
        text: text.to_owned(),
        expr,
        unclear,
    })))
}

const fn scope(variables: &[Field]) -> Scope<'_> {
    Scope {
        variables,
        objects: &[],
        missing: &no_variable,
        no_fields: "",
        moves: &|_, _| false,
    }
}

fn no_variable(name: &str) -> String {
    match name {
        "status" | "expires_at" | "started_at" | "last_use" => format!(
            "\"{name}\" changes while Dayfly runs, so a grant cannot test it; test {}",
            VARIABLES.join(", ")
        ),
        "session" => format!(
            "there is no \"session\" here; write the fields without it: {}",
            VARIABLES.join(", ")
        ),
        _ => format!(
            "there is no \"{name}\"; the fields are {}",
            VARIABLES.join(", ")
        ),
    }
}

/// A session as expressions see it.
struct Seen<'a>(&'a SessionFacts);

impl<'a> Scene<'a> for Seen<'a> {
    fn now(&self) -> i64 {
        // Nothing here goes with the clock.
        0
    }

    fn variable(&self, name: &str) -> Option<Value<'a>> {
        let text = |text: &'a Option<String>| Value::text(text.as_deref().unwrap_or(""));
        let session = self.0;
        Some(match name {
            "id" => Value::text(session.id.as_str()),
            "name" => Value::text(&session.name),
            "type" => Value::text(session.session_type.as_str()),
            "cloud" => Value::text(session.session_type.cloud()),
            "region" => text(&session.region),
            "profile" => text(&session.named_profile),
            "account" => text(&session.account),
            "role" => text(&session.role),
            "labels" => Value::Object("labels"),
            _ => return None,
        })
    }

    fn field(&self, _: &'static str, label: &str) -> Option<Value<'a>> {
        self.0.labels.get(label).map(|text| Value::text(text))
    }

    fn whole(&self, _: &'static str) -> Option<Value<'a>> {
        let labels = self.0.labels.iter();
        let pairs = labels.map(|(key, text)| (Value::text(key), Value::text(text)));
        Some(Value::Map(pairs.collect::<Vec<_>>().into()))
    }
}

struct SessionExpression {
    text: String,
    expr: Expr,
    unclear: bool,
}

impl fmt::Debug for SessionExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, unclear, .. } = self;
        write!(f, "SessionExpression({text:?}, {unclear})")
    }
}

impl Test for SessionExpression {
    fn text(&self) -> &str {
        &self.text
    }

    fn passes(&self, session: &SessionFacts) -> bool {
        let seen = Seen(session);
        Worker::new(&seen).holds(&self.expr).unwrap_or(self.unclear)
    }
}

#[cfg(test)]
#[path = "expression/tests.rs"]
mod tests;
