//! Who gets in: the right path, the right host, the right token. Pure.

use hyper::header::{AUTHORIZATION, HOST};
use hyper::{HeaderMap, Method, StatusCode};

use crate::tokens::Tokens;

/// Whether a request may come in at all, or the status that it gets, and why.
///
/// A page in a browser can send requests to loopback under a name of its own, so the name that
/// the client asked for has to be a name of this machine. What came through a proxy was asked by
/// somebody else.
pub(crate) fn enters(
    headers: &HeaderMap,
    port: u16,
    foreign: bool,
) -> Result<(), (StatusCode, &'static str)> {
    if foreign {
        return Err((
            StatusCode::FORBIDDEN,
            "the request is from another user of this machine",
        ));
    }
    let mut hosts = headers.get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().unwrap_or_default(),
        _ => {
            return Err((
                StatusCode::BAD_REQUEST,
                "the request must have exactly one Host header",
            ));
        }
    };
    let own = ["127.0.0.1", "localhost"];
    if !own.iter().any(|name| host == format!("{name}:{port}")) {
        return Err((StatusCode::FORBIDDEN, "the Host header names another host"));
    }
    // Only browsers say where they come from.
    if ["origin", "sec-fetch-site"]
        .iter()
        .any(|name| headers.contains_key(*name))
    {
        return Err((StatusCode::FORBIDDEN, "the request is from a web page"));
    }
    if ["x-forwarded-for", "forwarded", "via"]
        .iter()
        .any(|name| headers.contains_key(*name))
    {
        return Err((StatusCode::FORBIDDEN, "the request is from a proxy"));
    }
    Ok(())
}

/// The session whose credentials this request may have, or the status that it gets, and why.
pub(crate) fn admit(
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    tokens: &Tokens,
) -> Result<String, (StatusCode, &'static str)> {
    // An unknown session and a wrong token look the same.
    const REFUSED: (StatusCode, &str) = (
        StatusCode::UNAUTHORIZED,
        "the token is missing or wrong for this address",
    );
    if method != Method::GET {
        return Err((StatusCode::METHOD_NOT_ALLOWED, "only GET is supported"));
    }
    let session = path
        .strip_prefix("/creds/")
        .and_then(decoded)
        .ok_or(REFUSED)?;
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let token = match (given.next(), given.next()) {
        (Some(token), None) => token.as_bytes(),
        _ => return Err(REFUSED),
    };
    if tokens.opens(&session, token) {
        Ok(session)
    } else {
        Err(REFUSED)
    }
}

/// The path of a session.
pub(crate) fn path(session: &str) -> String {
    format!("/creds/{}", encoded(session))
}

/// An id as part of a path.
pub(crate) fn encoded(session: &str) -> String {
    let mut path = String::with_capacity(session.len());
    for byte in session.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path += &format!("%{byte:02X}");
        }
    }
    path
}

pub(crate) fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                let digits = std::str::from_utf8(&digits).ok()?;
                u8::from_str_radix(digits, 16).ok()?
            }
            b'/' | b'?' | b'#' => return None,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, String)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn only_the_right_request_gets_in() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::fleeting(folder.path());
        let token = |id| tokens.token(id).unwrap().expose().to_owned();
        let (a, b) = (token("a"), token("b/ü"));
        let ask = |method: Method, path: &str, pairs: &[(&'static str, String)]| {
            let headers = headers(pairs);
            let entered = enters(&headers, 80, false);
            let admitted = entered.and_then(|()| admit(&method, path, &headers, &tokens));
            admitted.map_err(|(status, _)| status.as_u16())
        };
        let host = |name: &str| ("host", name.to_owned());
        let auth = |token: &str| ("authorization", token.to_owned());
        let here = host("127.0.0.1:80");
        assert_eq!(
            ask(Method::GET, "/creds/a", &[here.clone(), auth(&a)]),
            Ok("a".into())
        );
        assert_eq!(
            ask(Method::GET, &path("b/ü"), &[host("localhost:80"), auth(&b)]),
            Ok("b/ü".into())
        );
        for (method, path, pairs, status) in [
            (Method::GET, "/creds/a", vec![here.clone()], 401),
            (Method::GET, "/creds/a", vec![here.clone(), auth(&b)], 401),
            (
                Method::GET,
                "/creds/a",
                vec![here.clone(), auth(&a), auth(&a)],
                401,
            ),
            (
                Method::GET,
                "/creds/none",
                vec![here.clone(), auth(&a)],
                401,
            ),
            (
                Method::GET,
                "/creds/../creds/a",
                vec![here.clone(), auth(&a)],
                401,
            ),
            (Method::GET, "/creds/", vec![here.clone(), auth("")], 401),
            (Method::GET, "/", vec![here.clone(), auth(&a)], 401),
            (Method::GET, "/creds/%zz", vec![here.clone(), auth(&a)], 401),
            (Method::POST, "/creds/a", vec![here.clone(), auth(&a)], 405),
            (
                Method::GET,
                "/creds/a",
                vec![host("evil.example:80"), auth(&a)],
                403,
            ),
            (
                Method::GET,
                "/creds/a",
                vec![host("127.0.0.1"), auth(&a)],
                403,
            ),
            (Method::GET, "/creds/a", vec![auth(&a)], 400),
            (
                Method::GET,
                "/creds/a",
                vec![here.clone(), here.clone(), auth(&a)],
                400,
            ),
            (
                Method::GET,
                "/creds/a",
                vec![here.clone(), auth(&a), ("origin", "http://x".into())],
                403,
            ),
            (
                Method::GET,
                "/creds/a",
                vec![
                    here.clone(),
                    auth(&a),
                    ("x-forwarded-for", "10.0.0.1".into()),
                ],
                403,
            ),
        ] {
            assert_eq!(ask(method, path, &pairs), Err(status), "{path} {pairs:?}");
        }
        let refused = enters(&headers(&[here, auth(&a)]), 80, true);
        assert_eq!(refused.map_err(|(status, _)| status.as_u16()), Err(403));
    }
}
