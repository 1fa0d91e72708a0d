//! Guests for tests, written in the text format: a well-behaved policy of which a test replaces
//! the part that it is about.

#![allow(dead_code, reason = "each test file uses another part")]

use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{PackageId, Resolve};

/// Where a guest's answers lie in its memory; below it are the constants, above it is the heap.
pub(crate) const DESCRIPTOR: u32 = 1_024;
pub(crate) const CONFIGURED: u32 = 2_048;
pub(crate) const ANSWER: u32 = 3_072;
/// Where effects begin.
pub(crate) const EFFECTS: u32 = 8_192;
/// Where texts begin.
const TEXTS: u32 = 4_096;

/// What the contract calls its parts.
pub(crate) const LOG: &str =
    r#"(import "dayfly:policy/log@0.1.0" "write" (func $log (param i32 i32 i32)))"#;
pub(crate) const GET: &str =
    r#"(import "dayfly:policy/workspace@0.1.0" "get" (func $get (param i32 i32)))"#;
pub(crate) const FIND: &str =
    r#"(import "dayfly:policy/workspace@0.1.0" "find" (func $find (param i32 i32)))"#;
pub(crate) const COUNT: &str = r#"(import "dayfly:policy/workspace@0.1.0" "count" (func $count
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))"#;
pub(crate) const STATE_GET: &str = r#"(import "dayfly:policy/state@0.1.0" "get"
    (func $state_get (param i32 i32 i32 i32 i32)))"#;
pub(crate) const STATE_SET: &str = r#"(import "dayfly:policy/state@0.1.0" "set"
    (func $state_set (param i32 i32 i32 i32 i32 i32 i32)))"#;

/// The parts of a guest.
pub(crate) struct Guest {
    pub(crate) world: &'static str,
    pub(crate) wit: String,
    pub(crate) imports: String,
    pub(crate) memory: String,
    /// Functions, tables, a start function.
    pub(crate) extra: String,
    pub(crate) describe: String,
    pub(crate) configure: String,
    pub(crate) evaluate: String,
    pub(crate) realloc: String,
    pub(crate) descriptor: Described,
    /// Bytes at [`ANSWER`] and elsewhere.
    pub(crate) data: Vec<(u32, Vec<u8>)>,
}

/// What a guest says of itself.
pub(crate) struct Described {
    pub(crate) name: &'static str,
    pub(crate) actions: Vec<u8>,
    pub(crate) may_hold: bool,
    pub(crate) state_bytes: u32,
}

impl Default for Guest {
    fn default() -> Self {
        Self {
            world: "pure-policy",
            wit: String::new(),
            imports: String::new(),
            memory: r#"(memory (export "memory") 2)"#.into(),
            extra: String::new(),
            describe: format!("i32.const {DESCRIPTOR}"),
            configure: format!("i32.const {CONFIGURED}"),
            evaluate: format!("i32.const {ANSWER}"),
            realloc: BUMP.into(),
            descriptor: Described {
                name: "test-guest",
                actions: vec![0, 1, 2],
                may_hold: true,
                state_bytes: 0,
            },
            data: Vec::new(),
        }
    }
}

/// Hands out memory upwards and grows it.
const BUMP: &str = r"
    (local $at i32)
    (local.set $at (i32.and
        (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
    (global.set $heap (i32.add (local.get $at) (local.get $size)))
    (if (i32.gt_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536)))
        (then (if (i32.eq (memory.grow (i32.add (i32.const 1) (i32.div_u (local.get $size)
                (i32.const 65536)))) (i32.const -1)) (then unreachable))))
    (local.get $at)";

impl Guest {
    /// A guest of the larger world, with state.
    pub(crate) fn stateful() -> Self {
        let mut guest = Self {
            world: "stateful-policy",
            ..Self::default()
        };
        guest.descriptor.state_bytes = 4_096;
        guest
    }

    /// The core module as text.
    pub(crate) fn text(&self) -> String {
        let Self {
            imports,
            memory,
            extra,
            describe,
            configure,
            evaluate,
            realloc,
            ..
        } = self;
        let mut data = String::new();
        for (at, bytes) in self.descriptor.data().iter().chain(&self.data) {
            let escaped: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
            data.push_str(&format!("(data (i32.const {at}) \"{escaped}\")\n"));
        }
        format!(
            r#"(module
  {imports}
  {memory}
  (global $heap (mut i32) (i32.const 65536))
  {extra}
  (func (export "dayfly:policy/policy@0.1.0#describe") (result i32) {describe})
  (func (export "dayfly:policy/policy@0.1.0#configure") (param $config i32) (param $len i32)
    (result i32) {configure})
  (func (export "dayfly:policy/policy@0.1.0#evaluate")
    (param $config i32) (param $config_len i32)
    (param $now i64) (param $sequence i64) (param $seed i64) (param $dry i32) (param $revision i64)
    (param $events i32) (param $events_len i32)
    (result i32) {evaluate})
  (func (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32)
    (param $size i32) (result i32) {realloc})
  {data})"#
        )
    }

    /// The core module.
    pub(crate) fn core(&self) -> Vec<u8> {
        let text = self.text();
        wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    /// The component.
    pub(crate) fn component(&self) -> Vec<u8> {
        self.component_of(self.core())
    }

    /// The component around a core module.
    pub(crate) fn component_of(&self, core: Vec<u8>) -> Vec<u8> {
        encode(core, self.world, |resolve| {
            // The contract that these guests are written for lies at the top, wherever the tests are.
            let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
            let mut places = folders.map(|folder| folder.join("wit/0.1"));
            let wit = places.find(|place| place.is_dir()).unwrap();
            let (package, _) = resolve.push_path(wit).unwrap();
            if self.wit.is_empty() {
                package
            } else {
                resolve.push_str("test.wit", &self.wit).unwrap()
            }
        })
    }

    /// Puts bytes into the memory.
    pub(crate) fn with(mut self, at: u32, bytes: impl Into<Vec<u8>>) -> Self {
        self.data.push((at, bytes.into()));
        self
    }

    /// Answers with these effects, which lie one after the other.
    pub(crate) fn answering(self, effects: &[Bytes]) -> Self {
        let count = u32::try_from(effects.len()).unwrap();
        let all: Vec<u8> = effects.iter().flat_map(|effect| effect.0.clone()).collect();
        self.with(ANSWER, Bytes::answer(EFFECTS, count).0)
            .with(EFFECTS, all)
            .with(TEXTS, TEXT)
    }
}

/// The component of a core module and a world.
pub(crate) fn encode(
    mut core: Vec<u8>,
    world: &str,
    wit: impl FnOnce(&mut Resolve) -> PackageId,
) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = wit(&mut resolve);
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8).unwrap();
    let mut encoder = ComponentEncoder::default()
        .validate(true)
        .module(&core)
        .unwrap();
    encoder.encode().unwrap()
}

impl Described {
    fn data(&self) -> Vec<(u32, Vec<u8>)> {
        let texts = [self.name, "1.0.0", "a guest for tests", "{}"];
        let mut at = 512u32;
        let mut record = Bytes::default();
        let mut data = Vec::new();
        for text in texts {
            let length = u32::try_from(text.len()).unwrap();
            record = record.u32(at).u32(length);
            data.push((at, text.as_bytes().to_vec()));
            at += length;
        }
        let actions = u32::try_from(self.actions.len()).unwrap();
        record = record.u32(at).u32(actions);
        data.push((at, self.actions.clone()));
        record = record.u8(self.may_hold.into()).pad(4).u32(self.state_bytes);
        data.push((DESCRIPTOR, record.0));
        data
    }
}

/// What texts of effects are cut from.
const TEXT: &[u8] = b"because";

/// Values as they lie in a guest's memory.
#[derive(Clone, Default)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl Bytes {
    pub(crate) fn u8(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    pub(crate) fn u32(mut self, value: u32) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn u64(mut self, value: u64) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(crate) fn pad(mut self, to: usize) -> Self {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
        self
    }

    pub(crate) fn fill(mut self, size: usize) -> Self {
        assert!(self.0.len() <= size);
        self.0.resize(size, 0);
        self
    }

    /// `ok(verdict)`, all sessions looked at.
    pub(crate) fn answer(effects: u32, count: u32) -> Self {
        Self::default()
            .u8(0)
            .pad(4)
            .u32(effects)
            .u32(count)
            .u8(0)
            .pad(4)
            .u32(0)
    }

    /// `ok(verdict)` without effects, stopped early.
    pub(crate) fn stopped_after(sessions: u32) -> Self {
        Self::default()
            .u8(0)
            .pad(4)
            .u32(0)
            .u32(0)
            .u8(1)
            .pad(4)
            .u32(sessions)
    }

    /// `err(…)`, where the text lies at [`EFFECTS`].
    pub(crate) fn error(case: u8, length: u32) -> Self {
        Self::default()
            .u8(1)
            .pad(4)
            .u8(case)
            .pad(4)
            .u32(EFFECTS)
            .u32(length)
    }

    /// `because`, with code and message from the same text.
    fn reason(self) -> Self {
        let length = u32::try_from(TEXT.len()).unwrap();
        self.u32(TEXTS)
            .u32(length)
            .u32(TEXTS)
            .u32(length)
            .u32(0)
            .u32(0)
    }

    pub(crate) fn act(session: u32, action: u8) -> Self {
        Self::act_with(session, action, |bytes| bytes.reason())
    }

    pub(crate) fn act_with(session: u32, action: u8, reason: impl FnOnce(Self) -> Self) -> Self {
        let act = Self::default()
            .u8(0)
            .pad(8)
            .u32(session)
            .u8(action)
            .pad(8)
            .u64(1);
        reason(act.u8(0).pad(8).u64(0)).fill(64)
    }

    pub(crate) fn hold(session: u32, actions: u32) -> Self {
        // The actions of the descriptor: start, stop, rotate.
        let at = 512 + 10 + 5 + 17 + 2;
        let hold = Self::default()
            .u8(1)
            .pad(8)
            .u32(session)
            .u32(at)
            .u32(actions)
            .pad(8);
        hold.u8(0).pad(8).u64(0).reason().fill(64)
    }

    pub(crate) fn wake(id: (u32, u32), at: u64) -> Self {
        Self::default()
            .u8(3)
            .pad(8)
            .u32(id.0)
            .u32(id.1)
            .u64(at)
            .u32(5)
            .fill(64)
    }

    pub(crate) fn notify(severity: u8, key: (u32, u32), text: (u32, u32)) -> Self {
        let notice = Self::default().u8(5).pad(8).u8(severity).pad(4);
        notice
            .u32(key.0)
            .u32(key.1)
            .u32(text.0)
            .u32(text.1)
            .fill(64)
    }

    /// A text of effects: where and how long.
    pub(crate) const fn text() -> (u32, u32) {
        (TEXTS, 7)
    }
}
