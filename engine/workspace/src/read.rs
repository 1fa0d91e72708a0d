//! One session object: its text to a session, without a look at the rest of the file.

use dayfly_core::delivery::Delivery;
use dayfly_core::session::{Access, Session, SessionId, SessionType, Status};
use dayfly_core::time::Timestamp;

use crate::check::{self, Finding};
use crate::format::{AwsAccount, Identity, SessionObject, State};
use crate::login;
use crate::method::{Method, SEED_REQUIRED};
use crate::position::{message_of, offset_in, offset_of};
use crate::problem::{Note, Severity};
use crate::raw::{Field, Members};
use crate::region::partition;
use crate::timestamp;
use dayfly_core::input::PersistedStatus;

/// A text and where it stands in the session's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldText {
    pub(crate) text: String,
    pub(crate) offset: usize,
}

/// A session as its own text has it: named profile, default region and fault still open.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) session: Session,
    pub(crate) projection: PersistedStatus,
    pub(crate) profile_id: Option<FieldText>,
    pub(crate) profile_name: Option<FieldText>,
    pub(crate) delivery: Option<Delivery>,
    pub(crate) layer: Option<String>,
    /// `rotateKeyDays`.
    pub(crate) rotate_key_days: Option<u32>,
    /// What it needs from another list of the file.
    pub(crate) integration: Option<(Integration, FieldText)>,
    /// Where `parentSessionId` stands.
    pub(crate) parent_offset: usize,
    /// Warnings only.
    pub(crate) notes: Vec<Note>,
}

/// Which list of the file a session refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Integration {
    IdpUrl,
    AwsSso,
    Azure,
}

/// A session that cannot be used as it is written.
#[derive(Debug)]
pub(crate) struct Unreadable {
    pub(crate) id: Option<SessionId>,
    pub(crate) name: Option<String>,
    /// At least one error.
    pub(crate) notes: Vec<Note>,
}

/// No second ARN.
const NONE: (&str, Option<&str>) = ("", None);

/// Fields that are not checked by themselves, and go to a cloud or into other programs' files.
const SENT: [&str; 3] = ["profileName", "subscriptionId", "tenantId"];

/// Reads the text of one session, which is valid JSON. Offsets count from its start.
pub(crate) fn session(raw: &str) -> Result<Draft, Unreadable> {
    let mut reader = Reader {
        raw,
        notes: Vec::new(),
    };
    let draft = reader.session();
    let failed = reader.notes.iter().any(|n| n.severity == Severity::Error);
    match draft {
        Some(draft) if !failed => Ok(Draft {
            notes: reader.notes,
            ..draft
        }),
        _ => {
            let (id, name) = identity(raw);
            Err(Unreadable {
                id,
                name,
                notes: reader.notes,
            })
        }
    }
}

/// Id and name of a session, whatever the rest of it is.
pub(crate) fn identity(raw: &str) -> (Option<SessionId>, Option<String>) {
    if !raw.starts_with('{') {
        return (None, None);
    }
    let text = |field: Option<Field<'_, String>>| {
        field.and_then(|f| f.value.ok()).filter(|t| !t.is_empty())
    };
    match serde_json::from_str::<Identity<'_>>(raw) {
        Ok(found) => (
            text(found.session_id).map(|id| SessionId::new(&id)),
            text(found.session_name),
        ),
        Err(_) => (None, None),
    }
}

/// The projected fields as far as they can be read: status, start and expiration; none where the
/// object has one of them twice.
pub(crate) fn projection(
    raw: &str,
) -> Option<(Option<Status>, Option<Timestamp>, Option<Timestamp>)> {
    let object: State<'_> = serde_json::from_str(raw).ok()?;
    let moment = |field: Option<Field<'_, String>>| timestamp::read(&field?.value.ok()?);
    let status = match object.status {
        None => Some(Status::Inactive),
        Some(field) => field.value.ok().map(|word| word.0),
    };
    Some((
        status,
        moment(object.start_date_time),
        moment(object.session_token_expiration),
    ))
}

/// Reads the text of a session field by field.
pub(crate) struct Reader<'a> {
    pub(crate) raw: &'a str,
    pub(crate) notes: Vec<Note>,
}

impl<'a> Reader<'a> {
    fn session(&mut self) -> Option<Draft> {
        if !self.raw.starts_with('{') {
            self.notes
                .push(Note::error(0, "a session must be an object"));
            return None;
        }
        let mut object = match serde_json::from_str::<SessionObject<'a>>(self.raw) {
            Ok(object) => object,
            Err(e) => {
                let offset = offset_of(self.raw, &e);
                self.notes.push(Note::error(offset, message_of(&e)));
                return None;
            }
        };
        let method = self.method(&object);
        self.presence(&object, method);
        let labels = self.take("labels", object.labels.take()).map(|(l, _)| l);
        let delivery = self.take("delivery", object.delivery.take());
        let layer = self.take("layer", object.layer.take());
        let rotate_key_days = self.rotate_key_days(object.rotate_key_days.take());
        let projection = self.projection(&mut object);
        let id = self.filled("sessionId", object.session_id.take());
        let name = self.filled("sessionName", object.session_name.take());
        let profile_id = self.filled("profileId", object.profile_id.take());
        let profile_name = self.filled("profileName", object.profile_name.take());
        let method = method?;
        let region = self.region(method.kind, object.region.take());
        let given_account = self.account(object.aws_account.take());
        let parent_offset = object
            .parent_session_id
            .as_ref()
            .map_or(0, |f| offset_in(self.raw, f.raw));
        let (access, integration) = self.access(method, &mut object)?;
        let takes_profile = method.takes("profileName");
        let mut session = Session {
            id: SessionId::new(&id?.text),
            name: name?.text,
            region,
            access,
            named_profile: None,
            account: None,
            labels: labels.unwrap_or_default(),
            fault: None,
        };
        session.account = self.pick_account(given_account, &session);
        self.partitions(&session);
        Some(Draft {
            session,
            projection,
            profile_id: profile_id.filter(|_| takes_profile),
            profile_name: profile_name.filter(|_| takes_profile),
            delivery: delivery.map(|(words, _)| words.0),
            layer: layer.map(|(name, _)| name),
            rotate_key_days,
            integration,
            parent_offset,
            notes: Vec::new(),
        })
    }

    /// Notes what cannot go together: each partition of AWS has regions, accounts and an STS of its own.
    fn partitions(&mut self, session: &Session) {
        let region = session.region.as_deref();
        let arns = match &session.access {
            Access::AwsIamUser { mfa_device, .. } => [("mfaDevice", mfa_device.as_deref()), NONE],
            Access::AwsIamRoleFederated {
                role_arn, idp_arn, ..
            } => [
                ("roleArn", Some(role_arn.as_str())),
                ("idpArn", Some(idp_arn.as_str())),
            ],
            Access::AwsLogin { login_session } => {
                [("loginSession", Some(login_session.as_str())), NONE]
            }
            _ => [("roleArn", session.role_arn()), NONE],
        };
        for (field, arn) in arns {
            let there = arn.and_then(check::arn_partition);
            let (Some(region), Some(there)) = (region, there) else {
                continue;
            };
            let here = partition(region).filter(|here| *here != there);
            let Some(here) = here else { continue };
            let message = format!(
                "`region` \"{region}\" is in the partition {here}, but `{field}` is in {there}"
            );
            let hint = "use a region of that partition, or an ARN of this one";
            // A portal's credentials come from the portal's region; the session's is for programs.
            let note = match session.session_type() {
                SessionType::AwsSsoRole => Note::warning(0, message),
                _ => Note::error(0, message),
            };
            self.notes.push(note.hint(hint));
        }
        let accounts = arns.map(|(_, arn)| arn.and_then(check::iam_arn).map(|arn| arn.account));
        if let [Some(role), Some(idp)] = accounts
            && role != idp
        {
            let message = format!(
                "`idpArn` is in account {idp}, but `roleArn` in {role}; a role trusts only SAML \
                 providers of its own account"
            );
            self.notes.push(Note::error(0, message));
        }
    }

    /// The access method that `type` names.
    fn method(&mut self, object: &SessionObject<'_>) -> Option<&'static Method> {
        let field = object.r#type.as_ref()?;
        let offset = offset_in(self.raw, field.raw);
        let word = match &field.value {
            Ok(word) => word,
            Err(e) => {
                self.notes.push(wrong("type", offset, e));
                return None;
            }
        };
        let method = SessionType::from_word(word).and_then(Method::of);
        if method.is_none() {
            let words = SessionType::ALL.map(SessionType::as_str);
            let hint = check::did_you_mean(word, words)
                .unwrap_or_else(|| format!("the valid values are {}", words.join(", ")));
            self.notes
                .push(Note::error(offset, format!("unknown `type` \"{word}\"")).hint(hint));
        }
        method
    }

    /// Notes the fields that are missing, and those that the access method has no use for.
    fn presence(&mut self, object: &SessionObject<'a>, method: Option<&'static Method>) {
        let present: Vec<(&str, &str)> = object.present().collect();
        let needed = method.map_or(&[][..], |m| m.required);
        for name in SEED_REQUIRED.iter().chain(needed) {
            if present.iter().any(|(there, _)| there == name) {
                continue;
            }
            let mut note = Note::error(0, format!("`{name}` is missing"));
            if let Some(method) = method.filter(|m| m.required.contains(name)) {
                note.message += &format!(", which `{}` requires", method.kind);
            }
            if let Some(near) = self.unknown_near(name) {
                note = note.hint(format!("you wrote `{near}`: did you mean `{name}`?"));
            }
            self.notes.push(note);
        }
        let Some(method) = method else { return };
        for (name, raw) in present.iter().filter(|(name, _)| !method.takes(name)) {
            let offset = offset_in(self.raw, raw);
            let message = format!("`{}` does not use `{name}`", method.kind);
            self.notes.push(Note::warning(offset, message));
        }
    }

    /// A field of the text that nothing reads and that is nearly called `name`.
    fn unknown_near(&self, name: &str) -> Option<String> {
        let members = serde_json::from_str::<Members<'_>>(self.raw).ok()?.0;
        let known = |key: &str| Method::all().any(|m| m.takes(key));
        let keys = members.iter().map(|(key, _)| key.as_str());
        check::nearest(name, keys.filter(|key| !known(key))).map(str::to_owned)
    }

    /// The value of a field, or a note of what is wrong with it.
    pub(crate) fn take<T>(
        &mut self,
        name: &str,
        field: Option<Field<'_, T>>,
    ) -> Option<(T, usize)> {
        let field = field?;
        let offset = offset_in(self.raw, field.raw);
        match field.value {
            Ok(value) => Some((value, offset)),
            Err(e) => {
                self.notes.push(wrong(name, offset, &e));
                None
            }
        }
    }

    /// The text of a field, which must not be empty.
    pub(crate) fn filled(
        &mut self,
        name: &str,
        field: Option<Field<'_, String>>,
    ) -> Option<FieldText> {
        let (text, offset) = self.take(name, field)?;
        if text.is_empty() {
            self.notes
                .push(Note::error(offset, format!("`{name}` is empty")));
            return None;
        }
        if SENT.contains(&name) {
            self.note(offset, check::unseen(name, &text));
        }
        Some(FieldText { text, offset })
    }

    pub(crate) fn note(&mut self, offset: usize, finding: Option<Finding>) {
        let (mut note, hint) = match finding {
            None => return,
            Some(Finding::Wrong(message, hint)) => (Note::error(offset, message), hint),
            Some(Finding::Odd(message, hint)) => (Note::warning(offset, message), hint),
        };
        note.hint = hint;
        self.notes.push(note);
    }

    /// A text that has to pass a check.
    pub(crate) fn checked(
        &mut self,
        name: &str,
        field: Option<Field<'_, String>>,
        check: impl FnOnce(&str) -> Option<Finding>,
    ) -> Option<String> {
        let (text, offset) = self.take(name, field)?;
        let finding = check::unseen(name, &text).or_else(|| check(&text));
        self.note(offset, finding);
        Some(text)
    }

    /// The fields that the engine writes. A wrong moment is as good as none.
    fn projection(&mut self, object: &mut SessionObject<'_>) -> PersistedStatus {
        let status = self.take("status", object.status.take());
        let mut moment = |name: &str, field: Option<Field<'_, String>>| {
            let field = field?;
            let read = field.value.as_ref().ok().and_then(|t| timestamp::read(t));
            if read.is_none() {
                let offset = offset_in(self.raw, field.raw);
                let message = format!("`{name}` is not a time in ISO 8601; Dayfly ignores it");
                self.notes
                    .push(Note::warning(offset, message).hint("Dayfly writes this field itself"));
            }
            read
        };
        let start = moment("startDateTime", object.start_date_time.take());
        let expiration = moment(
            "sessionTokenExpiration",
            object.session_token_expiration.take(),
        );
        PersistedStatus {
            status: status.map_or(Status::Inactive, |(word, _)| word.0),
            start,
            expiration,
        }
    }

    fn region(&mut self, kind: SessionType, field: Option<Field<'_, String>>) -> Option<String> {
        let is_azure = kind == SessionType::Azure;
        self.checked("region", field, |name| check::region(name, is_azure))
    }

    fn account(&mut self, field: Option<Field<'_, AwsAccount>>) -> Option<FieldText> {
        let (account, offset) = self.take("awsAccount", field)?;
        let text = account.account_id?;
        self.note(offset, check::account_id(&text));
        Some(FieldText { text, offset })
    }

    /// The account id that the session tells, or else its role, or who signs in.
    fn pick_account(&mut self, given: Option<FieldText>, session: &Session) -> Option<String> {
        let known = login::account(session);
        if let (Some(given), Some((field, of_arn))) = (&given, known)
            && given.text != of_arn
        {
            let message = format!("`awsAccount` says {}, but `{field}` {of_arn}", given.text);
            self.notes.push(Note::warning(given.offset, message));
        }
        given
            .map(|g| g.text)
            .or_else(|| known.map(|(_, account)| account.to_owned()))
    }
}

/// A value of the wrong kind.
fn wrong(name: &str, offset: usize, error: &serde_json::Error) -> Note {
    Note::error(offset, format!("`{name}`: {}", message_of(error)))
}
