//! The JSON Schema of the file.

use dayfly_core::session::SessionType;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::format::WorkspaceObject;
use crate::method::{Method, SEED_REQUIRED};
use crate::web_identity::TOKENS;

/// The JSON Schema (draft 2020-12) of a Workspace file, for editors and `dayfly workspace schema`.
///
/// It says what a text can say by itself; that ids are unique and references lead somewhere is
/// checked by [`Workspace::parse`](crate::Workspace::parse) alone.
#[must_use]
pub fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator
        .into_root_schema_for::<WorkspaceObject<'static>>()
        .to_value();
    if let Some(top) = schema.as_object_mut() {
        top.insert("title".to_owned(), json!("Dayfly Workspace"));
        require(top, &["sessions"]);
    }
    if let Some(Value::Object(session)) = schema.pointer_mut("/$defs/Session") {
        let words = SessionType::ALL.map(SessionType::as_str);
        if let Some(Value::Object(kind)) = session
            .get_mut("properties")
            .and_then(|properties| properties.get_mut("type"))
        {
            kind.insert("enum".to_owned(), json!(words));
        }
        require(session, &SEED_REQUIRED);
        let methods: Vec<Value> = Method::all().map(of_method).collect();
        session.insert("allOf".to_owned(), Value::Array(methods));
    }
    schema
}

/// Makes fields required, which here means that they are there and not `null`.
fn require(object: &mut Map<String, Value>, fields: &[&str]) {
    object.insert("required".to_owned(), json!(fields));
    for field in fields {
        let kind = object
            .get_mut("properties")
            .and_then(|properties| properties.get_mut(field))
            .and_then(|property| property.get_mut("type"));
        if let Some(kind @ Value::Array(_)) = kind {
            let mut words = kind.as_array().into_iter().flatten();
            let some = words.find(|word| *word != "null").cloned();
            *kind = some.unwrap_or(Value::Null);
        }
    }
}

/// What the fields of one access method have to be.
fn of_method(method: &Method) -> Value {
    let present = json!({ "not": { "type": "null" } });
    let mut properties = Map::new();
    for field in method.required {
        properties.insert((*field).to_owned(), present.clone());
    }
    if let Some((_, most)) = method.duration {
        // Less than AWS takes is for emulators.
        let bounds = json!({ "minimum": 1, "maximum": most });
        properties.insert("durationSeconds".to_owned(), bounds);
    }
    let region = if method.kind == SessionType::Azure {
        "^[a-z][a-z0-9]{3,}$"
    } else {
        "^[a-z]{2,}(-[a-z]+)+-[0-9]{1,2}$"
    };
    properties.insert("region".to_owned(), json!({ "pattern": region }));
    let mut then = json!({ "properties": properties });
    if !method.required.is_empty() {
        then["required"] = json!(method.required);
    }
    if !method.takes("awsSsoConfigurationId") && method.takes("roleArn") {
        then["properties"]["roleArn"] = json!({
            "not": { "type": "null" },
            "pattern": "^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$",
        });
    }
    if method.takes("tokenFile") {
        let there = |field: &str| {
            json!({
                "required": [field],
                "properties": { field: present.clone() },
            })
        };
        then["oneOf"] = json!(TOKENS.map(there));
    }
    if method.takes("pkcs11Module") {
        of_tokens(&mut then, &present);
    }
    json!({
        "if": {
            "required": ["type"],
            "properties": { "type": { "const": method.kind.as_str() } },
        },
        "then": then,
    })
}

/// What URIs of objects in tokens have to be, and that they need a module.
fn of_tokens(then: &mut Value, present: &Value) {
    let uri = json!({ "type": "string", "pattern": "^pkcs11:" });
    let object = "^pkcs11:([^?]*;)?(object|id)=[^?]*[?]?$";
    let means_one = json!({ "if": uri, "then": { "pattern": object } });
    for field in ["certificate", "privateKey"] {
        let before = then["properties"][field].take();
        then["properties"][field] = means_one.clone();
        if let Value::Object(before) = before
            && let Value::Object(now) = &mut then["properties"][field]
        {
            now.extend(before);
        }
    }
    then["properties"]["certificateChain"] = json!({ "not": uri });
    then["properties"]["pkcs11Module"] = json!({ "pattern": "^/" });
    let in_token = |field: &str| json!({ "required": [field], "properties": { field: uri } });
    then["if"] = json!({ "anyOf": [in_token("certificate"), in_token("privateKey")] });
    then["then"] = json!({
        "required": ["pkcs11Module"],
        "properties": { "pkcs11Module": present },
    });
}
