//! What the walks met, so that it is known that they meet everything.

/// How often what happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Met {
    pub(crate) crashes: u64,
    pub(crate) crashes_after_a_change: u64,
    pub(crate) writes: u64,
    pub(crate) rewrites: u64,
    pub(crate) deferred: u64,
    pub(crate) edits: u64,
    pub(crate) broken_edits: u64,
    pub(crate) foreign_edits: u64,
    pub(crate) jumps: u64,
    pub(crate) jumps_back: u64,
    pub(crate) failures: u64,
}

impl Met {
    fn each(&self) -> [(&'static str, u64); 11] {
        [
            ("crashes", self.crashes),
            ("crashes after a change", self.crashes_after_a_change),
            ("writes of the Workspace", self.writes),
            ("rewrites of the credentials file", self.rewrites),
            ("edits that came between", self.deferred),
            ("edits", self.edits),
            ("broken edits", self.broken_edits),
            ("foreign edits", self.foreign_edits),
            ("jumps", self.jumps),
            ("jumps back", self.jumps_back),
            ("failures", self.failures),
        ]
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.crashes += other.crashes;
        self.crashes_after_a_change += other.crashes_after_a_change;
        self.writes += other.writes;
        self.rewrites += other.rewrites;
        self.deferred += other.deferred;
        self.edits += other.edits;
        self.broken_edits += other.broken_edits;
        self.foreign_edits += other.foreign_edits;
        self.jumps += other.jumps;
        self.jumps_back += other.jumps_back;
        self.failures += other.failures;
    }

    pub(crate) fn assert_everything_was_met(&self) {
        for (what, count) in self.each() {
            assert!(count > 10, "hardly any {what}: {count}");
        }
    }
}
