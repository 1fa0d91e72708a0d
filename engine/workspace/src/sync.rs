//! Brings the sessions of a portal in line with the roles that it lists. Pure.
//!
//! What the portal tells of an account, its name and its address, follows the portal. All else of
//! a session that is there is the person's: its name, profile, region, labels, delivery and every
//! field that this version does not know stay byte for byte.

use std::collections::{BTreeMap, BTreeSet};

use dayfly_core::session::{Access, SessionId};
use dayfly_core::sso_role::account_and_role;
use serde_json::{Map, Value};

use crate::derived_id::derived_id;
use crate::profile_template::{ProfileTemplate, Values, plain};
use crate::splice::{self, List, SpliceError};
use crate::workspace::Workspace;

/// A role that a portal lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRole {
    /// The account's twelve digits.
    pub account: String,
    /// What its owners call it.
    pub account_name: Option<String>,
    /// Its address.
    pub email: Option<String>,
    /// The role: the name of its permission set.
    pub role: String,
}

/// What is to be done to the sessions of a portal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SyncPlan {
    /// New sessions, as the file gets them.
    pub added: Vec<Map<String, Value>>,
    /// Fields that change, by session.
    pub changed: BTreeMap<SessionId, Map<String, Value>>,
    /// Sessions whose role is not listed any more.
    pub removed: BTreeSet<SessionId>,
    /// The same, but kept, since the session named here is chained to it.
    pub kept: BTreeMap<SessionId, SessionId>,
    /// How many sessions are as they should be.
    pub unchanged: usize,
}

impl SyncPlan {
    /// What brings the Workspace in line with these roles, which are all that the portal lists.
    #[must_use]
    pub fn new(workspace: &Workspace, integration: &str, roles: &[ListedRole]) -> Self {
        let mut plan = Self::default();
        let mut listed: BTreeMap<(&str, &str), &ListedRole> = BTreeMap::new();
        for role in roles {
            listed.insert((&role.account, &role.role), role);
        }
        let mut present = BTreeSet::new();
        for element in &workspace.elements {
            let Some(draft) = &element.draft else {
                continue;
            };
            let Access::AwsSsoRole {
                role_arn,
                integration_id,
            } = &draft.session.access
            else {
                continue;
            };
            // One that names no role is not the portal's to judge.
            let Some(key) = account_and_role(role_arn).filter(|_| integration_id == integration)
            else {
                continue;
            };
            let id = &draft.session.id;
            let Some(role) = listed.get(&key) else {
                plan.removed.insert(id.clone());
                continue;
            };
            present.insert((role.account.as_str(), role.role.as_str()));
            let changes = differences(workspace.raw(element), role);
            if changes.is_empty() {
                plan.unchanged += 1;
            } else {
                plan.changed.insert(id.clone(), changes);
            }
        }
        plan.keep_parents(workspace);
        let mut taken = Taken::of(workspace, &plan.removed);
        for role in roles {
            if present.insert((&role.account, &role.role)) {
                plan.added
                    .push(session(workspace, integration, role, &mut taken));
            }
        }
        plan
    }

    /// A session that others are chained to stays, unless those go as well.
    fn keep_parents(&mut self, workspace: &Workspace) {
        for entry in workspace.sessions() {
            let session = &entry.session;
            if self.removed.contains(&session.id) {
                continue;
            }
            if let Some(parent) = session.parent()
                && let Some(parent) = self.removed.take(parent)
            {
                self.kept.insert(parent, session.id.clone());
            }
        }
    }

    /// Whether nothing is to be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }

    /// The text with all this done; the very same text where nothing is to be done.
    ///
    /// # Errors
    /// [`SpliceError`] where the text is not fit for it.
    pub fn apply(&self, text: &str) -> Result<String, SpliceError> {
        let removed = self.removed.iter().map(SessionId::as_str).collect();
        let text = splice::remove_all(text, List::Sessions, &removed)?;
        let changed = self.changed.iter();
        let changed = changed.map(|(id, change)| (id.as_str(), change.clone()));
        let text = splice::update_all(&text, List::Sessions, &changed.collect())?;
        splice::add_all(&text, List::Sessions, &self.added)
    }
}

/// What the portal tells otherwise than the session's text.
fn differences(raw: &str, role: &ListedRole) -> Map<String, Value> {
    let mut changes = Map::new();
    let Ok(Value::Object(object)) = serde_json::from_str(raw) else {
        return changes;
    };
    if let Some(name) = &role.account_name {
        let account = object.get("awsAccount").and_then(Value::as_object).cloned();
        let mut account = account.unwrap_or_default();
        if account.get("accountName").and_then(Value::as_str) != Some(name) {
            account.insert("accountName".to_owned(), Value::from(name.as_str()));
            let id = || Value::from(role.account.as_str());
            account.entry("accountId").or_insert_with(id);
            changes.insert("awsAccount".to_owned(), Value::Object(account));
        }
    }
    if let Some(email) = &role.email
        && object.get("email").and_then(Value::as_str) != Some(email)
    {
        changes.insert("email".to_owned(), Value::from(email.as_str()));
    }
    changes
}

/// Names that sessions have already.
struct Taken {
    ids: BTreeSet<String>,
    names: BTreeSet<String>,
    profiles: BTreeSet<String>,
}

impl Taken {
    fn of(workspace: &Workspace, removed: &BTreeSet<SessionId>) -> Self {
        let ids = workspace.elements.iter().filter_map(|e| e.id.as_ref());
        let ids = ids.filter(|id| !removed.contains(*id));
        let stay = workspace.sessions().iter().map(|entry| &entry.session);
        let stay = || stay.clone().filter(|s| !removed.contains(&s.id));
        Self {
            ids: ids.map(|id| id.as_str().to_owned()).collect(),
            names: stay().map(|s| s.name.clone()).collect(),
            profiles: stay().filter_map(|s| s.named_profile.clone()).collect(),
        }
    }
}

/// The named profile of a new session: as the template says, and longer where another session has that.
fn profile(listed: &ListedRole, template: Option<&str>, taken: &Taken) -> String {
    let (account, role) = (&listed.account, &listed.role);
    let of = listed.account_name.as_ref().unwrap_or(account);
    let template = template.and_then(|text| ProfileTemplate::parse(text).ok());
    let [short, longer, longest] = match template {
        Some(template) => {
            let short = template.profile(Values {
                account,
                account_name: of,
                role,
                email: listed.email.as_ref().unwrap_or(account),
            });
            let longer = format!("{short}-{account}");
            let longest = format!("{longer}-{}", plain(role));
            [short, longer, longest]
        }
        None => {
            let longer = plain(&format!("{of} {account}.{role}"));
            [plain(&format!("{of}.{role}")), longer.clone(), longer]
        }
    };
    let free = |name: &String| !taken.profiles.contains(name);
    [short, longer].into_iter().find(free).unwrap_or(longest)
}

/// A new session for a role.
fn session(
    workspace: &Workspace,
    integration: &str,
    listed: &ListedRole,
    taken: &mut Taken,
) -> Map<String, Value> {
    let ListedRole {
        account,
        account_name,
        email,
        role,
    } = listed;
    let of = account_name.as_ref().unwrap_or(account);
    // Two accounts may have one name.
    let longer = format!("{of} {account}");
    let name = [of, &longer]
        .map(|of| format!("{of}/{role}"))
        .into_iter()
        .find(|name| !taken.names.contains(name))
        .unwrap_or_else(|| format!("{longer}/{role}"));
    let region = workspace.aws_sso_integration(integration);
    let template = region.and_then(|integration| integration.profile_template.as_deref());
    let profile = profile(listed, template, taken);
    let mut id = derived_id(&[integration, account, role]);
    while !taken.ids.insert(id.clone()) {
        id = derived_id(&[&id]);
    }
    taken.names.insert(name.clone());
    taken.profiles.insert(profile.clone());
    let partition = match region.map(|integration| integration.region.as_str()) {
        Some(region) if region.starts_with("cn-") => "aws-cn",
        Some(region) if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    let mut about = Map::from_iter([("accountId".to_owned(), Value::from(account.as_str()))]);
    if let Some(name) = account_name {
        about.insert("accountName".to_owned(), Value::from(name.as_str()));
    }
    let mut object = Map::new();
    for (field, value) in [
        ("sessionId", Value::from(id)),
        ("sessionName", Value::from(name)),
        ("type", Value::from("awsSsoRole")),
        ("profileName", Value::from(profile)),
        ("awsAccount", Value::Object(about)),
        (
            "roleArn",
            Value::from(format!("arn:{partition}:iam::{account}/{role}")),
        ),
        ("awsSsoConfigurationId", Value::from(integration)),
    ] {
        object.insert(field.to_owned(), value);
    }
    if let Some(email) = email {
        object.insert("email".to_owned(), Value::from(email.as_str()));
    }
    object
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn role(account: &str, name: &str, role: &str) -> ListedRole {
        ListedRole {
            account: account.to_owned(),
            account_name: Some(name.to_owned()),
            email: Some(format!("{name}@example.com")),
            role: role.to_owned(),
        }
    }

    fn workspace(text: &str) -> Workspace {
        let workspace = Workspace::parse(text, Path::new("w"), None).unwrap();
        assert_eq!(workspace.problems(), [], "{text}");
        workspace
    }

    const EMPTY: &str = "{\n  \"sessions\": [],\n  \"awsSsoIntegrations\": [{\"id\": \"i\", \
        \"portalUrl\": \"https://p.example/start\", \"region\": \"eu-west-1\"}]\n}\n";

    fn sync(text: &str, roles: &[ListedRole]) -> (SyncPlan, String) {
        let plan = SyncPlan::new(&workspace(text), "i", roles);
        let text = plan.apply(text).unwrap();
        (plan, text)
    }

    #[test]
    fn a_second_sync_changes_nothing() {
        let roles = [
            role("111111111111", "dev", "Admin"),
            role("111111111111", "dev", "Read Only"),
            role("222222222222", "dev", "Admin"),
        ];
        let (plan, text) = sync(EMPTY, &roles);
        assert_eq!(plan.added.len(), 3);
        let after = workspace(&text);
        let told = |entry: &crate::Entry| {
            let session = &entry.session;
            (
                session.name.clone(),
                session.named_profile.clone().unwrap(),
                session.role_arn().unwrap().to_owned(),
            )
        };
        let told: Vec<_> = after.sessions().iter().map(told).collect();
        let expected = [
            ("dev/Admin", "dev.Admin", "arn:aws:iam::111111111111/Admin"),
            (
                "dev/Read Only",
                "dev.Read-Only",
                "arn:aws:iam::111111111111/Read Only",
            ),
            (
                "dev 222222222222/Admin",
                "dev-222222222222.Admin",
                "arn:aws:iam::222222222222/Admin",
            ),
        ];
        let expected = expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
        assert_eq!(told, expected);
        let (plan, again) = sync(&text, &roles);
        assert!(plan.is_empty() && plan.unchanged == 3, "{plan:?}");
        assert_eq!(again, text);
    }

    #[test]
    fn profiles_of_new_sessions_are_called_as_the_template_says() {
        let with = EMPTY.replace(
            "\"region\": \"eu-west-1\"",
            "\"region\": \"eu-west-1\", \"profileTemplate\": \"{account_name}/{role}\"",
        );
        let roles = [
            role("111111111111", "dev", "Admin"),
            role("222222222222", "dev", "Admin"),
            role("222222222222", "dev", "Read Only"),
        ];
        let profiles = |text: &str| -> Vec<String> {
            let workspace = workspace(text);
            let sessions = workspace.sessions().iter();
            sessions
                .map(|entry| entry.session.named_profile.clone().unwrap())
                .collect()
        };
        let (_, text) = sync(&with, &roles);
        let expected = ["dev/Admin", "dev/Admin-222222222222", "dev/Read-Only"];
        assert_eq!(profiles(&text), expected);
        // Another template is for those that come later.
        let changed = text.replace("{account_name}/{role}", "{account_id}.{role}");
        let more = [&roles[..], &[role("333333333333", "ops", "Admin")]].concat();
        let (plan, text) = sync(&changed, &more);
        assert_eq!((plan.added.len(), plan.changed.len()), (1, 0));
        assert_eq!(profiles(&text)[3], "333333333333.Admin");
        // One that is none is a warning, since all sessions work without.
        let odd = with.replace("/{role}", "");
        let odd = Workspace::parse(&odd, Path::new("w"), None).unwrap();
        assert_eq!(odd.aws_sso_integrations().len(), 1);
        let problem = odd.problems()[0].to_string();
        assert!(problem.contains("no field {role}"), "{problem}");
    }

    #[test]
    fn what_the_person_wrote_stays_and_what_the_portal_tells_follows() {
        let text = EMPTY.replace(
            "\"sessions\": []",
            r#""sessions": [
    {"sessionId": "mine", "sessionName": "my own name", "type": "awsSsoRole", "x-note": [1.50],
     "profileName": "p", "labels": {"env": "prod"}, "delivery": [], "region": "us-east-1",
     "roleArn": "arn:aws:iam::111111111111/Admin", "awsSsoConfigurationId": "i",
     "awsAccount": {"accountId": "111111111111", "accountName": "old name", "y": true},
     "email": "dev@example.com"},
    {"sessionId": "other", "sessionName": "o", "type": "localstack"}
  ]"#,
        );
        let (plan, after) = sync(&text, &[role("111111111111", "dev", "Admin")]);
        assert_eq!(plan.changed.len(), 1);
        assert_eq!((plan.added.len(), plan.removed.len()), (0, 0));
        let expected = text.replace(
            "{\"accountId\": \"111111111111\", \"accountName\": \"old name\", \"y\": true}",
            "NEW",
        );
        let (head, tail) = expected.split_once("NEW").unwrap();
        assert!(after.starts_with(head) && after.ends_with(tail), "{after}");
        assert!(
            after.contains("\"dev\"") && after.contains("\"y\"") && !after.contains("old name")
        );
    }

    #[test]
    fn what_is_not_listed_goes_unless_another_session_stands_on_it() {
        let roles = [
            role("111111111111", "dev", "Admin"),
            role("111111111111", "dev", "Reader"),
        ];
        let (_, text) = sync(EMPTY, &roles);
        let before = workspace(&text);
        let reader = before.sessions()[1].session.id.clone();
        let (plan, after) = sync(&text, &roles[..1]);
        assert_eq!(plan.removed, BTreeSet::from([reader.clone()]));
        assert_eq!(workspace(&after).sessions().len(), 1);
        let child = Map::from_iter([
            ("sessionId".to_owned(), Value::from("child")),
            ("sessionName".to_owned(), Value::from("child")),
            ("type".to_owned(), Value::from("awsIamRoleChained")),
            (
                "roleArn".to_owned(),
                Value::from("arn:aws:iam::111111111111:role/x"),
            ),
            ("parentSessionId".to_owned(), Value::from(reader.as_str())),
        ]);
        let text = splice::add(&text, List::Sessions, &child).unwrap();
        let (plan, after) = sync(&text, &roles[..1]);
        assert!(plan.removed.is_empty());
        assert_eq!(
            plan.kept,
            BTreeMap::from([(reader, SessionId::new("child"))])
        );
        assert_eq!(after, text);
        // Sessions of other portals are none of its business.
        let plan = SyncPlan::new(&workspace(&text), "elsewhere", &[]);
        assert!(plan.is_empty());
    }
}
