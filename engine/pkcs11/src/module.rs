//! What is done with a module, in the process that loads it.

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::TokenInfo;
use cryptoki::types::AuthPin;
use data_encoding::{BASE64, HEXLOWER};
use sha2::{Digest as _, Sha256};

use crate::answer::{Answer, Problem, Request, Work};
use crate::uri::Uri;

/// DER of `DigestInfo` for SHA-256, up to the digest (RFC 8017, 9.2, note 1).
const DIGEST_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

/// A token that fits.
struct Token {
    session: Session,
    info: TokenInfo,
}

pub(crate) fn answer(request: &Request) -> Result<Answer, Problem> {
    let uri = Uri::parse(&request.uri).map_err(|e| Problem::Failed(e.to_string()))?;
    let loading = |error: Error| Problem::Module(said(&error));
    let module = Pkcs11::new(&request.module).map_err(loading)?;
    let arguments = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
    module.initialize(arguments).map_err(loading)?;
    let tokens = tokens(&module, &uri)?;
    match &request.work {
        Work::Certificate => certificate(&tokens, &uri, request.pin.as_deref()),
        Work::Sign(message) => sign(&tokens, &uri, request.pin.as_deref(), message.as_bytes()),
    }
}

fn tokens(module: &Pkcs11, uri: &Uri) -> Result<Vec<Token>, Problem> {
    let mut found = Vec::new();
    for slot in module.get_slots_with_token().map_err(failed)? {
        // One that was taken out meanwhile is none.
        let Ok(info) = module.get_token_info(slot) else {
            continue;
        };
        let fits = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|w| w == is);
        if info.token_initialized()
            && fits(&uri.token, info.label())
            && fits(&uri.manufacturer, info.manufacturer_id())
            && fits(&uri.model, info.model())
            && fits(&uri.serial, info.serial_number())
        {
            let session = module.open_ro_session(slot).map_err(failed)?;
            found.push(Token { session, info });
        }
    }
    match found.is_empty() {
        true => Err(Problem::NoToken),
        false => Ok(found),
    }
}

fn certificate(tokens: &[Token], uri: &Uri, pin: Option<&str>) -> Result<Answer, Problem> {
    let what = "certificate";
    let mut found = certificates(tokens, uri)?;
    if found.is_empty()
        && let [token] = tokens
        && pin.is_some()
    {
        // Some tokens show nothing to somebody who is not logged in.
        token.login(pin)?;
        found = certificates(tokens, uri)?;
    }
    match found.as_slice() {
        [] => Err(Problem::NoObject(what.to_owned())),
        [one] => Ok(Answer::Certificate(BASE64.encode(one))),
        _ => Err(Problem::Several(what.to_owned())),
    }
}

/// The certificates that fit, each once.
fn certificates(tokens: &[Token], uri: &Uri) -> Result<Vec<Vec<u8>>, Problem> {
    let mut found = Vec::new();
    for token in tokens {
        for object in token.objects(ObjectClass::CERTIFICATE, uri)? {
            let attributes = token
                .session
                .get_attributes(object, &[AttributeType::Value]);
            for attribute in attributes.map_err(failed)? {
                if let Attribute::Value(der) = attribute
                    && !found.contains(&der)
                {
                    found.push(der);
                }
            }
        }
    }
    Ok(found)
}

fn sign(tokens: &[Token], uri: &Uri, pin: Option<&str>, message: &[u8]) -> Result<Answer, Problem> {
    let what = "private key";
    // A PIN is shown to one token alone.
    let [token] = tokens else {
        return Err(Problem::Several("token".to_owned()));
    };
    token.login(pin)?;
    let keys = token.objects(ObjectClass::PRIVATE_KEY, uri)?;
    let key = match keys.as_slice() {
        [] => return Err(Problem::NoObject(what.to_owned())),
        [one] => *one,
        _ => return Err(Problem::Several(what.to_owned())),
    };
    let wanted = [AttributeType::KeyType, AttributeType::AlwaysAuthenticate];
    let attributes = token.session.get_attributes(key, &wanted).map_err(failed)?;
    let is = |wanted: KeyType| attributes.contains(&Attribute::KeyType(wanted));
    let always = attributes.contains(&Attribute::AlwaysAuthenticate(true));
    let signature = if is(KeyType::RSA) {
        let digest = [&DIGEST_INFO[..], &Sha256::digest(message)].concat();
        token.made(
            key,
            always,
            pin,
            message,
            [Mechanism::RsaPkcs, Mechanism::Sha256RsaPkcs],
            &digest,
        )?
    } else if is(KeyType::EC) {
        let digest = Sha256::digest(message);
        let made = token.made(
            key,
            always,
            pin,
            message,
            [Mechanism::Ecdsa, Mechanism::EcdsaSha256],
            &digest,
        )?;
        der(&made).ok_or_else(|| Problem::Failed("its signature has an odd length".to_owned()))?
    } else {
        return Err(Problem::Kind);
    };
    Ok(Answer::Signature(HEXLOWER.encode(&signature)))
}

impl Token {
    fn objects(&self, class: ObjectClass, uri: &Uri) -> Result<Vec<ObjectHandle>, Problem> {
        let mut template = vec![Attribute::Class(class)];
        template.extend(uri.id.clone().map(Attribute::Id));
        template.extend(
            uri.object
                .clone()
                .map(|label| Attribute::Label(label.into_bytes())),
        );
        self.session.find_objects(&template).map_err(failed)
    }

    /// Shows the PIN, once and only where it cannot lock the token.
    fn login(&self, pin: Option<&str>) -> Result<(), Problem> {
        if self.info.user_pin_locked() {
            return Err(Problem::Locked);
        }
        if self.info.protected_authentication_path() {
            // The reader has keys of its own.
            return logged_in(self.session.login(UserType::User, None));
        }
        if !self.info.login_required() {
            return Ok(());
        }
        let pin = pin.ok_or(Problem::NeedsPin)?;
        if self.info.user_pin_final_try() {
            return Err(Problem::LastTry);
        }
        let pin = AuthPin::new(pin.into());
        logged_in(self.session.login(UserType::User, Some(&pin)))
    }

    /// A signature over the digest; over the whole message where the token wants to hear the PIN for it again.
    fn made(
        &self,
        key: ObjectHandle,
        always: bool,
        pin: Option<&str>,
        message: &[u8],
        [plain, hashing]: [Mechanism<'_>; 2],
        digest: &[u8],
    ) -> Result<Vec<u8>, Problem> {
        if !always {
            return match self.session.sign(&plain, key, digest) {
                Err(Error::Pkcs11(RvError::MechanismInvalid, _)) => {
                    self.session.sign(&hashing, key, message).map_err(failed)
                }
                made => made.map_err(failed),
            };
        }
        self.session.sign_init(&hashing, key).map_err(failed)?;
        let pin = pin.map(|pin| AuthPin::new(pin.into()));
        logged_in(self.session.login(UserType::ContextSpecific, pin.as_ref()))?;
        self.session.sign_update(message).map_err(failed)?;
        self.session.sign_final().map_err(failed)
    }
}

fn logged_in(ended: Result<(), Error>) -> Result<(), Problem> {
    match ended {
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
        Err(Error::Pkcs11(
            RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange,
            _,
        )) => Err(Problem::WrongPin),
        Err(Error::Pkcs11(RvError::PinLocked, _)) => Err(Problem::Locked),
        Err(other) => Err(failed(other)),
    }
}

fn failed(error: Error) -> Problem {
    Problem::Failed(said(&error))
}

/// What went wrong, by the names that manuals of modules use.
fn said(error: &Error) -> String {
    match error {
        Error::Pkcs11(code, function) => format!("{function:?}: {code:?}"),
        other => other.to_string(),
    }
}

/// The two halves of an EC signature as DER.
fn der(halves: &[u8]) -> Option<Vec<u8>> {
    let half = halves.len() / 2;
    if half == 0 || half > 66 || !halves.len().is_multiple_of(2) {
        return None;
    }
    let (r, s) = halves.split_at(half);
    let numbers = [number(r)?, number(s)?].concat();
    Some([&[0x30], length(numbers.len())?.as_slice(), &numbers].concat())
}

/// A positive number as DER.
fn number(bytes: &[u8]) -> Option<Vec<u8>> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let digits = bytes.get(zeros..)?;
    let sign: &[u8] = match digits.first() {
        Some(first) if *first < 0x80 => &[],
        _ => &[0],
    };
    let count = u8::try_from(sign.len() + digits.len()).ok()?;
    Some([&[0x02, count], sign, digits].concat())
}

fn length(bytes: usize) -> Option<Vec<u8>> {
    let short = u8::try_from(bytes).ok()?;
    Some(match short < 0x80 {
        true => vec![short],
        false => vec![0x81, short],
    })
}

#[cfg(test)]
mod tests {
    use super::der;

    #[test]
    fn halves_become_der() {
        assert_eq!(der(&[1, 2]).unwrap(), [0x30, 6, 2, 1, 1, 2, 1, 2]);
        assert_eq!(
            der(&[0x00, 0x80, 0x00, 0x7f]).unwrap(),
            [0x30, 7, 2, 2, 0, 0x80, 2, 1, 0x7f]
        );
        assert_eq!(der(&[0, 0]).unwrap(), [0x30, 6, 2, 1, 0, 2, 1, 0]);
        let long = der(&[0xff; 132]).unwrap();
        assert_eq!(&long[..3], [0x30, 0x81, 138]);
        assert_eq!((der(&[]), der(&[1])), (None, None));
    }
}
