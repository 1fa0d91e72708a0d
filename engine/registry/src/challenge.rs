//! What a registry asks for before it lets anybody in.
//!
//! Source: RFC 9110, 11.6.1 (`WWW-Authenticate`); Docker Registry, "Token authentication".

/// How one shows who one is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// With user and password.
    Basic,
    /// With a token that is had elsewhere.
    Bearer {
        /// Where.
        realm: String,
        /// For whom.
        service: Option<String>,
    },
}

impl Challenge {
    /// The challenge in a header; none that is understood.
    pub(crate) fn parse(header: &str) -> Option<Self> {
        let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let (mut realm, mut service) = (None, None);
        for (name, value) in parameters(rest)? {
            match name.to_ascii_lowercase().as_str() {
                "realm" => realm = Some(value),
                "service" => service = Some(value),
                _ => {}
            }
        }
        realm.map(|realm| Self::Bearer { realm, service })
    }
}

/// `name="value", name=value` …
fn parameters(mut text: &str) -> Option<Vec<(&str, String)>> {
    let mut found = Vec::new();
    loop {
        text = text.trim_start_matches([' ', ',']);
        if text.is_empty() {
            return Some(found);
        }
        let (name, rest) = text.split_once('=')?;
        let mut value = String::new();
        match rest.strip_prefix('"') {
            Some(quoted) => {
                let mut letters = quoted.char_indices();
                loop {
                    match letters.next()? {
                        (_, '\\') => value.push(letters.next()?.1),
                        (at, '"') => {
                            text = &quoted[at + 1..];
                            break;
                        }
                        (_, letter) => value.push(letter),
                    }
                }
            }
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                value.push_str(rest[..end].trim());
                text = &rest[end..];
            }
        }
        found.push((name.trim(), value));
    }
}

#[cfg(test)]
mod tests {
    use super::Challenge;

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        let bearer = |realm: &str, service: Option<&str>| {
            Some(Challenge::Bearer {
                realm: realm.to_owned(),
                service: service.map(str::to_owned),
            })
        };
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#;
        for (header, wanted) in [
            (
                hub,
                bearer("https://auth.docker.io/token", Some("registry.docker.io")),
            ),
            (
                r#"bearer realm="https://a/\"x\"""#,
                bearer("https://a/\"x\"", None),
            ),
            (
                "Bearer realm=https://a/t, service=b",
                bearer("https://a/t", Some("b")),
            ),
            (r#"Basic realm="team""#, Some(Challenge::Basic)),
            ("basic", Some(Challenge::Basic)),
            ("Bearer service=\"b\"", None),
            ("Bearer realm=\"https://a", None),
            ("Bearer nonsense", None),
            ("Negotiate", None),
            ("", None),
        ] {
            assert_eq!(Challenge::parse(header), wanted, "{header}");
        }
    }
}
