"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const section = document.getElementById("timeline"), chart = section.querySelector(".chart"), box = document.getElementById("hover");
  const left = 70, states = ["leader", "follower", "observer", "looking", "running", "paused", "down"];
  const laneHeight = 20, opsHeight = 110, latencyHeight = 80, gap = 24;
  const rows = packFaults(data.faults);
  let view = [0, data.end], mark = null, errors = 0;
  window.addEventListener("error", () => errors++);
  section.hidden = false;

  // packFaults gives each fault the first row in which it overlaps no other.
  function packFaults(faults) {
    const ends = [];
    const row = faults.map(f => {
      let i = ends.findIndex(end => end <= f.from);
      if (i < 0) i = ends.length;
      ends[i] = f.to;
      return i;
    });
    return { row, count: ends.length };
  }

  const color = name => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  const width = () => Math.max(chart.clientWidth, 200);
  const x = t => left + (t - view[0]) / (view[1] - view[0]) * (width() - left);
  const time = px => view[0] + (px - left) / (width() - left) * (view[1] - view[0]);
  const svgNS = "http://www.w3.org/2000/svg";

  function element(parent, name, attributes, text) {
    const e = document.createElementNS(svgNS, name);
    for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
    if (text !== undefined) e.textContent = text;
    parent.appendChild(e);
    return e;
  }

  // span draws a rectangle from one time to another, as far as it is in view.
  function span(parent, from, to, y, height, attributes) {
    const a = Math.max(x(from), left), b = Math.min(x(to), width());
    if (b <= left || a >= width()) return null;
    return element(parent, "rect", { x: a, y, width: Math.max(b - a, 1.5), height, ...attributes });
  }

  // fitted is as much of a text as there is room for, in pixels; hovering shows all of it.
  function fitted(text, room) {
    const letters = Math.floor(room / 7);
    return letters >= text.length ? text : letters < 3 ? "" : text.slice(0, letters - 1) + "…";
  }

  function draw() {
    const w = width(), top = 18 + rows.count * 16 + 6, lanes = data.lanes.length * laneHeight;
    const opsTop = top + lanes + gap, latencyTop = opsTop + opsHeight + gap, height = latencyTop + latencyHeight + 20;
    chart.replaceChildren();
    const canvas = document.createElement("canvas"), ratio = window.devicePixelRatio || 1;
    canvas.width = w * ratio;
    canvas.height = height * ratio;
    canvas.style.height = height + "px";
    chart.appendChild(canvas);
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const svg = element(chart, "svg", { viewBox: `0 0 ${w} ${height}`, height });
    svg.style.position = "absolute";
    svg.style.inset = "0";

    axis(svg, w, height);
    data.faults.forEach((f, i) => {
      span(svg, f.from, f.to, 18, height - 38, { class: "band" });
      const label = span(svg, f.from, f.to, 18 + rows.row[i] * 16, 14, { fill: color("fault"), opacity: .75, rx: 2 });
      if (!label) return;
      const next = data.faults.find((g, k) => k > i && rows.row[k] === rows.row[i]);
      const start = Math.max(x(f.from), left) + 4, end = Math.min(next ? x(next.from) : w, w);
      element(svg, "text", { x: start, y: 29 + rows.row[i] * 16 }, fitted(f.line, end - start));
    });
    data.lanes.forEach((l, i) => {
      const y = top + i * laneHeight;
      element(svg, "text", { x: 0, y: y + 14 }, "member " + l.member);
      for (const s of l.states) span(svg, s.from, s.to, y + 2, laneHeight - 4, { fill: color(states.includes(s.state) ? s.state : "running"), class: "lane" });
      for (const at of l.epochs) span(svg, at, at, y, laneHeight, { fill: color("ink") });
    });
    operations(pen, svg, opsTop);
    latencies(pen, svg, latencyTop);
    if (mark !== null && x(mark) >= left) element(svg, "line", { x1: x(mark), x2: x(mark), y1: 18, y2: height - 20, class: "mark" });
  }

  function axis(svg, w, height) {
    const rough = (view[1] - view[0]) / Math.max(w / 110, 2), power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map(n => n * power).find(n => n >= rough);
    for (let t = Math.ceil(view[0] / step) * step; t <= view[1]; t += step) {
      element(svg, "line", { x1: x(t), x2: x(t), y1: 18, y2: height - 18, class: "grid" });
      element(svg, "text", { x: x(t) + 2, y: height - 5, class: "soft" }, +t.toFixed(6) + " s");
    }
    let free = 0; // where no name of a phase is yet
    for (const p of data.phases) {
      if (p.at < view[0] || p.at > view[1] || x(p.at) < free) continue;
      free = x(p.at) + 45;
      element(svg, "text", { x: Math.min(x(p.at), w - 40), y: 12, class: "soft" }, p.name);
    }
  }

  // inView are the columns that can be seen, some together in one where there are less than three pixels for each.
  function inView() {
    const c = data.columns, first = Math.max(Math.floor(view[0] / c.width), 0), last = Math.min(Math.ceil(view[1] / c.width), c.reads.length);
    const many = Math.max(Math.ceil(3 * (last - first) / (width() - left)), 1), all = [];
    for (let i = first; i < last; i += many) {
      const one = { from: i * c.width, to: (i + many) * c.width, reads: 0, writes: 0, unknown: 0, p50: 0, p99: 0 };
      for (let k = i; k < Math.min(i + many, last); k++) {
        for (const key of ["reads", "writes", "unknown"]) one[key] += c[key][k];
        for (const key of ["p50", "p99"]) one[key] = Math.max(one[key], c[key][k]);
      }
      all.push(one);
    }
    return all;
  }

  function operations(pen, svg, top) {
    const all = inView(), most = Math.max(1, ...all.map(c => c.reads + c.writes + c.unknown));
    for (const c of all) {
      const a = Math.max(x(c.from), left), w = Math.max(x(c.to) - a - .2, 1);
      let y = top + opsHeight;
      for (const [key, name] of [["writes", "write"], ["reads", "read"], ["unknown", "unknown"]]) {
        const h = c[key] / most * opsHeight;
        pen.fillStyle = color(name);
        pen.fillRect(a, y - h, w, h);
        y -= h;
      }
    }
    element(svg, "text", { x: 0, y: top + 12 }, "operations");
    if (all.length) element(svg, "text", { x: 0, y: top + 27, class: "soft" }, Math.round(most / (all[0].to - all[0].from)) + "/s");
  }

  // latencies have a logarithmic scale, from a tenth of a millisecond.
  function latencies(pen, svg, top) {
    const all = inView().filter(c => c.p99 > 0), least = 1e-4, most = Math.max(1e-2, ...all.map(c => c.p99));
    const y = s => top + latencyHeight * (1 - Math.log(Math.max(s, least) / least) / Math.log(most / least));
    for (const [key, name] of [["p99", "read"], ["p50", "write"]]) {
      pen.fillStyle = color(name);
      for (const c of all) {
        const a = Math.max(x(c.from), left);
        pen.fillRect(a, y(c[key]), Math.max(x(c.to) - a, 1.5), 2);
      }
    }
    element(svg, "text", { x: 0, y: top + 12 }, "latency");
    element(svg, "text", { x: 0, y: top + 27, class: "soft" }, "≤ " + (most * 1000).toFixed(1) + " ms");
  }

  function legend() {
    const used = new Set(data.lanes.flatMap(l => l.states.map(s => s.state)));
    const words = [...states.filter(s => used.has(s)).map(s => [s, s]), ["fault", "fault"], ["write", "writes; half are faster"],
      ["read", "reads; 99 of 100 are faster"], ["unknown", "unknown outcome"]];
    section.querySelector(".legend").replaceChildren(...words.map(([name, text]) => {
      const one = document.createElement("span"), dot = document.createElement("i");
      dot.style.background = `var(--${name})`;
      one.append(dot, text);
      return one;
    }));
  }

  function hover(event) {
    const bounds = chart.getBoundingClientRect(), t = time(event.clientX - bounds.left);
    if (t < view[0] || t > view[1]) {
      box.hidden = true;
      return;
    }
    const lines = [t.toFixed(3) + " s"], c = data.columns, i = Math.floor(t / c.width);
    for (const f of data.faults) if (f.from <= t && t <= f.to) lines.push("fault: " + f.line);
    for (const l of data.lanes) {
      const s = l.states.find(s => s.from <= t && t < s.to);
      if (s) lines.push(`member ${l.member}: ${s.state}`);
    }
    if (i < c.reads.length) {
      lines.push(`${c.reads[i]} reads, ${c.writes[i]} writes, ${c.unknown[i]} unknown in ${(c.width * 1000).toFixed(1)} ms`);
      if (c.p99[i] > 0) lines.push(`latency: half within ${(c.p50[i] * 1000).toFixed(2)} ms, 99 of 100 within ${(c.p99[i] * 1000).toFixed(2)} ms`);
    }
    box.textContent = lines.join("\n");
    box.hidden = false;
    box.style.left = Math.max(4, Math.min(event.clientX + 14, window.innerWidth - box.offsetWidth - 8)) + "px";
    box.style.top = Math.max(4, Math.min(event.clientY + 14, window.innerHeight - box.offsetHeight - 8)) + "px";
  }

  // look shows a piece of the run, which is never more than the run.
  function look(from, to) {
    const span = Math.min(Math.max(to - from, data.columns.width * 10), data.end);
    from = Math.min(Math.max(from, 0), data.end - span);
    view = [from, from + span];
    draw();
  }

  function zoom(event) {
    event.preventDefault();
    const t = time(event.clientX - chart.getBoundingClientRect().left), factor = event.deltaY > 0 ? 1.25 : .8;
    look(t - (t - view[0]) * factor, t + (view[1] - t) * factor);
  }

  let grip = null;
  chart.addEventListener("pointerdown", e => { grip = { x: e.clientX, view }; chart.setPointerCapture(e.pointerId); });
  chart.addEventListener("pointerup", () => { grip = null; });
  chart.addEventListener("pointermove", e => {
    if (grip) {
      const by = (grip.x - e.clientX) / (width() - left) * (grip.view[1] - grip.view[0]);
      look(grip.view[0] + by, grip.view[1] + by);
    }
    hover(e);
  });
  chart.addEventListener("pointerleave", () => { box.hidden = true; });
  chart.addEventListener("wheel", zoom, { passive: false });
  chart.addEventListener("keydown", e => {
    const part = (view[1] - view[0]) / 5;
    const move = { ArrowLeft: [-part, -part], ArrowRight: [part, part], "+": [part, -part], "-": [-part, part] }[e.key];
    if (move) {
      e.preventDefault();
      look(view[0] + move[0], view[1] + move[1]);
    }
  });
  document.getElementById("whole").addEventListener("click", () => look(0, data.end));
  for (const a of document.querySelectorAll("a[data-at]")) {
    a.addEventListener("click", () => {
      mark = +a.dataset.at;
      look(mark - 1, mark + 1);
    });
  }
  new ResizeObserver(draw).observe(chart);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  legend();
  draw();

  // A test opens the page with #selftest and reads the title.
  if (location.hash === "#selftest") {
    const bounds = chart.getBoundingClientRect(), at = { clientX: bounds.left + bounds.width / 2, clientY: bounds.top + 60, bubbles: true };
    chart.dispatchEvent(new PointerEvent("pointermove", at));
    const hovered = !box.hidden && box.textContent.includes(" s\n");
    chart.dispatchEvent(new WheelEvent("wheel", { ...at, deltaY: -1, cancelable: true }));
    const zoomed = view[1] - view[0] < data.end;
    const evidence = document.querySelector("a[data-at]");
    if (evidence) evidence.click();
    const marked = !evidence || chart.querySelector(".mark") !== null;
    document.getElementById("whole").click();
    const lanes = new Set([...chart.querySelectorAll("text")].map(t => t.textContent).filter(t => t.startsWith("member "))).size;
    const pixels = chart.querySelector("canvas").getContext("2d").getImageData(0, 0, 4000, 2000).data.some(v => v !== 0);
    const fits = document.documentElement.scrollWidth <= window.innerWidth;
    document.title = `lanes=${lanes} hover=${hovered} zoom=${zoomed} mark=${marked} drawn=${pixels} fits=${fits} errors=${errors}`;
  }
})();
