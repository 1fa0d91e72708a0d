//! `pkcs11:` URIs (RFC 7512): which object of which token is meant.

/// How such a URI begins.
const SCHEME: &str = "pkcs11:";

/// Whether a text means an object of a token, not a file.
#[must_use]
pub fn is_uri(text: &str) -> bool {
    text.starts_with(SCHEME)
}

/// What an object and its token have to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uri {
    /// The token's label.
    pub token: Option<String>,
    /// The token's maker.
    pub manufacturer: Option<String>,
    /// The token's model.
    pub model: Option<String>,
    /// The token's serial number.
    pub serial: Option<String>,
    /// The object's label.
    pub object: Option<String>,
    /// The object's id.
    pub id: Option<Vec<u8>>,
}

/// Why a text is no URI that is used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// It does not begin as such.
    #[error("does not begin with `pkcs11:`")]
    Scheme,
    /// It has a PIN in it, or says where one is.
    #[error("has a PIN in it (`{0}`); store the PIN with `dayfly secret set`")]
    Pin(String),
    /// It has something that is not looked at, and would mean more objects than it says.
    #[error("has `{0}`, which Dayfly does not look at")]
    Unknown(String),
    /// A part of it is no `name=value` with `%` escapes, or comes twice.
    #[error("has a part that cannot be read: `{0}`")]
    Part(String),
    /// It means no object.
    #[error("names no object: it needs `object=LABEL` or `id=%01`")]
    Nothing,
}

impl Uri {
    /// Reads a URI.
    ///
    /// # Errors
    /// It is none, has a PIN in it, or names no object.
    pub fn parse(text: &str) -> Result<Self, UriError> {
        let rest = text.strip_prefix(SCHEME).ok_or(UriError::Scheme)?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        if let Some(part) = query.split('&').find(|part| !part.is_empty()) {
            let name = part.split('=').next().unwrap_or(part);
            return Err(match name.starts_with("pin-") {
                true => UriError::Pin(name.to_owned()),
                false => UriError::Unknown(name.to_owned()),
            });
        }
        let mut this = Self::default();
        for part in path.split(';').filter(|part| !part.is_empty()) {
            this.take(part)?;
        }
        match this.object.is_some() || this.id.is_some() {
            true => Ok(this),
            false => Err(UriError::Nothing),
        }
    }

    fn take(&mut self, part: &str) -> Result<(), UriError> {
        let wrong = || UriError::Part(part.to_owned());
        let (name, value) = part.split_once('=').ok_or_else(wrong)?;
        let bytes = unescaped(value).ok_or_else(wrong)?;
        if name == "id" {
            return match self.id.replace(bytes) {
                None => Ok(()),
                Some(_) => Err(wrong()),
            };
        }
        let text = String::from_utf8(bytes).map_err(|_| wrong())?;
        let place = match name {
            "token" => &mut self.token,
            "manufacturer" => &mut self.manufacturer,
            "model" => &mut self.model,
            "serial" => &mut self.serial,
            "object" => &mut self.object,
            // Certificates and keys have the same URI but for it.
            "type" => return Ok(()),
            other => return Err(UriError::Unknown(other.to_owned())),
        };
        match place.replace(text) {
            None => Ok(()),
            Some(_) => Err(wrong()),
        }
    }
}

/// The bytes of a value with `%` escapes.
fn unescaped(value: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_meant_by_what_the_uri_says() {
        let uri = Uri::parse("pkcs11:token=My%20token;id=%01%aB;object=web;type=private").unwrap();
        assert_eq!(uri.token.as_deref(), Some("My token"));
        assert_eq!(uri.id.as_deref(), Some(&[1, 0xab][..]));
        assert_eq!(uri.object.as_deref(), Some("web"));
    }

    #[test]
    fn what_is_not_looked_at_is_refused() {
        for (text, told) in [
            ("file:x", "does not begin"),
            ("pkcs11:token=a", "names no object"),
            ("pkcs11:", "names no object"),
            ("pkcs11:object=a?pin-value=1234", "store the PIN"),
            ("pkcs11:object=a?pin-source=file:/x", "store the PIN"),
            ("pkcs11:object=a?module-path=/x", "module-path"),
            ("pkcs11:object=a;slot-id=1", "slot-id"),
            ("pkcs11:object=a;object=b", "cannot be read"),
            ("pkcs11:object=%4", "cannot be read"),
            ("pkcs11:object=%zz", "cannot be read"),
            ("pkcs11:object=%ff", "cannot be read"),
            ("pkcs11:object", "cannot be read"),
        ] {
            let error = Uri::parse(text).unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
            assert!(!error.contains("1234"), "{error}");
        }
    }
}
