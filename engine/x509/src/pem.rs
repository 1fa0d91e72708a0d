//! PEM: sections of base64 between lines that name them (RFC 7468), with whatever text around them.

use data_encoding::BASE64;
use zeroize::Zeroizing;

use crate::problem::Problem;

/// One section.
pub(crate) struct Section {
    /// What it says it is: `CERTIFICATE`.
    pub(crate) label: String,
    pub(crate) der: Zeroizing<Vec<u8>>,
}

/// The most sections of one file.
const SECTIONS: usize = 64;

/// Whether bytes are PEM at all.
pub(crate) fn is_pem(bytes: &[u8]) -> bool {
    let begin = b"-----BEGIN ";
    bytes.windows(begin.len()).any(|at| at == begin)
}

/// The sections of a file in their order.
pub(crate) fn sections(bytes: &[u8]) -> Result<Vec<Section>, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|_| Problem::Damaged("text"))?;
    let mut found = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        let Some(label) = line
            .strip_prefix("-----BEGIN ")
            .and_then(|rest| rest.strip_suffix("-----"))
        else {
            continue;
        };
        if found.len() >= SECTIONS {
            return Err(Problem::Damaged("text"));
        }
        let end = format!("-----END {label}-----");
        // Room for all of it at once: a vector that grows leaves copies behind.
        let mut inner = Zeroizing::new(String::with_capacity(text.len()));
        let mut closed = false;
        for line in lines.by_ref() {
            if line == end {
                closed = true;
                break;
            }
            if line.contains(':') {
                return Err(Problem::Unsupported {
                    what: "private key",
                    kind: "encrypted in the way of old versions of OpenSSL".to_owned(),
                    why: "protects it badly; write it anew with `openssl pkcs8 -topk8`",
                });
            }
            inner.push_str(line);
        }
        let der = BASE64.decode(inner.as_bytes());
        let (true, Ok(der)) = (closed, der) else {
            return Err(Problem::Damaged("text"));
        };
        found.push(Section {
            label: label.to_owned(),
            der: Zeroizing::new(der),
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_found_between_other_text() {
        let text = b"subject=/CN=a\r\n-----BEGIN A B-----\r\nAQID\r\n-----END A B-----\n\n\
            -----BEGIN C-----\nBA==\n-----END C-----";
        let found = sections(text).unwrap();
        let seen: Vec<(&str, &[u8])> = found
            .iter()
            .map(|s| (s.label.as_str(), s.der.as_slice()))
            .collect();
        assert_eq!(seen, [("A B", &[1, 2, 3][..]), ("C", &[4][..])]);
    }

    #[test]
    fn what_is_cut_or_no_base64_is_told() {
        for text in [
            "-----BEGIN A-----\nAQID\n",
            "-----BEGIN A-----\nAQ!D\n-----END A-----",
            "-----BEGIN A-----\nAQID\n-----END B-----",
            "-----BEGIN A-----\nAQI\n-----END A-----",
        ] {
            assert_eq!(
                sections(text.as_bytes()).err(),
                Some(Problem::Damaged("text")),
                "{text}"
            );
        }
        let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAQID\n-----END RSA PRIVATE KEY-----";
        assert!(matches!(
            sections(old.as_bytes()),
            Err(Problem::Unsupported { .. })
        ));
        let many = "-----BEGIN A-----\nAQID\n-----END A-----\n".repeat(65);
        assert!(sections(many.as_bytes()).is_err());
    }
}
