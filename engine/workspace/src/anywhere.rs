//! The fields of `awsRolesAnywhere`: a role, what the service is asked by, and where certificate and key are.

use dayfly_core::session::{Access, RolesAnywhere};
use dayfly_pkcs11::{Uri, is_uri};

use crate::check::{self, Finding};
use crate::format::SessionObject;
use crate::method::Method;
use crate::problem::Note;
use crate::read::{FieldText, Reader};

impl Reader<'_> {
    pub(crate) fn anywhere(
        &mut self,
        method: &Method,
        object: &mut SessionObject<'_>,
        role_arn: Option<String>,
    ) -> Option<Access> {
        let profile_arn = self.checked("profileArn", object.profile_arn.take(), |arn| {
            arn_of("profileArn", "profile", arn)
        });
        let trust_anchor_arn =
            self.checked("trustAnchorArn", object.trust_anchor_arn.take(), |arn| {
                arn_of("trustAnchorArn", "trust-anchor", arn)
            });
        let certificate = self.filled("certificate", object.certificate.take());
        let private_key = self.filled("privateKey", object.private_key.take());
        let chain = self.filled("certificateChain", object.certificate_chain.take());
        let module = self.filled("pkcs11Module", object.pkcs11_module.take());
        self.certificate_in_token(&certificate, &private_key, &module);
        if let Some(chain) = chain.as_ref().filter(|chain| is_uri(&chain.text)) {
            let message = "`certificateChain` is a URI, but Dayfly reads the chain from a file";
            self.notes.push(Note::error(chain.offset, message));
        }
        let role_session_name = self.sts("roleSessionName", object.role_session_name.take());
        let duration_seconds = self.duration(method, object.duration_seconds.take());
        let text = |field: Option<FieldText>| field.map(|field| field.text);
        let (role_arn, anywhere) = (
            role_arn?,
            RolesAnywhere {
                profile_arn: profile_arn?,
                trust_anchor_arn: trust_anchor_arn?,
                certificate: certificate?.text,
                private_key: text(private_key),
                certificate_chain: text(chain),
                pkcs11_module: text(module),
                role_session_name,
                duration_seconds,
            },
        );
        self.one_place(&role_arn, &anywhere);
        Some(Access::AwsRolesAnywhere {
            role_arn,
            anywhere: Box::new(anywhere),
        })
    }

    /// Notes URIs that mean nothing, and a module that is missing or has nothing to do.
    fn certificate_in_token(
        &mut self,
        certificate: &Option<FieldText>,
        private_key: &Option<FieldText>,
        module: &Option<FieldText>,
    ) {
        let mut needed = None;
        for (name, field) in [("certificate", certificate), ("privateKey", private_key)] {
            let Some(field) = field.as_ref().filter(|field| is_uri(&field.text)) else {
                continue;
            };
            needed = needed.or(Some((name, field.offset)));
            if let Err(error) = Uri::parse(&field.text) {
                let message = format!("`{name}` {error}");
                self.notes.push(Note::error(field.offset, message));
            }
        }
        match (needed, module) {
            (Some((name, offset)), None) => {
                let message = format!("`{name}` is in a token, and `pkcs11Module` is missing");
                let hint = "set it to the token's module, as \
                            `/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so`";
                self.notes.push(Note::error(offset, message).hint(hint));
            }
            (None, Some(module)) => {
                let message = "nothing is in a token, so `pkcs11Module` is not used";
                self.notes.push(Note::warning(module.offset, message));
            }
            _ => {}
        }
        if let Some(module) = module
            && !module.text.starts_with('/')
        {
            let message = "`pkcs11Module` is not an absolute path";
            self.notes.push(Note::error(module.offset, message));
        }
    }

    /// Notes ARNs that cannot go together.
    fn one_place(&mut self, role_arn: &str, anywhere: &RolesAnywhere) {
        let regions = [&anywhere.trust_anchor_arn, &anywhere.profile_arn].map(|arn| region(arn));
        if let [Some(anchor), Some(profile)] = regions
            && anchor != profile
        {
            let message = format!(
                "`trustAnchorArn` is in {anchor}, but `profileArn` in {profile}; IAM Roles Anywhere \
                 takes both from one region"
            );
            self.notes.push(Note::error(0, message));
        }
        let (here, there) = (
            check::arn_partition(role_arn),
            check::arn_partition(&anywhere.trust_anchor_arn),
        );
        if let (Some(here), Some(there)) = (here, there)
            && here != there
        {
            let message =
                format!("`roleArn` is in the partition {here}, but `trustAnchorArn` in {there}");
            self.notes.push(Note::error(0, message));
        }
    }
}

fn region(arn: &str) -> Option<&str> {
    arn.split(':').nth(3)
}

/// `arn:aws…:rolesanywhere:REGION:ACCOUNT:KIND/ID`.
fn arn_of(field: &str, kind: &str, text: &str) -> Option<Finding> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let fits = match parts[..] {
        ["arn", partition, "rolesanywhere", region, account, resource] => {
            let id = resource
                .strip_prefix(kind)
                .and_then(|id| id.strip_prefix('/'));
            partition.starts_with("aws")
                && !region.is_empty()
                && region
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && check::account_id(account).is_none()
                && id.is_some_and(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_graphic()))
        }
        _ => false,
    };
    if fits {
        return None;
    }
    Some(Finding::Wrong(
        format!("`{field}` \"{text}\" is not the ARN of a {kind} of IAM Roles Anywhere"),
        Some(format!(
            "write it like `arn:aws:rolesanywhere:eu-west-1:123456789012:{kind}/ID`"
        )),
    ))
}
