"""Starts sessions that carry a label and are not active.

A rule is a pure function: what happened comes in, what should be done goes out. It has no clock,
no files, no network, and forgets everything between two calls. The types are in wit/.
"""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import policy
from wit_world.imports import types

NAME = "{{name}}"
VERSION = "0.1.0"

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"label": {"type": "string", "default": "auto"}},
}

# Failures that only a person can mend are not tried again.
LASTING = {
    types.ErrorKind.NEEDS_SIGN_IN,
    types.ErrorKind.NEEDS_MFA,
    types.ErrorKind.DENIED,
    types.ErrorKind.MISCONFIGURED,
}


def wrong(message):
    return Err(types.PolicyError_InvalidConfig(message))


def label_of(text):
    config = json.loads(text) or {}
    for key in config:
        if key != "label":
            raise wrong(f"`{key}` is not a key of this policy; its key is label")
    label = config.get("label", "auto")
    if not isinstance(label, str) or not label:
        raise wrong("`label` has to be a text that is not empty")
    return label


def sessions(events):
    """The sessions of a call that are still there."""
    for event in events:
        if isinstance(event, types.Event_Sessions):
            for change in event.value:
                if types.ChangedFields.REMOVED not in change.fields:
                    yield change.after
        elif isinstance(event, types.Event_Resync):
            yield from event.value.sessions


class Policy(exports.Policy):
    def describe(self):
        return policy.Descriptor(
            name=NAME,
            version=VERSION,
            summary="starts sessions that carry a label and are not active",
            config_schema=json.dumps(SCHEMA),
            actions=[types.Action.START],
            may_hold=False,
            state_bytes=0,
        )

    def configure(self, config):
        wanted = policy.SessionFilter(
            clouds=[], methods=[], statuses=[], labels=[label_of(config)], fields=types.ChangedFields(0)
        )
        return [policy.Subscription_Sessions(wanted)]

    def evaluate(self, config, context, events):
        label = label_of(config)
        effects = []
        for session in sessions(events):
            if session.status != types.Status.INACTIVE or session.last_error in LASTING:
                continue
            if not any(one.key == label for one in session.labels):
                continue
            why = types.Reason(code="labelled", message=f"is labelled {label}", evidence=[])
            act = types.Act(
                session=session.key,
                action=types.Action.START,
                revision=session.revision,
                not_after=None,
                why=why,
            )
            effects.append(types.Effect_Act(act))
        return types.Verdict(effects=effects, stopped_after=None)
