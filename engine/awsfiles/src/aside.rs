//! Lines of a profile that are set aside in their place, as comments, and given back later.
//!
//! A profile that gets its credentials from Dayfly must not say anything else about where they come from.
//! What it said before stays where it stood, readable for a person, and comes back byte for byte:
//!
//! ```text
//! [profile admin]
//! # set aside by Dayfly for 6b1d…: role_arn = arn:aws:iam::111111111111:role/Admin
//! # set aside by Dayfly for 6b1d…: source_profile = default
//! region = eu-west-1
//! ```
//!
//! Of a secret only the key stays; whoever gives the line back has the value.

use zeroize::Zeroizing;

use crate::file::{AwsFile, Kind, profile_of};
use crate::ini::{self, Document, Line};
use crate::parse;
use crate::without::is_only_without;

/// What a line that is set aside begins with.
const BEGINS: &str = "# set aside by Dayfly for ";
/// What stands in the place of a secret.
const SECRET: &str = "(in the vault of Dayfly)";

/// Why lines cannot be set aside or given back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AsideError {
    /// The AWS CLI cannot read the file.
    #[error("the AWS CLI cannot read the file")]
    Unreadable,
    /// The file has no such profile.
    #[error("the file has no profile \"{0}\"")]
    NoProfile(String),
    /// The value of a key goes on in the lines below, or the key comes from `[DEFAULT]`.
    #[error("{0} is not one line of the profile itself")]
    NotOneLine(String),
    /// With the change, the file would say something else than it did, beyond these lines.
    #[error("the change would change more than these lines")]
    ChangesMore,
    /// The word that tells whose the lines are has signs in it that cannot stand there.
    #[error("\"{0}\" cannot stand in a comment")]
    Owner(String),
    /// A line had a secret, and there is none to be written into it.
    #[error("the secret of {0} is not known")]
    NoSecret(String),
}

/// The text in which these keys of a profile, given in small letters, are set aside for an owner, without the
/// values of those that are secret. Keys that the profile has not are passed over.
///
/// # Errors
/// [`AsideError`]; nothing is to be written then.
pub fn set_aside(
    source: &[u8],
    kind: Kind,
    profile: &str,
    keys: &[&str],
    secret: &[&str],
    owner: &str,
) -> Result<Zeroizing<Vec<u8>>, AsideError> {
    if owner.is_empty() || owner.contains(|c: char| c == ':' || c.is_whitespace() || c.is_control())
    {
        return Err(AsideError::Owner(owner.to_owned()));
    }
    let file = AwsFile::read(source, kind).map_err(|_| AsideError::Unreadable)?;
    let section = file
        .profile(profile)
        .ok_or_else(|| AsideError::NoProfile(profile.to_owned()))?;
    let there = keys
        .iter()
        .chain(secret)
        .filter_map(|name| Some((*name, section.keys.get(*name)?)));
    let mut names = Vec::new();
    for (name, key) in there {
        if key.inherited || key.text().is_none_or(|text| text.contains('\n')) {
            return Err(AsideError::NotOneLine(name.to_owned()));
        }
        names.push(name);
    }
    let mut document = Document::parse(source);
    let mut sections = document.sections.iter_mut();
    // Of several spellings of one name, the last counts; nothing is set aside in the others.
    let wanted = section.name.as_bytes();
    if let Some(section) = sections.find(|section| section.name.as_deref() == Some(wanted)) {
        for line in &mut section.lines {
            if names.iter().any(|name| line.is_key(name)) {
                let is_secret = secret.iter().any(|name| line.is_key(name));
                let text = commented(line, owner, is_secret);
                *line = line.with_text(text, ini::Kind::Comment);
            }
        }
    }
    let text = document.render();
    match is_only_without(file.sections(), &text, section, &names) {
        true => Ok(text),
        false => Err(AsideError::ChangesMore),
    }
}

/// A line as the comment that it becomes.
fn commented(line: &Line<'_>, owner: &str, is_secret: bool) -> Zeroizing<Vec<u8>> {
    let mut text = format!("{BEGINS}{owner}: ").into_bytes();
    match &line.kind {
        ini::Kind::Key { value, .. } if is_secret => {
            text.extend_from_slice(&line.text()[..value.start]);
            text.extend_from_slice(SECRET.as_bytes());
            text.extend_from_slice(&line.text()[value.end..]);
        }
        _ => text.extend_from_slice(line.text()),
    }
    Zeroizing::new(text)
}

/// A line of a profile that is set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aside {
    /// The profile.
    pub profile: String,
    /// The key, in small letters.
    pub key: String,
    /// Whose it is.
    pub owner: String,
}

/// What is set aside in a text, in its order.
#[must_use]
pub fn set_asides(source: &[u8], kind: Kind) -> Vec<Aside> {
    let document = Document::parse(source);
    let mut found = Vec::new();
    for section in &document.sections {
        let name = section
            .name
            .as_deref()
            .and_then(|name| std::str::from_utf8(name).ok());
        let Some(profile) = name.and_then(|name| profile_of(name, kind)) else {
            continue;
        };
        for (owner, before) in section.lines.iter().filter_map(split) {
            let end = before
                .iter()
                .position(|b| matches!(b, b'=' | b':'))
                .unwrap_or(before.len());
            let key = String::from_utf8_lossy(&before[..end]);
            found.push(Aside {
                profile: profile.clone().into_owned(),
                key: key.trim().to_ascii_lowercase(),
                owner: owner.to_owned(),
            });
        }
    }
    found
}

/// The text in which everything that is set aside for an owner is back, with these secrets by their keys; the
/// same text where nothing is set aside.
///
/// # Errors
/// [`AsideError::NoSecret`]; [`AsideError::ChangesMore`], where a profile has got such a key in the meantime, so
/// that the AWS CLI could not read the file. Nothing is to be written then.
pub fn give_back(
    source: &[u8],
    owner: &str,
    secrets: &[(&str, &str)],
) -> Result<Zeroizing<Vec<u8>>, AsideError> {
    let mut document = Document::parse(source);
    let mut changed = false;
    for line in document
        .sections
        .iter_mut()
        .flat_map(|section| &mut section.lines)
    {
        let Some((_, before)) = split(line).filter(|(whose, _)| *whose == owner) else {
            continue;
        };
        let text = restored(before, secrets)?;
        *line = line.with_text(text, ini::Kind::Other);
        changed = true;
    }
    let text = document.render();
    // A file that could not be read before is not made worse.
    if changed && parse::raw(source).is_ok() && parse::raw(&text).is_err() {
        return Err(AsideError::ChangesMore);
    }
    Ok(text)
}

/// The line that was set aside, with its secret.
fn restored(before: &[u8], secrets: &[(&str, &str)]) -> Result<Zeroizing<Vec<u8>>, AsideError> {
    let at = before
        .windows(SECRET.len())
        .position(|part| part == SECRET.as_bytes());
    let Some(at) = at else {
        return Ok(Zeroizing::new(before.to_vec()));
    };
    let key = String::from_utf8_lossy(&before[..at]);
    let key = key
        .trim()
        .trim_end_matches(['=', ':'])
        .trim()
        .to_ascii_lowercase();
    let known = secrets.iter().find(|(name, _)| *name == key);
    let (_, secret) = known.ok_or(AsideError::NoSecret(key))?;
    // Room for all of it at once: a vector that grows leaves copies of secrets behind.
    let mut text = Zeroizing::new(Vec::with_capacity(before.len() + secret.len()));
    text.extend_from_slice(&before[..at]);
    text.extend_from_slice(secret.as_bytes());
    text.extend_from_slice(&before[at + SECRET.len()..]);
    Ok(text)
}

/// The owner and the former text of a line that is set aside.
fn split<'a>(line: &'a Line<'_>) -> Option<(&'a str, &'a [u8])> {
    let rest = line.text().strip_prefix(BEGINS.as_bytes())?;
    let colon = rest.windows(2).position(|two| two == b": ")?;
    let owner = std::str::from_utf8(&rest[..colon]).ok()?;
    Some((owner, &rest[colon + 2..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 3] = ["role_arn", "source_profile", "sso_session"];

    fn set(text: &str, kind: Kind, profile: &str) -> Result<String, AsideError> {
        let text = set_aside(
            text.as_bytes(),
            kind,
            profile,
            &KEYS,
            &["aws_secret_access_key"],
            "id-1",
        )?;
        Ok(String::from_utf8(text.to_vec()).unwrap())
    }

    #[test]
    fn lines_are_set_aside_in_their_place_and_come_back_byte_for_byte() {
        let text = "# mine\r\n[profile a]\r\n  role_arn=arn:x ; not a comment\r\nregion = r\r\n\r\n; note\r\n\
                    source_profile\t: b\r\ns3 =\r\n  x = 1\r\n\r\n[profile b]\r\nrole_arn = y";
        let after = set(text, Kind::Config, "a").unwrap();
        assert!(
            after.contains("# set aside by Dayfly for id-1:   role_arn=arn:x ; not a comment\r\n"),
            "{after}"
        );
        let file = AwsFile::read(after.as_bytes(), Kind::Config).unwrap();
        let profile = file.profile("a").unwrap();
        assert!(
            !profile.keys.contains_key("role_arn") && !profile.keys.contains_key("source_profile")
        );
        assert_eq!(
            (
                profile.text("region"),
                file.profile("b").unwrap().text("role_arn")
            ),
            (Some("r"), Some("y"))
        );
        let aside = |key: &str| Aside {
            profile: "a".into(),
            key: key.into(),
            owner: "id-1".into(),
        };
        let found = set_asides(after.as_bytes(), Kind::Config);
        assert_eq!(found, [aside("role_arn"), aside("source_profile")]);
        assert_eq!(
            give_back(after.as_bytes(), "id-1", &[]).unwrap().as_slice(),
            text.as_bytes()
        );
        // Another's lines stay.
        assert_eq!(
            give_back(after.as_bytes(), "id-2", &[]).unwrap().as_slice(),
            after.as_bytes()
        );
    }

    #[test]
    fn a_change_that_would_mean_something_else_is_refused() {
        let more = "[profile a]\nrole_arn = x\n  more\n";
        assert_eq!(
            set(more, Kind::Config, "a"),
            Err(AsideError::NotOneLine("role_arn".into()))
        );
        let shared = "[DEFAULT]\nrole_arn = x\n[profile a]\nregion = r\n";
        assert_eq!(
            set(shared, Kind::Config, "a"),
            Err(AsideError::NotOneLine("role_arn".into()))
        );
        // Behind the comment, the lines below would go on with the value of another key.
        let indented = "[profile a]\nregion = r\nrole_arn = x\n  source_profile = y\n";
        assert!(set(indented, Kind::Config, "a").is_err());
        assert_eq!(
            set("[profile a]\n", Kind::Config, "b"),
            Err(AsideError::NoProfile("b".into()))
        );
        assert_eq!(
            set("[profile a]\nregion\n", Kind::Config, "a"),
            Err(AsideError::Unreadable)
        );
        for owner in ["", "a: b", "a b", "a\nb"] {
            let told = set_aside(
                b"[a]\nrole_arn = x\n",
                Kind::Credentials,
                "a",
                &KEYS,
                &[],
                owner,
            );
            assert_eq!(told, Err(AsideError::Owner(owner.to_owned())));
        }
    }

    #[test]
    fn what_would_stand_there_twice_does_not_come_back() {
        let after = set("[profile a]\nrole_arn = x\n", Kind::Config, "a").unwrap();
        let edited = format!("{after}role_arn = mine\n");
        assert_eq!(
            give_back(edited.as_bytes(), "id-1", &[]),
            Err(AsideError::ChangesMore)
        );
        // One that nobody could read anyway gets its lines back.
        let broken = format!("{after}nonsense\n");
        let back = give_back(broken.as_bytes(), "id-1", &[]).unwrap();
        assert_eq!(back.as_slice(), b"[profile a]\nrole_arn = x\nnonsense\n");
    }

    #[test]
    fn a_secret_does_not_stay_in_the_file_and_comes_back() {
        let text =
            "[a]\n  aws_access_key_id = AKIA1\n  AWS_SECRET_ACCESS_KEY=s3cret/+= \nrole_arn = x\n";
        let after = set(text, Kind::Credentials, "a").unwrap();
        assert!(
            !after.contains("s3cret") && after.contains("=(in the vault of Dayfly) \n"),
            "{after}"
        );
        let told = give_back(after.as_bytes(), "id-1", &[]);
        assert_eq!(
            told,
            Err(AsideError::NoSecret("aws_secret_access_key".into()))
        );
        let secrets = [("aws_secret_access_key", "s3cret/+=")];
        assert_eq!(
            give_back(after.as_bytes(), "id-1", &secrets)
                .unwrap()
                .as_slice(),
            text.as_bytes()
        );
    }
}
