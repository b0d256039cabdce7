"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const lines = data.lines;
  const $ = (id) => document.getElementById(id);
  const keyOf = (line) => JSON.stringify([line.id, line.reader, line.read]);
  // a link leads into the folder of the page, whatever a table calls it
  const linkOf = (line) => "./" + line.href.split("/").map(encodeURIComponent).join("/");
  const SIDES = ["right", "left"];
  const PAGE = 100;

  // --- review: verdicts by reading, kept in this browser and saved as a table -------------------

  // pages opened from files may all share one store, and cohorts their case ids: the place counts
  const store = "ifi-mri-review:" + location.pathname + ":" + lines.length + ":" + (lines[0] ? keyOf(lines[0]) : "");
  let review = {};
  try { review = JSON.parse(localStorage.getItem(store) || "{}"); } catch { review = {}; }
  const remember = () => {
    try { localStorage.setItem(store, JSON.stringify(review)); } catch { /* private window */ }
  };
  const verdictOf = (line) => (review[keyOf(line)] || {}).verdict || "";

  // --- filter ------------------------------------------------------------------------------------

  const form = $("filter");
  const anySide = (line, key) => SIDES.map((s) => (line.sides[s] || {})[key]).filter(Boolean);
  const valuesOf = {
    status: (line) => [line.status],
    reader: (line) => [line.reader],
    group: (line) => [line.group],
    sex: (line) => [line.sex],
    ifs_status: (line) => anySide(line, "ifs_status"),
    qfs_status: (line) => anySide(line, "qfs_status"),
    oedema_status: (line) => anySide(line, "oedema_status"),
    verdict: (line) => [verdictOf(line) || "not reviewed"],
  };
  for (const [name, values] of Object.entries(valuesOf)) {
    const select = form.elements[name];
    const found = name === "verdict" ? ["not reviewed", "pass", "fail", "fix"]
      : [...new Set(lines.flatMap(values))].filter(Boolean).sort();
    select.append(new Option("any", ""), ...found.map((value) => new Option(value.replaceAll("_", " "), value)));
    select.parentElement.hidden = found.length < 2 && name !== "verdict";
  }
  const haystack = new Map(lines.map((line) =>
    [line, [line.id, line.reader, line.group, ...line.why].join(" ").toLowerCase()]));
  let shown = lines;
  const filtered = () => {
    const text = form.elements.text.value.trim().toLowerCase();
    const wanted = Object.keys(valuesOf).map((name) => [name, form.elements[name].value]).filter(([, v]) => v);
    return lines.filter((line) => (!text || haystack.get(line).includes(text))
      && wanted.every(([name, value]) => valuesOf[name](line).includes(value)));
  };

  // --- charts ------------------------------------------------------------------------------------

  const W = 460, H = 300, L = 46, R = 120, T = 12, B = 44;
  const SVG = "http://www.w3.org/2000/svg";
  const element = (name, attributes, text) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const step = (span) => {
    const rough = span / 6, power = 10 ** Math.floor(Math.log10(rough));
    return [1, 2, 5, 10].map((f) => f * power).find((s) => s >= rough * 0.999);
  };
  const axis = (values, from, to, zero) => {
    let low = zero ? 0 : Infinity, high = -Infinity;
    for (const v of values) { if (v < low) low = v; if (v > high) high = v; }
    if (!(high > low)) { high = (Number.isFinite(high) ? high : 0) + 1; low = high - 2; }
    const s = step(high - low);
    low = Math.floor(low / s) * s; high = Math.ceil(high / s) * s;
    const ticks = [];
    for (let k = 0; k <= Math.round((high - low) / s); k += 1) ticks.push(low + k * s);
    return { low, high, ticks, at: (v) => from + ((v - low) / (high - low)) * (to - from) };
  };
  const frame = (title, x, y, xTitle, yTitle) => {
    const svg = element("svg", { class: "chart", viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": title });
    svg.append(element("line", { class: "axis", x1: L, x2: W - R, y1: H - B, y2: H - B }),
      element("line", { class: "axis", x1: L, x2: L, y1: H - B, y2: T }));
    for (const t of x.ticks) svg.append(element("text", { class: "tick", x: x.at(t), y: H - B + 15, "text-anchor": "middle" }, +t.toFixed(4)));
    for (const t of y.ticks) svg.append(element("text", { class: "tick", x: L - 6, y: y.at(t) + 4, "text-anchor": "end" }, +t.toFixed(4)));
    svg.append(element("text", { x: (L + W - R) / 2, y: H - 8, "text-anchor": "middle" }, xTitle),
      element("text", { transform: `translate(12 ${(T + H - B) / 2}) rotate(-90)`, "text-anchor": "middle" }, yTitle));
    return svg;
  };
  const legend = (svg, names) => names.forEach((name, k) => svg.append(
    element("rect", { class: "s" + (k % 4), x: W - R + 10, y: T + 16 * k, width: 10, height: 10 }),
    element("text", { x: W - R + 25, y: T + 9 + 16 * k }, name)));
  const cutoffs = (svg, key, scale, vertical) => {
    const seen = new Set();
    for (const profile of Object.values(data.cutoffs)) {
      const mm = profile[key];
      if (mm === null || seen.has(mm) || mm < scale.low || mm > scale.high) continue;
      seen.add(mm);
      const at = scale.at(mm);
      const line = element("line", vertical ? { class: "cutoff", x1: at, x2: at, y1: T, y2: H - B }
        : { class: "cutoff", x1: L, x2: W - R, y1: at, y2: at });
      line.append(element("title", {}, `${profile.title}: ${mm.toFixed(1)} mm`));
      svg.append(line);
    }
  };
  const by = $("by");
  const classOf = (line, side) => by.value === "side" ? side : (line[by.value] || "not stated");
  const classes = () => {
    if (by.value === "side") return SIDES;
    const counts = new Map();
    for (const line of shown) counts.set(classOf(line), (counts.get(classOf(line)) || 0) + 1);
    return [...counts].sort((a, b) => b[1] - a[1]).slice(0, 4).map(([name]) => name).sort();
  };
  const collect = (names, pick) => {
    const found = new Map(names.map((name) => [name, []]));
    for (const line of shown) for (const side of SIDES) {
      const into = found.get(classOf(line, side));
      const value = into && line.sides[side] ? pick(line.sides[side], line) : undefined;
      if (value !== undefined && value !== null) into.push(value);
    }
    return found;
  };
  const histogram = (title, found, xTitle, cutoffKey) => {
    const every = [...found.values()].flat();
    if (!every.length) return none(title);
    const x = axis(every, L, W - R);
    const n = Math.min(40, Math.max(8, Math.round(Math.sqrt(every.length))));
    const width = (x.high - x.low) / n;
    const counts = [...found.values()].map((values) => {
      const bins = new Array(n).fill(0);
      for (const v of values) bins[Math.min(n - 1, Math.floor((v - x.low) / width))] += 1;
      return bins.map((c) => (values.length ? (100 * c) / values.length : 0));
    });
    const y = axis(counts.flat(), H - B, T, true);
    const svg = frame(title, x, y, xTitle, "Share, %");
    counts.forEach((bins, k) => {
      const path = bins.map((c, b) => {
        const x0 = x.at(x.low + b * width).toFixed(1), x1 = x.at(x.low + (b + 1) * width).toFixed(1);
        return `M${x0} ${y.at(0)}V${y.at(c).toFixed(1)}H${x1}V${y.at(0)}Z`;
      }).join("");
      svg.append(element("path", { class: "bar s" + (k % 4), d: path }));
    });
    if (cutoffKey) cutoffs(svg, cutoffKey, x, true);
    legend(svg, [...found].map(([name, values]) => `${name} (${values.length})`));
    return svg;
  };
  const scatter = (title, found, xTitle, yTitle, xKey, yKey) => {
    const every = [...found.values()].flat();
    if (!every.length) return none(title);
    const x = axis(every.map((p) => p[0]), L, W - R), y = axis(every.map((p) => p[1]), H - B, T);
    const svg = frame(title, x, y, xTitle, yTitle);
    [...found.values()].forEach((points, k) => {
      // one path for thousands of dots: a page of circles takes seconds to lay out
      const d = points.map(([a, b]) => `M${x.at(a).toFixed(1)} ${y.at(b).toFixed(1)}h0`).join("");
      const path = element("path", { d, fill: "none", "stroke-width": 4, "stroke-linecap": "round", "stroke-opacity": 0.45 });
      path.style.stroke = ["var(--accent)", "#b45309", "#6d28d9", "#4d7c0f"][k % 4];
      svg.append(path);
    });
    if (xKey) cutoffs(svg, xKey, x, true);
    if (yKey) cutoffs(svg, yKey, y, false);
    legend(svg, [...found].map(([name, values]) => `${name} (${values.length})`));
    return svg;
  };
  const none = (title) => {
    const made = document.createElement("p");
    made.className = "quiet";
    made.textContent = `${title}: nothing to show.`;
    return made;
  };
  const draw = () => {
    const names = classes();
    const pair = (a, b) => (v) => (v[a] !== undefined && v[b] !== undefined ? [v[a], v[b]] : null);
    const differences = new Map([["readings", shown.map((line) => {
      const [right, left] = SIDES.map((s) => (line.sides[s] || {}).ifs);
      return right !== undefined && left !== undefined ? right - left : null;
    }).filter((v) => v !== null)]]);
    $("charts").replaceChildren(
      histogram("Ischiofemoral space", collect(names, (v) => v.ifs), "Ischiofemoral space, mm", "ifs"),
      histogram("Quadratus femoris space", collect(names, (v) => v.qfs), "Quadratus femoris space, mm", "qfs"),
      scatter("Ischiofemoral against quadratus femoris space", collect(names, pair("ifs", "qfs")), "IFS, mm", "QFS, mm", "ifs", "qfs"),
      scatter("Oedema by ischiofemoral space", collect(names, pair("ifs", "oedema")), "IFS, mm", "Share of muscle above, of 1", "ifs"),
      histogram("Side difference of the ischiofemoral space", differences, "Right less left, mm"),
    );
  };

  // --- table -------------------------------------------------------------------------------------

  const number = (side, key) => (line) => (line.sides[side] || {})[key];
  const COLUMNS = [
    ["Case", (line) => line.id], ["Reader", (line) => line.reader], ["Read", (line) => line.read],
    ["Group", (line) => line.group], ["Sex", (line) => line.sex], ["Age", (line) => line.age],
    ["IFS right", number("right", "ifs"), 1], ["IFS left", number("left", "ifs"), 1],
    ["QFS right", number("right", "qfs"), 1], ["QFS left", number("left", "qfs"), 1],
    ["QF ratio right", number("right", "ratio"), 2], ["QF ratio left", number("left", "ratio"), 2],
    ["Oedema grade right", number("right", "oedema_grade")], ["Oedema grade left", number("left", "oedema_grade")],
    ["Review", verdictOf], ["To look at", (line) => line.score], ["Why", (line) => line.why.join("; ")],
  ].filter(([title, value]) => ["Case", "Review", "To look at", "Why"].includes(title) || lines.some((line) => { const v = value(line); return v !== undefined && v !== null && v !== ""; }));
  let sortBy = null, ascending = true, page = 0, sorted = lines;
  const head = document.createElement("tr");
  COLUMNS.forEach(([title], k) => {
    const cell = document.createElement("th");
    cell.scope = "col";
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = title;
    button.addEventListener("click", () => {
      ascending = sortBy === k ? !ascending : true;
      sortBy = k; page = 0;
      sort(); table();
    });
    cell.append(button);
    head.append(cell);
  });
  $("table").tHead.append(head);
  const sort = () => {
    sorted = shown.slice();
    [...head.cells].forEach((cell, k) => cell.setAttribute("aria-sort", sortBy === k ? (ascending ? "ascending" : "descending") : "none"));
    if (sortBy === null) return;
    const value = COLUMNS[sortBy][1];
    const blank = (v) => v === undefined || v === null || v === "";
    sorted.sort((a, b) => {
      const [p, q] = [value(a), value(b)];
      if (blank(p) || blank(q)) return blank(p) - blank(q);
      const order = typeof p === "number" && typeof q === "number" ? p - q : String(p).localeCompare(String(q), "en", { numeric: true });
      return ascending ? order : -order;
    });
  };
  const table = () => {
    const pages = Math.max(1, Math.ceil(sorted.length / PAGE));
    page = Math.min(Math.max(0, page), pages - 1);
    const rows = sorted.slice(page * PAGE, (page + 1) * PAGE).map((line) => {
      const row = document.createElement("tr");
      if (line.status === "failed") row.className = "failed";
      if (line === lines[current]) row.classList.add("at");
      COLUMNS.forEach(([, value, digits], k) => {
        const cell = document.createElement(k ? "td" : "th");
        const v = value(line);
        const text = v === undefined || v === null ? "" : digits ? v.toFixed(digits) : String(v);
        if (k === 0) {
          cell.scope = "row";
          if (line.href) {
            const link = document.createElement("a");
            link.href = linkOf(line);
            link.textContent = text;
            cell.append(link);
          } else cell.textContent = text;
        } else cell.textContent = text;
        row.append(cell);
      });
      return row;
    });
    $("table").tBodies[0].replaceChildren(...rows);
    $("page").textContent = `Page ${page + 1} of ${pages}`;
    $("before").disabled = page === 0;
    $("after").disabled = page === pages - 1;
  };
  $("before").addEventListener("click", () => { page -= 1; table(); });
  $("after").addEventListener("click", () => { page += 1; table(); });

  // --- review ------------------------------------------------------------------------------------

  let current = lines.findIndex((line) => !verdictOf(line));
  if (current < 0) current = 0;
  const say = (tag, text, name) => {
    const made = document.createElement(tag);
    made.textContent = text;
    if (name) made.className = name;
    return made;
  };
  const showCurrent = (focus) => {
    const box = $("current"), line = lines[current];
    if (!line) { box.replaceChildren(say("p", "No readings.")); return; }
    const title = say("h3", `${current + 1} of ${lines.length}: ${line.id}${line.reader ? `, ${line.reader}` : ""}${line.read ? ` read ${line.read}` : ""}`);
    const parts = [title];
    for (const side of SIDES) {
      const v = line.sides[side];
      if (!v) continue;
      const facts = [];
      if (v.ifs !== undefined) facts.push(`IFS ${v.ifs.toFixed(1)} mm (${(v.ifs_status || "").replaceAll("_", " ")})`);
      if (v.qfs !== undefined) facts.push(`QFS ${v.qfs.toFixed(1)} mm (${(v.qfs_status || "").replaceAll("_", " ")})`);
      if (v.oedema_status) facts.push(`oedema ${v.oedema_status.replaceAll("_", " ")}`);
      if (facts.length) parts.push(say("p", `${side}: ${facts.join(", ")}`));
    }
    if (line.why.length) {
      const list = document.createElement("ul");
      list.append(...line.why.map((why) => say("li", why)));
      parts.push(list);
    } else parts.push(say("p", "Nothing asks for a look.", "quiet"));
    const entry = review[keyOf(line)] || {};
    if (entry.verdict) parts.push(say("p", `Reviewed: ${entry.verdict}`, entry.verdict));
    const link = document.createElement("a");
    if (line.href) { link.href = linkOf(line); link.textContent = "Open the report"; link.id = "open"; parts.push(link); }
    const label = say("label", "Comment");
    const comment = document.createElement("textarea");
    comment.id = "comment";
    comment.rows = 2;
    comment.value = entry.comment || "";
    comment.addEventListener("input", () => {
      review[keyOf(line)] = { ...(review[keyOf(line)] || {}), comment: comment.value };
      remember();
    });
    label.append(comment);
    parts.push(label);
    box.replaceChildren(...parts);
    if (focus) box.focus({ preventScroll: true });
    const n = lines.filter(verdictOf).length;
    $("progress").textContent = `${n} of ${lines.length} reviewed`;
  };
  const go = (to) => {
    current = Math.min(Math.max(0, to), lines.length - 1);
    showCurrent(true);
    table();
  };
  const judge = (verdict) => {
    const line = lines[current];
    if (!line) return;
    const entry = { ...(review[keyOf(line)] || {}), verdict };
    if (verdict) review[keyOf(line)] = entry; else delete review[keyOf(line)];
    remember();
    go(verdict ? current + 1 : current);
  };
  const keys = {
    j: () => go(current + 1), k: () => go(current - 1),
    p: () => judge("pass"), f: () => judge("fail"), x: () => judge("fix"), u: () => judge(""),
    c: () => { if ($("comment")) $("comment").focus(); }, o: () => { if ($("open")) $("open").click(); },
  };
  document.addEventListener("keydown", (event) => {
    if (event.target.matches("input, select, textarea")) {
      if (event.key === "Escape") $("current").focus();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });

  // --- review.csv --------------------------------------------------------------------------------

  const cell = (value) => {
    let text = value === null || value === undefined ? "" : String(value);
    if (/^\s*[=+\-@]/.test(text)) text = "'" + text; // a spreadsheet would run it
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const asCsv = () => [data.reviewColumns, ...lines.filter((line) => review[keyOf(line)]).map((line) => {
    const entry = review[keyOf(line)];
    return [line.id, line.reader, line.read, entry.verdict || "", entry.comment || ""];
  })].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
  const parse = (text) => {
    const rows = [[]];
    let value = "", quoted = false;
    for (let k = 0; k < text.length; k += 1) {
      const c = text[k];
      if (quoted) {
        if (c === '"' && text[k + 1] === '"') { value += c; k += 1; } else if (c === '"') quoted = false; else value += c;
      } else if (c === '"') quoted = true;
      else if (c === "," || c === "\n") { rows.at(-1).push(value.replace(/\r$/, "")); value = ""; if (c === "\n") rows.push([]); } else value += c;
    }
    if (value || rows.at(-1).length) rows.at(-1).push(value);
    return rows.filter((row) => row.length > 1);
  };
  $("save").addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([asCsv()], { type: "text/csv" }));
    link.download = "review.csv";
    link.click();
    URL.revokeObjectURL(link.href);
  });
  $("load").addEventListener("change", async (event) => {
    const [header, ...rows] = parse(await event.target.files[0].text());
    const at = (name) => header.indexOf(name);
    const known = new Map(lines.map((line) => [[line.id, line.reader, line.read ?? ""].join("\n"), line]));
    for (const row of rows) {
      const plain = row.map((text) => (/^'\s*[=+\-@]/.test(text) ? text.slice(1) : text));
      const line = known.get(["case_id", "reader", "read"].map((name) => plain[at(name)] ?? "").join("\n"));
      if (line) review[keyOf(line)] = { verdict: plain[at("verdict")] || "", comment: plain[at("comment")] || "" };
    }
    remember(); showCurrent(true); update();
  });

  // --- all together ------------------------------------------------------------------------------

  const update = () => {
    shown = filtered();
    $("shown").textContent = `${shown.length} of ${lines.length} readings`;
    page = 0;
    sort(); table(); draw();
  };
  form.addEventListener("input", update);
  form.addEventListener("reset", () => setTimeout(update));
  form.addEventListener("submit", (event) => event.preventDefault());
  by.addEventListener("change", draw);
  for (const option of [...by.options]) if (option.value !== "side" && !lines.some((line) => line[option.value])) option.remove();
  update();
  showCurrent(false);
  window.ifiReview = { asCsv, verdicts: () => review };
})();
