// Book what happened with or without a network: each event is kept on the phone with its own id
// and time before anything is sent, and goes out in order when the server answers. The server
// counts an id once, so sending again does no harm.

const KEPT_DAYS = 14;
const PAUSES_S = [1, 2, 5, 10, 30];
const ANSWERED_WITHIN_MS = 15000;
const SCAN_KEY_MS = 60; // a scanner types faster than a hand
const SHOWN = 30;
const TAKES = { sold: true, transferred: true };

const at = (id) => document.getElementById(id);
const form = at("book");
const assets = [...document.querySelectorAll("link[rel=stylesheet], link[rel=icon], script[src]")];

let data = { user: null, epoch: null, products: [], places: [], levels: {} };
let failures = 0;
let timer = null;
let signedOut = false;
let chosen = null;

// --- What is kept on the phone.

const opened = new Promise((resolve, reject) => {
  const asked = indexedDB.open("parstock", 1);
  asked.onupgradeneeded = () => {
    asked.result.createObjectStore("events", { keyPath: "number", autoIncrement: true });
    asked.result.createObjectStore("kept");
  };
  asked.onsuccess = () => resolve(asked.result);
  asked.onerror = () => reject(asked.error);
});

async function store(name, mode, use) {
  const database = await opened;
  return new Promise((resolve, reject) => {
    const turn = database.transaction(name, mode, { durability: "strict" });
    const asked = use(turn.objectStore(name));
    turn.oncomplete = () => resolve(asked && asked.result);
    turn.onabort = turn.onerror = () => reject(turn.error);
  });
}

const entries = () => store("events", "readonly", (events) => events.getAll());
const keep = (entry) => store("events", "readwrite", (events) => events.put(entry));
const drop = (number) => store("events", "readwrite", (events) => events.delete(number));

// --- What is to be sent.

async function book(event) {
  await keep({ event, who: data.user, state: "waiting", at: Date.now() });
  if (navigator.storage && navigator.storage.persist) navigator.storage.persist();
  await show();
  send();
}

// One tab sends at a time, since order matters; if both did, each event would still count once.
async function send() {
  if (!navigator.locks) return sendAll();
  return navigator.locks.request("parstock-send", { ifAvailable: true }, (lock) =>
    lock ? sendAll() : again(),
  );
}

async function sendAll() {
  clearTimeout(timer);
  for (;;) {
    const waiting = (await entries()).filter((entry) => entry.state === "waiting");
    const next = waiting.find((entry) => entry.who === data.user);
    if (!next || signedOut) return show();
    const answer = await ask(next.event);
    if (answer === null) {
      await show();
      return again();
    }
    failures = 0;
    await keep({ ...next, ...answer });
    await show();
  }
}

function again() {
  clearTimeout(timer);
  const pause = PAUSES_S[Math.min(failures, PAUSES_S.length - 1)];
  failures += 1;
  timer = setTimeout(send, pause * 1000);
}

// What the server made of an event, or null where it is to be sent again.
async function ask(event) {
  let answer;
  let said;
  try {
    answer = await fetch("/v1/inventory-events", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ ...event, sent_at: new Date().toISOString() }),
      signal: AbortSignal.timeout(ANSWERED_WITHIN_MS),
    });
    said = await answer.json();
  } catch {
    return null;
  }
  if (answer.ok) {
    const notes = (said.warnings || []).map((warning) => warning.detail);
    return { state: notes.length ? "disagreed" : "recorded", notes };
  }
  if (answer.status === 401) {
    signedOut = true;
    return null;
  }
  if (answer.status === 408 || answer.status === 429 || answer.status >= 500) return null;
  const errors = (said.errors || []).map((error) => error.detail);
  return { state: "refused", notes: [[said.title, said.detail].filter(Boolean).join(". "), ...errors] };
}

// --- The catalog and the levels of the site.

async function refresh() {
  const kept = await store("kept", "readonly", (things) => things.get("data"));
  if (kept && data.user === null) data = kept;
  try {
    const answer = await fetch("/book/data.json", { signal: AbortSignal.timeout(ANSWERED_WITHIN_MS) });
    signedOut = answer.status === 401;
    if (answer.ok) {
      const told = await answer.json();
      if (data.epoch && data.epoch !== told.epoch) await offerAgain();
      data = told;
      await store("kept", "readwrite", (things) => things.put(data, "data"));
    }
  } catch {
    // Without a network what was kept has to do.
  }
  fill();
  await tidy();
  await show();
  send();
}

// A backup was restored: what it does not know is told again, and what it knows counts once.
async function offerAgain() {
  for (const entry of await entries()) {
    if (entry.state === "recorded" || entry.state === "disagreed") {
      await keep({ ...entry, state: "waiting" });
    }
  }
}

async function tidy() {
  const oldest = Date.now() - KEPT_DAYS * 24 * 3600 * 1000;
  for (const entry of await entries()) {
    if (entry.at < oldest && (entry.state === "recorded" || entry.state === "disagreed")) {
      await drop(entry.number);
    }
  }
}

function fill() {
  for (const id of ["location", "to_location"]) {
    const before = at(id).value;
    at(id).replaceChildren(
      new Option("Choose a place", ""),
      ...data.places.map((place) => new Option(`${place.code} · ${place.name}`, place.code)),
    );
    at(id).value = before || (id === "location" && data.places.length === 1 ? data.places[0].code : "");
  }
}

// --- Choosing a product.

function productOf(code) {
  const text = code.trim();
  const link = text.match(/\/01\/(\d{14})(?:\/|\?|$)/) || text.match(/^(?:\]\w\d)?\(?01\)?(\d{14})/);
  const number = link ? link[1] : /^\d{8,14}$/.test(text) ? text.padStart(14, "0") : null;
  const lower = text.toLowerCase();
  return data.products.find(
    (product) => product.sku.toLowerCase() === lower || (number && product.codes.includes(number)),
  );
}

// Every word somewhere, in any order; a letter may be missing or wrong in a long word.
function search(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return [];
  const found = [];
  for (const product of data.products) {
    const where = `${product.sku} ${product.name}`.toLowerCase();
    if (words.every((word) => where.includes(word))) found.push(product);
    if (found.length === 8) return found;
  }
  if (found.length) return found;
  return data.products
    .filter((product) => {
      const parts = `${product.sku} ${product.name}`.toLowerCase().split(/[\s-]+/);
      return words.every((word) => parts.some((part) => nearly(word, part.slice(0, word.length + 1))));
    })
    .slice(0, 8);
}

function nearly(word, part) {
  if (part.includes(word)) return true;
  if (word.length < 4) return false;
  let row = [...Array(part.length + 1).keys()];
  for (let i = 1; i <= word.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= part.length; j += 1) {
      const changed = row[j - 1] + (word[i - 1] === part[j - 1] ? 0 : 1);
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, changed);
    }
    row = next;
  }
  return Math.min(...row.slice(-2)) <= 1;
}

function choose(product) {
  chosen = product;
  at("product").value = product ? product.name : "";
  at("found").replaceChildren();
  at("chosen").textContent = product ? `${product.sku} · ${hereText(product)}` : "";
  wrong("product", "");
  if (product) at("quantity").select();
}

function hereText(product) {
  const here = (data.levels[product.sku] || {})[at("location").value];
  if (at("location").value) return `${here || 0} here when last seen`;
  const all = Object.values(data.levels[product.sku] || {}).reduce((sum, units) => sum + units, 0);
  return `${all} on hand when last seen`;
}

function scanned(code) {
  const product = productOf(code);
  if (product) {
    choose(product);
    if (navigator.vibrate) navigator.vibrate(60);
    tell(`${product.name} scanned.`);
  } else {
    choose(null);
    at("product").value = code;
    wrong("product", `No product has the code ${code}.`);
    if (navigator.vibrate) navigator.vibrate([80, 60, 80]);
  }
}

// A scanner that types like a keyboard, into whatever has the focus or into nothing.
let typed = "";
let typedAt = 0;
let before = null;
document.addEventListener("keydown", (key) => {
  const now = performance.now();
  if (now - typedAt > SCAN_KEY_MS) {
    typed = "";
    before = "value" in key.target ? { field: key.target, value: key.target.value } : null;
  }
  typedAt = now;
  if (key.key === "Enter" && typed.length >= 4) {
    key.preventDefault();
    if (before) before.field.value = before.value;
    const code = typed;
    typed = "";
    scanned(code);
  } else if (key.key.length === 1 && !key.ctrlKey && !key.metaKey && !key.altKey) {
    typed += key.key;
  }
});

// The camera, where the browser reads codes by itself.
let stopCamera = null;
async function scanWithCamera() {
  if (stopCamera) return stopCamera();
  const video = at("camera");
  const detector = new BarcodeDetector();
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    return tell("The camera may not be used. Allow it for this page, or type the code.");
  }
  video.srcObject = stream;
  video.hidden = false;
  await video.play();
  let last = "";
  const look = setInterval(async () => {
    const found = await detector.detect(video).catch(() => []);
    if (found.length && found[0].rawValue !== last) {
      last = found[0].rawValue;
      scanned(last);
      if (!at("loop").checked) stopCamera();
    }
  }, 200);
  stopCamera = () => {
    clearInterval(look);
    stream.getTracks().forEach((track) => track.stop());
    video.hidden = true;
    stopCamera = null;
  };
}

// --- The form.

function wrong(field, why) {
  const place = at(`${field}-wrong`);
  place.textContent = why;
  at(field).toggleAttribute("aria-invalid", Boolean(why));
  if (why) at(field).setAttribute("aria-invalid", "true");
}

function made() {
  const kind = form.elements.kind.value;
  const quantity = Number(at("quantity").value);
  const least = kind === "counted" ? 0 : 1;
  const found = chosen || productOf(at("product").value);
  wrong("product", found ? "" : "Which product? Scan it, or choose one that was found.");
  wrong("location", at("location").value ? "" : "Choose a place.");
  const whole = at("quantity").value !== "" && Number.isInteger(quantity) && quantity >= least;
  wrong("quantity", whole ? "" : `Expected a whole number from ${least} on.`);
  const moves = kind === "transferred";
  const other = at("to_location").value;
  wrong("to_location", !moves || (other && other !== at("location").value) ? "" : "Choose another place.");
  const refused = form.querySelector("[aria-invalid]");
  if (refused) {
    refused.focus();
    return null;
  }
  const event = {
    event_id: newId(),
    event_type: kind === "damaged" ? "adjusted" : kind,
    occurred_at: new Date().toISOString(),
    sku: found.sku,
    location: at("location").value,
  };
  if (kind === "damaged") return { ...event, quantity_change: -quantity, reason: "damaged" };
  if (moves) event.to_location = other;
  return { ...event, quantity };
}

// randomUUID is there in a secure context only.
function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

form.addEventListener("submit", async (submitted) => {
  submitted.preventDefault();
  const event = made();
  if (!event) return;
  const name = (chosen || productOf(event.sku)).name;
  await book(event);
  choose(null);
  at("quantity").value = "1";
  at("product").focus();
  tell(`${words(event)} ${name}: kept.`);
});

form.addEventListener("change", () => {
  at("to-field").hidden = form.elements.kind.value !== "transferred";
  if (chosen) at("chosen").textContent = `${chosen.sku} · ${hereText(chosen)}`;
});

at("product").addEventListener("input", () => {
  chosen = null;
  at("chosen").textContent = "";
  at("found").replaceChildren(
    ...search(at("product").value).map((product) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "button";
      button.textContent = `${product.name} (${product.sku})`;
      button.addEventListener("click", () => choose(product));
      const item = document.createElement("li");
      item.append(button);
      return item;
    }),
  );
});

for (const [id, step] of [["less", -1], ["more", 1]]) {
  at(id).addEventListener("click", () => {
    at("quantity").value = Math.max(0, Number(at("quantity").value || 0) + step);
  });
}

// --- What the server did with each.

const STATES = {
  waiting: "Waits to be sent",
  recorded: "Recorded",
  disagreed: "Recorded; the shelf disagreed",
  refused: "Not taken",
};

function words(event) {
  const kinds = { transferred: "Moved", adjusted: "Damaged", reversed: "Undone" };
  const kind = kinds[event.event_type] || event.event_type[0].toUpperCase() + event.event_type.slice(1);
  const units = event.quantity ?? -event.quantity_change;
  return Number.isNaN(units) ? kind : `${kind} ${units}`;
}

function tell(text) {
  at("said").textContent = text;
}

async function show() {
  const all = (await entries()).reverse();
  const waiting = all.filter((entry) => entry.state === "waiting");
  const mine = waiting.filter((entry) => entry.who === data.user).length;
  const others = waiting.length - mine;
  const refused = all.filter((entry) => entry.state === "refused").length;
  const lines = [];
  if (mine) lines.push(`${mine} wait${mine === 1 ? "s" : ""} to be sent.`);
  if (others) lines.push(`${others} of someone else wait for them to sign in.`);
  if (refused) lines.push(`${refused} not taken: look below.`);
  at("waiting").textContent = lines.join(" ") || "All is sent.";
  at("sign-in").hidden = !signedOut;
  const undone = new Set(all.map((entry) => entry.event.reverses).filter(Boolean));
  at("booked").replaceChildren(...all.slice(0, SHOWN).map((entry) => line(entry, undone)));
}

function line(entry, undone) {
  const { event, state } = entry;
  const item = document.createElement("li");
  const product = data.products.find((one) => one.sku === event.sku);
  const place = [event.location, event.to_location].filter(Boolean).join(" → ");
  item.append(
    text("p", "name", [words(event), product ? product.name : event.sku].filter(Boolean).join(" ")),
    text("p", "quiet small", [place, new Date(entry.at).toLocaleString(), entry.who].filter(Boolean).join(" · ")),
    text("p", state === "refused" ? "wrong" : "small", [STATES[state], ...(entry.notes || [])].join(". ")),
  );
  const buttons = text("p", "buttons", "");
  if (state === "refused") {
    buttons.append(button("Mend", () => mend(entry)), button("Discard", () => drop(entry.number).then(show)));
  } else if (event.event_type !== "reversed" && !undone.has(event.event_id)) {
    buttons.append(button("Undo", () => undo(event)));
  }
  if (buttons.children.length) item.append(buttons);
  return item;
}

function text(tag, name, said) {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = said;
  return made;
}

function button(said, press) {
  const made = text("button", "button", said);
  made.type = "button";
  made.addEventListener("click", press);
  return made;
}

function undo(event) {
  return book({
    event_id: newId(),
    event_type: "reversed",
    reverses: event.event_id,
    occurred_at: new Date().toISOString(),
  });
}

// Back into the form; nothing of what was refused was recorded, so it goes under a new id.
async function mend(entry) {
  const { event } = entry;
  const kind = event.event_type === "adjusted" ? "damaged" : event.event_type;
  if (form.elements.kind.value !== kind) form.elements.kind.value = kind;
  at("location").value = event.location || "";
  at("to_location").value = event.to_location || "";
  at("to-field").hidden = kind !== "transferred";
  const product = productOf(event.sku || "");
  choose(product || null);
  if (!product) at("product").value = event.sku || "";
  at("quantity").value = event.quantity ?? -event.quantity_change;
  await drop(entry.number);
  await show();
  at("quantity").focus();
}

// --- It opens without a network: its own files are kept, and the worker serves them.

async function keepForOffline() {
  if (!("serviceWorker" in navigator)) return;
  await navigator.serviceWorker.register("/sw.js");
  const kept = await caches.open("parstock-book");
  const addresses = assets.map((asset) => asset.href || asset.src);
  for (const request of await kept.keys()) {
    const gone = new URL(request.url).pathname !== "/book" && !addresses.includes(request.url);
    if (gone) await kept.delete(request);
  }
  if (!signedOut) await kept.addAll(["/book", ...addresses]);
}

at("with-camera").hidden = !("BarcodeDetector" in window && navigator.mediaDevices);
at("camera-button").addEventListener("click", scanWithCamera);
addEventListener("online", () => {
  failures = 0;
  refresh();
});
addEventListener("offline", () => tell("No network: what you book is kept here and sent later."));
document.addEventListener("visibilitychange", () => document.hidden || send());
refresh().then(keepForOffline).catch((error) => tell(`This browser keeps nothing: ${error}`));
