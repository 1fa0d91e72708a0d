//! What the names of types and functions in an expression mean.

use crate::ast::{DURATION, Expr, FORMS, Form, Kind, Macro, TIMESTAMP};
use crate::suggestion::closest;

/// The type that a name with points in it names.
pub(crate) fn qualified(of: &Expr, name: &str) -> Option<&'static str> {
    let Kind::Field(space, package) = &of.kind else {
        return None;
    };
    let google = matches!(&space.kind, Kind::Name(space) if space == "google");
    match (google && package == "protobuf", name) {
        (true, "Timestamp") => Some(TIMESTAMP),
        (true, "Duration") => Some(DURATION),
        _ => None,
    }
}

/// A call of a function. What is no such function is refused when the expression is checked.
pub(crate) fn call(name: &str, method: bool, arguments: Vec<Expr>) -> Kind {
    let fits = |form: &&Form| form.name == name && form.method == method;
    let Some(form) = FORMS.iter().find(fits) else {
        return Kind::NoCall(unknown(name, method), arguments);
    };
    let (least, most) = (form.least, form.takes.len());
    if (least..=most).contains(&arguments.len()) {
        return Kind::Call(form.function, arguments);
    }
    let itself = usize::from(method);
    let given = arguments.len() - itself;
    let wanted = match (least - itself, most - itself) {
        (0, 0) => "no argument".to_owned(),
        (1, 1) => "one argument".to_owned(),
        (0, 1) => "one argument or none".to_owned(),
        (a, b) if a == b => format!("{a} arguments"),
        (a, b) => format!("{a} to {b} arguments"),
    };
    let message = format!("`{name}` takes {wanted}, but the call gives {given}");
    Kind::NoCall(message, arguments)
}

fn unknown(name: &str, method: bool) -> String {
    if let Some(other) = FORMS.iter().find(|form| form.name == name) {
        return match other.method {
            true => format!("`{name}` is called on a value; write `session.name.{name}(…)`"),
            false => format!("`{name}` is not called on a value; write `{name}(…)`"),
        };
    }
    if name == "now" {
        return "`now` is not a function; write it without brackets".into();
    }
    let known = FORMS
        .iter()
        .filter(|form| form.method == method)
        .map(|form| form.name);
    let macros = Macro::NAMES
        .iter()
        .map(|(name, _)| *name)
        .filter(|_| method);
    let also = (!method).then_some("has");
    match closest(name, known.chain(macros).chain(also)) {
        Some(meant) => format!("there is no function `{name}`; did you mean `{meant}`?"),
        None if method => format!(
            "there is no function `{name}`; texts have `contains`, `startsWith`, `endsWith`, \
             `like`, `matches`, and moments `timeOfDay`, `getHours`, `getDayOfWeek` and the like"
        ),
        None => format!(
            "there is no function `{name}`; there are `has`, `duration`, `timestamp`, `size`, \
             `min`, `max`, `int`, `double`, `string`"
        ),
    }
}
