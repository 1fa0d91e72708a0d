//! The example Workspaces: what is said of each, and what the JSON Schema makes of it.
//! `UPDATE_EXPECTED=1` writes the expected problems anew.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use dayfly_core::session::SessionType;
use dayfly_workspace::{Problem, Severity, Workspace, schema};
use serde_json::{Value, json};

fn examples(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples/workspaces")
        .join(kind);
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .collect();
    files.sort();
    assert!(files.len() > 2, "{kind}");
    files
}

fn problems(text: &str, path: &Path) -> Vec<Problem> {
    match Workspace::parse(text, path, None) {
        Ok(workspace) => workspace.problems().to_vec(),
        Err(rejected) => rejected.problems,
    }
}

fn validator() -> jsonschema::Validator {
    jsonschema::draft202012::new(&schema()).unwrap()
}

fn schema_accepts(text: &str) -> bool {
    serde_json::from_str(text).is_ok_and(|value: Value| validator().is_valid(&value))
}

#[test]
fn the_schema_is_a_schema_with_descriptions() {
    let schema = schema();
    assert!(jsonschema::draft202012::meta::is_valid(&schema));
    let mut open = vec![("", &schema)];
    let mut described = 0;
    while let Some((name, value)) = open.pop() {
        if let Value::Object(object) = value {
            for (name, property) in object
                .get("properties")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
            {
                // The conditions of `allOf` repeat properties without their descriptions.
                assert!(property["description"].is_string(), "{name}");
                described += 1;
            }
            open.extend(
                object
                    .iter()
                    .filter(|(key, _)| *key != "allOf")
                    .map(|(k, v)| (k.as_str(), v)),
            );
        }
        let _ = name;
    }
    assert!(described > 40, "{described}");
}

#[test]
fn good_examples_have_no_problems() {
    for path in examples("good") {
        let text = fs::read_to_string(&path).unwrap();
        let found = problems(&text, &path);
        assert!(found.is_empty(), "{found:#?}");
        let value: Value = serde_json::from_str(&text).unwrap();
        if let Err(e) = validator().validate(&value) {
            panic!("{}: {e} at {}", path.display(), e.instance_path());
        }
    }
}

#[test]
fn every_access_method_is_in_the_examples() {
    let path = &examples("good")[0];
    let workspace = Workspace::parse(&fs::read_to_string(path).unwrap(), path, None).unwrap();
    let types: Vec<SessionType> = workspace
        .sessions()
        .iter()
        .map(|e| e.session.session_type())
        .collect();
    assert_eq!(types, SessionType::ALL);
}

#[test]
fn bad_examples_fail_in_the_schema_too() {
    for path in examples("bad") {
        let text = fs::read_to_string(&path).unwrap();
        let found = problems(&text, &path);
        assert!(
            found.iter().any(|p| p.severity == Severity::Error),
            "{}",
            path.display()
        );
        assert!(!schema_accepts(&text), "{}", path.display());
    }
}

#[test]
fn problems_are_as_expected() {
    let mut wrong = Vec::new();
    for path in ["bad", "faulty"].into_iter().flat_map(examples) {
        let text = fs::read_to_string(&path).unwrap();
        let name = Path::new(path.file_name().unwrap());
        let lines: String = problems(&text, name)
            .iter()
            .map(|p| format!("{p}\n"))
            .collect();
        let expected = path.with_extension("txt");
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::write(&expected, &lines).unwrap();
        }
        if fs::read_to_string(&expected).unwrap_or_default() != lines {
            wrong.push(format!("{}:\n{lines}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// One object with every field that the schema knows, each of the right kind.
fn full(kind: SessionType) -> Value {
    let mut all = json!({
        "sessionId": "s", "sessionName": "s", "status": "inactive", "region": "eu-west-1",
        "startDateTime": "2026-03-01T09:30:00Z", "sessionTokenExpiration": "2026-03-01T09:30:00Z",
        "type": kind.as_str(), "labels": {"a": "b"},
        "delivery": ["credentials-file", "credential-process"],
        "profileId": "p", "profileName": "n", "awsAccount": {"accountId": "123456789012"},
        "mfaDevice": "GAHT12345678", "roleArn": "arn:aws:iam::123456789012:role/x",
        "parentSessionId": "t", "roleSessionName": "jo", "durationSeconds": 900,
        "externalId": "ex", "sourceIdentity": "jo", "sessionPolicy": "{}", "tags": {"k": "v"},
        "transitiveTagKeys": ["k"], "idpUrlId": "i",
        "idpArn": "arn:aws:iam::123456789012:saml-provider/x", "tokenFile": "/t",
        "tokenCommand": ["t"], "tokenVariable": "T", "tokenService": "gitHubActions",
        "tokenAudience": "sts.amazonaws.com", "awsSsoConfigurationId": "i", "email": "e",
        "subscriptionId": "6d3f5c0e-1111-4222-8333-444455556666", "tenantId": "t",
        "azureIntegrationId": "i", "endPointUrl": "http://localhost", "layer": "team",
        "command": ["c"], "credentialSource": "Environment",
        "loginSession": "arn:aws:sts::123456789012:assumed-role/r/me", "rotateKeyDays": 90,
    });
    let anywhere = json!({
        "profileArn": "arn:aws:rolesanywhere:eu-west-1:123456789012:profile/p",
        "trustAnchorArn": "arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/t",
        "certificate": "/c", "privateKey": "pkcs11:object=k", "certificateChain": "/b",
        "pkcs11Module": "/m",
    });
    let anywhere = anywhere.as_object().unwrap().clone();
    all.as_object_mut().unwrap().extend(anywhere);
    if kind == SessionType::Azure {
        all["region"] = json!("westeurope");
    }
    all
}

fn around(session: &Value) -> String {
    json!({
        "sessions": [session, {"sessionId": "t", "sessionName": "t", "type": "awsIamUser"}],
        "profiles": [{"id": "p", "name": "n"}],
        "idpUrls": [{"id": "i", "url": "https://e.com"}],
        "awsSsoIntegrations": [{"id": "i", "portalUrl": "https://e.com", "region": "eu-west-1"}],
        "azureIntegrations": [{"id": "i", "tenantId": "t"}],
    })
    .to_string()
}

/// The fields that sessions of this type have a use for, by the reader's own word.
fn taken(kind: SessionType) -> Value {
    let mut session = full(kind);
    // Of the places of a token one at a time; here the one that has a field of its own beside it.
    for other in ["tokenFile", "tokenCommand", "tokenVariable"] {
        session.as_object_mut().unwrap().remove(other);
    }
    for problem in problems(&around(&session), Path::new("w")) {
        if let Some((_, rest)) = problem.message.split_once("does not use `") {
            let field = rest.trim_end_matches('`');
            session.as_object_mut().unwrap().remove(field).unwrap();
        }
    }
    session
}

#[test]
fn reader_and_schema_know_the_same_fields() {
    let schema = schema();
    let known = schema["$defs"]["Session"]["properties"]
        .as_object()
        .unwrap();
    let full = full(SessionType::AwsIamUser);
    let mine: Vec<&String> = full.as_object().unwrap().keys().collect();
    assert_eq!(
        known.keys().collect::<std::collections::BTreeSet<_>>(),
        mine.into_iter().collect()
    );
}

#[test]
fn reader_and_schema_agree_on_each_field_of_each_access_method() {
    let validator = validator();
    let is_error = |p: &Problem| p.severity == Severity::Error;
    let is_reference = |p: &Problem| {
        [
            "is not the id of an entry",
            "is not in the Workspace",
            "but `profileName` says",
        ]
        .iter()
        .any(|words| p.message.contains(words))
    };
    for kind in SessionType::ALL {
        let good = taken(kind);
        let text = around(&good);
        assert_eq!(problems(&text, Path::new("w")), [], "{kind}");
        assert!(schema_accepts(&text), "{kind}");
        for field in good.as_object().unwrap().keys() {
            let variants = [
                None,
                Some(Value::Null),
                Some(json!("")),
                Some(json!("  ")),
                Some(json!(-1)),
                Some(json!(1.5)),
                Some(json!(true)),
                Some(json!([3])),
                Some(json!({"a": 3})),
            ];
            for variant in variants {
                let mut bad = good.clone();
                match variant.clone() {
                    None => drop(bad.as_object_mut().unwrap().remove(field)),
                    Some(value) => bad[field] = value,
                }
                let text = around(&bad);
                let by_schema = validator.is_valid(&serde_json::from_str(&text).unwrap());
                let found = problems(&text, Path::new("w"));
                // References and moments are beyond the schema; no text is a region or an empty
                // name to either.
                let beyond = [
                    "startDateTime",
                    "sessionTokenExpiration",
                    "profileId",
                    "sessionPolicy",
                ];
                if by_schema && beyond.contains(&field.as_str()) {
                    continue;
                }
                if !by_schema
                    && ["startDateTime", "sessionTokenExpiration"].contains(&field.as_str())
                {
                    continue;
                }
                let by_reader = !found.iter().any(|p| is_error(p) && !is_reference(p));
                assert_eq!(
                    by_schema, by_reader,
                    "{kind}.{field} = {variant:?}: {found:#?}"
                );
            }
        }
    }
}
