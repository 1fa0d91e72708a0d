//! The specification's own cases, from the package `@bufbuild/cel-spec` that `tests/tools.d/cel`
//! installs: its simple conformance files, but for those that need messages of Protocol Buffers.

use std::collections::BTreeMap;

use dayfly_cel::check::{Scope, Type, check};
use dayfly_cel::eval::{self, Worker};
use dayfly_cel::parser::parse;
use dayfly_cel::value::Value;
use serde_json::Value as Json;

/// Files of the specification that are run.
const FILES: [&str; 11] = [
    "basic",
    "comparisons",
    "conversions",
    "fp_math",
    "integer_math",
    "lists",
    "logic",
    "macros",
    "string",
    "string_ext",
    "timestamps",
];

/// What a case must name to be left out: messages of Protocol Buffers.
const MESSAGES: [&str; 4] = [
    "TestAllTypes",
    "google.protobuf.",
    "NestedTestAllTypes",
    "\"objectValue\"",
];

/// Cases that are answered otherwise here, as `policies/README.md` tells: none.
const OTHERWISE: [&str; 0] = [];

/// Variables with their values, as a case binds them.
struct Bindings(BTreeMap<String, Value<'static>>);

impl<'a> eval::Scene<'a> for Bindings {
    fn now(&self) -> i64 {
        0
    }

    fn variable(&self, name: &str) -> Option<Value<'a>> {
        self.0.get(name).cloned()
    }

    fn field(&self, _: &'static str, _: &str) -> Option<Value<'a>> {
        None
    }
}

/// One case.
struct Case {
    name: String,
    text: String,
    checked: bool,
    bindings: BTreeMap<String, Json>,
    /// None: it has to fail.
    wanted: Option<Json>,
}

fn cases() -> Option<Vec<Case>> {
    let path = match std::env::var_os("DAYFLY_TEST_CEL_SPEC") {
        Some(path) => path,
        None => {
            assert!(
                std::env::var_os("DAYFLY_TEST_ALL").is_none(),
                "the cases of the specification are missing: tests/tools installs them"
            );
            return None;
        }
    };
    let text = std::fs::read_to_string(path).expect("the cases of the specification");
    let all: Json = serde_json::from_str(&text).expect("JSON");
    let mut cases = Vec::new();
    for file in all["suites"].as_array().expect("files") {
        let name = file["name"].as_str().unwrap_or_default();
        if FILES.contains(&name) {
            collect(name, file, &mut cases);
        }
    }
    Some(cases)
}

fn collect(path: &str, suite: &Json, cases: &mut Vec<Case>) {
    for part in suite["suites"].as_array().into_iter().flatten() {
        let name = part["name"].as_str().unwrap_or_default();
        collect(&format!("{path}/{name}"), part, cases);
    }
    for test in suite["tests"].as_array().into_iter().flatten() {
        let test = &test["original"];
        let text = test["expr"].as_str().unwrap_or_default().to_owned();
        let plain = text
            .replace("google.protobuf.Timestamp", "")
            .replace("google.protobuf.Duration", "");
        let all = format!("{plain} {}", test["bindings"]);
        if MESSAGES.iter().any(|name| all.contains(name)) {
            continue;
        }
        cases.push(Case {
            name: format!("{path}/{}", test["name"].as_str().unwrap_or_default()),
            text,
            checked: test["disableCheck"] != true,
            bindings: test["bindings"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, value)| (name.clone(), value["value"].clone()))
                .collect(),
            wanted: match test.get("evalError") {
                Some(_) => None,
                // Where nothing is said, it has to be true.
                None => Some(
                    test.get("value")
                        .cloned()
                        .unwrap_or(serde_json::json!({"boolValue": true})),
                ),
            },
        });
    }
}

/// The value of a case's JSON.
fn value(json: &Json) -> Value<'static> {
    let (kind, inner) = json
        .as_object()
        .and_then(|object| object.iter().next())
        .expect("a value");
    let text = || inner.as_str().expect("a text").to_owned();
    match kind.as_str() {
        "nullValue" => Value::Null,
        "boolValue" => Value::Bool(inner.as_bool().expect("a truth")),
        "int64Value" => Value::Int(text().parse().expect("a number")),
        "uint64Value" => Value::Uint(text().parse().expect("a number")),
        "doubleValue" => Value::Double(match inner {
            Json::String(text) => text.parse().expect("a number"),
            number => number.as_f64().expect("a number"),
        }),
        "stringValue" => Value::owned(text()),
        "bytesValue" => Value::Bytes(base64(&text()).into()),
        "typeValue" => Value::Type(text().leak()),
        "listValue" => {
            let items = inner["values"].as_array().into_iter().flatten();
            Value::List(items.map(value).collect::<Vec<_>>().into())
        }
        "mapValue" => {
            let entries = inner["entries"].as_array().into_iter().flatten();
            let pairs = entries.map(|entry| (value(&entry["key"]), value(&entry["value"])));
            Value::Map(pairs.collect::<Vec<_>>().into())
        }
        other => panic!("no value of kind {other}"),
    }
}

fn base64(text: &str) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for letter in text.bytes().filter(|b| *b != b'=') {
        let digit = LETTERS.iter().position(|b| *b == letter).expect("base64");
        bits = (bits << 6 | u32::try_from(digit).expect("six bits")) & 0x3fff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).expect("eight bits"));
        }
    }
    bytes
}

/// What the case comes to; that it fails, with why.
fn run(case: &Case) -> Result<String, String> {
    let expr = parse(&case.text).map_err(|mistake| format!("reading: {}", mistake.message))?;
    let variables: Vec<(&'static str, Type)> = case
        .bindings
        .keys()
        .map(|name| (&*name.clone().leak(), Type::Any))
        .collect();
    if case.checked {
        let scope = Scope {
            variables: &variables,
            objects: &[],
            missing: &|name| format!("there is no `{name}`"),
            no_fields: "",
            moves: &|_, _| false,
        };
        check(&expr, &scope).map_err(|mistake| format!("checking: {}", mistake.message))?;
    }
    let bindings = Bindings(
        case.bindings
            .iter()
            .map(|(name, json)| (name.clone(), value(json)))
            .collect(),
    );
    let worker = Worker::new(&bindings);
    let found = worker.value(&expr).map_err(|why| why.to_string())?;
    Ok(exact(&found))
}

/// The value with its type; maps in an order of their own.
fn exact(value: &Value<'_>) -> String {
    match value {
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(exact).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(pairs) => {
            let mut pairs: Vec<String> = pairs
                .iter()
                .map(|(key, value)| format!("{}: {}", exact(key), exact(value)))
                .collect();
            pairs.sort();
            format!("{{{}}}", pairs.join(", "))
        }
        // Zero has two signs, which are equal.
        Value::Double(number) if *number == 0.0 => "Double(0.0)".into(),
        other => format!("{other:?}"),
    }
}

#[test]
fn the_cases_of_the_specification_come_to_what_it_says() {
    let Some(cases) = cases() else { return };
    assert!(cases.len() > 1_000, "only {} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let found = run(case);
        let right = match (&case.wanted, &found) {
            (None, Err(_)) => true,
            (Some(wanted), Ok(found)) => exact(&value(wanted)) == *found,
            _ => false,
        };
        if right == OTHERWISE.contains(&case.name.as_str()) {
            wrong.push(format!("{}: {} gives {found:?}", case.name, case.text));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}
