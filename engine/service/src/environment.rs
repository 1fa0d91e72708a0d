//! Variables that a service has from the shell that installs it: a service manager starts programs with hardly any.

/// What the engine and the programs that it runs go by: where programs are, how the network is reached, and where files
/// of clouds are. None of them is a secret.
const NAMES: [&str; 21] = [
    "PATH",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CA_BUNDLE",
    "AZURE_CONFIG_DIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
    "PASSWORD_STORE_DIR",
    "GNUPGHOME",
    "TZ",
    "LANG",
];

/// The variables of this process that a service takes over. An address of a proxy that holds a password is left out and
/// named in the second list: a unit can be read by others.
#[must_use]
pub fn taken_over() -> (Vec<(String, String)>, Vec<String>) {
    let set = NAMES.into_iter().filter_map(|name| {
        let value = std::env::var(name).ok().filter(|value| !value.is_empty())?;
        Some((name.to_owned(), value))
    });
    let (secret, plain): (Vec<_>, Vec<_>) = set.partition(|(_, value)| has_password(value));
    (plain, secret.into_iter().map(|(name, _)| name).collect())
}

/// Whether this is an address with a user's password in it.
///
/// Source: RFC 3986, 3.2.1: user information stands before `@` in the authority.
fn has_password(value: &str) -> bool {
    let authority = value.split_once("://").map(|(_, rest)| rest);
    let authority = authority.and_then(|rest| rest.split(['/', '?', '#']).next());
    authority.is_some_and(|authority| authority.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_password_is_known() {
        for (value, secret) in [
            ("http://user:word@proxy:3128", true),
            ("http://user@proxy:3128/", true),
            ("http://proxy:3128/@", false),
            ("proxy:3128", false),
            ("/usr/bin:/home/a@b/bin", false),
        ] {
            assert_eq!(has_password(value), secret, "{value}");
        }
    }
}
