//! Sessions for a simulation that needs no Workspace.

use std::sync::Arc;

use dayfly_core::session::{Access, AssumeRole, Session, SessionId};

/// So many made-up sessions: an IAM user for every fifty, and roles on it.
pub fn made_up(count: usize) -> Vec<Arc<Session>> {
    (0..count)
        .map(|n| {
            let user = n - n % 50;
            // What tells ids apart comes first, as in a UUID.
            let id = |n: usize| format!("{n:05}-made-up");
            let name = format!("made-up-{n:05}");
            let access = if n == user {
                Access::AwsIamUser {
                    mfa_device: None,
                    duration_seconds: None,
                }
            } else {
                Access::AwsIamRoleChained {
                    role_arn: format!("arn:aws:iam::{:012}:role/r{n}", 100_000_000_000 + n),
                    parent: SessionId::new(&id(user)),
                    assume: AssumeRole::default(),
                }
            };
            let label = if n.is_multiple_of(2) {
                "work"
            } else {
                "production"
            };
            Arc::new(Session {
                id: SessionId::new(&id(n)),
                name: name.clone(),
                region: Some("eu-west-1".into()),
                access,
                named_profile: Some(name),
                account: None,
                labels: [(label.to_owned(), String::new())].into(),
                fault: None,
            })
        })
        .collect()
}
