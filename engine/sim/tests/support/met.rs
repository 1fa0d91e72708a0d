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
    pub(crate) late_answers: u64,
    pub(crate) broken_configurations: u64,
    pub(crate) closed: u64,
    pub(crate) removed_credentials: u64,
    pub(crate) removed_workspaces: u64,
    pub(crate) old_saves: u64,
    pub(crate) deliveries: u64,
    pub(crate) refusing_places: u64,
    pub(crate) taken_out: u64,
    pub(crate) restored: u64,
    pub(crate) seen_places: u64,
    pub(crate) alignments: u64,
    pub(crate) cleared: u64,
    /// Starts with the rules before the Workspace, late, and after it.
    pub(crate) boots: [u64; 3],
}

impl Met {
    fn each(&self) -> Vec<(&'static str, u64)> {
        vec![
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
            ("answers of the chain that came late", self.late_answers),
            ("broken configurations", self.broken_configurations),
            ("guard rails that are closed", self.closed),
            ("removed credentials files", self.removed_credentials),
            ("removed Workspaces", self.removed_workspaces),
            ("saves of what is old", self.old_saves),
            ("other deliveries", self.deliveries),
            ("places that refuse", self.refusing_places),
            ("entries that others take out", self.taken_out),
            ("copies that come back", self.restored),
            ("looks at places", self.seen_places),
            ("alignments", self.alignments),
            ("leftovers that are cleared", self.cleared),
            ("starts with the rules first", self.boots[0]),
            ("starts with the rules late", self.boots[1]),
            ("starts with the Workspace first", self.boots[2]),
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
        self.late_answers += other.late_answers;
        self.broken_configurations += other.broken_configurations;
        self.closed += other.closed;
        self.removed_credentials += other.removed_credentials;
        self.removed_workspaces += other.removed_workspaces;
        self.old_saves += other.old_saves;
        self.deliveries += other.deliveries;
        self.refusing_places += other.refusing_places;
        self.taken_out += other.taken_out;
        self.restored += other.restored;
        self.seen_places += other.seen_places;
        self.alignments += other.alignments;
        self.cleared += other.cleared;
        for (sum, more) in self.boots.iter_mut().zip(other.boots) {
            *sum += more;
        }
    }

    pub(crate) fn assert_everything_was_met(&self) {
        for (what, count) in self.each() {
            assert!(count > 10, "hardly any {what}: {count}");
        }
    }
}
