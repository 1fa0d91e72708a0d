//! The fields of each access method.

use std::collections::BTreeMap;

use dayfly_core::session::{Access, AssumeRole, InstanceSource, SessionId, SessionType};

use crate::check;
use crate::format::SessionObject;
use crate::method::Method;
use crate::problem::Note;
use crate::raw::Field;
use crate::read::{FieldText, Integration, Reader};

/// An access method with its fields, and the entry of another list that it needs.
type AccessAndIntegration = (Access, Option<(Integration, FieldText)>);

impl Reader<'_> {
    pub(crate) fn duration(
        &mut self,
        method: &Method,
        field: Option<Field<'_, u32>>,
    ) -> Option<u32> {
        let (seconds, offset) = self.take("durationSeconds", field)?;
        let bounds = method.duration?;
        self.note(offset, check::duration(seconds, bounds));
        Some(seconds)
    }

    pub(crate) fn rotate_key_days(&mut self, field: Option<Field<'_, u32>>) -> Option<u32> {
        let (days, offset) = self.take("rotateKeyDays", field)?;
        self.note(offset, check::rotate_key_days(days));
        Some(days)
    }

    /// The access method with its fields, and the entry of another list that it needs; none where
    /// a field that it cannot do without is missing or wrong.
    pub(crate) fn access(
        &mut self,
        method: &Method,
        object: &mut SessionObject<'_>,
    ) -> Option<AccessAndIntegration> {
        let is_sso = method.kind == SessionType::AwsSsoRole;
        let role_arn = if method.takes("roleArn") {
            self.checked("roleArn", object.role_arn.take(), |arn| {
                check::role_arn(arn, is_sso)
            })
        } else {
            None
        };
        let access = match method.kind {
            SessionType::AwsIamUser => Access::AwsIamUser {
                mfa_device: self.sts("mfaDevice", object.mfa_device.take()),
                duration_seconds: self.duration(method, object.duration_seconds.take()),
            },
            SessionType::AwsIamRoleChained => {
                let parent = self.filled("parentSessionId", object.parent_session_id.take());
                let assume = self.assume(method, object);
                Access::AwsIamRoleChained {
                    role_arn: role_arn?,
                    parent: SessionId::new(&parent?.text),
                    assume,
                }
            }
            SessionType::AwsIamRoleFederated => return self.federated(method, object, role_arn),
            SessionType::AwsIamRoleWebIdentity => self.web_identity(method, object, role_arn)?,
            SessionType::AwsSsoRole => {
                let sso = "awsSsoConfigurationId";
                self.take("email", object.email.take());
                let id = self.filled(sso, object.aws_sso_configuration_id.take())?;
                let access = Access::AwsSsoRole {
                    role_arn: role_arn?,
                    integration_id: id.text.clone(),
                };
                return Some((access, Some((Integration::AwsSso, id))));
            }
            SessionType::Azure => return self.azure(object),
            SessionType::Localstack => Access::Localstack {
                endpoint_url: self.checked("endPointUrl", object.end_point_url.take(), |url| {
                    check::http_url("endPointUrl", url)
                }),
            },
            SessionType::Process => {
                let (command, offset) = self.take("command", object.command.take())?;
                self.program("command", &command, offset);
                Access::Process { command }
            }
            SessionType::AwsInstance => Access::AwsInstance {
                source: self.instance_source(object.credential_source.take()),
            },
            SessionType::AwsRolesAnywhere => self.anywhere(method, object, role_arn)?,
            SessionType::AwsLogin => Access::AwsLogin {
                login_session: self.checked(
                    "loginSession",
                    object.login_session.take(),
                    check::login_session,
                )?,
            },
        };
        Some((access, None))
    }

    pub(crate) fn sts(&mut self, name: &str, field: Option<Field<'_, String>>) -> Option<String> {
        self.checked(name, field, |text| check::sts_text(name, text))
    }

    /// Notes a command that has no program.
    pub(crate) fn program(&mut self, field: &str, words: &[String], offset: usize) {
        if words.first().is_none_or(String::is_empty) {
            let message = format!("`{field}` has no program");
            self.notes
                .push(Note::error(offset, message).hint("write [\"PROGRAM\", \"ARGUMENT\", …]"));
        }
    }

    fn instance_source(&mut self, field: Option<Field<'_, String>>) -> Option<InstanceSource> {
        let (word, offset) = self.take("credentialSource", field)?;
        let source = InstanceSource::from_word(&word);
        if source.is_none() {
            let words = InstanceSource::ALL.map(InstanceSource::as_str);
            let hint = check::did_you_mean(&word, words)
                .unwrap_or_else(|| format!("the valid values are {}", words.join(", ")));
            let message = format!("unknown `credentialSource` \"{word}\"");
            self.notes.push(Note::error(offset, message).hint(hint));
        }
        source
    }

    fn assume(&mut self, method: &Method, object: &mut SessionObject<'_>) -> AssumeRole {
        let tags = self.take("tags", object.tags.take());
        let transitive = self.take("transitiveTagKeys", object.transitive_tag_keys.take());
        let policy = self.take("sessionPolicy", object.session_policy.take());
        if let Some((policy, offset)) = &policy
            && policy.0.chars().count() > 2048
        {
            let message = "`sessionPolicy` has more than the 2,048 characters that AWS accepts";
            self.notes.push(Note::error(*offset, message));
        }
        AssumeRole {
            role_session_name: self.sts("roleSessionName", object.role_session_name.take()),
            duration_seconds: self.duration(method, object.duration_seconds.take()),
            external_id: self.sts("externalId", object.external_id.take()),
            source_identity: self.sts("sourceIdentity", object.source_identity.take()),
            session_policy: policy.map(|(policy, _)| policy.0),
            mfa_device: self.sts("mfaDevice", object.mfa_device.take()),
            transitive_tag_keys: self.transitive(transitive, tags.as_ref().map(|(t, _)| t)),
            tags: self.tags(tags),
        }
    }

    fn tags(
        &mut self,
        tags: Option<(BTreeMap<String, String>, usize)>,
    ) -> BTreeMap<String, String> {
        let Some((tags, offset)) = tags else {
            return BTreeMap::new();
        };
        if tags.len() > 50 {
            let message = format!("`tags` has {} tags, but AWS accepts 50", tags.len());
            self.notes.push(Note::error(offset, message));
        }
        for (key, value) in &tags {
            self.note(offset, check::tag(key, value));
        }
        tags
    }

    fn transitive(
        &mut self,
        keys: Option<(Vec<String>, usize)>,
        tags: Option<&BTreeMap<String, String>>,
    ) -> Vec<String> {
        let Some((keys, offset)) = keys else {
            return Vec::new();
        };
        if keys.len() > 50 {
            let message = format!(
                "`transitiveTagKeys` has {} keys, but AWS accepts 50",
                keys.len()
            );
            self.notes.push(Note::error(offset, message));
        }
        for key in &keys {
            if !tags.is_some_and(|tags| tags.contains_key(key)) {
                let message = format!("`transitiveTagKeys` has \"{key}\", which is not in `tags`");
                self.notes.push(Note::warning(offset, message));
            }
        }
        keys
    }

    fn federated(
        &mut self,
        method: &Method,
        object: &mut SessionObject<'_>,
        role_arn: Option<String>,
    ) -> Option<AccessAndIntegration> {
        let idp_arn = self.checked("idpArn", object.idp_arn.take(), check::idp_arn);
        let url = self.filled("idpUrlId", object.idp_url_id.take());
        let duration_seconds = self.duration(method, object.duration_seconds.take());
        let url = url?;
        let access = Access::AwsIamRoleFederated {
            role_arn: role_arn?,
            idp_arn: idp_arn?,
            idp_url_id: url.text.clone(),
            duration_seconds,
        };
        Some((access, Some((Integration::IdpUrl, url))))
    }

    fn azure(&mut self, object: &mut SessionObject<'_>) -> Option<AccessAndIntegration> {
        let subscription = self.filled("subscriptionId", object.subscription_id.take());
        let tenant = self.filled("tenantId", object.tenant_id.take());
        let id = self.filled("azureIntegrationId", object.azure_integration_id.take());
        let subscription = subscription?;
        if uuid::Uuid::parse_str(&subscription.text).is_err() {
            let message = "`subscriptionId` is not a UUID, as Azure's are";
            self.notes.push(Note::warning(subscription.offset, message));
        }
        let access = Access::Azure {
            subscription_id: subscription.text,
            tenant_id: tenant?.text,
            integration_id: id.as_ref().map(|id| id.text.clone()),
        };
        Some((access, id.map(|id| (Integration::Azure, id))))
    }
}
