// The page of the bench. It asks nothing of the network but the program that
// served it, and draws what that says; it decides nothing.

const $ = id => document.getElementById(id);

function make(tag, text, props = {}) {
  const e = Object.assign(document.createElement(tag), props);
  if (text !== undefined) e.textContent = text;
  return e;
}

function svg(tag, attributes) {
  const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  return e;
}

// Views: one of three, named in the address.

function turn() {
  const name = ["live", "tape", "compare"].find(n => location.hash === "#" + n) ?? "live";
  for (const view of document.querySelectorAll(".view")) {
    view.hidden = view.id !== name;
    const link = $("to-" + view.id);
    if (view.hidden) link.removeAttribute("aria-current");
    else link.setAttribute("aria-current", "page");
  }
}
addEventListener("hashchange", turn);
turn();

// What is held over the device.

const held = { out: false, what: "palm", person: 0, hand: "left", condition: "none", distance: 80, x: 0, y: 0, tilt_x: 0, tilt_y: 0, rotation: 0, speed: 0 };
const numbers = ["person", "distance", "x", "y", "tilt_x", "tilt_y", "rotation", "speed"];

async function post(path, value) {
  try {
    const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(value) });
    $("wrong").textContent = answer.ok ? "" : await answer.text();
  } catch {
    $("wrong").textContent = "the bench does not answer";
  }
}

let sending = Promise.resolve(), waiting = false;
let fresh = true; // what the device has held has not come yet, since the page was loaded or connected again

// showHeld writes what is held into the controls.
function showHeld() {
  for (const [k, v] of Object.entries(held)) {
    const e = $(k);
    if (e && e !== document.activeElement) e.value = v;
    const o = document.querySelector(`output[for=${k}]`);
    if (o) o.textContent = v + (e.dataset.unit ?? "");
  }
  $("out").setAttribute("aria-pressed", held.out);
  $("about-what").textContent = $("what").selectedOptions[0]?.title ?? "";
}

// hold tells the device what is held; moves that come while one is on its
// way are told together.
function hold() {
  showHeld();
  if (waiting || fresh) return;
  waiting = true;
  sending = sending.then(() => { waiting = false; return post("hold", held); });
}

$("hold").addEventListener("input", e => {
  const k = e.target.id;
  if (!(k in held)) return;
  if (numbers.includes(k)) {
    if (!e.target.checkValidity() || e.target.value === "") return;
    held[k] = Number(e.target.value);
  } else {
    held[k] = e.target.value;
  }
  hold();
});

function toggle() {
  if (fresh) return;
  held.out = !held.out;
  hold();
}
$("out").addEventListener("click", toggle);
$("hold").addEventListener("submit", e => e.preventDefault());
$("centre").addEventListener("click", () => {
  Object.assign(held, { distance: 80, x: 0, y: 0, tilt_x: 0, tilt_y: 0, rotation: 0, speed: 0 });
  hold();
});

// Space holds out and takes away, arrows move, wherever no control wants them.
addEventListener("keydown", e => {
  if (e.target.matches("input, select, button, a") || e.ctrlKey || e.altKey || e.metaKey) return;
  if (!$("tape").hidden) return step(e);
  const move = { ArrowLeft: ["x", -2], ArrowRight: ["x", 2], ArrowUp: ["y", -2], ArrowDown: ["y", 2], "+": ["distance", -2], "-": ["distance", 2] }[e.key];
  if (e.key === " ") toggle();
  else if (move) {
    const range = $(move[0]);
    held[move[0]] = Math.max(range.min, Math.min(range.max, held[move[0]] + move[1]));
    hold();
  } else return;
  e.preventDefault();
});

function order() {
  const purpose = $("purpose").value, of = purpose === "verify" || purpose === "delete";
  $("who").disabled = !of;
  if (of && !$("who").value) {
    $("wrong").textContent = purpose + ": nobody has been enrolled or recognised here yet";
    return;
  }
  post("order", { purpose, who: of ? $("who").value : "" });
}
$("order").addEventListener("input", order);

fetch("choices").then(r => r.json()).then(c => {
  $("what").append(new Option("palm", "palm"), ...c.attacks.map(a => Object.assign(new Option("attack: " + a.name, a.name), { title: a.about })));
  $("condition").append(...c.conditions.map(n => new Option(n, n)));
  $("condition").value = "none";
  $("person").max = c.max_person;
  showHeld();
});

// What the device says.

// follow draws what a camera sees, for as long as the page is open.
async function follow(band) {
  const canvas = $(band), pen = canvas.getContext("2d");
  for (let last = 0; ;) {
    try {
      const answer = await fetch(`camera/${band}/${last}`);
      if (!answer.ok) throw new Error(answer.statusText);
      const picture = await createImageBitmap(await answer.blob());
      canvas.width = picture.width;
      canvas.height = picture.height;
      pen.drawImage(picture, 0, 0);
      last = Number(answer.headers.get("Picture"));
    } catch {
      last = 0;
      await new Promise(wake => setTimeout(wake, 1000));
    }
  }
}
addEventListener("load", () => ["nir", "rgb"].forEach(follow));

const rounded = v => v === null ? "–" : Math.abs(v) >= 100 ? v.toFixed(0) : Math.abs(v) >= 10 ? v.toFixed(1) : v.toPrecision(2);

// bar draws a value on a rail that reaches beyond its limits on both sides.
function bar(g) {
  const low = g.min ?? Math.min(0, g.value ?? 0), high = g.max ?? Math.max(g.value ?? 1, (g.min ?? 0) * 2, 1e-9);
  const spare = (high - low || 1) * .25, from = low - spare, to = high + spare;
  const at = v => Math.max(0, Math.min(100, 100 * (v - from) / (to - from)));
  const s = svg("svg", { viewBox: "0 0 100 14", preserveAspectRatio: "none", "aria-hidden": "true" });
  s.append(svg("rect", { class: "rail", x: 0, y: 4, width: 100, height: 6 }));
  s.append(svg("rect", { class: "room", x: at(low), y: 4, width: at(high) - at(low), height: 6 }));
  if (g.value !== null) s.append(svg("rect", { class: "mark", x: at(g.value) - .8, y: 1, width: 1.6, height: 12 }));
  return s;
}

function gauges(id, list) {
  $(id).tBodies[0].replaceChildren(...(list ?? []).map(g => {
    const row = make("tr", undefined, { className: g.pass ? "" : "bad" });
    const cell = make("td", undefined, { className: "bar" });
    cell.append(bar(g));
    const limits = g.min === null && g.max === null ? "" : `${g.min === null ? "up" : rounded(g.min)} to ${g.max === null ? "any" : rounded(g.max)}`;
    row.append(make("th", g.name, { scope: "row" }), cell, make("td", rounded(g.value), { className: "n" }),
      make("td", limits, { className: "n" }), make("td", g.value === null ? "did not run" : g.pass ? "" : "fails"));
    return row;
  }));
}

function ring(cue) {
  const [colour, ...move] = cue.ring.split(" ");
  document.querySelector(".face").className = `face ring-${colour} move-${move.join("-")}`;
  $("ring-name").textContent = "Ring: " + (cue.ring || "dark");
  if ($("cue").textContent !== cue.text) $("cue").textContent = cue.text;
}

const points = list => (list ?? []).map(p => p.map(v => v.toFixed(1)).join(",")).join(" ");

let burstShown = 0;

function burst(v) {
  if (v.burst_id === burstShown) return;
  burstShown = v.burst_id;
  $("burst").replaceChildren(...(v.burst ?? []).map((light, n) => {
    const li = make("li");
    for (const band of ["nir", "rgb"]) li.append(make("img", undefined, { src: `burst/${v.burst_id}/${n}/${band}`, alt: `${band} under ${light}` }));
    li.append(light);
    return li;
  }));
}

function waves(v) {
  $("waves").tBodies[0].replaceChildren(...(v.waves ?? []).map(w => {
    const row = make("tr");
    row.append(make("td", w.wave), make("td", w.purpose), make("td", w.held), make("td", w.outcome, { className: w.outcome.replace(" ", "") }),
      make("td", w.who), make("td", w.bursts), make("td", (w.ms / 1000).toFixed(2) + " s", { className: "n" }));
    return row;
  }));
  $("stages").tBodies[0].replaceChildren(...(v.stages ?? []).map(s => {
    const row = make("tr");
    row.append(make("th", s.name, { scope: "row" }), make("td", s.ms.toFixed(1) + " ms", { className: "n" }));
    return row;
  }));
}

function vault(v) {
  const facts = v.measurement ? [["Program", v.measurement], ["Evidence", v.kind], ["Release", v.release], ["Epoch", v.epoch], ["Key", v.key], ["Checked", v.checked], ["Host", v.host]] : [["Evidence", "not checked yet"]];
  $("vault").replaceChildren(...facts.flatMap(([k, text]) => [make("dt", k), make("dd", text)]));
  $("notice").textContent = v.notice;
}

function draw(v) {
  ring(v.cue);
  $("state").textContent = v.state;
  $("frame-nir").setAttribute("points", points(v.frame.nir));
  $("frame-rgb").setAttribute("points", points(v.frame.rgb));
  gauges("guide", v.guide);
  gauges("quality", v.quality);
  gauges("liveness", v.liveness);
  $("retries").replaceChildren(...(v.retries ?? []).map(why => make("li", "again, " + why)));
  $("fault").textContent = v.fault;
  burst(v);
  waves(v);
  vault(v.vault);
  const people = v.people ?? [];
  if (people.join() !== [...$("who").options].map(o => o.value).join()) $("who").replaceChildren(...people.map(p => new Option(p)));
}

const source = new EventSource("events");
source.onopen = () => { $("link").textContent = "connected"; fresh = true; };
source.onerror = () => { $("link").textContent = "the bench has ended or is starting; this page tries again"; };
source.onmessage = e => {
  const v = JSON.parse(e.data);
  if (fresh) {
    Object.assign(held, v.held);
    $("purpose").value = v.purpose;
    showHeld();
    fresh = false;
    $("out").disabled = false;
  }
  draw(v);
};

// Tapes.

let tapes = [], film, at = 0;

fetch("tapes").then(r => r.json()).then(list => {
  tapes = list ?? [];
  $("tapes").append(...tapes.map((t, i) => new Option(t.name, i)));
  if (tapes.length) open(0);
  else $("about-tape").textContent = "No tape was opened. Give tapes on the command line: palmsim bench-ui TAPE.mcap";
});

function open(i) {
  film = tapes[i];
  $("about-tape").textContent = `${film.shots} shots, board ${film.board}, ${film.firmware}, ${film.synthetic ? "synthetic" : "REAL PEOPLE: nothing of it is kept"}${film.cut ? ". " + film.cut : ""}`;
  $("shot").max = Math.max(film.shots - 1, 0);
  $("items").replaceChildren(...(film.items ?? []).map(item => {
    const li = make("li"), text = `${(item.ms / 1000).toFixed(3)} s  ${item.text}`;
    if (item.kind === "shot") li.append(make("button", text, { type: "button", value: item.shot }));
    else li.textContent = text;
    return li;
  }));
  show(0);
}

function show(n) {
  if (!film || !film.shots) return;
  at = Math.max(0, Math.min(film.shots - 1, n));
  $("shot").value = at;
  document.querySelector("output[for=shot]").textContent = `${at + 1} of ${film.shots}`;
  for (const band of ["nir", "rgb"]) $("tape-" + band).src = `tape/${tapes.indexOf(film)}/${at}/${band}`;
  for (const b of $("items").querySelectorAll("button")) {
    if (Number(b.value) === at) {
      b.setAttribute("aria-current", "step");
      b.scrollIntoView({ block: "nearest" });
    } else b.removeAttribute("aria-current");
  }
}

function step(e) {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
  if (!by) return;
  show(at + by);
  e.preventDefault();
}
$("tapes").addEventListener("input", e => open(Number(e.target.value)));
$("shot").addEventListener("input", e => show(Number(e.target.value)));
$("back").addEventListener("click", () => show(at - 1));
$("on").addEventListener("click", () => show(at + 1));
$("items").addEventListener("click", e => { if (e.target.value) show(Number(e.target.value)); });

// Two runs side by side.

let runs = { names: null, waves: null };

function compare() {
  const only = $("only").checked, rows = [];
  for (const w of runs.waves ?? []) {
    if (only && !w.differs) continue;
    const head = make("tr");
    head.append(make("th", `${w.tape}, wave ${w.wave}: ${w.who}`, { scope: "rowgroup", colSpan: 3 }));
    rows.push(head);
    for (const c of w.cells) {
      if (only && !c.differs) continue;
      const row = make("tr");
      row.append(make("th", c.what, { scope: "row" }), make("td", c.a), make("td", c.b, { className: c.differs ? "differs" : "" }));
      rows.push(row);
    }
  }
  $("runs").tBodies[0].replaceChildren(...rows);
}
$("only").addEventListener("input", compare);

fetch("runs").then(r => r.json()).then(all => {
  runs = all;
  if (!runs.names) {
    $("about-runs").textContent = "No runs were given: palmsim replay tapes/*.mcap --json before.jsonl, the same with the other firmware to after.jsonl, then palmsim bench-ui --compare before.jsonl,after.jsonl";
    return;
  }
  const waves = runs.waves ?? [];
  $("about-runs").textContent = `${waves.filter(w => w.differs).length} of ${waves.length} waves differ`;
  const head = make("tr");
  head.append(make("th", "", { scope: "col" }), ...runs.names.map(n => make("th", n, { scope: "col" })));
  $("runs").tHead.replaceChildren(head);
  compare();
});
