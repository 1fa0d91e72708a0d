//! YAML of other tools' configurations, as JSON values.

use std::path::Path;

use dayfly_fs::bounded;
use serde_json::{Map, Value};
use yaml_rust2::parser::{Event, EventReceiver, Parser};
use yaml_rust2::{Yaml, YamlLoader};

use crate::source::SourceError;

/// How deep values are followed, and how many there may be: a reference in YAML may stand for a thousand others.
const DEPTH: usize = 32;
const MOST: usize = 200_000;

/// The longest file, in bytes.
const LIMIT: u64 = 4 << 20;

/// The configuration of a tool; none where there is no such file.
pub(crate) fn configuration(path: &Path, tool: &str) -> Result<Option<Value>, SourceError> {
    let failed = |message: String| SourceError {
        file: path.to_owned(),
        message,
        hint: "correct the file, or name the sources that you want".to_owned(),
    };
    let text = bounded::read_text(path, LIMIT).map_err(|error| failed(error.to_string()))?;
    let Some(text) = text else {
        return Ok(None);
    };
    let read = parse(&text).map_err(|why| {
        failed(format!(
            "{} is no configuration of {tool}: {why}",
            path.display()
        ))
    });
    read.map(Some)
}

/// The first document; null where there is none.
fn parse(text: &str) -> Result<Value, String> {
    let mut references = References(false);
    Parser::new_from_str(text)
        .load(&mut references, true)
        .map_err(|error| error.to_string())?;
    // What they can blow up to has no end.
    if references.0 {
        return Err("it has references (`*name`), which Dayfly does not follow".to_owned());
    }
    let documents = YamlLoader::load_from_str(text).map_err(|error| error.to_string())?;
    let mut left = MOST;
    match documents.first() {
        Some(document) => json(document, DEPTH, &mut left),
        None => Ok(Value::Null),
    }
}

/// Whether a text refers to a part of itself.
struct References(bool);

impl EventReceiver for References {
    fn on_event(&mut self, event: Event) {
        self.0 |= matches!(event, Event::Alias(_));
    }
}

fn json(yaml: &Yaml, depth: usize, left: &mut usize) -> Result<Value, String> {
    *left = left.checked_sub(1).ok_or("it is too long")?;
    let below = depth.checked_sub(1).ok_or("it is nested too deeply")?;
    Ok(match yaml {
        Yaml::Array(all) => {
            let all = all.iter().map(|one| json(one, below, left));
            Value::Array(all.collect::<Result<_, _>>()?)
        }
        Yaml::Hash(all) => {
            let mut object = Map::new();
            for (key, value) in all {
                if let Some(key) = scalar(key) {
                    object.insert(key, json(value, below, left)?);
                }
            }
            Value::Object(object)
        }
        Yaml::Boolean(is) => Value::Bool(*is),
        Yaml::Integer(number) => Value::from(*number),
        other => scalar(other).map_or(Value::Null, Value::String),
    })
}

/// A key or a text as it stands. An account is digits, and may begin with zeros.
fn scalar(yaml: &Yaml) -> Option<String> {
    match yaml {
        Yaml::String(text) | Yaml::Real(text) => Some(text.clone()),
        Yaml::Integer(number) => Some(number.to_string()),
        Yaml::Boolean(is) => Some(is.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_lists_and_keys_of_digits_are_read() {
        let text = "A:\n  123: x\n  \"0012\": {b: true, c: 1.5}\nlist:\n  - one\n  - 2\nnone:\n";
        let wanted = json!({ "A": { "123": "x", "0012": { "b": true, "c": "1.5" } }, "list": ["one", 2], "none": null });
        assert_eq!(parse(text), Ok(wanted));
        assert_eq!(parse(""), Ok(Value::Null));
        assert!(parse("a: [").is_err() && parse("a: *b\nb: &b x\n").is_err());
        for reference in ["a: [&x 1, *x]", "- &x y\n- *x", "&x a: 1\nb: {c: *x}"] {
            assert!(
                parse(reference).unwrap_err().contains("references"),
                "{reference}"
            );
        }
        assert_eq!(
            parse("a: b *c\nd: '*e'"),
            Ok(json!({ "a": "b *c", "d": "*e" }))
        );
        let deep = "[".repeat(60) + &"]".repeat(60);
        assert!(parse(&deep).is_err());
    }
}
