//! What keeps a shared file from being read, and where it stands.

use std::fmt;

/// One thing that keeps a file from being read. Shows no value, and no key that may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// The byte of the line, from 1.
    pub byte: usize,
    /// What it is.
    pub what: What,
}

/// Kinds of faults. But for [`What::Nul`] botocore refuses each of them, and with it the AWS CLI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// UTF-16 or UTF-32, by the byte order mark.
    Wide,
    /// UTF-8 behind a byte order mark, which is taken for a part of the first line.
    ByteOrderMark,
    /// This byte is not part of a UTF-8 text.
    NotUtf8(u8),
    /// A NUL: UTF-16 without a mark, or no text at all.
    Nul,
    /// A key, or anything else, before the first section.
    NoSection,
    /// A line that has no `=`.
    NoSign,
    /// A line that begins with `=`.
    NoName,
    /// A key that its section has already; capitals and small letters are the same.
    KeyTwice {
        /// The key, where it can be shown.
        key: Option<String>,
        /// The line of the first one.
        first: usize,
    },
    /// A section that the file has already.
    SectionTwice {
        /// Its name.
        name: String,
        /// The line of the first one.
        first: usize,
    },
    /// A line below a key without a value that has no `=`.
    NestedNoSign,
}

impl What {
    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Wide | Self::ByteOrderMark | Self::Nul => {
                "save the file as UTF-8 without a byte order mark"
            }
            Self::NotUtf8(_) => "save the file as UTF-8",
            Self::NoSection => "move it below a section, such as [default], or remove it",
            Self::NoSign | Self::NoName => {
                "write it as `key = value`, put `#` before it, or remove it"
            }
            Self::KeyTwice { .. } => "remove the wrong one",
            Self::SectionTwice { .. } => "merge the two sections",
            Self::NestedNoSign => {
                "write the value after the `=` of the key above, or `key = value` here"
            }
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wide => f.write_str("the file is UTF-16 or UTF-32, which no AWS client reads"),
            Self::ByteOrderMark => {
                f.write_str("the file begins with a byte order mark, which the AWS CLI refuses")
            }
            Self::NotUtf8(byte) => write!(f, "the byte 0x{byte:02x} is not UTF-8"),
            Self::Nul => f.write_str("there is a NUL byte, so this is not text"),
            Self::NoSection => f.write_str("this line is before the first section"),
            Self::NoSign => f.write_str("the line has no `=`"),
            Self::NoName => f.write_str("the line has no key before the `=`"),
            Self::KeyTwice { key, first } => {
                let key = key.as_deref().unwrap_or("a key");
                write!(f, "`{key}` is already in this section, in line {first}")
            }
            Self::SectionTwice { name, first } => {
                write!(
                    f,
                    "the section [{name}] is already in the file, in line {first}"
                )
            }
            Self::NestedNoSign => f.write_str(
                "the line has no `=`, and the key above, to which it belongs, has no value",
            ),
        }
    }
}

/// `line 3, byte 5: WHAT`.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, byte {}: {}", self.line, self.byte, self.what)
    }
}

/// All that keeps a file from being read, in the order of the lines; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.first())]
pub struct Faults(pub(crate) Fault, pub(crate) Vec<Fault>);

impl Faults {
    /// The first one.
    #[must_use]
    pub const fn first(&self) -> &Fault {
        &self.0
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Fault> {
        std::iter::once(&self.0).chain(&self.1)
    }

    /// The faults that were found; none where there is none.
    pub(crate) fn of(mut found: Vec<Fault>) -> Option<Self> {
        found.sort_by_key(|fault| (fault.line, fault.byte));
        let mut found = found.into_iter();
        let first = found.next()?;
        Some(Self(first, found.collect()))
    }
}
