//! What to tell the author of a component that wants more than the contract has.

/// How a family of languages is built without imports of its own.
struct Family {
    /// What the tools of the family leave in a component.
    marks: &'static [&'static str],
    advice: &'static str,
}

/// Runtimes written in C or Rust carry the marks of these too, so they come last.
const FAMILIES: [Family; 7] = [
    Family {
        marks: &["componentize-py", "libpython3"],
        advice: "Python: build with `componentize-py … componentize --stub-wasi`",
    },
    Family {
        marks: &["componentize-qjs", "QuickJS", "quickjs"],
        advice: "JavaScript on QuickJS: build with \
                 `jco componentize --backend qjs --backend-qjs-disable-async --backend-qjs-stub-wasi`",
    },
    Family {
        marks: &["StarlingMonkey", "componentize-js", "ComponentizeJS"],
        advice: "JavaScript: build with componentize-js and \
                 `disableFeatures: ['random', 'stdio', 'clocks', 'http', 'fetch-event']`",
    },
    Family {
        marks: &["TinyGo", "tinygo"],
        advice: "TinyGo: build with `-target=wasm-unknown`, not `wasip2`",
    },
    Family {
        marks: &["Go cmd/compile"],
        advice: "Go: its runtime needs WASI; build with TinyGo and `-target=wasm-unknown`",
    },
    Family {
        marks: &["rustc"],
        advice: "Rust: build for `wasm32-unknown-unknown`, not for `wasm32-wasip1` or `wasm32-wasip2`",
    },
    Family {
        marks: &["clang", "wasi-libc"],
        advice: "C and C++: build with `--target=wasm32-unknown-unknown -nostdlib` or with a \
                 reactor that calls nothing of wasi-libc that reaches outside",
    },
];

/// How to build a component like this one without imports beyond the contract.
pub(crate) fn advice(component: &[u8]) -> String {
    FAMILIES
        .iter()
        .find(|family| family.marks.iter().any(|mark| contains(component, mark)))
        .map_or_else(
            || {
                let all: Vec<_> = FAMILIES.iter().map(|family| family.advice).collect();
                all.join("; ")
            },
            |family| family.advice.to_owned(),
        )
}

fn contains(bytes: &[u8], mark: &str) -> bool {
    let mark = mark.as_bytes();
    bytes.windows(mark.len()).any(|window| window == mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runtime_counts_before_the_language_that_it_is_written_in() {
        assert!(advice(b"..clang..componentize-py..").starts_with("Python"));
        assert!(advice(b"..rustc..clang..").starts_with("Rust"));
        assert!(advice(b"nothing known").contains("Rust:"));
        assert!(advice(b"nothing known").contains("Python:"));
    }
}
