// Daylight's collector for a company's web application. It runs in the page, and this is all of it: nothing is packed.
//
//   <script defer src="…/static/js/collector.js" data-source="ticket-desk" data-app="Ticket desk"></script>
//
// It records nothing until its person has connected it and Daylight says that a kind of event may be sent; it asks
// again every four seconds. What may not be sent is not listened for. docs/collectors.md says what is sent.
"use strict";

(() => {
  const script = document.currentScript;
  const { source, account = "" } = script.dataset;
  const clean = (text) => [...text].slice(0, 1000).join("").replace(/[\p{Surrogate}\0]/gu, "");
  const app = clean(script.dataset.app || location.hostname);
  const portal = new URL(script.dataset.portal || script.src).origin;
  const name = `daylight:${source}:${account}`;

  const BEAT = 250; // ms between two looks at what is to be done
  const ASK = 4_000; // ms between two questions what may be sent
  const SEND = 10_000; // ms that an event waits at most while Daylight can be reached
  const PATIENCE = 5_000; // ms until an unanswered question counts as no connection
  const MOST_BATCH = 500;
  const MOST_LAST = 60_000; // bytes that a browser still sends for a page that is closed
  const MOST_KEPT = Math.min(Number(script.dataset.mostKept) || 10_000, 10_000); // events kept while it cannot be
  const OLDEST = 3_600_000; // ms they are kept, and for which a last answer holds without a new one
  const TEXTS = {
    recording: "What your answers in Daylight permit is recorded on this page.",
    paused: "Recording is paused. Nothing is recorded.",
    off: "Nothing is recorded on this page.",
    offline: "Daylight cannot be reached. What it permitted before waits in this page, for an hour at most.",
    whose: (number) => `This browser is connected for employee ${number}.`,
    lost: (count) => `Not sent and thrown away: ${count} events.`,
    join: "Open Daylight, compare this code, and see there what it is about:",
    wait: "Asking Daylight for a code …",
    lapsed: "The code is no longer valid. Close and open this box for a new one.",
    refused: "It was refused in Daylight. Nothing is recorded.",
    unreachable: "Daylight gave no code. Close and open this box to try again.",
    confirm: "Open Daylight with this code",
    open: "Open Daylight",
    read: "Read this program",
  };

  let allowed = new Set(); // kinds of event that may be sent now
  let paused = false;
  let offline = false;
  let queue = []; // events that are in no batch yet
  let batches = []; // {id, sent_at, events}, oldest first: sent again under the same id until Daylight has them
  let lost = 0; // events thrown away because there were too many or they grew too old

  // --- what is never looked at: secret fields, and whatever the application marks as private

  const SECRET = new Set(["current-password", "new-password", "one-time-code"]);
  const wasSecret = new WeakSet(); // password fields stay secret while they show what was typed

  const isSecret = (element) => {
    if (element.matches('input[type="password" i]')) wasSecret.add(element);
    const means = (element.getAttribute("autocomplete") ?? "").toLowerCase().split(/\s+/);
    return wasSecret.has(element) || means.some((each) => SECRET.has(each) || each.startsWith("cc-"))
      || element.hasAttribute("data-private");
  };

  // A component that is closed to scripts may hold a password field: nothing of it is taken. What has the keyboard
  // though it cannot have it by itself is one too.
  const isClosed = (element) => !element.shadowRoot && (element.localName.includes("-")
    || (element === document.activeElement && element !== document.body && element.tabIndex < 0
      && !element.hasAttribute("tabindex") && !element.isContentEditable));

  const isWithinSecret = (element) => {
    if (isClosed(element)) return true;
    for (let each = element; each; each = each.assignedSlot ?? each.parentElement ?? each.getRootNode().host) {
      if (isSecret(each)) return true;
    }
    return false;
  };

  const isPrivate = (event) => {
    const [target] = event.composedPath();
    return target instanceof Element && isWithinSecret(target);
  };

  // A pointer that was caught elsewhere, or moved on within one frame, may have been over what is private.
  const isOverPrivate = ({ clientX, clientY }) => {
    let [under, inner] = [null, document.elementFromPoint(clientX, clientY)];
    while (inner && inner !== under) [under, inner] = [inner, inner.shadowRoot?.elementFromPoint(clientX, clientY)];
    return under !== null && isWithinSecret(under);
  };

  const pageIsPrivate = () => document.querySelector("html[data-private], body[data-private]") !== null;

  new MutationObserver((changes) => {
    for (const { target, oldValue } of changes) if (oldValue?.toLowerCase() === "password") wasSecret.add(target);
  }).observe(document, { subtree: true, attributes: true, attributeFilter: ["type"], attributeOldValue: true });

  // --- what is recorded: each kind is listened for only while it is allowed

  const CATEGORY = {
    pointermove: "pointer_movement", pointerdown: "pointer_clicks", pointerup: "pointer_clicks", wheel: "scrolling",
    keydown: "keystroke_timing", keyup: "keystroke_timing", focus: "app_usage", blur: "app_usage",
    navigate: "web_navigation",
  };
  const KEYS = [
    [/^Key/, "Letter"], [/^(Digit|Numpad)\d/, "Digit"], [/^Space/, "Space"], [/Enter$/, "Enter"], [/^Tab/, "Tab"],
    [/^(Backspace|Delete)/, "Delete"], [/^(Arrow|Home|End|Page)/, "Arrow"], [/^F\d/, "Function"], [/^Escape/, "Escape"],
    [/^(Shift|Control|Alt|Meta|OS|CapsLock)/, "Modifier"],
    [/^(Numpad|Minus|Equal|Bracket|Backslash|Semicolon|Quote|Backquote|Comma|Period|Slash|Intl)/, "Mark"],
  ];
  let listening = new AbortController();
  let address = "";

  const keyClass = (code) => KEYS.find(([pattern]) => pattern.test(code))?.[1] ?? "Other";
  const timeOf = (event) => Math.round(Date.now() - performance.now() + event.timeStamp);
  const place = ({ clientX, clientY }) => ({
    x: Math.round(clientX), y: Math.round(clientY), screen: [window.innerWidth, window.innerHeight],
  });

  const take = (event) => {
    queue.push({ ...event, app });
    if (queue.length >= MOST_BATCH) cut();
  };

  const point = (event, more) => {
    if (!isOverPrivate(event)) take({ t: timeOf(event), type: event.type, ...place(event), ...more });
  };

  const SEES = {
    pointermove: (event) => {
      const between = event.getCoalescedEvents?.() ?? [];
      for (const each of between.length ? between : [event]) point(each);
    },
    pointerdown: (event) => point(event, { button: event.button }),
    pointerup: (event) => point(event, { button: event.button }),
    wheel: (event) => {
      const unit = [1, 16, window.innerHeight][event.deltaMode]; // pixels, lines or pages
      point(event, { deltaX: event.deltaX * unit, deltaY: event.deltaY * unit });
    },
    keydown: (event) => key(event),
    keyup: (event) => key(event),
  };

  // Which kind of key it was; which one, and what it typed, only where that is allowed for this very application.
  const key = (event) => {
    if (!(event instanceof KeyboardEvent)) return;
    const typed = allowed.has("keystroke_content") ? { code: event.code || "Unidentified", key: event.key } : null;
    take({ t: timeOf(event), type: event.type, ...(typed ?? { code: keyClass(event.code) }) });
  };

  const front = (type) => {
    if (!allowed.has("app_usage") || pageIsPrivate()) return;
    const title = document.querySelector("title[data-private]") ? {} : { title: clean(document.title) };
    take({ t: Date.now(), type, ...title });
  };

  // The address without what follows ? or #.
  const navigated = () => {
    const here = location.origin + location.pathname;
    if (here === address || !allowed.has("web_navigation") || pageIsPrivate()) return;
    address = here;
    take({ t: Date.now(), type: "navigate", url: here.slice(0, 4000) });
  };

  const listen = () => {
    listening.abort();
    listening = new AbortController();
    const options = { capture: true, passive: true, signal: listening.signal };
    for (const [type, see] of Object.entries(SEES)) {
      if (!allowed.has(CATEGORY[type])) continue;
      window.addEventListener(type, (event) => event.isTrusted && !isPrivate(event) && see(event), options);
    }
    for (const type of allowed.has("app_usage") ? ["focus", "blur"] : []) {
      window.addEventListener(type, (event) => event.isTrusted && event.target === window && front(type), options);
    }
    if (allowed.has("web_navigation")) window.navigation?.addEventListener("currententrychange", navigated, options);
  };

  // --- what waits to be sent

  const forget = () => {
    queue = [];
    batches = [];
    sending?.abort();
    sessionStorage.removeItem(name);
  };

  const numbers = (count) => {
    const first = Number(localStorage.getItem(`${name}:seq`)) || 0;
    localStorage.setItem(`${name}:seq`, String(first + count));
    return first;
  };

  // Numbered as they are cut, so that a number that is missing later says that something was thrown away.
  const cut = (most = MOST_BATCH) => {
    while (queue.length) {
      const events = queue.splice(0, most);
      const first = numbers(events.length);
      events.forEach((event, at) => { event.seq = first + at; });
      batches.push({ id: crypto.randomUUID(), sent_at: new Date().toISOString(), events });
    }
    let waiting = batches.reduce((sum, { events }) => sum + events.length, 0);
    const limit = Date.now() - OLDEST;
    while (batches.length && (waiting > MOST_KEPT || batches[0].events.at(-1).t < limit)) {
      const { length } = batches.shift().events;
      waiting -= length;
      lost += length;
      show();
    }
  };

  const permitted = (event) => {
    if (event.key !== undefined && !allowed.has("keystroke_content")) {
      event.code = keyClass(event.code);
      delete event.key;
    }
    return allowed.has(CATEGORY[event.type]);
  };

  // Called whenever an answer allows less: what is no longer allowed is gone before anything else is sent.
  const prune = () => {
    sending?.abort();
    queue = queue.filter(permitted);
    for (const batch of batches) batch.events = batch.events.filter(permitted);
    batches = batches.filter(({ events }) => events.length);
  };

  const textOf = ({ sent_at, events }) => JSON.stringify({ source, sent_at, events });

  // While the page is hidden or gone, in the storage of this one tab.
  const save = () => {
    try {
      if (batches.length) sessionStorage.setItem(name, JSON.stringify(batches));
      else sessionStorage.removeItem(name);
    } catch {
      lost += batches.reduce((sum, { events }) => sum + events.length, 0);
    }
  };

  const restore = () => {
    const known = new Set(batches.map(({ id }) => id));
    const kept = JSON.parse(sessionStorage.getItem(name) ?? "[]");
    batches = [...kept.filter(({ id }) => !known.has(id)), ...batches];
    sessionStorage.removeItem(name);
  };

  // --- the token, kept by this origin's storage; a lost one is ended on the devices page of Daylight

  const held = () => JSON.parse(localStorage.getItem(name) ?? "null");
  const fresh = (token) => token && token.until - Date.now() > 60_000;

  const keep = (said) => {
    const until = Date.now() + said.expires_in * 1000;
    const { access_token: access, refresh_token: refresh, employee_number: whose = held()?.whose } = said;
    localStorage.setItem(name, JSON.stringify({ access, refresh, until, whose }));
  };

  const leave = () => {
    localStorage.removeItem(name);
    localStorage.removeItem(`${name}:seq`);
    refuse();
    forget();
  };

  const refuse = () => {
    allowed = new Set();
    paused = false;
    tag = "";
    address = "";
    listen();
    prune();
  };

  const form = (path, fields) => fetch(`${portal}/identity/o/api/${path}`, {
    method: "POST", headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body: String(new URLSearchParams({ client_id: `collector-${source}`, ...fields })),
    credentials: "omit", referrerPolicy: "origin", redirect: "error", signal: AbortSignal.timeout(4 * PATIENCE),
  });

  const renew = async () => {
    const token = held();
    if (!token || fresh(token)) return token;
    const answer = await form("token", { grant_type: "refresh_token", refresh_token: token.refresh });
    if (answer.ok) keep(await answer.json());
    else if (answer.status === 429 || answer.status >= 500) throw answer;
    else leave();
    return held();
  };

  const call = async (path, options) => {
    // Several pages of one application share the token: one of them renews it.
    const token = fresh(held()) ? held() : await navigator.locks.request(name, renew);
    if (!token) return null;
    const signal = AbortSignal.any([AbortSignal.timeout(PATIENCE), ...(options.signal ? [options.signal] : [])]);
    const headers = { ...options.headers, Authorization: `Bearer ${token.access}` };
    const answer = await fetch(portal + path, {
      ...options, headers, signal, credentials: "omit", cache: "no-store", referrerPolicy: "origin", redirect: "error",
    });
    if (answer.status === 401 && held()?.access === token.access) leave();
    if (answer.status === 403 || answer.status === 404) refuse();
    if (answer.status >= 403 && ![409, 413, 415, 422].includes(answer.status)) throw answer;
    return answer;
  };

  // --- asking and sending; whatever fails waits, as long as Daylight says or twice as long each time

  let tag = "";
  let asked = 0; // when the last question went out
  let answered = 0; // when the last answered one did
  const quiet = { ask: 0, send: 0 }; // nothing is asked, or sent, before
  const failures = { ask: 0, send: 0 };
  let asking = false;
  let sending = null;

  const failed = (what, error) => {
    if (error.name === "AbortError") return;
    failures[what] += 1;
    const told = Number(error.headers?.get("Retry-After")) * 1000 || 0;
    const wait = Math.min(60_000, 2_000 * 2 ** failures[what]) * (0.75 + Math.random() / 4);
    quiet[what] = Date.now() + Math.max(told, wait);
    if (what === "ask") offline = error.status !== 403 && error.status !== 404;
  };

  const obey = ({ categories, apps, paused_until: until }) => {
    const kinds = apps.blocked.includes(app) ? [] : Object.keys(categories).filter((each) => categories[each].allowed);
    const before = allowed;
    allowed = new Set(kinds);
    paused = Boolean(until) || Object.values(categories).some(({ reason }) => reason === "device_paused");
    prune();
    listen();
    if (document.hasFocus() && !before.has("app_usage")) front("focus");
    if (!allowed.has("web_navigation")) address = "";
    navigated();
    // Asking once more tells Daylight that what had to stop has stopped here.
    if ([...before].some((each) => !allowed.has(each))) asked = 0;
  };

  const ask = async () => {
    asking = true;
    const at = asked = Date.now();
    try {
      const query = new URLSearchParams({ source, app });
      const answer = await call(`/api/v1/permissions?${query}`, { headers: tag ? { "If-None-Match": tag } : {} });
      if (!answer?.ok && answer?.status !== 304) return;
      const said = answer.ok ? await answer.json() : null;
      [answered, failures.ask, offline] = [at, 0, false];
      if (said) obey(said);
      tag = answer.headers.get("ETag") ?? tag;
    } catch (error) {
      failed("ask", error);
    } finally {
      asking = false;
      show();
    }
  };

  const maySend = () => batches.length && !sending && !offline && Date.now() - answered < PATIENCE;
  const gzip = (text) => {
    const packed = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
    return new Response(packed).arrayBuffer();
  };
  const JSON_TYPE = { "Content-Type": "application/json" };

  const send = async () => {
    const mine = sending = new AbortController();
    try {
      while (batches.length && !mine.signal.aborted) {
        const batch = batches[0];
        const headers = { ...JSON_TYPE, "Content-Encoding": "gzip" };
        const options = { method: "PUT", headers, body: await gzip(textOf(batch)), signal: mine.signal };
        const answer = mine.signal.aborted ? null : await call(`/api/v1/batches/${batch.id}`, options);
        if (!answer || answer.status === 401) return;
        // 409: an earlier try had arrived after all, with what has been deleted here since.
        if (!answer.ok && answer.status !== 409) lost += batch.events.length;
        batches = batches.filter((each) => each !== batch);
        failures.send = 0;
        if (document.hidden) save();
      }
    } catch (error) {
      failed("send", error);
    } finally {
      if (sending === mine) sending = null;
      show();
    }
  };

  // A page that closes hands over what it has; what does not get through waits for the next page in the same tab.
  const close = () => {
    cut(200);
    save();
    let left = MOST_LAST;
    for (const batch of batches) {
      const body = textOf(batch);
      left -= body.length;
      if (left < 0 || !fresh(held()) || Date.now() - answered > PATIENCE) return;
      const headers = { ...JSON_TYPE, Authorization: `Bearer ${held().access}` };
      const options = { method: "PUT", headers, body, keepalive: true, credentials: "omit" };
      fetch(`${portal}/api/v1/batches/${batch.id}`, options).catch(() => {});
    }
  };

  const beat = () => {
    const now = Date.now();
    if (allowed.size && now - answered > OLDEST) refuse();
    if (document.hidden || !held()) return;
    navigated();
    if (queue.length && now - queue[0].t >= SEND) cut();
    if (!asking && now - asked >= ASK && now >= quiet.ask) ask();
    if (maySend() && now >= quiet.send) send();
  };

  // --- the badge: how it stands, and the way to Daylight; decisions are made there and not here

  const STYLE = `
    :host { position: fixed; inset: auto 12px 12px auto; z-index: 2147483647; color-scheme: light dark; }
    details { max-width: 18rem; font: 14px/1.4 system-ui, sans-serif; color: CanvasText; background: Canvas;
              border: 1px solid GrayText; border-radius: 8px; }
    summary { padding: 4px 10px; cursor: pointer; min-height: 24px; }
    summary:focus-visible, a:focus-visible { outline: 2px solid Highlight; outline-offset: 2px; }
    div { padding: 0 10px 8px; } p { margin: 6px 0; } a { display: block; padding: 3px 0; color: LinkText; }
    .voice { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; margin: 0; overflow: hidden; }
    strong { display: block; font-size: 1.4em; letter-spacing: 0.08em; } [hidden] { display: none; }
    @media print { :host { display: none; } }`;

  const make = (tagName, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tagName), properties);
    element.append(...children);
    return element;
  };
  const link = (href, text) => make("a", { href, textContent: text, target: "_blank", rel: "noopener" });

  const state = make("b");
  const voice = make("p", { role: "status", className: "voice" });
  const about = make("p");
  const whose = make("p");
  const missing = make("p", { hidden: true });
  const joining = make("p", { hidden: true });
  const links = [link(`${portal}/`, TEXTS.open), link(script.src, TEXTS.read)];
  const panel = make("div", {}, about, whose, missing, joining, ...links);
  const box = make("details", {}, make("summary", {}, "Daylight: ", state), panel);

  const show = () => {
    const kind = !held() ? "off" : offline ? "offline" : paused ? "paused" : allowed.size ? "recording" : "off";
    if (state.textContent !== kind) state.textContent = kind;
    if (voice.textContent !== `Daylight: ${kind}`) voice.textContent = `Daylight: ${kind}`;
    about.textContent = TEXTS[kind];
    whose.textContent = held()?.whose ? TEXTS.whose(held().whose) : "";
    missing.hidden = !lost;
    missing.textContent = TEXTS.lost(lost);
    if (held()) joining.hidden = true;
  };

  // --- connecting: a code that its person confirms in Daylight (the device grant of OAuth 2.0)

  const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

  const describe = () => {
    const brand = navigator.userAgentData?.brands.find(({ brand: each }) => !/not.*brand/i.test(each))?.brand;
    const known = brand ?? /Firefox|Edg|Chrome|Safari/.exec(navigator.userAgent)?.[0] ?? "Browser";
    const os = navigator.userAgentData?.platform || navigator.platform;
    return { device_name: `${known} on ${os}`.slice(0, 60), os: os.slice(0, 60), os_account: account };
  };

  let tries = 0;

  const confirmed = async (begun) => {
    const mine = tries += 1;
    const grant = { grant_type: "urn:ietf:params:oauth:grant-type:device_code", device_code: begun.device_code };
    const until = Date.now() + begun.expires_in * 1000;
    let wait = begun.interval * 1000;
    let over = TEXTS.lapsed;
    while (box.open && mine === tries && !held() && Date.now() < until) {
      await pause(wait);
      const answer = await form("token", grant);
      const said = await answer.json();
      if (answer.ok) return keep(said);
      if (said.error === "access_denied") over = TEXTS.refused;
      if (said.error === "slow_down") wait += 5_000;
      else if (said.error !== "authorization_pending") break;
    }
    if (!held() && mine === tries) joining.replaceChildren(over);
  };

  const join = async () => {
    joining.hidden = false;
    joining.replaceChildren(TEXTS.wait);
    try {
      const answer = await form("device/code", { scope: "events.write", ...describe() });
      const begun = await answer.json();
      const page = new URL(begun.verification_uri_complete, portal);
      if (page.origin !== portal) throw new Error("no page of Daylight");
      joining.replaceChildren(TEXTS.join, make("strong", { textContent: begun.user_code }), link(page, TEXTS.confirm));
      await confirmed(begun);
    } catch {
      joining.replaceChildren(TEXTS.unreachable);
    }
    show();
  };

  // --- start

  // Where it cannot run as it should, it does not run at all.
  const stores = () => { try { return localStorage && sessionStorage; } catch { return null; } };
  const able = source && window.isSecureContext && "CompressionStream" in window && "any" in AbortSignal && stores();
  const begin = () => {
    if (!able) return;
    const corner = make("div", { role: "region", ariaLabel: "Daylight" });
    corner.dataset.private = "";
    const shadow = corner.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    shadow.adoptedStyleSheets = [sheet];
    shadow.append(box, voice);
    document.body.append(corner);
    show();
    restore();
    box.addEventListener("keydown", (event) => { if (event.key === "Escape") box.open = false; });
    box.addEventListener("toggle", () => box.open && !held() && join());
    window.addEventListener("online", () => { quiet.ask = quiet.send = asked = 0; });
    window.addEventListener("storage", (event) => { if (event.key === name && !held()) { leave(); show(); } });
    window.addEventListener("pagehide", close);
    window.addEventListener("pageshow", (event) => { if (event.persisted) { asked = 0; restore(); } });
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) { asked = 0; restore(); } else { cut(); save(); if (maySend()) send(); }
    });
    setInterval(beat, BEAT);
  };
  if (document.body) begin();
  else document.addEventListener("DOMContentLoaded", begin);
})();
