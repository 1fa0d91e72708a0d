//! The languages that policies can be written in by the commands alone.

use serde::{Deserialize, Serialize};

/// A language with a template and a way to build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Lang {
    /// Small and fast; cargo is enough.
    Rust,
    /// JavaScript on QuickJS, by componentize-qjs of npm.
    Js,
    /// Python by componentize-py of PyPI.
    Python,
    /// C by clang; the smallest.
    C,
}

impl Lang {
    /// Every language.
    #[cfg(test)]
    pub const ALL: [Self; 4] = [Self::Rust, Self::Js, Self::Python, Self::C];

    /// The word of the command line and of `policy.toml`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Js => "js",
            Self::Python => "python",
            Self::C => "c",
        }
    }

    /// The name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Js => "JavaScript",
            Self::Python => "Python",
            Self::C => "C",
        }
    }

    /// The file that the rule of a new project is in.
    pub const fn source(self) -> &'static str {
        match self {
            Self::Rust => "src/lib.rs",
            Self::Js => "policy.js",
            Self::Python => "policy.py",
            Self::C => "policy.c",
        }
    }

    /// What a person does once before the first build.
    pub const fn setup(self) -> &'static str {
        match self {
            Self::Rust => "rustup target add wasm32-unknown-unknown",
            Self::Js => "npm install",
            Self::Python => "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt",
            Self::C => "apt-get install clang-19 lld-19      # or any clang with wasm-ld",
        }
    }

    /// Whether the template takes a configuration.
    pub(crate) const fn configurable(self) -> bool {
        !matches!(self, Self::C)
    }
}
