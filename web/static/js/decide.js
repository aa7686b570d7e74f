// What one scan does: the twin of timebank/service/decide.py. The same cases hold for both
// (tests/service/decide_vectors.json); a change here without its change there fails the tests.
// Facts and decisions have the names that the server's JSON gives them; moments are milliseconds.

import { OUT_AFTER_IN_MIN, localText, wholeMinutes, windowClosesAt, windowOpensAt } from "./timing.js";

export const SCAN = Object.freeze({
  verdict: "valid",
  intent: "auto",
  is_poster: false,
  is_by_leader: false,
  is_own_name: false,
  is_joining: false,
  is_same_community: true,
});

export const STATE = Object.freeze({
  is_suspended: false,
  is_cancelled: false,
  attendance: null,
  in_at: null,
  out_at: null,
  is_waiting_for_lead: false,
  places_left: 0,
  other_open: null,
  other_now: null,
  community_name: "",
});

const DECISION = Object.freeze({
  effect: "none",
  reason: null,
  needs_lead: false,
  first_seen: null,
  next_action: "nothing",
  details: {},
});

const hasRow = (state) => state.attendance !== null && state.attendance !== "withdrawn";
const refused = (reason, next_action, details = {}) => ({ ...DECISION, status: "refused", reason, next_action, details });

const code = (scan) => (scan.verdict === "valid" ? null : refused(scan.verdict, "scan_again"));

const person = (scan, state) => {
  if (state.is_suspended) return refused("suspended", "ask_leader");
  if (!scan.is_same_community) return refused("wrong_community", "scan_again", { community: state.community_name });
  return null;
};

const timeWindow = (scan, state, now) => {
  const opensAt = windowOpensAt(state.starts_at);
  const closesAt = windowClosesAt(state.ends_at);
  if (state.is_cancelled) return refused("cancelled", "ask_leader");
  if (now < opensAt) return refused("not_open", "wait", { opens: localText(opensAt, state.zone, now) });
  if (now > closesAt) return refused("closed", "ask_leader", { closed: localText(closesAt, state.zone, now) });
  return null;
};

const place = (scan, state) => {
  if (hasRow(state)) return null;
  if (!(scan.is_joining || scan.is_by_leader)) {
    if (state.other_now !== null) return refused("wrong_occasion", "open_other", { other: state.other_now });
    return refused("not_enrolled", "join");
  }
  return state.places_left <= 0 ? refused("full", "ask_leader") : null;
};

const elsewhere = (scan, state) => {
  const isComing = !hasRow(state) || state.attendance === "enrolled";
  if (state.other_open === null || !isComing) return null;
  return refused("overlap", "open_other", { other: state.other_open });
};

const GUARDS = [code, person, timeWindow, place, elsewhere];

// A repeated scan is not an error: it says when it happened.
const again = (reason, seenAt, state, now) => ({
  ...DECISION,
  status: "replay",
  reason,
  needs_lead: state.is_waiting_for_lead,
  first_seen: seenAt,
  next_action: reason === "already_in" ? "check_out_later" : "nothing",
  details: { since: localText(seenAt ?? now, state.zone, now) },
});

const leave = (scan, state, now) => {
  const opensAt = state.in_at + OUT_AFTER_IN_MIN;
  if (scan.intent === "in" || (scan.intent === "auto" && now < opensAt)) {
    return again("already_in", state.in_at, state, now);
  }
  if (now < opensAt) {
    return refused("too_soon", "check_out_later", {
      since: localText(state.in_at, state.zone, now),
      opens: localText(opensAt, state.zone, now),
    });
  }
  return {
    ...DECISION,
    status: "ok",
    effect: "check_out",
    needs_lead: state.is_waiting_for_lead,
    details: { since: localText(now, state.zone, now), minutes: wholeMinutes(state.in_at, now) },
  };
};

const settled = (scan, state, now) => {
  if (state.attendance === "in") return leave(scan, state, now);
  if (state.attendance === "out" || state.attendance === "posted") return again("already_done", state.out_at, state, now);
  if (hasRow(state) && state.attendance !== "enrolled") return refused("list_confirmed", "ask_leader");
  return null;
};

const come = (scan, state, now) => {
  if (scan.intent === "out") return refused("not_in", "scan_again");
  const effect = hasRow(state) ? "check_in" : "join";
  const isUnproven = scan.is_poster || scan.is_own_name;
  const isUnsure = isUnproven || effect === "join" || state.is_waiting_for_lead;
  const needs_lead = isUnsure && !scan.is_by_leader;
  return {
    ...DECISION,
    status: needs_lead ? "review" : "ok",
    effect,
    reason: needs_lead ? "needs_lead" : null,
    needs_lead,
    next_action: needs_lead ? "ask_leader" : "check_out_later",
    details: { since: localText(now, state.zone, now) },
  };
};

export const decide = (scanFacts, stateFacts, now) => {
  const scan = { ...SCAN, ...scanFacts };
  const state = { ...STATE, ...stateFacts };
  for (const guard of GUARDS) {
    const refusal = guard(scan, state, now);
    if (refusal !== null) return refusal;
  }
  return settled(scan, state, now) ?? come(scan, state, now);
};

// What is known once the effect of a decision is written: the twin of `after` in timebank/service/replay.py.
export const after = (state, decision, moment) => {
  if (decision.effect === "none") return state;
  if (decision.effect === "check_out") return { ...state, attendance: "out", out_at: moment };
  const places_left = state.places_left - (decision.effect === "join" ? 1 : 0);
  return { ...state, attendance: "in", in_at: moment, out_at: null, is_waiting_for_lead: decision.needs_lead, places_left };
};
