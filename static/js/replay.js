// Plays a stretch of one's own pointer back on a canvas. It asks for points portion by portion; nothing typed is among them.
"use strict";

(() => {
  const player = document.querySelector("[data-replay]");
  if (!player) return;
  const canvas = player.querySelector("canvas");
  const brush = canvas.getContext("2d");
  const scrub = document.getElementById("scrub");
  const speed = document.getElementById("speed");
  const skip = document.getElementById("skip");
  const toggle = player.querySelector("[data-toggle]");
  const clock = player.querySelector("[data-now]");
  const says = player.querySelector("[data-says]");
  const words = player.dataset;
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const from = Number(words.from);
  const until = Number(words.until);

  const TRAIL = 4000; // ms of the path that stay in sight
  const AHEAD = 20000; // ms of points to have in store while playing
  const STILL = 2000; // a stretch longer than this is skipped
  const CALM_STEP = 1000; // ms between pictures where less motion is asked for
  const MOST = 60000; // points held at once
  const JUMP = 5000;

  const time = new Intl.DateTimeFormat(document.documentElement.lang, {
    timeZone: words.zone, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
  });

  // Points from `start` to `end` are had, in order; `next` is where the following portion begins, null at the end.
  let store = { start: from, end: from, points: [], next: "", loading: null };
  let now = from;
  let playing = false;
  let drawn = 0; // when the last picture was made
  let [width, height] = [0, 0]; // of the canvas, as the page measures

  const load = async (mine) => {
    const after = mine.next ? `&after=${encodeURIComponent(mine.next)}` : "";
    const answer = await fetch(words.replay + after, { headers: { Accept: "application/json" } });
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    const { points, areas, apps, next } = await answer.json();
    const found = points.map(([t, kind, x, y, area, app, more]) =>
      ({ t: from + t, kind, x, y, area: areas[area], app: apps[app], more }));
    mine.points = mine.points.concat(found);
    if (mine.points.length > MOST) {
      mine.points = mine.points.slice(-MOST);
      mine.start = mine.points[0].t;
    }
    mine.next = next;
    mine.end = next === null ? until : mine.points.at(-1).t;
  };

  const more = (mine) => {
    mine.loading ??= load(mine)
      .catch(() => { says.textContent = words.failed; stop(); })
      .finally(() => { mine.loading = null; if (mine === store) draw(); });
    return mine.loading;
  };

  // The place of the first point later than `t`.
  const later = (t) => {
    let [low, high] = [0, store.points.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (store.points[middle].t <= t) low = middle + 1; else high = middle;
    }
    return low;
  };

  // As sharp as the screen, and lines as wide on a telephone as elsewhere.
  const fit = () => {
    if (width === canvas.clientWidth) return;
    const sharp = window.devicePixelRatio || 1;
    [width, height] = [canvas.clientWidth, Math.round(canvas.clientWidth * 9 / 16)];
    [canvas.width, canvas.height] = [Math.round(width * sharp), Math.round(height * sharp)];
    brush.setTransform(sharp, 0, 0, sharp, 0, 0);
    draw();
  };

  const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  const frame = ({ left, top, right, bottom }) => {
    const scale = Math.min(width / (right - left), height / (bottom - top));
    const shift = [(width - (right - left) * scale) / 2, (height - (bottom - top) * scale) / 2];
    const inside = (value, edge) => Math.min(Math.max(value, 4), edge - 4);
    return {
      raw: (x, y) => [(x - left) * scale + shift[0], (y - top) * scale + shift[1]],
      at(x, y) {
        const [across, down] = this.raw(x, y);
        return [inside(across, width), inside(down, height)];
      },
      holds: (x, y) => x >= left && x <= right && y >= top && y <= bottom,
    };
  };

  const paper = (area, place) => {
    brush.clearRect(0, 0, width, height);
    brush.fillStyle = token("paper");
    brush.fillRect(0, 0, width, height);
    if (!area.w || !area.h) return;
    const [left, top] = place.raw(0, 0);
    const [right, bottom] = place.raw(area.w, area.h);
    brush.fillStyle = token("card");
    brush.strokeStyle = token("edge");
    brush.lineWidth = 1;
    brush.fillRect(left, top, right - left, bottom - top);
    brush.strokeRect(left + 0.5, top + 0.5, right - left - 1, bottom - top - 1);
  };

  const path = (points, place) => {
    brush.strokeStyle = token("c1");
    brush.lineWidth = 2.5;
    brush.lineJoin = "round";
    brush.beginPath();
    let last = null;
    for (const point of points) {
      const goesOn = last && point.t - last.t < STILL;
      brush[goesOn ? "lineTo" : "moveTo"](...place.at(point.x, point.y));
      last = point;
    }
    brush.stroke();
  };

  const press = (point, place) => {
    const size = calm.matches ? 14 : 8 + Math.min((now - point.t) / 60, 14);
    brush.strokeStyle = token(point.kind === "d" ? "c5" : "c2");
    brush.lineWidth = 3;
    brush.beginPath();
    brush.arc(...place.at(point.x, point.y), size, 0, 2 * Math.PI);
    brush.stroke();
  };

  const scroll = (point, where) => {
    const way = Math.sign(point.more || 0);
    const [x, y] = where;
    brush.strokeStyle = token("c3");
    brush.lineWidth = 3;
    brush.beginPath();
    brush.moveTo(x + 18, y - 12 * way);
    brush.lineTo(x + 18, y + 12 * way);
    brush.lineTo(x + 12, y + 5 * way);
    brush.moveTo(x + 18, y + 12 * way);
    brush.lineTo(x + 24, y + 5 * way);
    brush.stroke();
  };

  const pointer = ([x, y]) => {
    brush.fillStyle = token("ink");
    brush.strokeStyle = token("card");
    brush.lineWidth = 2;
    brush.beginPath();
    brush.arc(x, y, 6, 0, 2 * Math.PI);
    brush.fill();
    brush.stroke();
  };

  const draw = () => {
    const upto = later(now);
    const shown = store.points.slice(later(now - TRAIL), upto);
    const last = store.points[upto - 1];
    const area = (last ?? store.points[0])?.area;
    clock.textContent = [time.format(now), last?.app].filter(Boolean).join(" · ");
    scrub.value = String(now);
    scrub.setAttribute("aria-valuetext", time.format(now));
    if (!area) return;
    const place = frame(area);
    paper(area, place);
    // A point belongs to the screen it was seen on: of another one nothing is drawn on this.
    const here = shown.filter((point) => point.area === area || (point.area.w === area.w && point.area.h === area.h));
    const placed = here.filter((point) => point.x !== null && point.y !== null);
    path(placed, place);
    const newest = placed.at(-1) ?? findPlaced(upto);
    for (const point of here.filter((each) => now - each.t < 900)) {
      if ((point.kind === "d" || point.kind === "u") && point.x !== null) press(point, place);
      if (point.kind === "w") scroll(point, point.x === null ? centre(newest, place) : place.at(point.x, point.y));
    }
    if (newest) pointer(place.at(newest.x, newest.y));
    tell(here.at(-1), newest, place);
  };

  const findPlaced = (upto) => {
    const last = store.points[upto - 1];
    for (let n = upto - 1; n >= 0 && n > upto - 500; n -= 1) {
      const point = store.points[n];
      if (point.x !== null && point.area === last.area) return point;
    }
    return null;
  };

  const centre = (newest, place) => (newest ? place.at(newest.x, newest.y) : [width / 2, height / 2]);

  const tell = (last, newest, place) => {
    const recent = last && now - last.t < 900 ? last : null;
    const what = { d: words.press, w: words.scroll }[recent?.kind] ?? "";
    const outside = newest && !place.holds(newest.x, newest.y) ? words.outside : "";
    canvas.dataset.shows = [what, outside].filter(Boolean).join(", ");
    if (!says.textContent || says.dataset.plain) {
      says.textContent = playing ? "" : canvas.dataset.shows;
      says.dataset.plain = "1";
    }
  };

  const seek = (t) => {
    now = Math.min(Math.max(t, from), until);
    says.textContent = "";
    const had = now >= store.start && (now <= store.end || store.next === null);
    if (!had) {
      // Two seconds before, so that a path leads there.
      const begin = Math.max(from, now - TRAIL);
      store = { start: begin, end: begin, points: [], next: `${Math.floor(begin)}-0`, loading: null };
      more(store);
    }
    draw();
  };

  const stop = () => {
    playing = false;
    toggle.textContent = words.play;
    draw();
  };

  const start = () => {
    if (now >= until) seek(from);
    playing = true;
    says.textContent = "";
    toggle.textContent = words.pause;
    drawn = performance.now();
    requestAnimationFrame(step);
  };

  const finish = () => {
    stop();
    says.textContent = words.end;
    delete says.dataset.plain;
  };

  // Skips to just before the next point where nothing is for longer than a moment.
  const overStill = () => {
    const next = store.points[later(now)];
    if (next && next.t - now > STILL) now = next.t - 300;
    else if (!next && store.next === null) now = until;
  };

  const step = (at) => {
    if (!playing) return;
    requestAnimationFrame(step);
    const passed = at - drawn;
    if (passed <= 0 || (calm.matches && passed < CALM_STEP)) return;
    drawn = at;
    const rate = Number(speed.value);
    const known = store.next === null ? until : store.end;
    if (store.next !== null && known - now < AHEAD * Math.max(1, rate / 4)) more(store);
    if (store.next !== null && now >= known) return; // what is to come is still on its way
    now = Math.min(now + passed * rate, known);
    if (skip.checked) overStill();
    if (now >= until) finish(); else draw();
  };

  const keys = {
    " ": () => (playing ? stop() : start()),
    ArrowLeft: () => seek(now - JUMP),
    ArrowDown: () => seek(now - JUMP),
    ArrowRight: () => seek(now + JUMP),
    ArrowUp: () => seek(now + JUMP),
    Home: () => seek(from),
    End: () => seek(until),
  };

  player.addEventListener("keydown", (event) => {
    const typing = event.target.matches("select, input[type=checkbox]");
    const pressing = event.key === " " && event.target.matches("button");
    if (typing || pressing || event.altKey || event.ctrlKey || event.metaKey || !(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
  });
  toggle.addEventListener("click", () => (playing ? stop() : start()));
  scrub.addEventListener("input", () => seek(Number(scrub.value)));
  dark.addEventListener("change", draw);
  new ResizeObserver(fit).observe(canvas.parentElement);
  fit();
  // An empty picture of the hour's first second says nothing.
  more(store).then(() => {
    if (now === from && store.points.length) seek(store.points[0].t);
    player.dataset.ready = String(store.points.length);
  });
})();
