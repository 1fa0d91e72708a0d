//! Leapp's Workspace, of whichever version.
//!
//! Its fields have a leading underscore, except where a migration wrote them without; versions before the
//! first migration have one portal instead of a list, and no tenants. Nothing is migrated here: what a
//! version has not is empty.
//!
//! Source: Leapp, `models/workspace.ts` and `services/retro-compatibility-service.ts`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The newest version that there was.
const NEWEST: u64 = 7;
/// What the only portal is referred to by, in versions that have one.
pub(super) const ONLY_PORTAL: &str = "the only portal";

/// A Workspace of Leapp.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) sessions: Vec<Map<String, Value>>,
    /// Named profiles by their ids.
    pub(super) profiles: BTreeMap<String, String>,
    /// Sign-in addresses by their ids.
    pub(super) idp_urls: BTreeMap<String, String>,
    pub(super) portals: Vec<Map<String, Value>>,
    pub(super) tenants: Vec<Map<String, Value>>,
    pub(super) pinned: Vec<String>,
    /// Names and sessions.
    pub(super) folders: Vec<(String, Vec<String>)>,
    /// Names and filters.
    pub(super) segments: Vec<(String, Map<String, Value>)>,
    /// Seconds that a sign-in by SAML is for.
    pub(super) saml_seconds: Option<u64>,
    /// Whether programs ask Leapp for credentials.
    pub(super) asks: bool,
    /// The proxy, where there is one.
    pub(super) proxy: Option<String>,
}

/// A text of an object, where it is one and not empty.
pub(super) fn text<'a>(object: &'a Map<String, Value>, field: &str) -> Option<&'a str> {
    let text = object.get(field).and_then(Value::as_str);
    text.filter(|text| !text.is_empty())
}

/// A field of the Workspace, as the class or a migration wrote it.
fn field<'a>(file: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let found = file.get(&format!("_{name}")).or_else(|| file.get(name))?;
    (!found.is_null()).then_some(found)
}

fn objects(file: &Map<String, Value>, name: &str) -> Vec<Map<String, Value>> {
    let list = field(file, name).and_then(Value::as_array);
    let list = list.into_iter().flatten();
    list.filter_map(Value::as_object).cloned().collect()
}

fn by_id(file: &Map<String, Value>, name: &str, value: &str) -> BTreeMap<String, String> {
    let all = objects(file, name);
    all.iter()
        .filter_map(|one| Some((text(one, "id")?.to_owned(), text(one, value)?.to_owned())))
        .collect()
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let all = value.and_then(Value::as_array).into_iter().flatten();
    all.filter_map(Value::as_str).map(str::to_owned).collect()
}

impl Model {
    /// Reads the text that was encrypted.
    pub(super) fn read(json: &str) -> Result<Self, String> {
        let file: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let file = file.as_object().ok_or("it is no JSON object")?;
        if let Some(version) = field(file, "workspaceVersion") {
            let known = version.as_u64().is_some_and(|version| version <= NEWEST);
            if !known {
                return Err(format!(
                    "its version is {version}, and Dayfly knows those up to {NEWEST}"
                ));
            }
        }
        if field(file, "sessions").is_none_or(|sessions| !sessions.is_array()) {
            return Err("it has no list of sessions".to_owned());
        }
        let mut model = Self {
            sessions: objects(file, "sessions"),
            profiles: by_id(file, "profiles", "name"),
            idp_urls: by_id(file, "idpUrls", "url"),
            pinned: texts(field(file, "pinned")),
            saml_seconds: field(file, "samlRoleSessionDuration").and_then(Value::as_u64),
            asks: field(file, "credentialMethod").and_then(Value::as_str)
                == Some("credential-process-method"),
            ..Self::default()
        };
        for folder in objects(file, "folders") {
            if let Some(name) = text(&folder, "name") {
                model
                    .folders
                    .push((name.to_owned(), texts(folder.get("ids"))));
            }
        }
        for segment in objects(file, "segments") {
            let filters = segment.get("filterGroup").and_then(Value::as_object);
            if let (Some(name), Some(filters)) = (text(&segment, "name"), filters) {
                model.segments.push((name.to_owned(), filters.clone()));
            }
        }
        model.read_integrations(file);
        model.proxy = proxy(file);
        Ok(model)
    }

    fn read_integrations(&mut self, file: &Map<String, Value>) {
        // The kind of an integration is written in several ways, or not at all.
        let all = [
            objects(file, "awsSsoIntegrations"),
            objects(file, "azureIntegrations"),
        ];
        for one in all.into_iter().flatten() {
            let kind = text(&one, "type").unwrap_or("awsSso");
            if kind.eq_ignore_ascii_case("azure") {
                self.tenants.push(one);
            } else {
                self.portals.push(one);
            }
        }
        let only = field(file, "awsSsoConfiguration").and_then(Value::as_object);
        if let Some(only) =
            only.filter(|only| self.portals.is_empty() && text(only, "portalUrl").is_some())
        {
            let mut only = only.clone();
            only.insert("id".to_owned(), Value::from(ONLY_PORTAL));
            self.portals.push(only);
        }
    }
}

/// The address of the proxy, without who uses it.
fn proxy(file: &Map<String, Value>) -> Option<String> {
    let proxy = field(file, "proxyConfiguration")?.as_object()?;
    let url = text(proxy, "proxyUrl")?;
    let port = text(proxy, "proxyPort").unwrap_or_default();
    let kind = text(proxy, "proxyProtocol").unwrap_or("http");
    Some(format!("{kind}://{url}:{port}"))
}
