"use strict";
// The page's behaviour. Bokeh draws; what is drawn is chosen here. Numbers follow
// nircam_tso.inspect.statistics, which the tests compare them with.
(async () => {
  const byId = (id) => document.getElementById(id);
  const read = (id) => JSON.parse(byId(id).textContent);
  const config = read("config");
  const item = {docid: "report", roots: config.roots, root_ids: Object.keys(config.roots)};
  await Bokeh.embed.embed_items({report: read("document")}, [item]);
  const doc = Bokeh.documents[Bokeh.documents.length - 1];
  const model = (name) => doc.get_model_by_name(name);
  const rows = model("rows");
  const n = config.n;
  const column = (name) => rows.get_column(name);
  const quality = column("quality");
  const time = column("time");
  const slots = config.matrix.slice();
  const timePanels = ["flux", ...config.panels.map((_, k) => `panel-${k}`)];
  const used = new Array(n).fill(true);

  const median = (values) => {
    if (!values.length) return NaN;
    const sorted = Float64Array.from(values).sort();
    const half = sorted.length >> 1;
    return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  };
  const finite = (values, take) => {
    const found = [];
    for (let i = 0; i < values.length; i++) if (take(i) && Number.isFinite(values[i])) found.push(values[i]);
    return found;
  };
  const shown = (value, digits = 0) =>
    Number.isFinite(value) ? value.toLocaleString("en-US", {maximumFractionDigits: digits}) : "unknown";
  const parts = (source) => Object.fromEntries(source.data instanceof Map ? source.data : Object.entries(source.data));
  const change = (source, values) => { source.data = {...parts(source), ...values}; };
  const count = (list) => list.reduce((sum, one) => sum + (one ? 1 : 0), 0);

  // Limits that a few outliers do not widen.
  const limits = (values) => {
    if (!values.length) return [0, 1];
    const sorted = Float64Array.from(values).sort();
    const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
    const spread = 3 * (at(0.99) - at(0.01));
    let [low, high] = [sorted[0], sorted[sorted.length - 1]];
    if (spread > 0) [low, high] = [Math.max(low, at(0.01) - spread), Math.min(high, at(0.99) + spread)];
    const room = high > low ? 0.05 * (high - low) : Math.abs(low) * 0.05 || 1;
    return [low - room, high + room];
  };
  const setRange = (range, [start, end]) => range.setv({start, end});
  // Powers of ten only where plain digits would be too many.
  const setTicks = (axes, [low, high]) => {
    const size = Math.max(Math.abs(low), Math.abs(high));
    for (const axis of axes) axis.formatter.use_scientific = size < 2e-5 || size > 1e7;
  };
  const setAxis = (figure, values) => {
    const found = limits(values);
    setRange(figure.y_range, found);
    setTicks(figure.left, found);
  };

  const curve = () => config.curves[Number(byId("aperture").value)];
  const key = () => Number(byId("aperture").value);
  const slotKey = (name) => (name === "flux" ? `c${key()}` : name);

  // Which rows are used: those all of whose flags are ticked.
  const chooseRows = (draw = true) => {
    let allowed = 0;
    for (const box of document.querySelectorAll("input[data-bit]")) if (box.checked) allowed |= Number(box.dataset.bit);
    const shows = byId("show-left").checked;
    const left = new Array(n).fill(false);
    const few = {used: new Array(n).fill(false), left: new Array(n).fill(false)};
    const seen = {used: 0, left: 0};
    for (let i = 0; i < n; i++) {
      used[i] = (quality[i] & ~allowed) === 0;
      left[i] = shows && !used[i];
      const kind = used[i] ? "used" : "left";
      if (seen[kind]++ % config.stride === 0) few[kind][i] = used[i] || left[i];
    }
    if (!draw) return;
    model("used").booleans = used.slice();
    model("left").booleans = left;
    if (config.matrix.length) {
      model("used_few").booleans = few.used;
      model("left_few").booleans = few.left;
    }
  };

  // Means of so many used rows, as nircam_tso.inspect.statistics.bin makes them.
  const bin = (size) => {
    const order = [];
    for (let i = 0; i < n; i++) if (used[i]) order.push(i);
    const steps = order.slice(1).map((row, k) => Math.abs(time[row] - time[order[k]]));
    const gap = 10 * median(steps.filter((step) => step > 0 && Number.isFinite(step)));
    const [x, flux, error] = [column("x"), column(`c${key()}`), column(`e${key()}`)];
    const result = {x: [], y: [], low: [], high: []};
    let sums = {rows: 0, n: 0, x: 0, nx: 0, y: 0, e: 0};
    const finish = () => {
      if (sums.n) {
        const [y, e] = [sums.y / sums.n, Math.sqrt(sums.e) / sums.n];
        result.x.push(sums.x / sums.nx);
        result.y.push(y);
        result.low.push(y - e);
        result.high.push(y + e);
      }
      sums = {rows: 0, n: 0, x: 0, nx: 0, y: 0, e: 0};
    };
    order.forEach((row, k) => {
      if (sums.rows === size || (k && steps[k - 1] > gap)) finish();
      sums.rows++;
      if (Number.isFinite(x[row])) { sums.x += x[row]; sums.nx++; }
      if (Number.isFinite(flux[row])) { sums.y += flux[row]; sums.e += error[row] ** 2; sums.n++; }
    });
    finish();
    return result;
  };
  const size = () => config.sizes[Number(byId("bin").value)];
  const drawBins = () => {
    const rowsInBin = size();
    const binned = rowsInBin > 1 ? bin(rowsInBin) : {x: [], y: [], low: [], high: []};
    model("binned").data = binned;
    const minutes = config.step * rowsInBin / 60;
    const length = config.step > 0 ? ` (${minutes < 2 ? shown(minutes * 60, 1) + " s" : shown(minutes, 1) + " min"})` : "";
    byId("bin-text").textContent = rowsInBin > 1 ? `${shown(rowsInBin)} rows${length}` : "off";
  };

  // Scatter as nircam_tso.inspect.statistics.scatter has it.
  const pointToPoint = (values) => {
    const steps = values.slice(1).map((value, k) => Math.abs(value - values[k]));
    return values.length < 3 ? NaN : 1.482602218505602 * median(steps) / Math.SQRT2;
  };
  const tell = () => {
    const flux = column(`c${key()}`);
    const values = finite(flux, (i) => used[i]);
    const unit = curve().relative ? "ppm" : curve().unit;
    const digits = curve().relative ? 0 : 6;
    let text = `${shown(values.length)} of ${shown(n)} rows used, point-to-point scatter ${shown(pointToPoint(values), digits)} ${unit}`;
    const chosen = rows.selected.indices;
    if (chosen.length) {
      const part = finite(flux, (i) => chosenSet.has(i) && used[i]);
      const mean = part.reduce((a, b) => a + b, 0) / part.length;
      const spread = deviation(part);
      const error = part.length > 1 ? ` \u00b1 ${shown(spread / Math.sqrt(part.length), digits || 1)}` : "";
      text += `. Selected: ${shown(chosen.length)} row${chosen.length > 1 ? "s" : ""}`;
      if (part.length) text += `, mean flux ${shown(mean, digits || 1)}${error} ${unit}`;
    }
    byId("status").textContent = text + ".";
  };
  let chosenSet = new Set();

  // Scatter against bin size as nircam_tso.inspect.statistics.allan has it, of the selected rows or of all.
  const deviation = (values) => {
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    return Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / (values.length - 1));
  };
  const drawAllan = () => {
    const part = chosenSet.size > 0;
    const flux = finite(column(`c${key()}`), (i) => used[i] && (!part || chosenSet.has(i)));
    const enough = flux.length >= 16;
    byId("allan-told").textContent = enough
      ? `Of the ${shown(flux.length)} rows ${part ? "selected" : "used"}.`
      : "Less than 16 rows: too few.";
    const found = {size: [], ppm: [], low: [], high: [], white: [], white_low: [], white_high: []};
    if (enough) {
      const largest = Math.floor(flux.length / 8);
      const steps = Math.floor(10 * Math.log10(largest));
      const base = deviation(flux);
      for (let k = 0; k <= steps; k++) {
        const size = Math.round(largest ** (steps ? k / steps : 0));
        if (size === found.size[found.size.length - 1]) continue;
        const means = [];
        for (let start = 0; start + size <= flux.length; start += size) {
          let sum = 0;
          for (let i = start; i < start + size; i++) sum += flux[i];
          means.push(sum / size);
        }
        const [value, white] = [deviation(means), base / Math.sqrt(size)];
        const share = 1 / Math.sqrt(2 * (means.length - 1));
        found.size.push(size);
        found.ppm.push(value);
        found.low.push(value * (1 - share));
        found.high.push(value * (1 + share));
        found.white.push(white);
        found.white_low.push(white * (1 - share));
        found.white_high.push(white * (1 + share));
      }
    }
    byId("allan-plot").hidden = !enough;
    model("allan-data").data = found;
    const every = [...found.ppm, ...found.white].filter((value) => value > 0);
    if (!every.length) return;
    setRange(model("allan").x_range, [0.85, 1.2 * Math.max(...found.size, 2)]);
    setRange(model("allan").y_range, [Math.min(...every) / 1.7, Math.max(...every) * 1.7]);
  };

  const correlation = (a, b) => {
    const both = [];
    for (let i = 0; i < n; i++) if (used[i] && Number.isFinite(a[i]) && Number.isFinite(b[i])) both.push(i);
    const mean = (values) => both.reduce((sum, i) => sum + values[i], 0) / both.length;
    const [ma, mb] = [mean(a), mean(b)];
    let [ab, aa, bb] = [0, 0, 0];
    for (const i of both) {
      ab += (a[i] - ma) * (b[i] - mb);
      aa += (a[i] - ma) ** 2;
      bb += (b[i] - mb) ** 2;
    }
    return both.length > 2 && aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : NaN;
  };
  const histogram = (slot) => {
    const values = column(slotKey(slots[slot]));
    const range = model(`matrix-range-${slot}`);
    const bins = Math.max(5, Math.min(40, Math.round(Math.sqrt(count(used)))));
    const width = (range.end - range.start) / bins;
    const [top, part, left, right] = [new Array(bins).fill(0), new Array(bins).fill(0), [], []];
    for (let k = 0; k < bins; k++) { left.push(range.start + k * width); right.push(range.start + (k + 1) * width); }
    for (let i = 0; i < n; i++) {
      const place = Math.floor((values[i] - range.start) / width);
      if (used[i] && place >= 0 && place < bins) {
        top[place]++;
        if (!chosenSet.size || chosenSet.has(i)) part[place]++;
      }
    }
    model(`histogram-${slot}`).data = {left, right, top, part};
    setRange(model(`matrix-${slot}-${slot}`).y_range, [0, 1.1 * Math.max(1, ...top)]);
  };
  const drawMatrix = () => {
    slots.forEach((name, slot) => {
      const found = limits(finite(column(slotKey(name)), (i) => used[i]));
      setRange(model(`matrix-range-${slot}`), found);
      setTicks(model(`matrix-${slots.length - 1}-${slot}`).below, found);
      if (slot) setTicks(model(`matrix-${slot}-0`).left, found);
    });
    slots.forEach((name, slot) => {
      histogram(slot);
      for (let other = 0; other < slot; other++) {
        const r = correlation(column(slotKey(name)), column(slotKey(slots[other])));
        const cell = byId(`r-${other}-${slot}`);
        cell.textContent = Number.isFinite(r) ? `r = ${r.toFixed(2)}` : "r unknown";
        cell.style.opacity = 0.45 + 0.55 * Math.min(1, Math.abs(r) || 0);
      }
    });
  };

  const showAll = () => {
    const span = limitsOfTime();
    setRange(model("time-range"), span);
    for (const name of timePanels) setTicks(model(name).below, span);
    setAxis(model("flux"), finite(column("flux"), (i) => used[i]));
    config.panels.forEach((name, k) => setAxis(model(`panel-${k}`), finite(column(name), (i) => used[i])));
  };
  const limitsOfTime = () => {
    const values = finite(column("x"), () => true);
    if (!values.length) return [0, 1];
    const [low, high] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
    const room = high > low ? 0.02 * (high - low) : 0.5;
    return [low - room, high + room];
  };

  const chooseCurve = () => {
    change(rows, {flux: column(`c${key()}`), ...(slots.length ? {m0: column(`c${key()}`)} : {})});
    nameCurve();
  };
  const nameCurve = () => {
    byId("flux-caption").textContent = curve().caption;
    const first = byId("slot-name-0");
    if (first) first.textContent = curve().text;
    for (const line of document.querySelectorAll("tr[data-curve]")) {
      line.classList.toggle("chosen", Number(line.dataset.curve) === key());
    }
  };
  const redraw = () => { drawBins(); drawMatrix(); drawAllan(); showAll(); tell(); };

  // Flagged rows, a page at a time: those with more flags than every row has.
  const common = n > 1 ? quality.reduce((a, b) => a & b, 0xffffffff) : 0;
  const flagged = [];
  for (let i = 0; i < n; i++) if ((quality[i] & ~common) !== 0) flagged.push(i);
  const perPage = 12;
  let page = 0;
  const drawTable = () => {
    const bit = Number(byId("flag-filter").value);
    const found = bit ? flagged.filter((i) => (quality[i] & bit) !== 0) : flagged;
    const pages = Math.max(1, Math.ceil(found.length / perPage));
    page = Math.min(Math.max(page, 0), pages - 1);
    const body = byId("flag-rows");
    body.replaceChildren();
    for (const row of found.slice(page * perPage, (page + 1) * perPage)) {
      const line = body.insertRow();
      line.dataset.row = row;
      const jumper = document.createElement("button");
      jumper.type = "button";
      jumper.textContent = `row ${row}`;
      jumper.addEventListener("click", () => jump(row));
      line.insertCell().append(jumper);
      const flux = column(`c${key()}`)[row];
      const texts = [
        String(column("label")[row]),
        Number.isFinite(time[row]) ? time[row].toFixed(4) : "unknown",
        shown(flux, curve().relative ? 0 : 6),
        column("flags")[row],
      ];
      for (const text of texts) line.insertCell().textContent = text;
      const cell = line.insertCell();
      if (config.images.includes(row)) {
        const link = document.createElement("a");
        link.href = `#image-${row}`;
        link.textContent = "image";
        cell.append(link);
      }
    }
    byId("flag-count").textContent = found.length ? `page ${page + 1} of ${pages}, ${shown(found.length)} row${found.length > 1 ? "s" : ""}` : "no rows";
    byId("flag-back").disabled = page === 0;
    byId("flag-next").disabled = page === pages - 1;
  };

  const jump = (row) => {
    rows.selected.indices = [row];
    const x = column("x")[row];
    for (const name of timePanels) {
      const mark = model(`mark-${name}`);
      if (Number.isFinite(x)) mark.location = x;
      mark.visible = Number.isFinite(x);
    }
    if (Number.isFinite(x)) {
      const [low, high] = limitsOfTime();
      const half = Math.max((high - low) * Math.min(1, 120 / n), (high - low) * 1e-3) / 2;
      if (n > 240) setRange(model("time-range"), [x - half, x + half]);
    }
    byId("light-curve").scrollIntoView({behavior: "smooth"});
  };
  const clear = () => {
    rows.selected.indices = [];
    for (const name of timePanels) model(`mark-${name}`).visible = false;
  };

  const drag = (kind) => {
    for (const name of [...timePanels, ...config.matrixPanels]) {
      for (const tool of model(name).toolbar.tools) if (tool.type === kind) tool.active = true;
    }
  };

  const dark = () => document.documentElement.dataset.theme === "dark";
  const paint = () => {
    const ink = dark() ? "#d6d9de" : "#33373d";
    const grid = dark() ? "#31363d" : "#e4e6ea";
    const dots = dark() ? "#56B4E9" : "#0072B2";
    const bold = dark() ? "#ffffff" : "#000000";
    const back = dark() ? "#000000" : "#ffffff";
    for (const name of config.figures) {
      const figure = model(name);
      figure.outline_line_color = grid;
      for (const axis of [...figure.below, ...figure.left]) {
        axis.setv({axis_label_text_color: ink, major_label_text_color: ink, axis_line_color: ink,
          major_tick_line_color: ink, minor_tick_line_color: null});
      }
      for (const part of figure.center) {
        if (part.type === "Grid") part.grid_line_color = grid;
        if (part.type === "Span") part.line_color = ink;
      }
      for (const renderer of figure.renderers) {
        const part = renderer.name || "";
        if (part.endsWith(" used")) {
          renderer.glyph.fill_color = dots;
          renderer.selection_glyph.fill_color = dots;
        }
        if (part.startsWith("histogram") || part === "allan-dots") renderer.glyph.fill_color = dots;
        if (part === "allan-bars") renderer.glyph.line_color = dots;
        if (part === "bins-bars") renderer.glyph.line_color = bold;
        if (part === "bins-dots") renderer.glyph.setv({fill_color: bold, line_color: back});
      }
    }
  };

  // One redraw for each frame of the screen, however often a slider moves.
  const soon = (action) => {
    let waiting = false;
    return () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => { waiting = false; action(); });
    };
  };
  byId("aperture").addEventListener("change", () => { chooseCurve(); redraw(); drawTable(); });
  byId("bin").addEventListener("input", soon(drawBins));
  byId("show-left").addEventListener("change", () => chooseRows());
  for (const box of document.querySelectorAll("input[data-bit]")) {
    box.addEventListener("change", () => { chooseRows(); redraw(); });
  }
  for (const choice of document.querySelectorAll("input[name=drag]")) {
    choice.addEventListener("change", () => drag(choice.value));
  }
  for (const choice of document.querySelectorAll("select[data-slot]")) {
    choice.addEventListener("change", () => {
      slots[Number(choice.dataset.slot)] = choice.value;
      change(rows, {[`m${choice.dataset.slot}`]: column(choice.value)});
      drawMatrix();
    });
  }
  byId("reset").addEventListener("click", showAll);
  byId("clear").addEventListener("click", clear);
  byId("flag-filter").addEventListener("change", () => { page = 0; drawTable(); });
  byId("flag-back").addEventListener("click", () => { page--; drawTable(); });
  byId("flag-next").addEventListener("click", () => { page++; drawTable(); });
  for (const jumper of document.querySelectorAll("button[data-jump]")) {
    jumper.addEventListener("click", () => jump(Number(jumper.dataset.jump)));
  }
  byId("theme").addEventListener("click", () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    paint();
  });
  rows.selected.properties.indices.change.connect(soon(() => {
    chosenSet = new Set(rows.selected.indices);
    slots.forEach((_, slot) => histogram(slot));
    drawAllan();
    tell();
  }));

  document.documentElement.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  paint();
  chooseRows(false);
  nameCurve();
  redraw();
  drawTable();
  document.body.dataset.ready = "true";
})();
