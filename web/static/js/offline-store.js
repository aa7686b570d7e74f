// What the leader's device keeps: the list of the day, who the device is, and the queue of scans not yet told.
// A scan is decided, written into the list and queued in one transaction: two open pages never decide past each other.

import { after, decide } from "./decide.js";

const NAME = "timebank-leader";
const VERSION = 1;
const LIST_LIVES_MS = 24 * 3_600_000;

const asked = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

let opened = null;

const database = () => {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("keep");
      request.result.createObjectStore("queue", { keyPath: "nonce" });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
};

// Only requests of the same transaction may be awaited inside `work`: it ends as soon as nothing is asked of it.
const transact = async (mode, work) => {
  const transaction = (await database()).transaction(["keep", "queue"], mode);
  const done = new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
  const result = await work(transaction.objectStore("keep"), transaction.objectStore("queue"));
  await done;
  return result;
};

const isOld = (list, moment) => moment - list.made_at_ms > LIST_LIVES_MS;

// An old list forgets its people; the services stay, so that a scan still knows where it was made.
const aged = (list, moment) =>
  isOld(list, moment) ? { ...list, occasions: list.occasions.map((each) => ({ ...each, people: [] })) } : list;

const deviceOf = async (keep) =>
  (await asked(keep.get("device"))) ?? { id: crypto.randomUUID(), sequence: 0, offset_ms: null };

export const state = () =>
  transact("readwrite", async (keep, queue) => {
    const device = await deviceOf(keep);
    const stored = await asked(keep.get("list"));
    const moment = Date.now() + (device.offset_ms ?? 0);
    const list = stored ? aged(stored, moment) : null;
    if (list !== stored && list) keep.put(list, "list");
    return { list, device, isOld: Boolean(list) && isOld(list, moment), queue: await asked(queue.getAll()) };
  });

// A fresh list takes the place of the old one only when nothing waits: what waits is not in it yet.
export const keepList = (list, offset_ms) =>
  transact("readwrite", async (keep, queue) => {
    const device = await deviceOf(keep);
    keep.put({ ...device, offset_ms }, "device");
    if ((await asked(queue.count())) > 0) return false;
    keep.put(list, "list");
    return true;
  });

export const forget = (nonces) =>
  transact("readwrite", async (keep, queue) => nonces.forEach((nonce) => queue.delete(nonce)));

const slotOf = (occasion, person) => occasion.slots.find((slot) => slot.id === person.slot_id) ?? occasion.slots[0];

const stateOf = (list, occasion, person) => {
  const slot = slotOf(occasion, person);
  return {
    zone: list.zone,
    starts_at: slot.starts_at_ms,
    ends_at: slot.ends_at_ms,
    is_cancelled: occasion.is_cancelled,
    is_suspended: person.is_suspended,
    attendance: person.attendance,
    in_at: person.in_at_ms,
    out_at: person.out_at_ms,
    is_waiting_for_lead: person.is_waiting_for_lead,
    places_left: slot.places_left,
    other_open: person.other_open,
  };
};

const found = (occasion, read) => {
  if (read.kind === "number") {
    const wanted = Number(read.code.slice(1));
    return { person: occasion.people.find((each) => Number(each.volunteer_number.slice(1)) === wanted), card: null };
  }
  if (read.member_id) return { person: occasion.people.find((each) => each.member_id === read.member_id), card: null };
  const has = (card) => card.token_digest === read.digest || card.digits_digest === read.digest;
  const person = occasion.people.find((each) => each.cards.some(has));
  return { person, card: person?.cards.find(has) ?? null };
};

const kept = (reason) => ({ status: "review", effect: "none", reason, details: {} });

const nobody = (list, occasion, moment) => {
  const [slot] = occasion.slots;
  const facts = { zone: list.zone, starts_at: slot.starts_at_ms, ends_at: slot.ends_at_ms, is_cancelled: occasion.is_cancelled };
  return decide({ verdict: "invalid", is_by_leader: true, is_joining: true }, facts, moment);
};

// Decides on the list as it is now, and writes what follows into it.
const decided = (list, occasion, read, moment) => {
  if (isOld(list, moment)) return [kept("snapshot_old"), null];
  const { person, card } = found(occasion, read);
  if (!person) return [kept("unknown_card"), null];
  const scan = {
    verdict: card?.is_revoked ? "revoked" : "valid",
    intent: read.intent,
    is_by_leader: !person.is_own,
    is_own_name: person.is_own,
    is_joining: true,
  };
  const before = stateOf(list, occasion, person);
  const decision = decide(scan, before, moment);
  const now = after(before, decision, moment);
  Object.assign(person, {
    attendance: now.attendance,
    in_at_ms: now.in_at,
    out_at_ms: now.out_at,
    is_waiting_for_lead: now.is_waiting_for_lead,
  });
  return [decision, person];
};

// What is no code, or a number that is not on the list: answered, and nothing is kept.
const answeredOnly = (list, occasion, read, moment) => {
  if (read.kind === "unknown") return { decision: nobody(list, occasion, moment), name: "" };
  if (read.kind === "number" && !found(occasion, read).person) {
    return { decision: { status: "refused", effect: "none", reason: "not_on_list", details: { number: read.code } }, name: "" };
  }
  return null;
};

// The number on the list and the masked name, as the page shows them.
const labelOf = (occasion, person, read) =>
  person ? `${occasion.people.indexOf(person) + 1}. ${person.name}` : read.kind === "digits" ? `…${read.code.slice(-4)}` : "";

// One scan: decided by the list, queued for the book. `read` is what was read, with what the button said.
export const take = (occasionId, read) =>
  transact("readwrite", async (keep, queue) => {
    const device = await deviceOf(keep);
    const list = await asked(keep.get("list"));
    const occasion = list.occasions.find((each) => each.id === occasionId);
    const device_at_ms = Date.now();
    const moment = device_at_ms + (device.offset_ms ?? 0);
    const answered = answeredOnly(list, occasion, read, moment);
    if (answered) return answered;
    const [decision, person] = decided(list, occasion, read, moment);
    const isNamed = read.kind === "number";
    const label = labelOf(occasion, person, read);
    const sequence = device.sequence + 1;
    keep.put({ ...device, sequence }, "device");
    keep.put(list, "list");
    queue.put({
      nonce: crypto.randomUUID(),
      sequence,
      by: list.leader_id,
      occasion_id: occasionId,
      label,
      kind: isNamed ? "name" : read.kind,
      code: isNamed ? "" : read.code,
      member_id: isNamed ? person.member_id : (read.member_id ?? null),
      intent: read.intent,
      device_at_ms,
      offset_ms: device.offset_ms,
      snapshot_at_ms: list.made_at_ms,
      decision: { status: decision.status, effect: decision.effect, reason: decision.reason },
    });
    return { decision, name: label };
  });
