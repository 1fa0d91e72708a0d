//! A file without some keys of one profile, and otherwise as it was.

use zeroize::Zeroizing;

use crate::file::{AwsFile, Kind};
use crate::ini::{self, Document};
use crate::parse::{self, Section};

/// The text without these keys of a profile, each given in small letters and with its value. Every
/// other byte stays; the profile's header goes too where nothing is left below it.
///
/// None, so that nothing is to be written, unless that is exactly what changes: the profile has each
/// key once, itself, and with that value, and whoever reads the new text as the AWS CLI does finds
/// all the rest as before.
#[must_use]
pub fn without(
    source: &[u8],
    kind: Kind,
    profile: &str,
    keys: &[(&str, &str)],
) -> Option<Zeroizing<Vec<u8>>> {
    let file = AwsFile::read(source, kind).ok()?;
    let section = file.profile(profile)?;
    let held = |(key, value): &(&str, &str)| {
        let found = section.keys.get(*key);
        found.is_some_and(|found| !found.inherited && found.text() == Some(*value))
    };
    if !keys.iter().all(held) {
        return None;
    }
    let names: Vec<&str> = keys.iter().map(|(key, _)| *key).collect();
    let tries = [true, false].into_iter();
    let mut texts = tries.map(|header| stripped(source, &section.name, &names, header));
    let gone = |of: &str, key: &str| of == section.name && names.contains(&key);
    texts.find(|text| is_only_without(file.sections(), text, gone))
}

fn stripped(source: &[u8], name: &str, keys: &[&str], with_header: bool) -> Zeroizing<Vec<u8>> {
    let mut document = Document::parse(source);
    let mut sections = document.sections.iter_mut();
    let section = sections.find(|section| section.name.as_deref() == Some(name.as_bytes()));
    if let Some(section) = section {
        let mut going = false;
        section.lines.retain(|line| {
            going = match line.kind {
                ini::Kind::Continuation => going,
                _ => keys.iter().any(|key| line.is_key(key)),
            };
            !going
        });
        let left = |kind: &ini::Kind| !matches!(kind, ini::Kind::Header | ini::Kind::Blank);
        if with_header && !section.lines.iter().any(|line| left(&line.kind)) {
            section.lines.retain(|line| line.kind != ini::Kind::Header);
        }
    }
    document.render()
}

/// Whether a text reads as the sections do, but for the keys that are gone from some of them.
pub(crate) fn is_only_without(
    before: &[Section],
    text: &[u8],
    gone: impl Fn(&str, &str) -> bool,
) -> bool {
    let Ok(after) = parse::raw(text) else {
        return false;
    };
    let mut after = after.iter().peekable();
    for old in before {
        let left = || old.keys.iter().filter(|(name, _)| !gone(&old.name, name));
        let any_gone = left().count() < old.keys.len();
        let own = left().any(|(_, key)| !key.inherited);
        let Some(new) = after.next_if(|new| new.name == old.name) else {
            if any_gone && !own {
                continue;
            }
            return false;
        };
        let same = new.keys.len() == left().count()
            && left().all(|(name, old)| {
                let new = new.keys.get(name);
                new.is_some_and(|new| new.value == old.value && new.inherited == old.inherited)
            });
        if !same {
            return false;
        }
    }
    after.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [(&str, &str); 2] = [
        ("aws_access_key_id", "AKIA1"),
        ("aws_secret_access_key", "s"),
    ];

    fn taken(text: &str, kind: Kind, profile: &str) -> Option<String> {
        let text = without(text.as_bytes(), kind, profile, &KEY)?;
        Some(String::from_utf8(text.to_vec()).unwrap())
    }

    fn from_credentials(text: &str) -> Option<String> {
        taken(text, Kind::Credentials, "a")
    }

    #[test]
    fn only_the_key_goes() {
        let text = "# mine\n[a]\naws_access_key_id=AKIA1\nregion = x\r\n; note\n\
                    aws_secret_access_key : s\n\n[b]\nx = 1\n";
        let wanted = "# mine\n[a]\nregion = x\r\n; note\n\n[b]\nx = 1\n";
        assert_eq!(from_credentials(text).as_deref(), Some(wanted));
        let text = "[a]\nAWS_ACCESS_KEY_ID = AKIA1\naws_secret_access_key = s\n\n[b]\nx = 1";
        assert_eq!(from_credentials(text).as_deref(), Some("\n[b]\nx = 1"));
        let text = "[profile \"my acct\"]\n  aws_access_key_id = AKIA1\n  \
                    aws_secret_access_key = s\n  region = x\n";
        let left = taken(text, Kind::Config, "my acct");
        assert_eq!(
            left.as_deref(),
            Some("[profile \"my acct\"]\n  region = x\n")
        );
    }

    #[test]
    fn nothing_goes_but_what_is_meant() {
        let pair = "aws_access_key_id = AKIA1\naws_secret_access_key = s\n";
        for text in [
            // Another key, one that stands there twice, one of another spelling, none.
            "[a]\naws_access_key_id = AKIA2\naws_secret_access_key = s\n".to_owned(),
            format!("[a]\naws_access_key_id = AKIA0\n{pair}"),
            format!("[a]\n{pair}AWS_SECRET_ACCESS_KEY = t\n"),
            "[a]\naws_access_key_id = AKIA1\n".to_owned(),
            format!("[a]\n{pair}[a]\nregion = x\n"),
            format!("[ a ]\n{pair}"),
            // The value goes on below.
            format!("[a]\n{pair}\n  more\n"),
            // All profiles have it, or would have another one in its place.
            format!("[DEFAULT]\n{pair}[a]\nregion = x\n"),
            format!("[a]\n{pair}region = x\n[DEFAULT]\naws_access_key_id = AKIA0\n"),
            // Nobody can read it.
            format!("[a]\n{pair}nonsense\n"),
            format!("\u{feff}[a]\n{pair}"),
        ] {
            assert_eq!(from_credentials(&text), None, "{text}");
        }
    }

    #[test]
    fn a_header_stays_where_the_next_section_needs_it() {
        let text = "[x]\nk = v\n[a]\naws_access_key_id = AKIA1\naws_secret_access_key = s\n";
        let indented = format!("{}\n  [b]\n  x = 1\n", text.replace("\naws_", "\n  aws_"));
        let left = from_credentials(&indented);
        assert_eq!(left.as_deref(), Some("[x]\nk = v\n[a]\n\n  [b]\n  x = 1\n"));
    }
}
