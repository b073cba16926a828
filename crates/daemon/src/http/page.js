// What the pages of both programs have in common. Everything that is shown is set as text.

const views = [];
let stale = null;

// An element; children are elements or texts, and nothing for none.
function el(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "click") element.addEventListener("click", value);
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

// A section whose content follows the status; hidden while there is none.
function view(id, title, half, show) {
  const body = el("div", {});
  const section = el("section", { id, class: half ? "half" : null }, el("h2", {}, title), body);
  document.getElementById("main").append(section);
  let last = null;
  views.push((status) => {
    const content = show(status);
    section.hidden = content === null;
    if (content === null) return;
    const nodes = [content].flat(Infinity);
    const now = new XMLSerializer().serializeToString(el("div", {}, nodes));
    // What stays as it is keeps what is selected in it.
    if (now !== last) body.replaceChildren(...nodes);
    last = now;
  });
  return section;
}

// A section that is made once.
function tool(id, title, half, ...content) {
  const section = el("section", { id, class: half ? "half" : null }, el("h2", {}, title), content);
  document.getElementById("main").append(section);
  return section;
}

// A table of rows, each a list of cells; a number is set to the right.
function table(heads, rows, stacked) {
  const cell = (tag) => (content) => {
    const kind = typeof content === "number" ? "number" : null;
    return el(tag, { class: kind }, Array.isArray(content) ? content : [content === null ? "" : content].map((of) => typeof of === "number" ? of.toLocaleString("en") : of));
  };
  const numeric = heads.map((_, at) => rows.length > 0 && rows.every((row) => typeof row[at] === "number"));
  const head = el("tr", {}, heads.map((text, at) => el("th", { class: numeric[at] ? "number" : null }, text)));
  const body = rows.map((row) => el("tr", {}, row.map(cell("td"))));
  return el("div", { class: "wide" }, el("table", { class: stacked ? "stack" : null }, el("thead", {}, head), el("tbody", {}, body)));
}

function pairs(list) {
  const known = list.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return el("dl", {}, known.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

function card(label, value, kind) {
  const text = typeof value === "number" ? value.toLocaleString("en") : value;
  return el("div", { class: "card" }, el("b", { class: kind || null }, text), el("span", {}, label));
}

function count(number, one) {
  return `${number.toLocaleString("en")} ${one}${number === 1 ? "" : "s"}`;
}

function bytes(number) {
  if (number < 10240) return `${number.toLocaleString("en")} bytes`;
  if (number < 10485760) return `${Math.round(number / 1024).toLocaleString("en")} KiB`;
  return `${Math.round(number / 1048576).toLocaleString("en")} MiB`;
}

function millis(number) {
  if (number < 1000) return `${number} ms`;
  return `${(number / 1000).toFixed(number < 10000 ? 1 : 0)} s`;
}

// A time of the server: the clock of the day, and the whole of it where the pointer rests.
function time(text) {
  const whole = String(text);
  const short = whole.includes("T") ? whole.slice(11).replace("Z", "") : whole;
  return el("time", { title: whole }, short);
}

// The word of health, of whom it is told, and what there is to say.
function health(id, word, reasons, remarks, whose) {
  const kind = word === "healthy" || word === "in step" ? "good" : word.startsWith("not") ? "bad" : "warn";
  const said = [...reasons.map((text) => ["bad", text]), ...remarks.map((text) => ["warn", text])];
  const list = said.length === 0 ? null : el("ul", {}, said.map(([of, text]) => el("li", { class: of }, text)));
  return [el("p", {}, whose, el("span", { class: `badge ${kind}`, id }, word)), list].filter((of) => of !== null);
}

// Asks the daemon for something; whoever asks again meanwhile gets the newer answer only.
function asker(show) {
  let latest = 0;
  return async (path) => {
    const mine = ++latest;
    let outcome;
    try {
      const answer = await fetch(path);
      const text = await answer.text();
      outcome = answer.ok ? [JSON.parse(text), null] : [null, text.trim()];
    } catch (error) {
      outcome = [null, "the daemon does not answer"];
    }
    if (mine === latest) show(...outcome);
  };
}

function render(status) {
  for (const show of views) show(status);
  document.documentElement.dataset.renders = Number(document.documentElement.dataset.renders || 0) + 1;
}

function connection(text, kind) {
  if (!stale) {
    stale = el("span", { id: "connection" });
    document.getElementById("head").append(stale);
  }
  stale.textContent = text;
  stale.className = kind;
}

// Follows the status for as long as the page is open.
function follow() {
  const source = new EventSource("/events");
  source.onmessage = (event) => {
    connection("live", "good");
    render(JSON.parse(event.data));
  };
  source.onerror = () => {
    connection("not connected, and not up to date; trying again", "bad");
    // After an answer that was no stream a browser tries no more by itself.
    if (source.readyState === EventSource.CLOSED) setTimeout(follow, 3000);
  };
  connection("connecting", "soft");
}
