// The leader's page that goes on without a network: a scan is answered by the list on the device and queued; the book is told later.

import { readScan } from "./offline-scan.js";
import { forget, keepList, state, take } from "./offline-store.js";
import { play } from "./tones.js";

const BATCH_MAX = 50;
const SYNC_EVERY_MS = 15_000;
const ANSWER_MS_MAX = 15_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

const page = document.getElementById("offline");
const { list: LIST_AT, told: TELL_AT, worker: WORKER_AT, scope: SCOPE } = page.dataset;
const WORDS = JSON.parse(page.dataset.words);
const byId = (id) => document.getElementById(id);
const field = byId("scan");

// ---------------------------------------------------------------- words

const filled = (template, details) => template.replace(/%\((\w+)\)s/g, (_, name) => details[name] ?? "");

const age = (ms) => {
  const minutes = Math.max(0, Math.floor(ms / MINUTE_MS));
  const facts = { hours: Math.floor(ms / HOUR_MS), minutes: minutes % 60 };
  return filled(minutes < 60 ? WORDS.age_minutes : WORDS.age_hours, facts);
};

const sentence = ({ status, effect, reason, details }) => {
  const facts = { ...details, stay: age((details.minutes ?? 0) * MINUTE_MS) };
  const said = filled(reason ? WORDS.reasons[reason] : WORDS.effects[effect], facts);
  const advice = status === "refused" && reason ? WORDS.advice[reason] : "";
  return [said, advice].filter(Boolean).join(" ");
};

// ---------------------------------------------------------------- what is shown

let isAway = !navigator.onLine;
let isSignedOut = false;
let isRefused = false;
let hasAsked = false;

const KINDS = { ok: "ok", replay: "ok", review: "wait", refused: "no" };

const showAnswer = ({ decision, name }) => {
  const drawn = byId(`answer-${KINDS[decision.status]}`).content.cloneNode(true);
  drawn.querySelector("[data-name]").textContent = name || WORDS.unnamed;
  drawn.querySelector("[data-text]").textContent = sentence(decision);
  byId("answer").replaceChildren(drawn);
  play(KINDS[decision.status]);
};

const showFailure = () => {
  const drawn = byId("answer-no").content.cloneNode(true);
  drawn.querySelector("[data-text]").textContent = WORDS.failed;
  byId("answer").replaceChildren(drawn);
  play("no");
};

const only = (id, isShown) => {
  byId(id).hidden = !isShown;
};

const rowOf = (person, place) => {
  const row = byId("person").content.cloneNode(true);
  const isIn = person.attendance === "in";
  row.querySelector("[data-name]").textContent = `${place + 1}. ${person.name}`;
  const isDoubtful = person.is_in_review && (isIn || person.attendance === "enrolled");
  row.querySelector("[data-state]").textContent = isDoubtful ? WORDS.in_review : WORDS.states[person.attendance];
  row.firstElementChild.dataset.text = `${place + 1} ${person.name} ${person.volunteer_number}`.toUpperCase();
  const button = row.querySelector("button");
  button.hidden = !isIn && person.attendance !== "enrolled";
  button.dataset.member = person.member_id;
  button.dataset.intent = isIn ? "out" : "in";
  button.querySelector("[data-press]").textContent = isIn ? WORDS.check_out : WORDS.check_in;
  button.querySelector("[data-whom]").textContent = `: ${place + 1}. ${person.name}`;
  return row;
};

const showList = (list) => {
  const chooser = byId("occasion");
  const chosen = chooser.value;
  const options = (list?.occasions ?? []).map((each) => new Option(each.title, each.id, false, each.id === chosen));
  chooser.replaceChildren(...options);
  const occasion = list?.occasions.find((each) => each.id === chooser.value);
  byId("people").replaceChildren(...(occasion?.people ?? []).map(rowOf));
  find();
};

// By a visible character of the masked name, the number on the list or the volunteer number.
const find = () => {
  const wanted = byId("find").value.normalize("NFKC").trim().toUpperCase();
  let foundCount = 0;
  for (const row of byId("people").children) {
    row.hidden = !row.dataset.text.includes(wanted);
    foundCount += row.hidden ? 0 : 1;
  }
  only("not-found", wanted !== "" && foundCount === 0);
};

const show = async () => {
  const { list, device, isOld, queue } = await state();
  const waiting = queue.filter((row) => row.by === list?.leader_id);
  only("away", isAway);
  only("here", !isAway);
  only("signed-out", isSignedOut);
  only("refused", isRefused);
  only("old", isOld);
  only("fetching", !list && !hasAsked);
  only("empty", list ? list.occasions.length === 0 : hasAsked);
  only("work", Boolean(list) && list.occasions.length > 0);
  only("others", queue.length > waiting.length);
  byId("queue").textContent = String(waiting.length);
  byId("age").textContent = list ? age(Date.now() + (device.offset_ms ?? 0) - list.made_at_ms) : "–";
  showList(list);
};

// ---------------------------------------------------------------- scanning

// One after the other: a scanner is faster than a disk.
let turn = Promise.resolve();

const inTurn = (work) => {
  turn = turn.then(work, work);
  return turn;
};

const scanned = async (read) => {
  try {
    showAnswer(await take(byId("occasion").value, await read));
  } catch (error) {
    showFailure(); // a full disk, a browser that keeps nothing: paper is left
    throw error;
  }
  await show();
  if (!isAway) sync();
};

const scan = (read) => inTurn(() => scanned(read));

byId("scan-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = field.value.trim();
  field.value = "";
  field.focus();
  if (text) scan(readScan(text).then((read) => ({ ...read, intent: "auto" })));
});

byId("people").addEventListener("click", (event) => {
  const button = event.target.closest("button[data-member]");
  if (!button) return;
  scan({ kind: "name", code: "", member_id: button.dataset.member, intent: button.dataset.intent });
  field.focus();
});

// A scanner types wherever the focus is: its first key leads into the scan line.
document.addEventListener("keydown", (event) => {
  const isTyping = event.target.matches("input, select, textarea") || event.ctrlKey || event.altKey || event.metaKey;
  if (!isTyping && event.key.length === 1 && event.key !== " ") field.focus();
});

byId("occasion").addEventListener("change", () => show());
byId("find").addEventListener("input", find);

// ---------------------------------------------------------------- telling the book

const asked = async (address, options = {}) => {
  const answer = await fetch(address, {
    headers: { Accept: "application/json", ...options.headers },
    credentials: "same-origin",
    redirect: "error",
    signal: AbortSignal.timeout(ANSWER_MS_MAX),
    ...options,
  });
  isSignedOut = answer.status === 401;
  isRefused = !answer.ok && !isSignedOut;
  return answer.ok ? answer.json() : null;
};

// The list says by our clock when it was made: that measures the device's clock.
const fetched = async () => {
  const list = await asked(LIST_AT);
  return list && { list, offset: list.made_at_ms - Date.now() };
};

const tell = async (list, device, rows) => {
  const scans = rows.map(({ by, label, ...row }) => row);
  const body = JSON.stringify({ device: device.id, sent_at_ms: Date.now(), scans });
  const headers = { Accept: "application/json", "Content-Type": "application/json", "X-CSRFToken": list.csrf_token };
  return asked(TELL_AT, { method: "POST", headers, body });
};

const isPromised = ({ decision }) => decision.effect !== "none" || decision.status === "review";

const toldLine = (kind, text) => {
  const line = byId(`told-${kind}`).content.cloneNode(true);
  line.querySelector("[data-text]").textContent = text;
  return line;
};

// First how many came in and how many wait, then each that is not simply in the book, with its name.
const showTold = (results, rows) => {
  const sent = new Map(rows.map((row) => [row.nonce, row]));
  const named = results.map((each) => ({ ...each, name: sent.get(each.nonce)?.label || each.name || WORDS.unnamed }));
  const waiting = named.filter((each) => each.outcome === "review");
  const entered = named.filter((each) => each.outcome !== "review" && isPromised(sent.get(each.nonce)));
  const names = [...new Set(waiting.map((each) => each.name))].join(WORDS.comma);
  const facts = { entered: entered.length, review: waiting.length, names };
  const summary = toldLine(waiting.length ? "review" : "done", filled(waiting.length ? WORDS.sent_some : WORDS.sent_all, facts));
  const doubts = named.filter((each) => each.outcome !== "accepted");
  byId("told").replaceChildren(summary, ...doubts.map((each) => toldLine(each.outcome, `${each.name}${WORDS.comma}${each.message}`)));
};

const tellAll = async () => {
  let fresh = await fetched();
  if (!fresh) return;
  const { queue, device } = await state();
  const own = queue.filter((row) => row.by === fresh.list.leader_id).sort((one, two) => one.device_at_ms - two.device_at_ms || one.sequence - two.sequence);
  const results = [];
  for (let begin = 0; begin < own.length; begin += BATCH_MAX) {
    const answer = await tell(fresh.list, device, own.slice(begin, begin + BATCH_MAX));
    if (!answer) return;
    results.push(...answer.scans);
    await forget(answer.scans.map((each) => each.nonce));
  }
  if (own.length) {
    showTold(results, own);
    fresh = (await fetched()) ?? fresh;
  }
  await inTurn(() => keepList(fresh.list, fresh.offset));
};

let isSyncing = false;

const sync = async () => {
  if (isSyncing) return;
  isSyncing = true;
  try {
    await tellAll();
    isAway = false;
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof DOMException)) throw error;
    isAway = true; // nothing is lost: the queue stays and is told again
  } finally {
    isSyncing = false;
    hasAsked = true;
    await show();
  }
};

window.addEventListener("online", sync);
window.addEventListener("offline", () => {
  isAway = true;
  show();
});
byId("sync").addEventListener("click", sync);

// Without HTTPS a browser keeps no page and makes no digest: nothing can be scanned here then.
if (window.isSecureContext) {
  navigator.serviceWorker.register(WORKER_AT, { scope: SCOPE });
  navigator.storage?.persist?.();
  show().then(sync);
  setInterval(sync, SYNC_EVERY_MS);
} else {
  only("insecure", true);
}
