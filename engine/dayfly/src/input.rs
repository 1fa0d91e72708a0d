//! The standard input, where it brings a secret.

use std::io;
use std::os::fd::AsFd;

use dayfly_vault::SecretString;
use zeroize::Zeroizing;

/// Bytes that are asked for at once.
const CHUNK: usize = 4_096;

/// What comes on the standard input, up to its end or to so many bytes. The buffer that the standard
/// library has for it lives as long as the process, and is gone around.
pub(crate) fn secret(limit: usize) -> io::Result<SecretString> {
    read(io::stdin(), limit)
}

fn read(input: impl AsFd, limit: usize) -> io::Result<SecretString> {
    // Room for all of it at once: a text that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit));
    let mut chunk = Zeroizing::new([0; CHUNK]);
    while bytes.len() < limit {
        let room = CHUNK.min(limit - bytes.len());
        match rustix::io::read(&input, &mut chunk[..room]) {
            Ok(0) => break,
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
            Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
    let text = std::str::from_utf8(&bytes);
    let text = text.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))?;
    Ok(SecretString::copy_of(text))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn an_input_is_read_to_its_end_or_to_its_bound() {
        let long = "ä".repeat(5_000);
        for (sent, limit, got) in [
            ("", 64, ""),
            ("one\ntwo\n", 64, "one\ntwo\n"),
            ("one\ntwo\n", 3, "one"),
            (&long, 10_000, &long),
        ] {
            let (reader, mut writer) = io::pipe().unwrap();
            writer.write_all(sent.as_bytes()).unwrap();
            drop(writer);
            assert_eq!(read(reader, limit).unwrap().expose(), got);
        }
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"\xff").unwrap();
        drop(writer);
        assert!(read(reader, 64).is_err());
    }
}
