"use strict";
(() => {
  // src/report/dom.ts
  function element(id) {
    const found = document.getElementById(id);
    if (!found) {
      throw new Error(`the page has no #${id}`);
    }
    return found;
  }
  function escaped(text) {
    const names = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
    return text.replace(/[&<>"]/g, (character) => names[character] ?? character);
  }
  function digits(value, count = 4) {
    if (value === 0 || Number.isInteger(value)) {
      return String(value);
    }
    return String(Number(value.toPrecision(count)));
  }
  function unfold(inner) {
    for (let at2 = inner.closest("details"); at2; at2 = at2.parentElement?.closest("details") ?? null) {
      at2.open = true;
    }
  }

  // src/report/painting.ts
  var PLAIN = {
    colours: "errors",
    outlines: false,
    labelOpacity: 0.45,
    predictionOpacity: 0.45,
    contrast: 0,
    brightness: 0
  };
  var COLOURS = {
    found: [0, 158, 115],
    wrong: [213, 94, 0],
    missed: [86, 180, 233],
    label: [240, 228, 66],
    prediction: [204, 121, 167]
  };
  var IGNORED_SHARE = 0.45;
  function shades(look) {
    const slope = Math.tan((look.contrast + 1) * Math.PI / 4);
    return Uint8ClampedArray.from({ length: 256 }, (_, grey) => (grey - 127.5) * slope + 127.5 + look.brightness * 127.5);
  }
  function isOutline(mask, at2, width) {
    const x = at2 % width;
    return x > 0 && mask[at2 - 1] === 0 || x < width - 1 && mask[at2 + 1] === 0 || mask[at2 - width] === 0 || mask[at2 + width] === 0;
  }
  function paint(pixels, grey, masks, width, look) {
    const shade = shades(look);
    const { label, prediction, ignored } = masks;
    for (let at2 = 0; at2 < grey.length; at2 += 1) {
      const tissue = shade[grey[at2] ?? 0] ?? 0;
      const place = 4 * at2;
      pixels[place] = pixels[place + 1] = pixels[place + 2] = tissue;
      pixels[place + 3] = 255;
      if (ignored?.[at2] === 1) {
        for (let channel = 0; channel < 3; channel += 1) {
          pixels[place + channel] = 128 + (tissue - 128) * (1 - IGNORED_SHARE);
        }
        continue;
      }
      const isLabel = label[at2] === 1 && (!look.outlines || isOutline(label, at2, width));
      const isPrediction = prediction[at2] === 1 && (!look.outlines || isOutline(prediction, at2, width));
      if (!isLabel && !isPrediction) {
        continue;
      }
      if (look.colours === "errors") {
        const [colour, opacity] = label[at2] === 0 ? [COLOURS.wrong, look.predictionOpacity] : prediction[at2] === 0 ? [COLOURS.missed, look.labelOpacity] : [COLOURS.found, Math.max(isLabel ? look.labelOpacity : 0, isPrediction ? look.predictionOpacity : 0)];
        blend(pixels, place, colour, opacity);
      } else {
        if (isLabel) {
          blend(pixels, place, COLOURS.label, look.labelOpacity);
        }
        if (isPrediction) {
          blend(pixels, place, COLOURS.prediction, look.predictionOpacity);
        }
      }
    }
  }
  function blend(pixels, place, colour, opacity) {
    for (let channel = 0; channel < 3; channel += 1) {
      const below = pixels[place + channel] ?? 0;
      pixels[place + channel] = below + ((colour[channel] ?? 0) - below) * opacity;
    }
  }

  // src/report/places.ts
  var AROUND = 2;
  var LEAST = 48;
  var PRINTED = 6;
  function listPlaces(places, viewer) {
    const drawn = [];
    for (const button of document.querySelectorAll("button.place")) {
      const place = places[Number(button.dataset["number"])];
      const canvas = button.querySelector("canvas");
      if (!place || !canvas) {
        continue;
      }
      button.addEventListener("click", () => viewer.jump(place));
      drawn.push([place, canvas]);
    }
    void drawAll(drawn, places, viewer);
  }
  async function drawAll(drawn, places, viewer) {
    for (const [place, canvas] of drawn) {
      await drawPlace(place, canvas, viewer);
    }
    await printed(places, viewer);
  }
  async function drawPlace(place, canvas, viewer) {
    const picture = viewer.pictures[place.embedded];
    const context = canvas.getContext("2d");
    if (!picture || !context) {
      return;
    }
    const painted = await picture.painted(place.class, PLAIN);
    const { factor } = picture.section;
    const [y, x, height, width] = [...place.start, ...place.size].map((voxels) => voxels / factor);
    const aspect = canvas.width / canvas.height;
    const seen2 = Math.max(width * AROUND, height * AROUND * aspect, LEAST);
    const scale = canvas.width / seen2;
    context.fillStyle = "#808080";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingEnabled = scale < 2;
    context.setTransform(scale, 0, 0, scale, canvas.width / 2 - (x + width / 2) * scale, canvas.height / 2 - (y + height / 2) * scale);
    context.drawImage(painted, 0, 0);
  }
  async function printed(places, viewer) {
    const holder = document.getElementById("worst-sections");
    const worst = places.filter((place, at2) => places.findIndex((other) => other.embedded === place.embedded && other.class === place.class) === at2);
    const rank = (place) => worst.filter((other) => other.class === place.class).indexOf(place);
    const shown = [...worst].sort((a, b) => rank(a) - rank(b)).slice(0, PRINTED);
    for (const place of shown.sort((a, b) => a.class - b.class)) {
      const picture = viewer.pictures[place.embedded];
      if (!picture || !holder) {
        continue;
      }
      const figure = document.createElement("figure");
      const caption = document.createElement("figcaption");
      caption.textContent = `${viewer.className(place.class)}, ${picture.section.name}: found green, wrong vermilion, missed sky blue`;
      figure.append(await picture.painted(place.class, PLAIN), caption);
      holder.append(figure);
    }
  }

  // src/report/axes.ts
  var at = (scale, value) => scale.from + (value - scale.low) / (scale.high - scale.low || 1) * (scale.to - scale.from);
  var MARGIN = { left: 56, right: 14, top: 22, bottom: 40 };
  var MOST_DECIMALS = 6;
  function ticks(low, high, count, whole) {
    const rough = (high - low) / Math.max(count, 1) || 1;
    const power = 10 ** Math.floor(Math.log10(rough));
    let step = ([1, 2, 5, 10].find((times) => times * power >= rough * 0.999) ?? 10) * power;
    if (whole) {
      step = Math.max(1, Math.ceil(step));
    }
    const first = Math.ceil(low / step - 1e-9);
    const last = Math.floor(high / step + 1e-9);
    const values = Array.from({ length: Math.max(last - first + 1, 0) }, (_, number) => Number(((first + number) * step).toPrecision(12)));
    const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    return { values, label: (value) => decimals > MOST_DECIMALS ? digits(value) : value.toFixed(decimals) };
  }
  function framed(frame, names, xTicks, yTicks) {
    const { height, x, y } = frame;
    const [left, right, top, bottom] = [x.from, x.to, y.to, y.from];
    const across = yTicks.values.map((value) => {
      const place = at(y, value);
      return `<line class="grid" x1="${left}" x2="${right}" y1="${place}" y2="${place}"/><text x="${left - 7}" y="${place + 4}" text-anchor="end">${escaped(yTicks.label(value))}</text>`;
    });
    const along = xTicks.values.map((value) => {
      const place = at(x, value);
      return `<line class="tick" x1="${place}" x2="${place}" y1="${bottom}" y2="${bottom + 4}"/><text x="${place}" y="${bottom + 17}" text-anchor="middle">${escaped(xTicks.label(value))}</text>`;
    });
    const yName = names.y ? `<text x="${left - 40}" y="${top - 8}">${escaped(names.y)}</text>` : "";
    return `${across.join("")}<line class="axis" x1="${left}" x2="${right}" y1="${bottom}" y2="${bottom}"/>${along.join("")}<text x="${(left + right) / 2}" y="${height - 6}" text-anchor="middle">${escaped(names.x)}</text>${yName}<rect class="back" x="${left}" y="${top}" width="${Math.max(right - left, 0)}" height="${Math.max(bottom - top, 0)}"/>`;
  }

  // src/report/bars.ts
  function rangeOf(chart) {
    const [first, last] = [chart.edges[0] ?? 0, chart.edges.at(-1) ?? 1];
    if (chart.edges.length > 2) {
      return [first, last];
    }
    const beside = last - first;
    return [first >= 0 ? Math.max(first - beside, 0) : first - beside, last + beside];
  }
  function edgeText(chart, edge) {
    return chart.by_powers ? digits(10 ** edge) : digits(edge, 12);
  }
  function drawBars(chart, width, height) {
    const [low, high] = rangeOf(chart);
    const most = Math.max(1, ...chart.series.flatMap(([, counts]) => counts));
    const frame = {
      height,
      x: { low, high, from: MARGIN.left, to: width - MARGIN.right },
      y: { low: 0, high: most * 1.05, from: height - MARGIN.bottom, to: MARGIN.top }
    };
    const sets = chart.series.length;
    const bars = chart.series.map(([, counts], set) => {
      const rects = counts.map((count, bin) => {
        const [left, right] = [at(frame.x, chart.edges[bin] ?? 0), at(frame.x, chart.edges[bin + 1] ?? 0)];
        const each = (right - left) / sets;
        const top = at(frame.y, count);
        return `<rect x="${left + each * set + 0.5}" y="${top}" width="${Math.max(each - 1, 0.5)}" height="${frame.y.from - top}"/>`;
      });
      return `<g class="bars line-${set % 6}">${rects.join("")}</g>`;
    });
    const names = { x: chart.axis, y: "objects" };
    const xTicks = ticks(low, high, Math.max(2, Math.floor(width / 80)), chart.by_powers);
    if (chart.by_powers) {
      xTicks.label = (power) => digits(10 ** power);
    }
    const svg = framed(frame, names, xTicks, ticks(0, frame.y.high, 5, true)) + bars.join("");
    const stops = chart.edges.slice(0, -1).map((edge, bin) => {
      const end = chart.edges[bin + 1] ?? edge;
      return {
        x: at(frame.x, (edge + end) / 2),
        title: `${edgeText(chart, edge)} to ${edgeText(chart, end)}`,
        values: chart.series.map(([, counts]) => String(counts[bin] ?? 0))
      };
    });
    return { svg, stops, names: chart.series.map(([name]) => name) };
  }

  // src/report/lines.ts
  var MOST_DOTS = 60;
  function ends(values) {
    return values.length === 0 ? [0, 1] : [Math.min(...values), Math.max(...values)];
  }
  function frameOf(chart, width, height) {
    const xs = chart.series.flatMap((line) => line.points.map(([x2]) => x2));
    const ys = chart.series.flatMap((line) => line.points.flatMap(([, y2]) => y2 === null ? [] : [y2]));
    const [firstX, lastX] = chart.x.range ?? ends(xs);
    const [least, most] = ends(ys);
    const [low, high] = chart.y.range ?? [Math.min(least, 0), most + (most - Math.min(least, 0)) * 0.05 || 1];
    const [from, to] = firstX === lastX ? [firstX - 1, lastX + 1] : [firstX, lastX];
    const x = { low: from, high: to, from: MARGIN.left, to: width - MARGIN.right };
    const y = { low, high, from: height - MARGIN.bottom, to: MARGIN.top };
    return { height, x, y };
  }
  function path(line, frame) {
    let pen = "M";
    const parts = line.points.map(([x, y]) => {
      if (y === null) {
        pen = "M";
        return "";
      }
      const part = `${pen}${at(frame.x, x).toFixed(2)} ${at(frame.y, y).toFixed(2)}`;
      pen = "L";
      return part;
    });
    return parts.join("");
  }
  function drawLines(chart, width, height) {
    const frame = frameOf(chart, width, height);
    const { x, y } = frame;
    const xTicks = ticks(x.low, x.high, Math.max(2, Math.floor(width / 80)), chart.x.whole);
    const yTicks = ticks(y.low, y.high, 5, chart.y.whole);
    const diagonal = chart.diagonal ? `<line class="diagonal" x1="${x.from}" x2="${x.to}" y1="${y.from}" y2="${y.to}"/>` : "";
    const marks = chart.marks.map(([place, text]) => {
      const px = at(x, place);
      const isRight = px > (x.from + x.to) / 2;
      return `<line class="mark" x1="${px}" x2="${px}" y1="${y.to}" y2="${y.from}"/><text class="marked" x="${px + (isRight ? -5 : 5)}" y="${y.to - 7}" text-anchor="${isRight ? "end" : "start"}">${escaped(text)}</text>`;
    });
    const lines = chart.series.map((line, number) => {
      const points = line.points.filter((point) => point[1] !== null);
      const dots = points.length > MOST_DOTS ? "" : points.map(([px, py]) => `<circle cx="${at(x, px)}" cy="${at(y, py)}" r="2.5"/>`).join("");
      return `<g class="line line-${number % 6}"><path d="${path(line, frame)}"/>${dots}</g>`;
    });
    const names = { x: chart.x.title, y: chart.y.title };
    const svg = `${framed(frame, names, xTicks, yTicks)}${diagonal}${marks.join("")}${lines.join("")}`;
    return { svg, stops: stopsOf(chart, frame), names: chart.series.map((line) => line.name) };
  }
  function stopsOf(chart, frame) {
    const values = /* @__PURE__ */ new Map();
    chart.series.forEach((line, number) => {
      for (const [place, value] of line.points) {
        const told = values.get(place) ?? chart.series.map(() => "none");
        told[number] = value === null ? "none" : digits(value);
        values.set(place, told);
      }
    });
    const places = [...values.keys()].sort((a, b) => a - b);
    return places.map((place) => ({ x: at(frame.x, place), title: `${chart.x.title} ${digits(place)}`, values: values.get(place) ?? [] }));
  }

  // src/report/plot.ts
  var HEIGHT = 260;
  function plot(chart, place) {
    let drawn;
    let cursor;
    const draw = () => {
      const width = Math.round(place.clientWidth);
      if (width === 0) {
        return;
      }
      drawn = chart.kind === "lines" ? drawLines(chart, width, HEIGHT) : drawBars(chart, width, HEIGHT);
      cursor = void 0;
      place.innerHTML = legendOf(drawn) + svgOf(chart, drawn, width) + '<output class="tip" hidden></output>';
    };
    const show = (stop) => {
      cursor = stop;
      moveCursor(place, drawn, stop);
    };
    place.addEventListener("pointermove", (event) => {
      const box = place.querySelector("svg")?.getBoundingClientRect();
      if (drawn && box) {
        show(nearest(drawn, (event.clientX - box.left) / box.width * place.clientWidth));
      }
    });
    place.addEventListener("pointerleave", () => show(void 0));
    place.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (by !== void 0 && drawn) {
        event.preventDefault();
        const last = drawn.stops.length - 1;
        show(Math.min(Math.max((cursor ?? (by > 0 ? -1 : last + 1)) + by, 0), last));
      } else if (event.key === "Escape") {
        show(void 0);
      }
    });
    new ResizeObserver(draw).observe(place);
    draw();
  }
  function legendOf(drawn) {
    if (drawn.names.length < 2) {
      return "";
    }
    const items = drawn.names.map((name, number) => `<li><i class="swatch-${number % 6}"></i>${escaped(name)}</li>`);
    return `<ul class="key">${items.join("")}</ul>`;
  }
  function svgOf(chart, drawn, width) {
    const label = `${chart.title}; arrow keys read its values`;
    return `<svg viewBox="0 0 ${width} ${HEIGHT}" tabindex="0" role="img" aria-label="${escaped(label)}">${drawn.svg}<line class="cursor" y1="0" y2="${HEIGHT - 40}" visibility="hidden"/></svg>`;
  }
  function nearest(drawn, x) {
    let found;
    drawn.stops.forEach((stop, number) => {
      if (found === void 0 || Math.abs(stop.x - x) < Math.abs((drawn.stops[found]?.x ?? Infinity) - x)) {
        found = number;
      }
    });
    return found;
  }
  function moveCursor(place, drawn, number) {
    const cursor = place.querySelector(".cursor");
    const tip = place.querySelector(".tip");
    const stop = number === void 0 ? void 0 : drawn?.stops[number];
    if (!cursor || !tip || !drawn) {
      return;
    }
    cursor.setAttribute("visibility", stop ? "visible" : "hidden");
    tip.hidden = stop === void 0;
    if (stop) {
      cursor.setAttribute("x1", String(stop.x));
      cursor.setAttribute("x2", String(stop.x));
      const { names } = drawn;
      const values = stop.values.map((value, set) => `<span><i class="swatch-${set % 6}"></i>${escaped(names[set] ?? "")} <b>${value}</b></span>`);
      tip.innerHTML = `<strong>${escaped(stop.title)}</strong>${values.join("")}`;
      const isRight = stop.x > place.clientWidth / 2;
      tip.style.left = isRight ? "" : `${stop.x + 10}px`;
      tip.style.right = isRight ? `${place.clientWidth - stop.x + 10}px` : "";
    }
  }

  // src/report/tables.ts
  function valueOf(row, column) {
    return row.cells[column]?.textContent?.trim() ?? "";
  }
  function compared(a, b) {
    const [first, second] = [a, b].map((text) => Number.parseFloat(text.replace(/^z = /, "")));
    if (Number.isNaN(first) || Number.isNaN(second)) {
      return Number(Number.isNaN(first)) - Number(Number.isNaN(second)) || a.localeCompare(b);
    }
    return first - second;
  }
  function sortable(table) {
    const body = table.tBodies[0];
    const heads = [...table.tHead?.rows[0]?.cells ?? []];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const falls = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", falls ? "descending" : "ascending");
        const rows = [...body?.rows ?? []];
        const missing = (row) => ["", "none"].includes(valueOf(row, column));
        rows.sort((a, b) => Number(missing(a)) - Number(missing(b)) || compared(valueOf(a, column), valueOf(b, column)) * (falls ? -1 : 1));
        body?.append(...rows);
      });
    });
  }
  function filtered(field) {
    const table = document.getElementById(field.dataset["table"] ?? "");
    const shown = document.getElementById("shown");
    field.addEventListener("input", () => {
      const wanted = field.value.trim().toLowerCase();
      let count = 0;
      for (const row of table?.tBodies[0]?.rows ?? []) {
        const cells = [...row.cells].map((cell) => cell.textContent?.trim().toLowerCase() ?? "");
        row.hidden = wanted !== "" && !cells.some((cell) => cell === wanted || cell.startsWith(wanted));
        count += row.hidden ? 0 : 1;
      }
      if (shown) {
        shown.textContent = wanted === "" ? "" : `${count} shown`;
      }
    });
  }

  // src/report/camera.ts
  var MOST = 40;
  var Camera = class {
    x = 0;
    y = 0;
    scale = 1;
    /** Whether all of a section is seen, which stays so for another section or stage. */
    fits = true;
    /** Shows all of a section. */
    fit(section, stage) {
      this.fits = true;
      this.scale = this.fitting(section, stage);
      this.x = section.width / 2;
      this.y = section.height / 2;
    }
    fitting(section, stage) {
      return Math.min(stage.width / section.width, stage.height / section.height);
    }
    /** Zooms by a factor; what is `dx`, `dy` from the middle of the stage stays where it is. */
    zoom(factor, dx, dy, section, stage) {
      const least = this.fitting(section, stage);
      const scale = Math.min(Math.max(this.scale * factor, least), Math.max(MOST, least));
      if (scale === least) {
        this.fit(section, stage);
        return;
      }
      this.x += dx / this.scale - dx / scale;
      this.y += dy / this.scale - dy / scale;
      this.scale = scale;
      this.fits = false;
      this.hold(section);
    }
    /** Moves the section by pixels of the stage. */
    pan(dx, dy, section) {
      this.x -= dx / this.scale;
      this.y -= dy / this.scale;
      this.fits = false;
      this.hold(section);
    }
    /** Shows a box with some of what is around it. */
    frame(x, y, width, height, section, stage) {
      const around = 2.5;
      const edge = 24;
      this.x = x + width / 2;
      this.y = y + height / 2;
      const scale = Math.min(stage.width / Math.max(width * around, edge), stage.height / Math.max(height * around, edge));
      this.scale = Math.max(this.fitting(section, stage), Math.min(scale, MOST / 4));
      this.fits = false;
    }
    hold(section) {
      this.x = Math.min(Math.max(this.x, 0), section.width);
      this.y = Math.min(Math.max(this.y, 0), section.height);
    }
  };

  // src/report/runs.ts
  function decoded(runs, pixels) {
    const bytes = Uint8Array.from(atob(runs), (character) => character.charCodeAt(0));
    const mask = new Uint8Array(pixels);
    let at2 = 0;
    let inside = false;
    let length = 0;
    let shift = 0;
    for (const byte of bytes) {
      length += (byte & 127) * 2 ** shift;
      shift += 7;
      if (byte < 128) {
        if (inside) {
          mask.fill(1, at2, at2 + length);
        }
        at2 += length;
        inside = !inside;
        length = 0;
        shift = 0;
      }
    }
    return mask;
  }

  // src/report/picture.ts
  var Picture = class {
    constructor(section) {
      this.section = section;
    }
    section;
    decodedGrey;
    masks = /* @__PURE__ */ new Map();
    /** The grey values, decoded on first use. */
    get grey() {
      return this.decodedGrey ??= greyOf(this.section);
    }
    get width() {
      return this.section.size[1];
    }
    get height() {
      return this.section.size[0];
    }
    /** The masks of a class. */
    of(number) {
      const known = this.masks.get(number);
      if (known) {
        return known;
      }
      const layers = this.section.layers[number];
      const pixels = this.width * this.height;
      const masks = {
        label: decoded(layers?.label ?? "", pixels),
        prediction: decoded(layers?.prediction ?? "", pixels),
        ignored: layers?.ignored == null ? null : decoded(layers.ignored, pixels)
      };
      this.masks.set(number, masks);
      return masks;
    }
    /** The section with a class laid over it. */
    async painted(number, look) {
      const grey = await this.grey;
      const canvas = document.createElement("canvas");
      canvas.width = this.width;
      canvas.height = this.height;
      const context = canvas.getContext("2d");
      if (context) {
        const image = context.createImageData(this.width, this.height);
        paint(image.data, grey, this.of(number), this.width, look);
        context.putImageData(image, 0, 0);
      }
      return canvas;
    }
    async value(x, y) {
      return (await this.grey)[y * this.width + x];
    }
  };
  async function greyOf(section) {
    const image = new Image();
    image.src = section.picture;
    await image.decode();
    const [height, width] = section.size;
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (!context) {
      return new Uint8Array(width * height);
    }
    context.drawImage(image, 0, 0);
    const { data: data2 } = context.getImageData(0, 0, width, height);
    return Uint8Array.from({ length: width * height }, (_, at2) => data2[4 * at2] ?? 0);
  }

  // src/report/scale_bar.ts
  function barOf(nm, most) {
    const longest = nm * most;
    const power = 10 ** Math.floor(Math.log10(longest));
    const length = [5, 2, 1].map((step) => step * power).find((step) => step <= longest) ?? power;
    const text = length >= 1e3 ? `${length / 1e3} µm` : `${Number(length.toPrecision(3))} nm`;
    return { pixels: length / nm, text };
  }

  // src/report/viewer.ts
  var STEP = 1.25;
  var Viewer = class {
    constructor(data2) {
      this.data = data2;
      this.pictures = data2.sections.map((section) => new Picture(section));
      this.listenToControls();
      this.listenToKeys();
      this.listenToPointer();
      const [height, width] = this.picture.section.size;
      this.stage.style.aspectRatio = `${width} / ${height}`;
      new ResizeObserver(() => this.resize()).observe(this.stage);
      this.readControls();
      void this.repaint();
    }
    data;
    pictures;
    stage = element("stage");
    camera = new Camera();
    slider = element("section");
    classes = element("class");
    look = { ...PLAIN };
    place;
    painted;
    /** Counts what was asked to be painted, so that what comes too late is dropped. */
    asked = 0;
    /** Shows a section, of a class where one is named. */
    show(number, name) {
      this.place = void 0;
      if (name !== void 0 && this.data.classes.includes(name)) {
        this.classes.value = String(this.data.classes.indexOf(name));
      }
      this.slider.value = String(number);
      void this.repaint();
    }
    /** Shows a place of a section, framed. */
    jump(place) {
      this.slider.value = String(place.embedded);
      this.classes.value = String(place.class);
      this.place = place;
      const { factor } = this.picture.section;
      const [y, x, height, width] = [...place.start, ...place.size].map((voxels) => voxels / factor);
      this.camera.frame(x, y, width, height, this.picture, this.size);
      void this.repaint();
      this.reveal();
    }
    /** The name of a class. */
    className(number) {
      return this.data.classes[number] ?? "";
    }
    reveal() {
      const section = element("browser");
      unfold(this.stage);
      section.scrollIntoView({ block: "start" });
      this.stage.focus({ preventScroll: true });
    }
    get number() {
      return Number(this.slider.value);
    }
    get class() {
      return Number(this.classes.value);
    }
    get picture() {
      const found = this.pictures[this.number] ?? this.pictures[0];
      if (!found) {
        throw new Error("the browser has no sections");
      }
      return found;
    }
    /** The stage in pixels of the page. */
    get size() {
      return { width: this.stage.clientWidth || 1, height: this.stage.clientHeight || 1 };
    }
    listenToControls() {
      this.slider.addEventListener("input", () => this.show(this.number));
      element("previous").addEventListener("click", () => this.step(-1));
      element("next").addEventListener("click", () => this.step(1));
      element("zoom-in").addEventListener("click", () => this.zoom(STEP));
      element("zoom-out").addEventListener("click", () => this.zoom(1 / STEP));
      element("zoom-fit").addEventListener("click", () => this.fit());
      for (const id of ["class", "colours", "outlines", "label-opacity", "prediction-opacity", "contrast", "brightness"]) {
        element(id).addEventListener("input", () => {
          this.readControls();
          void this.repaint();
        });
      }
      element("reset").addEventListener("click", () => {
        for (const id of ["label-opacity", "prediction-opacity", "contrast", "brightness"]) {
          const control = element(id);
          control.value = control.defaultValue;
        }
        element("outlines").checked = false;
        element("colours").value = "errors";
        this.readControls();
        this.fit();
        void this.repaint();
      });
    }
    readControls() {
      const value = (id) => Number(element(id).value) / 100;
      const colours = element("colours").value === "masks" ? "masks" : "errors";
      this.look = {
        colours,
        outlines: element("outlines").checked,
        labelOpacity: value("label-opacity"),
        predictionOpacity: value("prediction-opacity"),
        contrast: value("contrast"),
        brightness: value("brightness")
      };
      const names = colours === "errors" ? ["found", "wrong", "missed"] : ["label", "prediction"];
      const items = names.map((name) => `<li><i style="background:rgb(${COLOURS[name].join()})"></i>${name}</li>`);
      if (this.data.sections.some((section) => section.layers.some((layers) => layers.ignored != null))) {
        items.push('<li><i class="ignored"></i>does not count</li>');
      }
      element("key").innerHTML = items.join("");
    }
    listenToKeys() {
      document.addEventListener("keydown", (event) => {
        const target = event.target;
        const isControl = target.closest("input, select, textarea, .plot, [role=region]") !== null;
        if (isControl || event.ctrlKey || event.metaKey || event.altKey) {
          return;
        }
        const action = this.actionOf(event.key);
        if (action) {
          event.preventDefault();
          action();
        }
      });
    }
    actionOf(key) {
      switch (key) {
        case "ArrowLeft":
        case ",":
          return () => this.step(-1);
        case "ArrowRight":
        case ".":
          return () => this.step(1);
        case "+":
        case "=":
          return () => this.zoom(STEP);
        case "-":
          return () => this.zoom(1 / STEP);
        case "0":
          return () => this.fit();
        default:
          return void 0;
      }
    }
    step(by) {
      this.show(Math.min(Math.max(this.number + by, 0), this.pictures.length - 1));
    }
    zoom(factor) {
      this.camera.zoom(factor, 0, 0, this.picture, this.size);
      this.draw();
    }
    fit() {
      this.camera.fit(this.picture, this.size);
      this.draw();
    }
    listenToPointer() {
      const held = /* @__PURE__ */ new Map();
      this.stage.addEventListener("pointerdown", (event) => {
        held.set(event.pointerId, event);
        this.stage.setPointerCapture(event.pointerId);
      });
      this.stage.addEventListener("pointermove", (event) => {
        const before = held.get(event.pointerId);
        if (before && held.size === 1) {
          this.camera.pan(event.clientX - before.clientX, event.clientY - before.clientY, this.picture);
          this.draw();
        } else if (before) {
          this.pinch(held, before, event);
        }
        if (before) {
          held.set(event.pointerId, event);
        }
        void this.point(event);
      });
      for (const name of ["pointerup", "pointercancel"]) {
        this.stage.addEventListener(name, (event) => held.delete(event.pointerId));
      }
      this.stage.addEventListener("pointerleave", () => element("pointed").textContent = "");
      this.stage.addEventListener(
        "wheel",
        (event) => {
          if (event.deltaY > 0 && this.camera.fits) {
            return;
          }
          event.preventDefault();
          const [dx, dy] = this.fromMiddle(event);
          this.camera.zoom(1.0015 ** -event.deltaY, dx, dy, this.picture, this.size);
          this.draw();
        },
        { passive: false }
      );
    }
    /** Two fingers zoom by how far they move apart. */
    pinch(held, before, now) {
      const other = [...held.values()].find((event) => event.pointerId !== now.pointerId);
      if (!other) {
        return;
      }
      const apart = (event) => Math.hypot(event.clientX - other.clientX, event.clientY - other.clientY);
      this.camera.zoom(apart(now) / Math.max(apart(before), 1), 0, 0, this.picture, this.size);
      this.draw();
    }
    fromMiddle(event) {
      const box = this.stage.getBoundingClientRect();
      return [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
    }
    /** Says what is under the pointer. */
    async point(event) {
      const picture = this.picture;
      const [dx, dy] = this.fromMiddle(event);
      const [x, y] = [Math.floor(this.camera.x + dx / this.camera.scale), Math.floor(this.camera.y + dy / this.camera.scale)];
      const pointed = element("pointed");
      if (x < 0 || y < 0 || x >= picture.width || y >= picture.height) {
        pointed.textContent = "";
        return;
      }
      const grey = await picture.value(x, y);
      const masks = picture.of(this.class);
      const at2 = y * picture.width + x;
      const { start, factor } = picture.section;
      const kinds = ["background", "wrong", "missed", "found"];
      const kind = masks.ignored?.[at2] === 1 ? "does not count" : kinds[(masks.prediction[at2] ?? 0) + 2 * (masks.label[at2] ?? 0)];
      pointed.textContent = `y ${start[0] + y * factor}, x ${start[1] + x * factor}: grey ${grey}, ${kind}`;
    }
    resize() {
      const ratio = window.devicePixelRatio || 1;
      this.stage.width = Math.round(this.size.width * ratio);
      this.stage.height = Math.round(this.size.height * ratio);
      if (this.camera.fits) {
        this.camera.fit(this.picture, this.size);
      }
      this.draw();
    }
    async repaint() {
      const asked = ++this.asked;
      this.describe();
      const painted = await this.picture.painted(this.class, this.look);
      if (asked !== this.asked) {
        return;
      }
      this.painted = painted;
      if (this.camera.fits) {
        this.camera.fit(this.picture, this.size);
      }
      this.draw();
      this.stage.dataset["shown"] = String(this.number);
    }
    describe() {
      const { section } = this.picture;
      const iou = section.layers[this.class]?.iou;
      const score = iou == null ? "no IoU" : `IoU ${iou.toFixed(4)}`;
      const text = `${section.name} (${section.number + 1} of ${this.data.total}): ${this.className(this.class)}, ${score}`;
      element("where").textContent = text;
      this.slider.setAttribute("aria-valuetext", text);
      this.stage.setAttribute("aria-label", `Section ${text}`);
    }
    draw() {
      const context = this.stage.getContext("2d");
      if (!context) {
        return;
      }
      const ratio = this.stage.width / this.size.width;
      const scale = this.camera.scale * ratio;
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, this.stage.width, this.stage.height);
      context.setTransform(scale, 0, 0, scale, this.stage.width / 2 - this.camera.x * scale, this.stage.height / 2 - this.camera.y * scale);
      context.imageSmoothingEnabled = scale < 2;
      if (this.painted) {
        context.drawImage(this.painted, 0, 0);
      }
      this.drawPlace(context, scale);
      this.drawBar();
    }
    drawPlace(context, scale) {
      if (!this.place) {
        return;
      }
      const { factor } = this.picture.section;
      const [y, x, height, width] = [...this.place.start, ...this.place.size].map((voxels) => voxels / factor);
      const gap = 4 / scale;
      for (const [colour, line] of [["#000", 4], ["#fff", 2]]) {
        context.strokeStyle = colour;
        context.lineWidth = line / scale;
        context.strokeRect(x - gap, y - gap, width + 2 * gap, height + 2 * gap);
      }
    }
    drawBar() {
      const nm = this.data.pixel_nm;
      const bar = element("scale-bar");
      bar.hidden = nm === null;
      if (nm) {
        const { pixels, text } = barOf(nm[1] * this.picture.section.factor / this.camera.scale, Math.min(160, this.size.width / 3));
        bar.style.width = `${pixels}px`;
        bar.firstElementChild.textContent = text;
      }
    }
  };

  // src/report/main.ts
  var data = JSON.parse(element("data").textContent ?? "{}");
  for (const place of document.querySelectorAll(".plot")) {
    const chart = data.charts[place.dataset["place"] ?? ""]?.[Number(place.dataset["number"])];
    if (chart) {
      plot(chart, place);
    }
  }
  document.querySelectorAll("table.sortable").forEach(sortable);
  document.querySelectorAll("input[data-table]").forEach(filtered);
  if (data.browser) {
    const viewer = new Viewer(data.browser);
    listPlaces(data.places ?? [], viewer);
    for (const button of document.querySelectorAll("button[data-section]")) {
      button.addEventListener("click", () => {
        viewer.show(Number(button.dataset["section"]), button.dataset["class"]);
        viewer.reveal();
      });
    }
  }
  function followAddress() {
    const part = document.getElementById(location.hash.slice(1));
    if (part) {
      part.querySelectorAll(":scope > details").forEach((folded2) => folded2.open = true);
      unfold(part);
    }
  }
  window.addEventListener("hashchange", followAddress);
  followAddress();
  var folded = [];
  window.addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    folded.forEach((details) => details.open = true);
  });
  window.addEventListener("afterprint", () => folded.forEach((details) => details.open = false));
  var links = [...document.querySelectorAll("nav a")];
  var seen = new IntersectionObserver(
    (entries) => {
      for (const entry of entries.filter((entry2) => entry2.isIntersecting)) {
        links.forEach((link) => link.toggleAttribute("aria-current", link.hash === `#${entry.target.id}`));
      }
    },
    { rootMargin: "-20% 0px -70% 0px" }
  );
  document.querySelectorAll("main > section[id]").forEach((part) => seen.observe(part));
})();
