//! Names that nobody has used before, written as the AWS CLI writes them.

/// Random bytes as a UUID of version 4.
pub(super) fn uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = data_encoding::HEXLOWER.encode(&bytes);
    let pieces = [0..8, 8..12, 12..16, 16..20, 20..32].map(|at| hex.get(at).unwrap_or_default());
    pieces.join("-")
}

#[cfg(test)]
mod tests {
    use super::uuid;

    #[test]
    fn it_has_the_form_of_version_4() {
        assert_eq!(uuid([0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(uuid([0; 16]), "00000000-0000-4000-8000-000000000000");
    }
}
