// The page of a nameserver.

function addresses(list) {
  return list === null || list.length === 0 ? el("span", { class: "soft" }, "none") : el("span", { class: "mono" }, list.join(", "));
}

function pathButton(path) {
  return el("button", { class: "plain mono", type: "button", title: "why?", click: () => why(path) }, path);
}

view("state", "State", false, (status) => {
  const { replica, zookeeper, progress } = status;
  document.title = `nameserver ${replica.id}: ${status.health}`;
  document.querySelector("h1").textContent = `nameserver ${replica.id}`;
  const all = status.overview;
  const unsaid = (text) => !status.reasons.includes(text) && !status.remarks.includes(text);
  return [
    ...health("health", status.health, status.reasons, status.remarks),
    ...(all ? health("together", all.health, all.reasons.filter(unsaid), all.remarks.filter(unsaid), all.is_current ? "all replicas and agents: " : "all replicas and agents, as they were seen last: ") : []),
    pairs([
      ["this replica", `${replica.id}: ${zookeeper.connected ? "" : "was "}${progress.role}, version ${replica.version}, pid ${replica.pid}, since ${replica.started}`],
      ["ZooKeeper", `${replica.servers}: ${zookeeper.state}, since ${zookeeper.since}`],
      ["tree", `below ${replica.root}; its own below ${replica.state}`],
    ]),
  ];
});

view("numbers", "Now", false, (status) => {
  const { progress, overview } = status;
  const behind = overview ? overview.not_in_step : 0;
  const cards = [
    card("names", progress.names),
    card("znodes", progress.znodes),
    card("published generation", overview && overview.snapshot ? overview.snapshot.generation : progress.generation),
  ];
  if (overview) {
    cards.push(card("agents in step", `${overview.agents - behind} of ${overview.agents}`, behind > 0 ? "warn" : null));
  }
  cards.push(card("problems", progress.problems, progress.problems > 0 ? "warn" : null));
  cards.push(card("held names", progress.hold ? progress.hold.names : 0, progress.hold ? "warn" : null));
  return el("div", { class: "cards" }, cards);
});

view("held", "Held", false, (status) => {
  const hold = status.progress.hold || (status.overview && status.overview.hold);
  if (!hold) return null;
  return [
    el("p", {}, `${count(hold.names, "name")} that the tree lost ${hold.names === 1 ? "is" : "are"} still published, until ${hold.until}: ${hold.examples.join(", ")}${hold.names > hold.examples.length ? ", …" : ""}`),
    el("p", { class: "soft" }, "They stay when they come back by then. `nameserver release` lets them go now."),
  ];
});

// How far a generation has come.
function converged(of) {
  if (!of) return el("span", { class: "soft" }, "another one came at once");
  if (of.agents === 0) return el("span", { class: "soft" }, "no agent");
  const all = of.applied === of.agents;
  const after = all ? of.last_ms : of.most_ms !== null ? of.most_ms : of.half_ms;
  const text = `${of.applied} of ${of.agents}` + (after !== null ? ` after ${millis(after)}` : "");
  const parts = [["first", of.first_ms], ["half", of.half_ms], ["99 %", of.most_ms], ["last", of.last_ms]];
  const title = parts.filter(([, ms]) => ms !== null).map(([name, ms]) => `${name} ${millis(ms)}`).join(", ");
  return el("span", { class: all ? "good" : "warn", title }, text);
}

view("generations", "What was published lately", false, (status) => {
  if (!status.generations) return null;
  if (status.generations.length === 0) return el("p", { class: "soft" }, "nothing yet");
  const rows = status.generations.slice(0, 20).map((of) => {
    const moves = of.changes.map((move) => el("div", {}, el("b", {}, move.name), " ", addresses(move.before), " → ", addresses(move.after)));
    if (of.more > 0) moves.push(el("div", { class: "soft" }, `and ${count(of.more, "more name")}`));
    if (!of.is_known) moves.push(el("div", { class: "soft" }, "what changed was not seen"));
    if (of.is_known && moves.length === 0) moves.push(el("div", { class: "soft" }, "no name changed"));
    return [el("span", { class: "keep" }, String(of.generation), " ", el("span", { class: "soft" }, time(of.published))), moves, converged(of.converged)];
  });
  return table(["generation", "names, before → after", "in the files of agents"], rows, true);
});

view("replicas", "Replicas", true, (status) => {
  const overview = status.overview;
  if (!overview) return null;
  const rows = [];
  if (overview.leader) rows.push([overview.leader, el("span", { class: "good" }, "leads")]);
  for (const id of overview.standbys) rows.push([id, "stands by"]);
  if (rows.length === 0) return el("p", { class: "bad" }, "none stands for election");
  const late = overview.is_current ? null : el("p", { class: "warn" }, "as it was seen last; ZooKeeper is away");
  return [late, table(["replica", ""], rows)].filter((of) => of !== null);
});

view("agents", "Agents that are behind", true, (status) => {
  const overview = status.overview;
  if (!overview) return null;
  const gone = overview.lost ? overview.lost.agents : [];
  const names = gone.slice(0, 20).map((agent) => `${agent.id} at ${agent.at.slice(0, 19)}Z`).join(", ");
  const lost = gone.length > 0 ? el("p", { class: "warn" }, `${count(gone.length, "agent")} went within the last hour: ${names}${gone.length > 20 ? ", …" : ""}`) : null;
  const all = (parts) => parts.filter((of) => of !== null);
  if (overview.behind.length === 0) return all([el("p", { class: "soft" }, `none of ${overview.agents}`), lost]);
  const rows = overview.behind.map((agent) => [agent.id, el("span", { class: "keep" }, agent.applied > 0 ? `generation ${agent.applied}` : "nothing"), agent.complaint || "has not told of the newest generation in its time"]);
  const more = overview.not_in_step - overview.behind.length;
  return all([table(["agent", "has", "why"], rows, true), more > 0 ? el("p", { class: "soft" }, `and ${more} more`) : null, lost]);
});

const found = el("div", { id: "found" });
const search = el("input", { id: "search", type: "search", placeholder: "any part of a name", autocomplete: "off", spellcheck: "false", "aria-label": "search names" });
let shown = [];
let again;
const names = asker((answer, failure) => {
  if (!answer) return found.replaceChildren(el("p", { class: "bad" }, failure));
  shown = shown.concat(answer.names);
  // What gives them was not known in time, as while much is published.
  if (!answer.asked && shown.length === answer.names.length) again = setTimeout(lookUp, 1500);
  const rows = shown.map((row) => {
    const all = row.more > 0 ? [...row.addresses, `and ${row.more} more`] : row.addresses;
    return [el("b", {}, row.name), addresses(all), row.by ? [pathButton(row.by.znode), el("span", { class: "soft" }, ` ${row.by.kind}`)] : el("span", { class: "soft" }, answer.asked ? "none now: it is held" : "")];
  });
  const last = shown.length > 0 ? shown[shown.length - 1].name : "";
  const more = answer.more ? el("button", { type: "button", id: "more", click: () => names(`/names?q=${encodeURIComponent(search.value)}&after=${encodeURIComponent(last)}`) }, "more") : null;
  const none = shown.length === 0 ? el("p", { class: "soft" }, `none of ${count(answer.all, "name")}`) : table(["name", "addresses", "znode"], rows, true);
  found.replaceChildren(...[none, more].filter((of) => of !== null));
});
function lookUp() {
  clearTimeout(again);
  shown = [];
  names(`/names?q=${encodeURIComponent(search.value)}`);
}
let typing;
for (const kind of ["input", "change"]) {
  search.addEventListener(kind, () => {
    clearTimeout(typing);
    typing = setTimeout(lookUp, 120);
  });
}
tool("names", "Names", false, el("form", {}, search), found);

const explanation = el("div", { id: "explanation" });
const path = el("input", { id: "path", placeholder: "/path/of/a/znode", autocomplete: "off", spellcheck: "false", "aria-label": "path of a znode" });
const explain = asker((of, failure) => {
  if (!of) return explanation.replaceChildren(el("p", { class: "bad" }, failure));
  const list = (map) => Object.entries(map).map(([name, all]) => el("div", {}, el("b", {}, name), " → ", addresses(all.length > 8 ? [...all.slice(0, 8), `and ${all.length - 8} more`] : all)));
  const lines = (texts, kind) => texts.length === 0 ? null : texts.map((text) => el("div", { class: kind }, text));
  explanation.replaceChildren(pairs([
    ["znode", el("span", { class: "mono" }, of.path)],
    ["holds", el("span", { class: "mono" }, of.data)],
    ["format", of.format],
    ["rule", of.rule],
    ["says", of.says],
    ["host", Object.keys(of.hosts).length > 0 ? list(of.hosts) : null],
    ["gives", Object.keys(of.names).length > 0 ? list(of.names) : null],
    ["counts", of.counts],
    ["no name", lines(of.nameless, null)],
    ["problem", lines(of.problems, "bad")],
  ]));
});
function why(of) {
  path.value = of;
  explain(`/explain?path=${encodeURIComponent(of)}`);
  document.getElementById("why").scrollIntoView({ block: "nearest" });
}
const asking = el("form", {}, path, el("button", { type: "submit" }, "why?"));
tool("why", "Why", false, asking, explanation);

const listed = el("div", { id: "listed" });
const problems = asker((answer, failure) => {
  if (!answer) return listed.replaceChildren(el("p", { class: "bad" }, failure));
  const rows = answer.problems.map(([of, what]) => [el("div", { class: "path" }, pathButton(of)), what]);
  const more = answer.all - rows.length;
  listed.replaceChildren(...[table(["znode", "what is wrong"], rows, true), more > 0 ? el("p", { class: "soft" }, `and ${more} more; nameserver check lists them all`) : null].filter((of) => of !== null));
});
view("problems", "Problems", false, (status) => {
  const kinds = Object.entries(status.progress.problem_kinds);
  if (kinds.length === 0) {
    listed.replaceChildren();
    return el("p", { class: "soft" }, "none");
  }
  kinds.sort((one, other) => other[1] - one[1]);
  return [table(["kind", "znodes"], kinds), el("p", {}, el("button", { type: "button", id: "list", click: () => problems("/problems") }, "which"))];
}).append(listed);

view("sizes", "Size and limits", true, (status) => {
  const overview = status.overview;
  if (!overview) return null;
  const { bytes: size, limits } = overview;
  const paged = size.pages > 0;
  return pairs([
    ["STATE/hosts", paged ? `${bytes(size.head)} of ${bytes(limits.index)} at most` : bytes(size.head)],
    ["pages", paged ? `${size.pages}, ${bytes(size.in_pages)} together; each up to ${bytes(limits.page)}` : "none; some 12 KiB of names need none"],
    ["read whole", count(status.progress.walks, "time")],
    ["repaired", count(status.progress.repairs, "znode")],
    ["published by this replica", count(status.progress.publishes, "time")],
  ]);
});

view("dns", "DNS", true, (status) => {
  const dns = status.dns;
  if (!dns) return null;
  const results = [...new Set(Object.values(dns.queries).flatMap((of) => Object.keys(of)))];
  const rows = Object.entries(dns.queries).map(([type, of]) => [el("span", { class: "keep" }, type), ...results.map((result) => of[result] || 0)]);
  const asked = rows.length === 0 ? el("p", { class: "soft" }, "nobody has asked yet") : table(["type", ...results], rows);
  return [el("p", {}, `at ${dns.addresses.join(", ")}: ${dns.state}; ${count(dns.connections, "TCP connection")}, ${dns.forwarded.toLocaleString("en")} forwarded`), asked];
});

for (const form of document.querySelectorAll("form")) {
  form.addEventListener("submit", (event) => event.preventDefault());
}
asking.addEventListener("submit", () => why(path.value));
lookUp();
