//! What we write into a section of a shared file, and how we know it again.
//!
//! Beside the keys that clients read stand four that they pass over: `x_security_token_expires`,
//! which saml2aws and okta-aws-cli write too and prompts and editors show; `dayfly_session`, the
//! session's id; `dayfly_issued`; and `dayfly_wrote`, which tells what in the section is ours.
//! A line is ours as long as its key and value are the ones that `dayfly_wrote` attests: a key
//! that a person, or `aws configure`, put over one of ours is no longer.

use std::borrow::Cow;

use data_encoding::HEXLOWER;
use dayfly_awsfiles::ini::{Kind, Line, Section};
use dayfly_awsfiles::name::profile_problem;
use dayfly_core::session::{Lease, SessionId};
use dayfly_vault::{Material, SecretString, TemporaryCredentials};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::error::ChainError;
use crate::form::Form;
use crate::keys::{EXPIRES, ISSUED, KEY_ID, PROCESS, REGION, SECRET, SESSION, TOKEN, WROTE};
use crate::target::{Observed, Publication};
use crate::values::{from_text, text_problem, to_text, word_problem};

/// What `dayfly_wrote` says: which lines we wrote, by key and a short digest of key and value,
/// and whether the header, and an empty line above it, are ours too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wrote {
    pub(crate) section: bool,
    pub(crate) blank: bool,
    /// Which Dayfly wrote it, where several write into one file.
    pub(crate) home: Option<String>,
    lines: Vec<(String, String)>,
}

impl Wrote {
    fn parse(text: &str) -> Self {
        let mut wrote = Self::default();
        for word in text.split_whitespace() {
            match word.split_once(':') {
                None if word.starts_with("home=") => {
                    wrote.home = word.strip_prefix("home=").map(str::to_owned);
                }
                Some((key, digest)) => wrote.lines.push((key.to_owned(), digest.to_owned())),
                None if word == "section" => wrote.section = true,
                None if word == "blank" => wrote.blank = true,
                None => {}
            }
        }
        wrote
    }

    fn to_text(&self) -> String {
        let mut words = Vec::new();
        words.extend(self.section.then(|| "section".to_owned()));
        words.extend(self.blank.then(|| "blank".to_owned()));
        words.extend(self.home.iter().map(|home| format!("home={home}")));
        words.extend(self.lines.iter().map(|(key, d)| format!("{key}:{d}")));
        words.join(" ")
    }
}

/// Enough to tell a changed value from ours, too little to tell anything about a secret that
/// stands in the same file anyway.
fn digest(key: &str, value: &[u8]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(key.as_bytes());
    hasher.update(b"=");
    hasher.update(value);
    let hash = hasher.finalize();
    HEXLOWER.encode(hash.get(..4).unwrap_or_default())
}

/// Our part of a section.
#[derive(Debug)]
pub(crate) struct Ours {
    pub(crate) session: SessionId,
    pub(crate) wrote: Wrote,
    /// For each line of the section whether it is ours.
    pub(crate) owned: Vec<bool>,
}

impl Ours {
    /// Our part of this section; none where it has no mark of ours.
    pub(crate) fn of(section: &Section<'_>) -> Option<Self> {
        let lines = &section.lines;
        let text = |name: &str| {
            let line = lines.iter().find(|line| line.is_key(name))?;
            let (_, value) = line.pair()?;
            std::str::from_utf8(value).ok().filter(|v| !v.is_empty())
        };
        let session = SessionId::new(text(SESSION)?);
        let wrote = Wrote::parse(text(WROTE).unwrap_or_default());
        let mut owned: Vec<bool> = lines.iter().map(|line| attested(&wrote, line)).collect();
        // A value that goes on below is another value; and without its line what goes on would
        // become part of the line above.
        let mut continued = false;
        for (line, owned) in lines.iter().zip(&mut owned).rev() {
            match line.kind {
                Kind::Continuation => continued = true,
                Kind::Blank | Kind::Comment => {}
                _ => {
                    *owned &= !continued;
                    continued = false;
                }
            }
        }
        Some(Self {
            session,
            wrote,
            owned,
        })
    }

    /// Our lines as keys and values, in their order.
    pub(crate) fn pairs<'s>(&'s self, section: &'s Section<'_>) -> Vec<(&'s [u8], &'s [u8])> {
        let lines = section.lines.iter().zip(&self.owned);
        let ours = lines.filter(|(_, owned)| **owned);
        ours.filter_map(|(line, _)| line.pair()).collect()
    }

    /// What is published here; none where a line of it was changed or removed.
    pub(crate) fn observe(&self, section: &Section<'_>) -> Option<Observed> {
        let pairs = self.pairs(section);
        let value = |name: &str| {
            let mut found = pairs.iter().filter(|(key, _)| *key == name.as_bytes());
            let (_, value) = found.next()?;
            std::str::from_utf8(value).ok()
        };
        if self.wrote.lines.iter().any(|(key, _)| value(key).is_none()) {
            return None;
        }
        let secret = |name| value(name).map(|text| SecretString::from(text.to_owned()));
        let expires_at = match value(EXPIRES) {
            Some(text) => Some(from_text(text)?),
            None => None,
        };
        Some(Observed {
            session: self.session.clone(),
            profile: String::from_utf8(section.name.clone()?).ok()?,
            credentials: Some(TemporaryCredentials {
                lease: Lease {
                    issued_at: from_text(value(ISSUED)?)?,
                    expires_at,
                },
                material: Material::Aws {
                    access_key_id: value(KEY_ID)?.to_owned(),
                    secret_access_key: secret(SECRET)?,
                    session_token: secret(TOKEN),
                    region: value(REGION).map(str::to_owned),
                },
            }),
        })
    }
}

fn attested(wrote: &Wrote, line: &Line<'_>) -> bool {
    let Some((key, value)) = line.pair() else {
        return false;
    };
    if [SESSION, ISSUED, WROTE]
        .iter()
        .any(|name| line.is_key(name))
    {
        return true;
    }
    let mut known = wrote.lines.iter();
    known.any(|(name, sum)| name.as_bytes() == key && *sum == digest(name, value))
}

/// Keys and values, as they are to be written.
pub(crate) type Pairs = Vec<(&'static str, Zeroizing<String>)>;

/// What around our keys is ours too, and whose they are.
pub(crate) struct Frame<'h> {
    /// The header.
    pub(crate) header: bool,
    /// The empty line above it.
    pub(crate) blank: bool,
    /// Whether the region is for us to write.
    pub(crate) with_region: bool,
    /// Which Dayfly writes.
    pub(crate) home: Option<&'h str>,
}

/// A word that clients read: key, what to call it, value.
type Word<'p> = (&'static str, &'static str, Cow<'p, str>);

/// What a publication writes.
pub(crate) fn pairs(
    form: &Form,
    publication: &Publication,
    frame: &Frame<'_>,
) -> Result<Pairs, ChainError> {
    let refuse = |field, problem| ChainError::Value {
        session: publication.session_name.clone(),
        field,
        problem,
    };
    if let Some(problem) = profile_problem(&publication.profile, form.kind()) {
        return Err(refuse("named profile", problem));
    }
    let session = publication.session.as_str();
    if let Some(problem) = text_problem(session) {
        return Err(refuse("id", problem));
    }
    let issued = match form {
        Form::Credentials => Some(publication.credentials.lease.issued_at),
        Form::Config(_) => None,
    };
    let issued = match issued.map(to_text) {
        Some(None) => return Err(refuse("time of issue", BEYOND)),
        issued => issued.flatten(),
    };
    let mut words = match form {
        Form::Credentials => credentials(publication, &refuse)?,
        Form::Config(process) => {
            let line = process.line(session);
            let line = line.map_err(|problem| refuse("credential process", problem))?;
            vec![(PROCESS, "credential process", Cow::Owned(line))]
        }
    };
    let region = publication.region.as_deref().filter(|_| frame.with_region);
    let region = region.map(|region| (REGION, "region", Cow::Borrowed(region)));
    let place = words.iter().position(|(key, ..)| *key == EXPIRES);
    let place = place.unwrap_or(words.len());
    words.splice(place..place, region);
    let mut wrote = Wrote {
        section: frame.header,
        blank: frame.blank,
        home: frame.home.map(str::to_owned),
        lines: Vec::new(),
    };
    let mut pairs = Pairs::new();
    for (key, field, value) in words {
        let problem = match key {
            PROCESS => None,
            _ => word_problem(&value),
        };
        if let Some(problem) = problem {
            return Err(refuse(field, problem));
        }
        let sum = digest(key, value.as_bytes());
        wrote.lines.push((key.to_owned(), sum));
        pairs.push((key, Zeroizing::new(value.into_owned())));
    }
    pairs.push((SESSION, Zeroizing::new(session.to_owned())));
    pairs.extend(issued.map(|issued| (ISSUED, Zeroizing::new(issued))));
    pairs.push((WROTE, Zeroizing::new(wrote.to_text())));
    Ok(pairs)
}

const BEYOND: &str = "is outside the calendar";

/// The credentials of a publication.
fn credentials<'p>(
    publication: &'p Publication,
    refuse: &impl Fn(&'static str, &'static str) -> ChainError,
) -> Result<Vec<Word<'p>>, ChainError> {
    let Material::Aws {
        access_key_id,
        secret_access_key,
        session_token,
        region: _,
    } = &publication.credentials.material
    else {
        return Err(refuse("kind of credentials", "is not one that AWS accepts"));
    };
    let end = match publication.credentials.lease.expires_at.map(to_text) {
        Some(None) => return Err(refuse("end of the credentials", BEYOND)),
        end => end.flatten(),
    };
    let secret = secret_access_key.expose();
    let mut words = vec![
        (
            KEY_ID,
            "access key id",
            Cow::Borrowed(access_key_id.as_str()),
        ),
        (SECRET, "secret access key", Cow::Borrowed(secret)),
    ];
    let token = session_token.as_ref().map(SecretString::expose);
    words.extend(token.map(|t| (TOKEN, "session token", Cow::Borrowed(t))));
    words.extend(end.map(|end| (EXPIRES, "end of the credentials", Cow::Owned(end))));
    Ok(words)
}
