// The till: a scanner that types, keys that are printed on the screen, sounds, and a network that may go away.
//
// A wedge scanner is a keyboard that types faster than anybody: keys less than 50 ms apart that end with Enter are one scan, wherever the
// focus is. The physical key (event.code) is read, so that a Chinese input method between scanner and page changes nothing.
// Every action posts the basket's form; the answer is the moving part of the page. Without this script the same form works by itself.
"use strict";

(() => {
  const BURST_GAP_MS = 50;
  const BURST_GAP_LOOSE_MS = 500; // where no field has the focus, nobody else is typing
  const BURST_LENGTH_MIN = 6;
  const ANSWER_MS_MAX = 15000;
  const RETRY_MS = 2000;
  const MUTED_KEY = "till-muted";
  const TONES = { accepted: [[880, 120]], refused: [[220, 150], [220, 150]] };
  const PUNCTUATION = { Slash: "/", Period: ".", Minus: "-", Semicolon: ":", NumpadDivide: "/", NumpadDecimal: "." };

  const byId = (id) => document.getElementById(id);
  const basket = () => byId("basket");
  const scanLine = () => byId("scan");
  const rows = () => [...document.querySelectorAll("#counter tr[data-item]")];
  const chosenRow = () => document.querySelector("#counter tr[aria-current=true]");

  // ---------------------------------------------------------------- the scanner

  const burst = { text: "", lastAt: 0, field: null, value: "" };
  let isChinese = false;
  let enterSwallowed = false;

  const typed = (event) => {
    const match = /^(?:Digit|Numpad|Key)([0-9A-Z])$/.exec(event.code);
    return match ? match[1] : PUNCTUATION[event.code] || "";
  };

  function inBurst(event) {
    const inField = burst.field instanceof HTMLInputElement;
    const gap = event.timeStamp - burst.lastAt;
    return burst.text !== "" && gap <= (inField ? BURST_GAP_MS : BURST_GAP_LOOSE_MS);
  }

  function collect(event, char) {
    if (!inBurst(event)) {
      const field = document.activeElement;
      Object.assign(burst, { text: "", field, value: field && "value" in field ? field.value : "" });
    }
    burst.text += char;
    burst.lastAt = event.timeStamp;
  }

  // Ends the burst: what it typed into the focused field is taken out again, and the scan goes to the server.
  function takeBurst() {
    const { text, value } = burst;
    const field = burst.field?.isConnected ? burst.field : document.activeElement;
    const whole = field === scanLine() ? field.value.trim().toUpperCase() : "";
    burst.text = "";
    if (field instanceof HTMLInputElement) {
      field.blur(); // an open composition of the input method ends here
      // An answer may have brought a new scan line in the middle of the burst.
      if (field.id === "scan") scanLine().value = "";
      else if (field === burst.field) field.value = value;
    }
    // A burst that began elsewhere may have ended in the line.
    if (scanLine() && text.endsWith(scanLine().value.toUpperCase())) scanLine().value = "";
    // A scanner that stutters has put its first digits into the line before the burst began.
    read(whole.endsWith(text) ? whole : text);
  }

  function read(text) {
    if (basket()) {
      if (scanLine().value === text) scanLine().value = "";
      push({ action: "scan", scan: text });
    } else if (scanLine()) {
      scanLine().value = text;
      scanLine().form.requestSubmit();
    }
  }

  // What is sent leaves the scan line; what is typed while the answer is on its way stays in it.
  function taken() {
    const text = scanLine().value;
    scanLine().value = "";
    return text;
  }

  function showInputMethod(chinese) {
    isChinese = chinese;
    if (!byId("ime-ok")) return;
    byId("ime-ok").hidden = chinese;
    byId("ime-no").hidden = !chinese;
  }

  // ---------------------------------------------------------------- the server

  const queue = [];
  let isBusy = false;
  let waitsForPin = ""; // the hand-over that the PIN is being typed for

  // Scans wait their turn: nothing scanned while an answer is on its way is lost.
  function push(job) {
    if (job.action === "finish" && queue.some((waiting) => waiting.action === "finish")) return;
    queue.push(job);
    work();
  }

  async function work() {
    if (isBusy || queue.length === 0) return;
    isBusy = true;
    try {
      while (queue.length) {
        const job = queue[0];
        const answer = await ask(job);
        if (queue[0] === job) queue.shift();
        await show(answer);
      }
    } catch (error) {
      if (!(error instanceof TypeError || error.name === "AbortError")) throw error;
      offline();
      setTimeout(work, RETRY_MS); // the same basket number: sent twice, it counts once
    } finally {
      isBusy = false;
    }
  }

  async function ask(job) {
    const data = new FormData(basket());
    Object.entries({ scan: "", ...job }).forEach(([name, value]) => data.set(name, value));
    const giveUp = new AbortController();
    const timer = setTimeout(() => giveUp.abort(), ANSWER_MS_MAX);
    try {
      // The attribute, because the form's own buttons are called action as well.
      return await fetch(basket().getAttribute("action"), {
        method: "POST", body: data, headers: { "X-Fragment": "1" }, signal: giveUp.signal,
      });
    } finally {
      clearTimeout(timer);
    }
  }

  async function show(answer) {
    if (answer.headers.get("X-Fragment") !== "1") {
      leave(answer);
      return;
    }
    const fragment = await answer.text();
    const typedSince = scanLine().value;
    byId("counter").outerHTML = fragment;
    scanLine().value = typedSince;
    showInputMethod(isChinese);
    waitsForPin = byId("counter").dataset.waits || "";
    play(byId("counter").dataset.sound);
    focusLine(byId("counter").dataset.focus);
  }

  // A receipt was scanned, or the session ended: the browser goes where the server says.
  function leave(answer) {
    if (answer.redirected) location.assign(answer.url);
    else basket().submit();
  }

  function offline() {
    const notice = document.createElement("div");
    notice.className = "notice wait";
    notice.textContent = basket().dataset.offline;
    byId("trouble").replaceChildren(notice);
  }

  // ---------------------------------------------------------------- sounds and focus

  let audio = null;

  function play(name) {
    if (!TONES[name] || localStorage.getItem(MUTED_KEY)) return;
    audio ||= new AudioContext();
    let at = audio.currentTime;
    for (const [hertz, length] of TONES[name]) {
      const tone = audio.createOscillator();
      tone.frequency.value = hertz;
      tone.connect(audio.destination);
      tone.start(at);
      tone.stop(at + length / 1000);
      at += (length + 80) / 1000;
    }
  }

  function showMuted() {
    const button = byId("mute");
    if (!button) return;
    const isMuted = Boolean(localStorage.getItem(MUTED_KEY));
    const word = button.querySelector("span");
    button.hidden = false;
    button.setAttribute("aria-pressed", String(isMuted));
    word.textContent = isMuted ? word.dataset.off : word.dataset.on;
  }

  function toggleMuted() {
    if (localStorage.getItem(MUTED_KEY)) localStorage.removeItem(MUTED_KEY);
    else localStorage.setItem(MUTED_KEY, "1");
    showMuted();
    focusLine();
  }

  function focusLine(name) {
    (byId(name || "") || scanLine())?.focus();
  }

  // ---------------------------------------------------------------- keys

  function finish() {
    const pin = byId("pin");
    waitsForPin = "";
    if (rows().length === 0) return;
    const given = byId("tendered");
    // The clerk types what the buyer lays down; F2 or Enter once more on the empty field: exactly paid.
    const asksGiven = given && given.value.trim() === "" && document.activeElement !== given;
    if (pin && pin.value === "") pin.focus();
    else if (asksGiven) given.focus();
    else push({ action: "finish" });
  }

  // Hands one reservation over, the first of the list where none is named.
  function handOver(named) {
    const button = named || document.querySelector("#counter [data-collect]");
    if (!button || queue.some((waiting) => waiting.action === button.value)) return;
    const pin = byId("pin");
    if ("asksPin" in button.dataset && pin && pin.value === "") {
      waitsForPin = button.value;
      pin.focus();
    } else {
      push({ action: button.value });
    }
  }

  function afterPin() {
    const button = waitsForPin && document.querySelector(`#counter [value="${waitsForPin}"]`);
    waitsForPin = "";
    if (button || rows().length === 0) handOver(button);
    else finish();
  }

  function onRow(action) {
    const row = chosenRow();
    if (row) push({ action: `${action}-${row.dataset.item}` });
  }

  function choose(step) {
    const all = rows();
    const next = all[all.indexOf(chosenRow()) + step];
    if (!next) return;
    chosenRow()?.removeAttribute("aria-current");
    next.setAttribute("aria-current", "true");
    next.scrollIntoView({ block: "nearest" });
  }

  // Whoever has pressed F2 waits for the answer: a sale under way is not cancelled but returned.
  function cancel() {
    const found = document.querySelector("[data-found]");
    if (found) {  // the list of a search closes first; the basket stays
      found.remove();
      scanLine().focus();
      return;
    }
    if (queue.some((waiting) => waiting.action === "finish")) return;
    if (rows().length === 0 && !basket().elements.ticket.value) return;
    queue.length = 0;
    push({ action: "cancel" });
  }

  const KEYS = {
    F2: finish,
    F3: () => onRow("switch"),
    F4: () => push({ action: "find", scan: taken() }),
    F5: () => { if (rows().length) push({ action: "hold" }); },
    F6: () => push({ action: "helper", scan: taken() }),
    F9: () => handOver(),
    Escape: cancel,
    Delete: () => onRow("remove"),
    "*": () => onRow("swap"),
    "+": () => onRow("plus"),
    "-": () => onRow("minus"),
    ArrowUp: () => choose(-1),
    ArrowDown: () => choose(1),
  };
  const EDITING = new Set(["Delete", "*", "+", "-", "ArrowUp", "ArrowDown"]);

  // While somebody types into a field, the keys that edit text belong to the field.
  function isEditing() {
    const field = document.activeElement;
    return field instanceof HTMLInputElement && !(field === scanLine() && field.value === "");
  }

  function press(event) {
    const link = document.querySelector(`a[data-key="${event.key}"]`);
    const action = basket() && KEYS[event.key];
    if ((!link && !action) || event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
    // One key alone is no burst: a clerk presses - and Del faster than a slow scanner types.
    const isScanning = inBurst(event) && burst.text.length > 1;
    if (EDITING.has(event.key) && (isEditing() || isScanning)) return;
    event.preventDefault();
    if (action) action();
    else link.click();
  }

  function onEnter(event) {
    if (inBurst(event) && burst.text.length >= BURST_LENGTH_MIN) {
      event.preventDefault();
      event.stopPropagation();
      takeBurst();
    } else if (event.isComposing) {
      enterSwallowed = document.activeElement === scanLine();
    } else if (basket() && document.activeElement === byId("pin")) {
      event.preventDefault();
      afterPin();
    } else if (basket() && document.activeElement === byId("tendered")) {
      event.preventDefault();
      finish();
    }
  }

  window.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.code === "Enter" || event.code === "NumpadEnter") {
      onEnter(event);
      return;
    }
    press(event);
    const char = typed(event);
    if (!char) return;
    collect(event, char);
    showInputMethod(event.isComposing || event.key === "Process");
  }, true);

  // Some devices give no physical keys: then the composed text itself is the scan, and the server reads it.
  document.addEventListener("compositionend", (event) => {
    showInputMethod(true);
    if (event.target !== scanLine() || !enterSwallowed) return;
    enterSwallowed = false;
    read(scanLine().value);
  });

  // ---------------------------------------------------------------- mouse and forms

  document.addEventListener("submit", (event) => {
    if (event.target !== basket()) return;
    event.preventDefault();
    event.stopPropagation();
    const button = event.submitter;
    if (button?.name === "pick") push({ action: "scan", scan: button.value });
    else if (button?.value === "finish") finish();
    else if (button && "collect" in button.dataset) handOver(button);
    else if (["plus", "minus", "remove", "swap", "switch"].includes(button?.value)) onRow(button.value);
    else if (button?.value && button.value !== "scan") push({ action: button.value, scan: taken() });
    else if (scanLine().value.trim()) read(scanLine().value);
    if (button?.value !== "finish") focusLine(waitsForPin ? "pin" : "");
  }, true);

  document.addEventListener("click", (event) => {
    if (event.target.closest?.("#mute")) toggleMuted();
    else if (basket() && !event.target.closest?.("a, button, input, select, label, summary")) focusLine();
  });

  showMuted();
  showInputMethod(false);
  if (byId("counter")?.dataset.focus) focusLine(byId("counter").dataset.focus);
})();
