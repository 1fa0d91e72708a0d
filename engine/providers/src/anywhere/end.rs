//! Whether a certificate counts now, and how long it still does.

use std::time::Duration;

use aws_smithy_types::date_time::{DateTime, Format};
use dayfly_core::session::{Access, RolesAnywhere, Session};
use dayfly_core::time::Timestamp;
use dayfly_x509::Certificate;

use super::identity;
use super::problem::{AnywhereProblem, Field};

/// How long before its end a certificate is told of; a tenth of its lifetime where that is less.
const IN_TIME: Duration = Duration::from_secs(14 * 86_400);

/// The certificate of a session, and when it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateEnd {
    /// Whose certificate it is.
    pub subject: String,
    /// When it ends.
    pub end: Timestamp,
    /// Whether it is time to renew it.
    pub soon: bool,
    /// Whether it has ended.
    pub over: bool,
}

/// What the file of a session's certificate says of its end; none where the session has no such file.
///
/// A certificate in a token or in a file with a passphrase is not looked at.
///
/// # Errors
/// The file cannot be used.
pub fn certificate_end(
    session: &Session,
    now: Timestamp,
) -> Result<Option<CertificateEnd>, AnywhereProblem> {
    let Access::AwsRolesAnywhere { anywhere, .. } = &session.access else {
        return Ok(None);
    };
    let Some(certificate) = in_file(anywhere)? else {
        return Ok(None);
    };
    let end = moment(certificate.not_after());
    Ok(Some(CertificateEnd {
        subject: certificate.subject().to_owned(),
        end,
        soon: is_soon(&certificate, now),
        over: end <= now,
    }))
}

fn in_file(anywhere: &RolesAnywhere) -> Result<Option<Certificate>, AnywhereProblem> {
    if dayfly_pkcs11::is_uri(&anywhere.certificate) {
        return Ok(None);
    }
    let bytes = identity::read(Field::Certificate, &anywhere.certificate, false)?;
    if dayfly_x509::Bundle::is_one(&bytes) {
        return Ok(None);
    }
    let found = dayfly_x509::certificates(&bytes);
    let found = found.map_err(|problem| Field::Certificate.of_content(anywhere, problem))?;
    Ok(found.into_iter().next())
}

/// Seconds since 1970 as the moment that they are.
const fn moment(seconds: u64) -> Timestamp {
    Timestamp::from_millis(seconds.saturating_mul(1_000))
}

/// A moment in UTC.
fn shown(at: Timestamp) -> String {
    let seconds = i64::try_from(at.as_millis() / 1_000).unwrap_or(i64::MAX);
    let text = DateTime::from_secs(seconds).fmt(Format::DateTime);
    text.unwrap_or_else(|_| format!("second {seconds} of 1970"))
}

/// Whether the service could take the certificate now; its end.
pub(super) fn check(
    certificate: &Certificate,
    now: Timestamp,
) -> Result<Timestamp, AnywhereProblem> {
    let subject = || certificate.subject().to_owned();
    let (from, end) = (
        moment(certificate.not_before()),
        moment(certificate.not_after()),
    );
    let no_entity = |why| AnywhereProblem::NoEntity {
        subject: subject(),
        why,
    };
    if now < from {
        return Err(AnywhereProblem::NotYet {
            subject: subject(),
            from: shown(from),
        });
    }
    if end <= now {
        return Err(AnywhereProblem::Ended {
            subject: subject(),
            end: shown(end),
        });
    }
    // Source: IAM Roles Anywhere user guide, "Signature verification": end entity certificates.
    if certificate.is_authority() {
        return Err(no_entity("is that of an authority"));
    }
    if !certificate.may_sign() {
        return Err(no_entity("does not allow digital signatures"));
    }
    Ok(end)
}

/// Whether it is time to renew the certificate.
fn is_soon(certificate: &Certificate, now: Timestamp) -> bool {
    let (from, end) = (
        moment(certificate.not_before()),
        moment(certificate.not_after()),
    );
    end.since(now) < IN_TIME.min(end.since(from) / 10)
}

/// Tells the log of a certificate that ends soon.
pub(super) fn warn(session: &str, certificate: &Certificate, now: Timestamp) {
    if is_soon(certificate, now) {
        tracing::warn!(
            session,
            end = shown(moment(certificate.not_after())),
            "the certificate of this session ends soon, and its credentials with it"
        );
    }
}
