// Starts sessions that carry a label and are not active.
//
// A rule is a pure function: what happened comes in, what should be done goes out. It has no
// clock, no files, no network, and forgets everything between two calls. The types are in wit/.

const NAME = "{{name}}";
const VERSION = "0.1.0";

const SCHEMA = {
  type: "object",
  additionalProperties: false,
  properties: { label: { type: "string", default: "auto" } },
};

// Failures that only a person can mend are not tried again.
const LASTING = ["needs-sign-in", "needs-mfa", "denied", "misconfigured"];

class InvalidConfig extends Error {
  constructor(message) {
    super(message);
    // What is thrown becomes the error of the contract.
    this.payload = { tag: "invalid-config", val: message };
  }
}

function parse(text) {
  const config = JSON.parse(text) ?? {};
  for (const key of Object.keys(config)) {
    if (key !== "label") throw new InvalidConfig(`\`${key}\` is no key of this policy; its key is label`);
  }
  const label = config.label ?? "auto";
  if (typeof label !== "string" || label === "") {
    throw new InvalidConfig("`label` has to be a text that is not empty");
  }
  return { label };
}

// The sessions of a call that are still there, each with what changed.
function* sessions(events) {
  for (const { tag, val } of events) {
    if (tag === "sessions") {
      for (const change of val) if (!change.fields.removed) yield change.after;
    } else if (tag === "resync") {
      yield* val.sessions;
    }
  }
}

export const policy = {
  describe() {
    return {
      name: NAME,
      version: VERSION,
      summary: "starts sessions that carry a label and are not active",
      configSchema: JSON.stringify(SCHEMA),
      actions: ["start"],
      mayHold: false,
      stateBytes: 0,
    };
  },

  configure(text) {
    const { label } = parse(text);
    const filter = { clouds: [], methods: [], statuses: [], labels: [label], fields: {} };
    return [{ tag: "sessions", val: filter }];
  },

  evaluate(text, context, events) {
    const { label } = parse(text);
    const effects = [];
    for (const session of sessions(events)) {
      const labelled = session.labels.some(({ key }) => key === label);
      if (!labelled || session.status !== "inactive") continue;
      if (LASTING.includes(session.lastError)) continue;
      effects.push({
        tag: "act",
        val: {
          session: session.key,
          action: "start",
          revision: session.revision,
          notAfter: undefined,
          why: { code: "labelled", message: `is labelled ${label}`, evidence: [] },
        },
      });
    }
    return { effects, stoppedAfter: undefined };
  },
};
