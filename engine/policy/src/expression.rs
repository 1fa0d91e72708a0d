//! Session selectors in the Common Expression Language, <https://cel.dev>.
//!
//! An expression sees what the person wrote of a session: `id`, `name`, `type`, `region`,
//! `profile`, `account`, `role` (texts, empty where there is none) and `labels` (a map of texts).
//! It sees nothing that changes by itself, so that what an entry is granted changes only when
//! somebody edits something.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use cel::{Context, Program, Value};
use dayfly_core::grant::{Condition, Test};
use dayfly_core::policy::SessionFacts;

/// Characters of an expression.
const LENGTH: usize = 1_024;
/// Characters of operators and brackets: reading and evaluation take stack for each.
const OPERATORS: usize = 192;
/// For the reader, which needs much of it. Only what is used is taken from the machine.
const STACK: usize = 64 << 20;
/// What an expression can name.
const VARIABLES: [&str; 8] = [
    "id", "name", "type", "region", "profile", "account", "role", "labels",
];
/// The functions that an expression can call, beside operators and macros.
const FUNCTIONS: [&str; 8] = [
    "contains",
    "endsWith",
    "size",
    "startsWith",
    "string",
    "int",
    "max",
    "min",
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
    let whole = |message: String| ExpressionError { column: 0, message };
    if text.chars().count() > LENGTH {
        return Err(whole(format!("it is longer than {LENGTH} characters")));
    }
    if too_deep(text) {
        return Err(whole(
            "it has too many operators or brackets; make it simpler, or use the lists of a selector"
                .into(),
        ));
    }
    let program = compile(text)?;
    let names: Vec<String> = {
        let references = program.references();
        let variables = references.variables().into_iter();
        let unknown = variables
            .clone()
            .find(|name| !VARIABLES.contains(name) && !bound(text, name));
        if let Some(name) = unknown {
            return Err(at(text, name, no_variable(name)));
        }
        let function = references.functions().into_iter().find(|name| {
            let operator = name.starts_with(|c: char| !c.is_ascii_alphabetic());
            !operator && !FUNCTIONS.contains(name)
        });
        if let Some(name) = function {
            let message = format!(
                "there is no function \"{name}\"; there are {}",
                FUNCTIONS.join(", ")
            );
            return Err(at(text, name, message));
        }
        variables.map(str::to_owned).collect()
    };
    let expression = SessionExpression {
        text: text.to_owned(),
        names: VARIABLES
            .into_iter()
            .filter(|variable| names.iter().any(|name| name == variable))
            .collect(),
        program,
        base: Context::default(),
        unclear,
    };
    match expression.value(&sample()) {
        Ok(Value::Bool(_)) | Err(cel::ExecutionError::NoSuchKey(_)) => {}
        Ok(other) => {
            let kind = other.type_of();
            return Err(whole(format!(
                "it answers with a value of type {kind}, where true or false is asked for"
            )));
        }
        Err(error) => return Err(whole(format!("it cannot be worked out: {error}"))),
    }
    Ok(Condition(Arc::new(expression)))
}

/// Reading takes a stack that not every thread has.
fn compile(text: &str) -> Result<Program, ExpressionError> {
    let whole = |message: String| ExpressionError { column: 0, message };
    let owned = text.to_owned();
    let compiled = std::thread::Builder::new()
        .name("dayfly-expression".into())
        .stack_size(STACK)
        .spawn(move || {
            Program::compile(&owned).map_err(|errors| {
                let first = errors.errors.first();
                let column = first.map_or(0, |e| usize::try_from(e.pos.1).unwrap_or(0));
                let message = first.map_or_else(String::new, |e| plain(&e.msg));
                ExpressionError { column, message }
            })
        })
        .map_err(|e| whole(format!("it cannot be read now: {e}")))?;
    compiled
        .join()
        .unwrap_or_else(|_| Err(whole("it is no expression".into())))
}

/// The reader's own words name tokens of its grammar.
fn plain(message: &str) -> String {
    if message.contains("Recursion limit") {
        return "its brackets nest too deep".into();
    }
    let message = message.trim_start_matches("Syntax error: ");
    let short = message.split(" expecting ").next().unwrap_or(message);
    format!(
        "it is no expression: {}",
        short.replace("'<EOF>'", "the end")
    )
}

/// Whether the reader, or the evaluation, would need much stack.
fn too_deep(text: &str) -> bool {
    let operators = text.chars().filter(|c| "([{!-+*/%?:|&<>=".contains(*c));
    operators.count() > OPERATORS
}

/// Whether the name is one that a macro such as `exists(x, …)` gives.
fn bound(text: &str, name: &str) -> bool {
    let dense: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    dense.contains(&format!("({name},"))
}

fn at(text: &str, name: &str, message: String) -> ExpressionError {
    let column = text
        .find(name)
        .map_or(0, |at| text[..at].chars().count() + 1);
    ExpressionError { column, message }
}

fn no_variable(name: &str) -> String {
    match name {
        "status" | "expires_at" | "started_at" | "last_use" => format!(
            "\"{name}\" changes by itself, and a grant does not; test {}",
            VARIABLES.join(", ")
        ),
        _ => format!("there is no \"{name}\"; there are {}", VARIABLES.join(", ")),
    }
}

/// A session with everything, to try expressions on.
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

struct SessionExpression {
    text: String,
    names: Vec<&'static str>,
    program: Program,
    base: Context<'static, 'static>,
    unclear: bool,
}

impl SessionExpression {
    fn value(&self, session: &SessionFacts) -> Result<Value, cel::ExecutionError> {
        let mut context = self.base.new_inner_scope();
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        for name in &self.names {
            let value = match *name {
                "id" => session.id.as_str().to_owned(),
                "name" => session.name.clone(),
                "type" => session.session_type.as_str().to_owned(),
                "region" => text(&session.region),
                "profile" => text(&session.named_profile),
                "account" => text(&session.account),
                "role" => text(&session.role),
                _ => {
                    let labels: HashMap<String, String> = session
                        .labels
                        .iter()
                        .map(|(key, value)| (key.clone(), value.clone()))
                        .collect();
                    context.add_variable_from_value(*name, labels);
                    continue;
                }
            };
            context.add_variable_from_value(*name, value);
        }
        self.program.execute(&context)
    }
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
        match self.value(session) {
            Ok(Value::Bool(answer)) => answer,
            _ => self.unclear,
        }
    }
}

#[cfg(test)]
#[path = "expression/tests.rs"]
mod tests;
