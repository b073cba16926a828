// The page of a hostsync.

view("state", "State", false, (status) => {
  const word = status.in_step ? (status.remarks.length > 0 ? "in step, but" : "in step") : "not in step";
  document.title = `hostsync: ${word}`;
  return [
    ...health("health", word, status.reasons, status.remarks),
    pairs([
      ["agent", `pid ${status.pid}, since ${status.started}`],
      ["ZooKeeper", `${status.zookeeper.servers}: ${status.zookeeper.state}, since ${status.zookeeper.since}`],
    ]),
  ];
});

view("numbers", "Now", false, (status) => {
  const { snapshot, hosts_file: file } = status;
  const behind = snapshot.applied !== snapshot.seen;
  return el("div", { class: "cards" }, [
    card("names in the file", file.names),
    card("generation in the file", snapshot.applied === null ? "none" : snapshot.applied, behind ? "warn" : null),
    card("newest generation", snapshot.seen === null ? "none" : snapshot.seen),
    card("times written", file.writes),
    card("of these, repairs", file.mended),
    card("names left to others", file.shadowed.length),
  ]);
});

view("file", "Hosts file", true, (status) => {
  const { hosts_file: file, snapshot, cache } = status;
  return pairs([
    ["file", el("span", { class: "mono" }, file.path)],
    ["written by", file.write ? `${file.write}: ${file.why}` : null],
    ["in it since", snapshot.since],
    ["published", snapshot.published ? `${snapshot.published} by ${snapshot.leader}` : null],
    ["left to lines that are not ours", file.shadowed.slice(0, 20).join(", ")],
    ["cannot be written", file.failure ? el("span", { class: "bad" }, file.failure) : null],
    ["cache", el("span", { class: "mono" }, cache.path)],
  ]);
});

view("registered", "Registered and bound", true, (status) => {
  const registered = status.registrations.map((of) => [of.register, of.znode ? el("span", { class: "mono" }, of.znode) : el("span", { class: of.failure ? "bad" : "soft" }, of.failure || "not now")]);
  const bound = Object.entries(status.bindings).map(([local, address]) => [local, el("span", { class: "mono" }, address)]);
  if (registered.length + bound.length === 0) return null;
  return table(["what", "where"], [...registered, ...bound], true);
});

view("files", "Files", false, (status) => {
  const files = status.hosts_file.files;
  if (files.length === 0) return null;
  const kind = { "in step": "good", failing: "bad" };
  const rows = files.slice(0, 200).map((file) => [el("span", { class: "mono" }, file.path), el("span", { class: kind[file.state] || "warn" }, file.state), file.names, file.why || ""]);
  const more = files.length - rows.length;
  return [table(["file", "", "names", "why"], rows, true), more > 0 ? el("p", { class: "soft" }, `and ${more} more`) : null].filter((of) => of !== null);
});
