//! What a SAML response says that AWS is to be shown.
//!
//! Sources: SAML 2.0 Core, sections 2.3 to 2.7 and 3.2; AWS IAM User Guide, "Configure SAML
//! assertions for the authentication response" (the attributes) and AWS STS API reference,
//! `AssumeRoleWithSAML` (4 to 100,000 characters of base64). Whether it is signed, and by whom, AWS
//! judges.

use std::collections::BTreeSet;
use std::fmt;

use aws_smithy_types::date_time::{DateTime, Format};
use data_encoding::{BASE64, Specification};
use dayfly_core::time::Timestamp;
use dayfly_vault::SecretString;
use roxmltree::{Document, Node, ParsingOptions};
use zeroize::Zeroizing;

/// The longest assertion that AWS takes, in characters of base64.
const LENGTH: usize = 100_000;
/// The most elements, attributes and texts that are looked at.
const NODES: u32 = 20_000;
/// The most roles that are looked at.
const ROLES: usize = 2_000;
/// The most of an IdP's own words that is shown, in characters.
const WORDS: usize = 200;

const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";
const ROLE: &str = "https://aws.amazon.com/SAML/Attributes/Role";
const DURATION: &str = "https://aws.amazon.com/SAML/Attributes/SessionDuration";
/// Bounds of `SessionDuration`, in seconds.
const DURATIONS: std::ops::RangeInclusive<u32> = 900..=43_200;

/// A role that an assertion lets its bearer assume.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OfferedRole {
    /// ARN of the role.
    pub role: String,
    /// ARN of the SAML provider that vouches for it.
    pub principal: String,
}

/// A SAML response, and what of it matters here. Its `Debug` text has nothing of it.
#[derive(Clone)]
pub struct Assertion {
    text: SecretString,
    /// The roles that it offers; none where it is encrypted for AWS alone.
    roles: Option<Vec<OfferedRole>>,
    /// When it begins to be good.
    not_before: Option<Timestamp>,
    /// When it ends.
    not_on_or_after: Option<Timestamp>,
    /// The lifetime that the IdP wishes for the credentials, in seconds.
    session_duration: Option<u32>,
    /// Whether it says that it answers a request.
    in_response: bool,
}

impl fmt::Debug for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Why a text is no assertion that AWS could be shown. Holds nothing of it but an IdP's status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// It is too long.
    #[error("it is longer than the {LENGTH} characters that AWS accepts")]
    TooLong,
    /// It is not base64.
    #[error("it is not the base64 text of a SAMLResponse")]
    NotBase64,
    /// It is not XML, or XML that nobody should read.
    #[error("its content is not XML ({0})")]
    NotXml(&'static str),
    /// It is something else.
    #[error("its content is not a SAML 2.0 response")]
    NotSaml,
    /// The IdP refused.
    #[error("the identity provider refused: {0}")]
    Refused(String),
    /// It is not for AWS.
    #[error("it has no attribute {ROLE}: set the application up for AWS at the identity provider")]
    NoRoles,
}

/// Why an assertion does not let its bearer assume a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// Its time is over, by so many seconds.
    Ended(u64),
    /// Its time has not come, for so many seconds.
    Early(u64),
    /// It offers other roles.
    NotOffered(Vec<String>),
}

impl Assertion {
    /// Reads a `SAMLResponse`, as a form or a program gives it.
    ///
    /// # Errors
    /// [`AssertionError`].
    pub fn parse(text: &SecretString) -> Result<Self, AssertionError> {
        let mut plain = Zeroizing::new(String::with_capacity(text.expose().len()));
        // Some programs print it in lines.
        plain.extend(text.expose().chars().filter(|c| !c.is_ascii_whitespace()));
        if plain.len() > LENGTH {
            return Err(AssertionError::TooLong);
        }
        let xml = BASE64.decode(plain.as_bytes()).map(Zeroizing::new);
        let xml = match xml {
            Ok(xml) => xml,
            Err(_) => unpadded(&plain).ok_or(AssertionError::NotBase64)?,
        };
        let xml = std::str::from_utf8(&xml).map_err(|_| AssertionError::NotXml("no text"))?;
        let options = ParsingOptions {
            // No document type, so there is no entity that could grow or point elsewhere.
            allow_dtd: false,
            nodes_limit: NODES,
            ..ParsingOptions::default()
        };
        let document = Document::parse_with_options(xml, options).map_err(|e| {
            // What the parser says could quote the text.
            AssertionError::NotXml(match e {
                roxmltree::Error::DtdDetected => "it has a document type",
                roxmltree::Error::NodesLimitReached => "it is too large",
                _ => "it is damaged",
            })
        })?;
        let mut this = Self::of(document.root_element())?;
        this.text = SecretString::from(std::mem::take(&mut *plain));
        Ok(this)
    }

    fn of(response: Node<'_, '_>) -> Result<Self, AssertionError> {
        if !is(response, PROTOCOL, "Response") {
            return Err(AssertionError::NotSaml);
        }
        let status = child(response, PROTOCOL, "Status").ok_or(AssertionError::NotSaml)?;
        refused(status)?;
        let encrypted = child(response, ASSERTION, "EncryptedAssertion").is_some();
        let assertion = child(response, ASSERTION, "Assertion");
        let Some(assertion) = assertion else {
            return match encrypted {
                true => Ok(Self {
                    in_response: answers(response),
                    ..Self::blank()
                }),
                false => Err(AssertionError::NotSaml),
            };
        };
        let mut this = Self::blank();
        let conditions = child(assertion, ASSERTION, "Conditions");
        let subjects = assertion
            .descendants()
            .filter(|node| is(*node, ASSERTION, "SubjectConfirmationData"));
        let limits = |name: &'static str| {
            let bounded = conditions.into_iter().chain(subjects.clone());
            bounded.filter_map(move |node| moment(node.attribute(name)?))
        };
        this.in_response = answers(response) || subjects.clone().any(answers);
        this.not_on_or_after = limits("NotOnOrAfter").min();
        this.not_before = limits("NotBefore").max();
        let mut roles = BTreeSet::new();
        for attribute in assertion
            .descendants()
            .filter(|node| is(*node, ASSERTION, "Attribute"))
        {
            let values = attribute
                .children()
                .filter(|node| is(*node, ASSERTION, "AttributeValue"))
                .filter_map(|node| node.text());
            match attribute.attribute("Name") {
                Some(ROLE) => roles.extend(values.take(ROLES).filter_map(role)),
                Some(DURATION) => {
                    let seconds = values.filter_map(|text| text.trim().parse().ok());
                    this.session_duration = seconds.filter(|s| DURATIONS.contains(s)).min();
                }
                _ => {}
            }
        }
        if roles.is_empty() {
            return Err(AssertionError::NoRoles);
        }
        this.roles = Some(roles.into_iter().collect());
        Ok(this)
    }

    fn blank() -> Self {
        Self {
            text: SecretString::from(String::new()),
            roles: None,
            not_before: None,
            not_on_or_after: None,
            session_duration: None,
            in_response: false,
        }
    }

    /// The base64 text.
    #[must_use]
    pub fn text(&self) -> &SecretString {
        &self.text
    }

    /// The lifetime that the IdP wishes for the credentials, in seconds.
    #[must_use]
    pub fn session_duration(&self) -> Option<u32> {
        self.session_duration
    }

    /// Whether it says that it answers a request for one. Source: SAML 2.0 Profiles, 4.1.5: one that
    /// nobody asked the IdP for says no such thing.
    #[must_use]
    pub const fn is_in_response(&self) -> bool {
        self.in_response
    }

    /// When it ends.
    #[must_use]
    pub fn not_on_or_after(&self) -> Option<Timestamp> {
        self.not_on_or_after
    }

    /// The roles that it offers; none where it is encrypted for AWS alone.
    #[must_use]
    pub fn roles(&self) -> Option<&[OfferedRole]> {
        self.roles.as_deref()
    }

    /// The SAML provider that vouches for a role; where there are several, `usual` if it is one
    /// of them.
    pub(crate) fn principal<'a>(
        &'a self,
        role: &str,
        usual: &'a str,
        now: Timestamp,
    ) -> Result<&'a str, Unfit> {
        if let Some(end) = self.not_on_or_after.filter(|end| *end <= now) {
            return Err(Unfit::Ended(now.since(end).as_secs()));
        }
        if let Some(begin) = self.not_before.filter(|begin| *begin > now) {
            return Err(Unfit::Early(begin.since(now).as_secs().max(1)));
        }
        let Some(roles) = &self.roles else {
            return Ok(usual);
        };
        let mut offered = roles.iter().filter(|offer| offer.role == role);
        let Some(first) = offered.next() else {
            let roles = roles.iter().map(|offer| offer.role.clone());
            return Err(Unfit::NotOffered(roles.collect()));
        };
        let usual_too = first.principal == usual || offered.any(|o| o.principal == usual);
        Ok(if usual_too { usual } else { &first.principal })
    }
}

fn answers(node: Node<'_, '_>) -> bool {
    node.attribute("InResponseTo").is_some()
}

/// Some programs leave the padding out, or write the letters for addresses.
fn unpadded(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut specification = Specification::new();
    specification
        .symbols
        .push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    specification.translate.from.push_str("-_");
    specification.translate.to.push_str("+/");
    specification.check_trailing_bits = false;
    let encoding = specification.encoding().ok()?;
    let decoded = encoding
        .decode(text.trim_end_matches('=').as_bytes())
        .ok()?;
    Some(Zeroizing::new(decoded))
}

fn is(node: Node<'_, '_>, namespace: &str, name: &str) -> bool {
    node.is_element() && node.has_tag_name((namespace, name))
}

fn child<'a, 'i>(node: Node<'a, 'i>, namespace: &str, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|node| is(*node, namespace, name))
}

/// What the IdP says where it does not let the person in.
fn refused(status: Node<'_, '_>) -> Result<(), AssertionError> {
    let codes: Vec<&str> = status
        .descendants()
        .filter(|node| is(*node, PROTOCOL, "StatusCode"))
        .filter_map(|node| node.attribute("Value"))
        .collect();
    if codes.first() == Some(&SUCCESS) {
        return Ok(());
    }
    let code = codes.last().and_then(|code| code.rsplit(':').next());
    let message = child(status, PROTOCOL, "StatusMessage").and_then(|node| node.text());
    let words = [code, message].into_iter().flatten().collect::<Vec<_>>();
    let line = dayfly_core::text::one_line(&words.join(", "), WORDS);
    Err(AssertionError::Refused(line))
}

/// A value of the role attribute: ARN of the role and of the provider, in either order.
fn role(text: &str) -> Option<OfferedRole> {
    let (first, second) = text.trim().split_once(',')?;
    let (first, second) = (first.trim().to_owned(), second.trim().to_owned());
    let is_provider = |arn: &str| arn.contains(":saml-provider/");
    let is_role = |arn: &str| arn.contains(":role/");
    if is_role(&first) && is_provider(&second) {
        Some(OfferedRole {
            role: first,
            principal: second,
        })
    } else if is_provider(&first) && is_role(&second) {
        Some(OfferedRole {
            role: second,
            principal: first,
        })
    } else {
        None
    }
}

fn moment(text: &str) -> Option<Timestamp> {
    let at = DateTime::from_str(text.trim(), Format::DateTimeWithOffset).ok()?;
    let millis = u64::try_from(at.to_millis().ok()?).ok()?;
    Some(Timestamp::from_millis(millis))
}

#[cfg(test)]
#[path = "assertion_tests.rs"]
mod tests;
