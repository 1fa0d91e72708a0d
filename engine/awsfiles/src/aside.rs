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

use std::collections::BTreeMap;

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

/// Lines of one profile that are to be set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// The profile.
    pub profile: &'a str,
    /// The keys, in small letters. Those that the profile has not are passed over.
    pub keys: &'a [String],
    /// Those whose values do not stay.
    pub secret: &'a [String],
    /// Whom they are set aside for.
    pub owner: &'a str,
}

/// Why nothing was set aside, and for the lines of which profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("profile \"{profile}\": {why}")]
pub struct NotAside {
    /// The profile.
    pub profile: String,
    /// Why not.
    #[source]
    pub why: AsideError,
}

/// The text in which lines of any number of profiles are set aside, without the values of those that are
/// secret. The file is read once, however many they are.
///
/// # Errors
/// [`NotAside`]; nothing is to be written then.
pub fn set_aside(
    source: &[u8],
    kind: Kind,
    wanted: &[Wanted<'_>],
) -> Result<Zeroizing<Vec<u8>>, NotAside> {
    let not = |profile: &str, why| NotAside {
        profile: profile.to_owned(),
        why,
    };
    let Some(first) = wanted.first() else {
        return Ok(Zeroizing::new(source.to_vec()));
    };
    let file =
        AwsFile::read(source, kind).map_err(|_| not(first.profile, AsideError::Unreadable))?;
    // The keys that go, by the name of their section, and what becomes of each.
    let mut going: BTreeMap<&str, BTreeMap<&str, (&str, bool)>> = BTreeMap::new();
    for lines in wanted {
        let found = keys_of(&file, lines).map_err(|why| not(lines.profile, why))?;
        if let Some((section, keys)) = found {
            let of_section = going.entry(section).or_default();
            for (key, is_secret) in keys {
                of_section.entry(key).or_insert((lines.owner, is_secret));
            }
        }
    }
    let text = commented_out(source, &going);
    let gone = |section: &str, key: &str| {
        going
            .get(section)
            .is_some_and(|keys| keys.contains_key(key))
    };
    if is_only_without(file.sections(), &text, gone) {
        return Ok(text);
    }
    // Which one it is takes a look at each alone.
    let culprit = wanted
        .iter()
        .find(|lines| wanted.len() > 1 && set_aside(source, kind, &[**lines]).is_err());
    let profile = culprit.unwrap_or(first).profile;
    Err(not(profile, AsideError::ChangesMore))
}

/// The section of a profile, and those of the keys that it has, with whether they are secret; none where it has
/// none of them.
type Found<'a> = Option<(&'a str, Vec<(&'a str, bool)>)>;

fn keys_of<'a>(file: &'a AwsFile, lines: &Wanted<'a>) -> Result<Found<'a>, AsideError> {
    let owner = lines.owner;
    if owner.is_empty() || owner.contains(|c: char| c == ':' || c.is_whitespace() || c.is_control())
    {
        return Err(AsideError::Owner(owner.to_owned()));
    }
    let section = file
        .profile(lines.profile)
        .ok_or_else(|| AsideError::NoProfile(lines.profile.to_owned()))?;
    let keys = lines.keys.iter().map(|key| (key.as_str(), false));
    let secret = lines.secret.iter().map(|key| (key.as_str(), true));
    let mut found = Vec::new();
    for (name, is_secret) in keys.chain(secret) {
        let Some(key) = section.keys.get(name) else {
            continue;
        };
        if key.inherited || key.text().is_none_or(|text| text.contains('\n')) {
            return Err(AsideError::NotOneLine(name.to_owned()));
        }
        found.push((name, is_secret));
    }
    Ok((!found.is_empty()).then_some((section.name.as_str(), found)))
}

/// The text with these keys of sections as comments, each for its owner.
fn commented_out(
    source: &[u8],
    going: &BTreeMap<&str, BTreeMap<&str, (&str, bool)>>,
) -> Zeroizing<Vec<u8>> {
    let mut document = Document::parse(source);
    for section in &mut document.sections {
        let name = section
            .name
            .as_deref()
            .and_then(|name| std::str::from_utf8(name).ok());
        let Some(keys) = name.and_then(|name| going.get(name)) else {
            continue;
        };
        for line in &mut section.lines {
            let key = keys.iter().find(|(key, _)| line.is_key(key));
            if let Some((_, (owner, is_secret))) = key {
                let text = commented(line, owner, *is_secret);
                *line = line.with_text(text, ini::Kind::Comment);
            }
        }
    }
    document.render()
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

/// Somebody whose lines are to come back, with the secrets of these lines by their keys.
#[derive(Clone, Copy)]
pub struct Owner<'a> {
    /// Whose lines.
    pub name: &'a str,
    /// The secrets, and values that are others meanwhile.
    pub secrets: &'a [(&'a str, &'a str)],
}

/// The text in which everything that is set aside for these owners is back; the same text where nothing is.
///
/// # Errors
/// [`AsideError::NoSecret`]; [`AsideError::ChangesMore`], where a profile has got such a key in the meantime, so
/// that the AWS CLI could not read the file. Nothing is to be written then.
pub fn give_back(source: &[u8], owners: &[Owner<'_>]) -> Result<Zeroizing<Vec<u8>>, AsideError> {
    let owners: BTreeMap<&str, &[(&str, &str)]> = owners
        .iter()
        .map(|owner| (owner.name, owner.secrets))
        .collect();
    let mut document = Document::parse(source);
    let mut changed = false;
    for line in document
        .sections
        .iter_mut()
        .flat_map(|section| &mut section.lines)
    {
        let found = split(line).and_then(|(whose, before)| Some((owners.get(whose)?, before)));
        let Some((secrets, before)) = found else {
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

/// The text in which what is set aside for one owner is set aside for another; the same text where nothing is, or
/// where it has a secret, which is not the other's.
#[must_use]
pub fn hand_over(source: &[u8], from: &str, to: &str) -> Zeroizing<Vec<u8>> {
    let mut document = Document::parse(source);
    let lines = document
        .sections
        .iter_mut()
        .flat_map(|section| &mut section.lines);
    let mut theirs: Vec<&mut Line<'_>> = lines
        .filter(|line| split(line).is_some_and(|(owner, _)| owner == from))
        .collect();
    let has_secret = |line: &Line<'_>| {
        let mut parts = line.text().windows(SECRET.len());
        parts.any(|part| part == SECRET.as_bytes())
    };
    if theirs.iter().any(|line| has_secret(line)) {
        return Zeroizing::new(source.to_vec());
    }
    for line in &mut theirs {
        let mut text = Zeroizing::new(format!("{BEGINS}{to}: ").into_bytes());
        text.extend_from_slice(split(line).map_or(&[][..], |(_, before)| before));
        **line = line.with_text(text, ini::Kind::Comment);
    }
    document.render()
}

/// The line that was set aside, with its secret.
fn restored(before: &[u8], secrets: &[(&str, &str)]) -> Result<Zeroizing<Vec<u8>>, AsideError> {
    let at = before
        .windows(SECRET.len())
        .position(|part| part == SECRET.as_bytes());
    let Some(at) = at else {
        return Ok(Zeroizing::new(renewed(before, secrets)));
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

/// A line that was no secret, with the value that its key has meanwhile, where the caller knows one: the id of
/// an access key whose secret half was replaced.
fn renewed(before: &[u8], values: &[(&str, &str)]) -> Vec<u8> {
    let text = String::from_utf8_lossy(before);
    let changed = text.find(['=', ':']).and_then(|sign| {
        let (key, value) = (text[..sign].trim(), text[sign + 1..].trim());
        let known = values
            .iter()
            .find(|(name, _)| key.eq_ignore_ascii_case(name));
        let (_, now) = known.filter(|(_, now)| *now != value && !value.is_empty())?;
        let at = sign + 1 + text[sign + 1..].find(value)?;
        Some(format!("{}{now}{}", &text[..at], &text[at + value.len()..]))
    });
    changed.map_or_else(|| before.to_vec(), String::into_bytes)
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

    const KEYS: [&str; 4] = [
        "role_arn",
        "source_profile",
        "sso_session",
        "aws_access_key_id",
    ];

    fn set_for(text: &str, kind: Kind, profile: &str, owner: &str) -> Result<String, AsideError> {
        let wanted = Wanted {
            profile,
            keys: &KEYS.map(str::to_owned),
            secret: &["aws_secret_access_key".to_owned()],
            owner,
        };
        let text = set_aside(text.as_bytes(), kind, &[wanted]).map_err(|not| not.why)?;
        Ok(String::from_utf8(text.to_vec()).unwrap())
    }

    fn back(
        text: &str,
        name: &str,
        secrets: &[(&str, &str)],
    ) -> Result<Zeroizing<Vec<u8>>, AsideError> {
        give_back(text.as_bytes(), &[Owner { name, secrets }])
    }

    fn set(text: &str, kind: Kind, profile: &str) -> Result<String, AsideError> {
        set_for(text, kind, profile, "id-1")
    }

    #[test]
    fn lines_of_many_profiles_are_set_aside_at_once_or_none_is() {
        let text: String = (0..300)
            .map(|n| {
                format!("[profile p{n}]\r\nrole_arn = {n}\r\nregion = x\r\nsso_session = s\r\n")
            })
            .collect();
        let keys = KEYS.map(str::to_owned);
        let names: Vec<String> = (0..300).map(|n| format!("p{n}")).collect();
        let mut wanted: Vec<_> = names
            .iter()
            .map(|profile| Wanted {
                profile,
                keys: &keys,
                secret: &[],
                owner: profile,
            })
            .collect();
        let begun = std::time::Instant::now();
        let after = set_aside(text.as_bytes(), Kind::Config, &wanted).unwrap();
        // One reading of such a file takes some milliseconds, 300 take seconds.
        assert!(begun.elapsed().as_millis() < 1_000, "{:?}", begun.elapsed());
        let asides = set_asides(&after, Kind::Config);
        assert_eq!(asides.len(), 600);
        assert!(asides.iter().all(|aside| aside.owner == aside.profile));
        let owners: Vec<_> = names
            .iter()
            .map(|name| Owner { name, secrets: &[] })
            .collect();
        let back = give_back(&after, &owners).unwrap();
        assert_eq!(back.as_slice(), text.as_bytes());
        // Of two owners of one key, the first has it.
        wanted.insert(
            0,
            Wanted {
                owner: "other",
                ..wanted[7]
            },
        );
        let after = set_aside(text.as_bytes(), Kind::Config, &wanted).unwrap();
        let of_seven: Vec<_> = set_asides(&after, Kind::Config)
            .into_iter()
            .filter(|aside| aside.profile == "p7")
            .map(|aside| aside.owner)
            .collect();
        assert_eq!(of_seven, ["other", "other"]);
        // The one that does not go is named.
        let indented = text.replace(
            "[profile p9]\r\nrole_arn = 9",
            "[profile p9]\r\nregion2 = 1\r\nrole_arn = 9\r\n  source_profile = y",
        );
        let not = set_aside(indented.as_bytes(), Kind::Config, &wanted).unwrap_err();
        assert_eq!(not.profile, "p9");
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
            back(&after, "id-1", &[]).unwrap().as_slice(),
            text.as_bytes()
        );
        // Another's lines stay.
        assert_eq!(
            back(&after, "id-2", &[]).unwrap().as_slice(),
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
            let told = set_for("[a]\nrole_arn = x\n", Kind::Credentials, "a", owner);
            assert_eq!(told, Err(AsideError::Owner(owner.to_owned())));
        }
    }

    #[test]
    fn lines_are_handed_over_but_for_those_of_a_secret() {
        let text = "[profile a]\r\n  role_arn=x\r\nregion = r\r\n[profile b]\nsso_session = y";
        let both = set(text, Kind::Config, "a").unwrap();
        let both = set_for(&both, Kind::Config, "b", "id-2").unwrap();
        let after = hand_over(both.as_bytes(), "id-1", "id-3");
        let after = std::str::from_utf8(&after).unwrap();
        let owners: Vec<_> = set_asides(after.as_bytes(), Kind::Config)
            .into_iter()
            .map(|aside| aside.owner)
            .collect();
        assert_eq!(owners, ["id-3", "id-2"]);
        let given = give_back(
            after.as_bytes(),
            &["id-3", "id-2"].map(|name| Owner { name, secrets: &[] }),
        );
        assert_eq!(given.unwrap().as_slice(), text.as_bytes());
        assert_eq!(
            hand_over(both.as_bytes(), "id-9", "id-3").as_slice(),
            both.as_bytes()
        );
        let key = "[a]\naws_access_key_id = AKIA1\naws_secret_access_key = s\nrole_arn = x\n";
        let key = set(key, Kind::Credentials, "a").unwrap();
        assert_eq!(
            hand_over(key.as_bytes(), "id-1", "id-3").as_slice(),
            key.as_bytes()
        );
    }

    #[test]
    fn what_would_stand_there_twice_does_not_come_back() {
        let after = set("[profile a]\nrole_arn = x\n", Kind::Config, "a").unwrap();
        let edited = format!("{after}role_arn = mine\n");
        assert_eq!(back(&edited, "id-1", &[]), Err(AsideError::ChangesMore));
        // One that nobody could read anyway gets its lines back.
        let broken = format!("{after}nonsense\n");
        let given = back(&broken, "id-1", &[]).unwrap();
        assert_eq!(given.as_slice(), b"[profile a]\nrole_arn = x\nnonsense\n");
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
        let told = back(&after, "id-1", &[]);
        assert_eq!(
            told,
            Err(AsideError::NoSecret("aws_secret_access_key".into()))
        );
        let secrets = [("aws_secret_access_key", "s3cret/+=")];
        assert_eq!(
            back(&after, "id-1", &secrets).unwrap().as_slice(),
            text.as_bytes()
        );
    }

    #[test]
    fn a_key_that_was_rotated_meanwhile_comes_back_whole() {
        let halves = [
            ("aws_access_key_id", "AKIA2"),
            ("aws_secret_access_key", "new"),
        ];
        for (before, after) in [
            (
                "  AWS_ACCESS_KEY_ID = AKIA1 \r\n",
                "  AWS_ACCESS_KEY_ID = AKIA2 \r\n",
            ),
            ("aws_access_key_id=AKIA2\n", "aws_access_key_id=AKIA2\n"),
            ("aws_access_key_id =\n", "aws_access_key_id =\n"),
            ("role_arn = AKIA1\n", "role_arn = AKIA1\n"),
            (
                "aws_secret_access_key = (in the vault of Dayfly)\n",
                "aws_secret_access_key = new\n",
            ),
        ] {
            let text = restored(before.as_bytes(), &halves).unwrap();
            assert_eq!(String::from_utf8_lossy(&text), after);
        }
    }
}
