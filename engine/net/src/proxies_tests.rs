use super::*;

fn of(set: &[(&str, &str)]) -> Result<Proxies, ProxyError> {
    Proxies::of(|name| {
        let found = set.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

const STS: &str = "https://sts.eu-west-1.amazonaws.com/";

#[test]
fn a_proxy_is_found_as_the_aws_cli_finds_it() {
    for (set, address, wanted) in [
        (vec![], STS, None),
        (vec![("HTTPS_PROXY", "http://p:1")], STS, Some("http://p:1")),
        (vec![("https_proxy", "p:1")], STS, Some("http://p:1")),
        (vec![("HTTPS_PROXY", "//p:1")], STS, Some("http://p:1")),
        (vec![("HTTP_PROXY", "http://p:1")], STS, None),
        (
            vec![("HTTP_PROXY", "http://p:1")],
            "http://a.example",
            Some("http://p:1"),
        ),
        (vec![("ALL_PROXY", "https://p:1")], STS, Some("https://p:1")),
        // The lower-case one counts, and an empty one says that there is none.
        (
            vec![("HTTPS_PROXY", "http://p:1"), ("https_proxy", "http://q:2")],
            STS,
            Some("http://q:2"),
        ),
        (
            vec![("HTTPS_PROXY", "http://p:1"), ("https_proxy", "")],
            STS,
            None,
        ),
        (
            vec![("HTTPS_PROXY", "http://user:canary@p:1")],
            STS,
            Some("http://p:1"),
        ),
        // This machine is never looked for there.
        (
            vec![("ALL_PROXY", "http://p:1")],
            "https://localhost:4566",
            None,
        ),
        (vec![("ALL_PROXY", "http://p:1")], "http://[::1]:4566", None),
    ] {
        let proxies = of(&set).unwrap();
        assert_eq!(proxies.shown(address), wanted, "{set:?} {address}");
        assert!(!format!("{proxies:?}").contains("canary"));
    }
}

#[test]
fn hosts_are_asked_directly_that_no_proxy_names() {
    for (rules, address, direct) in [
        ("amazonaws.com", STS, true),
        (".amazonaws.com", STS, true),
        ("*.amazonaws.com", STS, true),
        ("AmazonAWS.com", STS, true),
        ("a.example, amazonaws.com", STS, true),
        ("azonaws.com", STS, false),
        ("eu-west-1.amazonaws.com:443", STS, true),
        ("amazonaws.com:8443", STS, false),
        ("*", STS, true),
        ("10.0.0.0/8", "https://10.1.2.3", true),
        ("10.0.0.0/8", "https://11.1.2.3", false),
        ("0.0.0.0/0", "https://11.1.2.3", true),
        ("10.1.2.3", "https://10.1.2.3", true),
        ("fd00::/8", "https://[fd00::1]", true),
        ("", STS, false),
    ] {
        let proxies = of(&[("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", rules)]).unwrap();
        assert_eq!(
            proxies.shown(address).is_none(),
            direct,
            "{rules} {address}"
        );
    }
}

#[test]
fn a_proxy_that_cannot_be_used_is_told_without_its_password() {
    for value in [
        "socks5://user:canary@p:1",
        "http://canary canary",
        "http://",
    ] {
        let error = of(&[("HTTPS_PROXY", value)]).unwrap_err();
        assert_eq!(error.variable, "HTTPS_PROXY");
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}
