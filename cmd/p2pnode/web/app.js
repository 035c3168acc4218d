// The page of one server: what it knows of its cluster, and pictures by its gateway. Everything that comes from the network is
// set as text; the page makes no HTML of strings (Trusted Types forbids it).
"use strict";

const at = (id) => document.getElementById(id);
const kept = { jobs: 40, events: 200, reigns: 30 }; // as many are shown at most
const sight = { cluster: null, jobs: new Map(), events: [], reigns: [] };
let token = sessionStorage.getItem("token") || "";

// make builds an element; children are elements or text.
function make(tag, classes, ...children) {
  const e = document.createElement(tag);
  if (classes) e.className = classes;
  e.append(...children);
  return e;
}

const clock = (t) => {
  const e = make("time", "", new Date(t).toLocaleTimeString([], { hour12: false }));
  e.dateTime = new Date(t).toISOString();
  return e;
};
const count = (n) => Number(n).toLocaleString("en");
const bytes = (n) => count(n) + (n === 1 ? " byte" : " bytes");

// call asks the server; a problem becomes an Error with its code.
async function call(path, options = {}) {
  const headers = { ...options.headers };
  if (token) headers.Authorization = "Bearer " + token;
  const answer = await fetch(path, { cache: "no-store", ...options, headers });
  if (answer.status === 401) at("door").hidden = false;
  if (answer.ok) return answer;
  let told = {};
  try { told = await answer.json(); } catch { /* not ours */ }
  const e = new Error(told.detail || answer.status + " " + answer.statusText);
  e.code = told.code || "";
  e.status = answer.status;
  throw e;
}

// ---- the cluster

const states = { alive: "good", suspect: "warn", dead: "bad" };

function showStatus(s) {
  sight.cluster = s;
  document.title = s.cluster + " · p2pnode";
  at("cluster").textContent = s.cluster;
  at("ready").textContent = s.ready ? "Ready" : "Not ready";
  at("ready").title = s.reason || "A job asked for now would be assigned.";
  at("ready").className = "pill " + (s.ready ? "good" : "warn");
  at("leader").textContent = s.leader || "none";
  at("epoch").textContent = count(s.epoch);
  at("alive").textContent = s.nodes.filter((n) => n.state === "alive").length + " of " + s.nodes.length;
  at("working").textContent = count(s.jobs.assigned + s.jobs.running);
  at("waiting").textContent = count(s.jobs.done);
  at("quorum").textContent = s.quorum;
  at("self").textContent = "as " + s.self + " sees it · clients " + s.clients;
  at("servers").replaceChildren(...s.nodes.map((n) => serverRow(n, s.self)));
  noteReign(new Date(), s.leader, s.epoch);
  showReignBar();
}

function serverRow(n, self) {
  const name = make("td", "name", n.name);
  if (n.name === self) name.append(" ", make("span", "self", "this one"));
  const here = n.state !== "dead";
  const row = make("tr", "", name,
    make("td", "", make("span", "pill " + (states[n.state] || "wait"), n.state)),
    make("td", "", here ? make("span", "pill " + (n.role === "leader" ? "star" : "wait"), n.role) : "–"),
    make("td", "wide", here ? bar(n.load) : "–"));
  for (const text of [n.jobs, count(n.done), n.name === self || !here ? "–" : n.rtt_ms.toFixed(1) + " ms"]) {
    row.append(make("td", "number", String(text)));
  }
  return row;
}

// bar shows a percentage, as a bar and as a number.
function bar(percent) {
  const fill = make("i");
  fill.style.width = Math.max(0, Math.min(100, percent)) + "%";
  return make("div", "bar" + (percent >= 80 ? " high" : ""), make("span", "", fill), make("span", "", percent.toFixed(0) + " %"));
}

// ---- who led, since when

// noteReign takes the word that somebody leads, or nobody does. A status may tell it before the event that knows the time.
function noteReign(time, leader, epoch, took) {
  const known = sight.reigns.find((r) => r.leader === leader && (r.epoch === epoch || r === sight.reigns[0] && !leader));
  time = new Date(time);
  if (known && (!took || known.took)) return;
  if (known) Object.assign(known, { time, took });
  else sight.reigns.push({ time, leader, epoch, took });
  sight.reigns.sort((a, b) => b.time - a.time);
  sight.reigns.length = Math.min(sight.reigns.length, kept.reigns);
  showReigns();
}

function showReigns() {
  at("reigns").replaceChildren(...sight.reigns.map((r, i) => {
    const what = make("span", "grow", r.leader ? make("b", "", r.leader) : "nobody", r.leader ? " leads" : " leads: servers elect");
    if (r.took) what.append(make("span", "hint", " after " + r.took.toFixed(2) + " s"));
    return make("li", "", clock(r.time), what, i === 0 && r.leader ? make("span", "pill star", "now") : "", make("span", "hint", "epoch " + count(r.epoch)));
  }));
  showReignBar();
}

// showReignBar draws the same as a strip of time that ends now.
function showReignBar() {
  const span = Math.max(1, Date.now() - sight.reigns.at(-1).time);
  at("reignbar").replaceChildren(...sight.reigns.toReversed().map((r, i, all) => {
    const piece = make("i", r.leader ? "" : "none");
    piece.style.flexGrow = String(Math.max(.002, ((all[i + 1] ? all[i + 1].time : Date.now()) - r.time) / span));
    return piece;
  }));
}

// ---- jobs and where they moved

const stages = { assigned: "wait", running: "wait", done: "good", acked: "good", failed: "bad", cancelled: "bad" };

// noteJob takes what is known of a job now.
function noteJob(id, state, server, time, attempt, from) {
  const j = sight.jobs.get(id) || { id, path: [], attempt: 0, began: time };
  sight.jobs.delete(id); // the last one heard of is the last in the map
  if (from && !j.path.length) j.path.push(from);
  if (server && j.path.at(-1) !== server) j.path.push(server);
  j.path = j.path.slice(-8);
  j.state = state;
  j.time = time;
  j.attempt = Math.max(j.attempt, attempt || 1);
  sight.jobs.set(id, j);
  for (const old of sight.jobs.keys()) {
    if (sight.jobs.size <= kept.jobs) break;
    sight.jobs.delete(old);
  }
}

function showJobs() {
  if (!sight.jobs.size) return;
  const latest = [...sight.jobs.values()].toReversed().sort((a, b) => Date.parse(b.time) - Date.parse(a.time));
  at("jobs").replaceChildren(...latest.map((j) => {
    const path = make("span", "grow path");
    j.path.forEach((server, i) => path.append(i ? " → " : "", make("b", i < j.path.length - 1 ? "gone" : "", server)));
    if (j.attempt > 1) path.append(make("span", "hint", " attempt " + j.attempt));
    const id = make("code", "", j.id.slice(0, 8));
    id.title = j.id;
    return make("li", "", clock(j.time), id, path, make("span", "pill " + (stages[j.state] || "wait"), j.state));
  }));
}

// ---- events

function noteEvent(e) {
  sight.events.unshift(e);
  sight.events.length = Math.min(sight.events.length, kept.events);
  const [subject, state] = [e.kind.split("-")[0], e.kind.slice(e.kind.indexOf("-") + 1)];
  if (subject === "job" && e.job) noteJob(e.job, state === "moved" ? "assigned" : state, e.server, e.time, e.attempt, e.from);
  if (e.kind === "leader-elected" || e.kind === "leader-confirmed") noteReign(e.time, e.leader, e.epoch, e.seconds);
  if (e.kind === "leader-lost") noteReign(e.time, null, e.epoch || 0);
}

const bad = /failed|lost|dead|cancelled|fault-begun/;

function sentence(e) {
  const words = [];
  if (e.leader && e.kind.startsWith("leader")) words.push(e.leader);
  if (e.peer) words.push(e.peer);
  if (e.job) words.push(e.job.slice(0, 8));
  if (e.from) words.push("from " + e.from);
  if (e.server) words.push((e.from ? "to " : "at ") + e.server);
  if (e.code) words.push(e.code);
  if (e.detail) words.push(e.detail);
  if (e.seconds) words.push(e.seconds.toFixed(2) + " s");
  return words.join(" ");
}

function showEvents() {
  const list = at("events"), above = list.scrollTop;
  list.replaceChildren(...sight.events.map((e) => {
    const text = make("span", "grow", make("b", "", e.kind), " ", sentence(e));
    if (bad.test(e.kind)) text.prepend("✕ ");
    return make("li", "", clock(e.time), text);
  }));
  list.scrollTop = above;
}

// follow reads server-sent events for ever. (EventSource could not carry a token.)
async function follow() {
  let last = "";
  for (;;) {
    try {
      const answer = await call("/v1/events", { headers: { Accept: "text/event-stream", ...(last && { "Last-Event-ID": last }) } });
      if (!(answer.headers.get("Content-Type") || "").startsWith("text/event-stream")) throw Object.assign(new Error("no stream"), { status: 404 });
      at("stream").textContent = "live";
      last = await readStream(answer.body, last);
    } catch (e) {
      at("stream").textContent = e.status === 404 ? "not told by this server" : "interrupted";
      if (e.status === 404) return;
    }
    await pause(2000);
  }
}

async function readStream(body, last) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ;) {
    const { value, done } = await reader.read();
    if (done) return last;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop().slice(-65536);
    for (const block of blocks) last = readBlock(block, last);
    showEvents();
    showJobs();
  }
}

// readBlock takes one event of the stream and returns its id.
function readBlock(block, last) {
  const field = (name) => block.split("\n").filter((l) => l.startsWith(name + ":")).map((l) => l.slice(name.length + 1).trim());
  try {
    const e = JSON.parse(field("data").join("\n"));
    if (typeof e.kind === "string" && e.time) noteEvent(e);
  } catch { /* a comment, or a page of another form */ }
  return field("id")[0] || last;
}

// ---- asking, again and again

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function poll() {
  for (;;) {
    if (!document.hidden) {
      try {
        showStatus(await (await call("/v1/status", { signal: AbortSignal.timeout(4000) })).json());
        fine();
      } catch (e) {
        trouble(e.status === 401 ? "This server wants a token." : "This server does not answer: " + e.message);
      }
    }
    await pause(1000);
  }
}

function fine() {
  at("trouble").hidden = true;
  at("door").hidden = true;
  document.querySelector("main").classList.remove("stale");
}

function trouble(text) {
  at("trouble").textContent = text;
  at("trouble").hidden = false;
  at("ready").textContent = "No answer";
  at("ready").className = "pill bad";
  document.querySelector("main").classList.add("stale");
}

// knownJobs are those of the ledger, where a server lists them.
async function knownJobs() {
  try {
    const list = (await (await call("/v1/jobs")).json()).jobs || [];
    for (const j of list.slice(0, kept.jobs).reverse()) noteJob(j.job, j.state, j.server, j.since, j.attempt);
    showJobs();
  } catch { /* its events will tell */ }
}

at("door").addEventListener("submit", (e) => {
  e.preventDefault();
  token = at("token").value.trim();
  sessionStorage.setItem("token", token);
  location.reload();
});

// ---- hide and reveal

const studio = { file: null, room: null, busy: false, links: [] };

const mode = () => document.querySelector("input[name=mode]:checked").value;
const size = () => new TextEncoder().encode(at("text").value).length;

// arrange shows what can be done now.
function arrange() {
  const hiding = mode() === "hide", n = size();
  const most = studio.room ? studio.room.capacity : 0;
  at("hide-only").hidden = !hiding;
  at("go").textContent = hiding ? "Hide" : "Reveal";
  at("go").disabled = studio.busy || !studio.file || hiding && (n === 0 || !studio.room);
  at("counter").textContent = bytes(n) + (studio.room ? " of " + count(most) : "");
  at("counter").classList.toggle("over", !!studio.room && n > most);
}

// take shows a picture, and first of all what fits into it.
async function take(file) {
  studio.file = file;
  studio.room = null;
  clearResult();
  at("preview").src = link(file);
  at("preview").alt = "the picture " + file.name;
  at("preview").hidden = false;
  at("invite").hidden = true;
  for (const id of ["most", "default", "kind"]) at(id).textContent = "…";
  arrange();
  try {
    const room = await (await post("/v1/capacity", { image: file })).json();
    if (studio.file !== file) return;
    studio.room = room;
    at("most").textContent = room.fits ? bytes(room.capacity) : "nothing";
    at("default").textContent = room.fits ? bytes(room.default) : "nothing";
    at("kind").textContent = room.width + " × " + room.height + " " + room.type.toUpperCase();
  } catch (e) {
    for (const id of ["most", "default", "kind"]) at(id).textContent = "–";
    if (studio.file === file) fail(e);
  }
  arrange();
}

function post(path, fields) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) if (value) form.append(name, value);
  return call(path, { method: "POST", body: form });
}

// link makes an address for bytes; all of them are let go with the next picture.
function link(blob) {
  const address = URL.createObjectURL(blob);
  studio.links.push(address);
  return address;
}

function clearResult() {
  at("result").hidden = true;
  at("result").replaceChildren();
  while (studio.links.length > 8) URL.revokeObjectURL(studio.links.shift());
}

function show(...children) {
  at("result").className = "result";
  at("result").replaceChildren(...children);
  at("result").hidden = false;
}

function fail(e) {
  show(make("b", "", e.code || "Failed"), " ", e.message);
  at("result").classList.add("bad");
}

function download(blob, name, text) {
  const a = make("a", "button", text);
  a.href = link(blob);
  a.download = name;
  return a;
}

async function hide() {
  const answer = await post("/v1/encrypt", { image: studio.file, text: at("text").value, passphrase: at("passphrase").value });
  const head = (name) => decodeURIComponent(answer.headers.get("X-P2pnode-" + name) || "");
  const attempts = Number(head("Attempts"));
  const name = studio.file.name.replace(/\.[^.]*$/, "") + ".stego.png";
  show(download(await answer.blob(), name, "Save " + name),
    make("p", "hint", "Hidden by ", make("b", "", head("Server")), ", verified" + (attempts > 1 ? ", at attempt " + attempts : "") + " · job ", make("code", "", head("Job").slice(0, 8))));
}

async function reveal() {
  const answer = await post("/v1/decrypt", { image: studio.file, passphrase: at("passphrase").value });
  const disposition = answer.headers.get("Content-Disposition");
  if (!disposition) return show(make("pre", "", await answer.text()), make("span", "hint", "That is what it holds."));
  const blob = await answer.blob(), name = (/filename="?([^";]*)/.exec(disposition) || [])[1] || "payload.bin";
  show(download(blob, name, "Save " + name), make("p", "hint", "A file of " + bytes(blob.size) + " is hidden here."));
}

at("work").addEventListener("submit", async (e) => {
  e.preventDefault();
  if (at("go").disabled) return;
  studio.busy = true;
  clearResult();
  at("doing").textContent = mode() === "hide" ? "The cluster works…" : "Looking…";
  arrange();
  try {
    await (mode() === "hide" ? hide() : reveal());
  } catch (e) {
    fail(e);
  }
  studio.busy = false;
  at("doing").textContent = "";
  arrange();
});

at("picture").addEventListener("change", () => at("picture").files[0] && take(at("picture").files[0]));
at("text").addEventListener("input", arrange);
at("modes").addEventListener("change", () => { clearResult(); arrange(); });
at("preview").addEventListener("error", () => { // a kind that this browser does not draw
  at("preview").hidden = true;
  at("invite").hidden = false;
  at("invite").firstElementChild.textContent = studio.file.name;
});

// A picture dropped anywhere is taken: a miss must not make the browser leave the page.
for (const type of ["dragover", "drop", "dragleave"]) {
  addEventListener(type, (e) => {
    if (type !== "dragleave") e.preventDefault();
    at("drop").classList.toggle("over", type === "dragover");
    const file = type === "drop" && e.dataTransfer && e.dataTransfer.files[0];
    if (file) take(file);
  });
}

arrange();
poll();
knownJobs();
follow();
