/* Starts sessions that carry the label "auto" and are not active.
 *
 * A rule is a pure function: what happened comes in, what should be done goes out. It has no
 * clock, no files, no network. Each call gets an instance of its own, so nothing is ever freed.
 * The types and functions are those of wit/, as build/pure_policy.h has them. */
#include "pure_policy.h"

#include <stdlib.h>
#include <string.h>

#define NAME "{{name}}"
#define VERSION "0.1.0"
#define LABEL "auto"

static pure_policy_string_t text(const char *chars) {
  return (pure_policy_string_t){(uint8_t *)chars, strlen(chars)};
}

static bool is(const pure_policy_string_t *found, const char *chars) {
  return found->len == strlen(chars) && memcmp(found->ptr, chars, found->len) == 0;
}

void exports_dayfly_policy_policy_describe(exports_dayfly_policy_policy_descriptor_t *ret) {
  static exports_dayfly_policy_policy_action_t actions[] = {DAYFLY_POLICY_TYPES_ACTION_START};
  ret->name = text(NAME);
  ret->version = text(VERSION);
  ret->summary = text("starts sessions that carry the label " LABEL " and are not active");
  ret->config_schema = text("{\"type\":\"object\",\"additionalProperties\":false}");
  ret->actions.ptr = actions;
  ret->actions.len = 1;
  ret->may_hold = false;
  ret->state_bytes = 0;
}

bool exports_dayfly_policy_policy_configure(
    pure_policy_string_t *config, exports_dayfly_policy_policy_list_subscription_t *ret,
    exports_dayfly_policy_policy_policy_error_t *err) {
  if (!is(config, "{}") && !is(config, "null")) {
    err->tag = DAYFLY_POLICY_TYPES_POLICY_ERROR_INVALID_CONFIG;
    err->val.invalid_config = text("this policy takes no configuration");
    return false;
  }
  pure_policy_string_t *label = malloc(sizeof *label);
  *label = text(LABEL);
  exports_dayfly_policy_policy_subscription_t *wanted = calloc(1, sizeof *wanted);
  wanted->tag = EXPORTS_DAYFLY_POLICY_POLICY_SUBSCRIPTION_SESSIONS;
  wanted->val.sessions.labels.ptr = label;
  wanted->val.sessions.labels.len = 1;
  ret->ptr = wanted;
  ret->len = 1;
  return true;
}

/* Failures that only a person can mend are not tried again. */
static bool lasting(const dayfly_policy_types_option_error_kind_t *error) {
  if (!error->is_some) return false;
  switch (error->val) {
    case DAYFLY_POLICY_TYPES_ERROR_KIND_NEEDS_SIGN_IN:
    case DAYFLY_POLICY_TYPES_ERROR_KIND_NEEDS_MFA:
    case DAYFLY_POLICY_TYPES_ERROR_KIND_DENIED:
    case DAYFLY_POLICY_TYPES_ERROR_KIND_MISCONFIGURED:
      return true;
    default:
      return false;
  }
}

static void consider(const dayfly_policy_types_session_t *session,
                     exports_dayfly_policy_policy_verdict_t *verdict) {
  bool labelled = false;
  for (size_t i = 0; i < session->labels.len; i++)
    labelled |= is(&session->labels.ptr[i].key, LABEL);
  if (!labelled || session->status != DAYFLY_POLICY_TYPES_STATUS_INACTIVE) return;
  if (lasting(&session->last_error)) return;
  dayfly_policy_types_effect_t *effect = &verdict->effects.ptr[verdict->effects.len++];
  memset(effect, 0, sizeof *effect);
  effect->tag = DAYFLY_POLICY_TYPES_EFFECT_ACT;
  effect->val.act.session = session->key;
  effect->val.act.action = DAYFLY_POLICY_TYPES_ACTION_START;
  effect->val.act.revision = session->revision;
  effect->val.act.why.code = text("labelled");
  effect->val.act.why.message = text("is labelled " LABEL);
}

bool exports_dayfly_policy_policy_evaluate(
    pure_policy_string_t *config, exports_dayfly_policy_policy_context_t *context,
    exports_dayfly_policy_policy_list_event_t *events, exports_dayfly_policy_policy_verdict_t *ret,
    exports_dayfly_policy_policy_policy_error_t *err) {
  (void)config, (void)context, (void)err;
  size_t most = 0;
  for (size_t i = 0; i < events->len; i++) {
    const dayfly_policy_types_event_t *event = &events->ptr[i];
    if (event->tag == DAYFLY_POLICY_TYPES_EVENT_SESSIONS) most += event->val.sessions.len;
    if (event->tag == DAYFLY_POLICY_TYPES_EVENT_RESYNC) most += event->val.resync.sessions.len;
  }
  ret->effects.ptr = malloc((most ? most : 1) * sizeof *ret->effects.ptr);
  ret->effects.len = 0;
  ret->stopped_after.is_some = false;
  for (size_t i = 0; i < events->len; i++) {
    const dayfly_policy_types_event_t *event = &events->ptr[i];
    if (event->tag == DAYFLY_POLICY_TYPES_EVENT_SESSIONS)
      for (size_t j = 0; j < event->val.sessions.len; j++) {
        const dayfly_policy_types_session_change_t *change = &event->val.sessions.ptr[j];
        if (!(change->fields & DAYFLY_POLICY_TYPES_CHANGED_FIELDS_REMOVED))
          consider(&change->after, ret);
      }
    if (event->tag == DAYFLY_POLICY_TYPES_EVENT_RESYNC)
      for (size_t j = 0; j < event->val.resync.sessions.len; j++)
        consider(&event->val.resync.sessions.ptr[j], ret);
  }
  return true;
}
