// Verifies a receipt in the browser, with the browser's own cryptography: the file goes nowhere. The page's form does
// the same on the server where there is no script or no Ed25519. It refuses what consent/verify_receipt.py refuses.
"use strict";

(() => {
  const MOST_BYTES = 64 * 1024;
  const MOST_HASHES = 64;
  const MOST_SIGNATURES = 64;
  const HEADER = "c2sp.org/tlog-proof@v1";
  const TEXTS = {
    decision: "at kind notice_sha256 path purpose subject_id",
    access: "action actor_id actor_role at case purpose subject_id",
    erasure: "at certificate_sha256 kind subject_id",
  };
  const utf8 = new TextEncoder();

  class Refused extends Error {}
  const refuse = (code) => { throw new Refused(code); };
  const require = (holds, code) => holds || refuse(code);

  const base64 = (text, code) => {
    let raw = "";
    try { raw = atob(text); } catch { refuse(code); }
    require(btoa(raw) === text, code);
    return Uint8Array.from(raw, (each) => each.charCodeAt(0));
  };
  const toBase64 = (bytes) => btoa(String.fromCharCode(...bytes));
  const join = (...parts) => new Uint8Array(parts.flatMap((part) => [...part]));
  const same = (one, other) => one.length === other.length && one.every((byte, at) => byte === other[at]);
  const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const number = (text, code) => (/^(0|[1-9][0-9]{0,18})$/.test(text) ? BigInt(text) : refuse(code));
  const isName = (name) => name !== "" && !/[+\s]/u.test(name);

  const decoded = (bytes, code) => {
    try { return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes); } catch { return refuse(code); }
  };

  // --- the lines before the checkpoint

  const readHead = (head) => {
    const [header, extra = "", index = "", ...proof] = head.split("\n");
    require(header === HEADER, "header");
    require(extra.startsWith("extra "), "extra");
    require(index.startsWith("index "), "index");
    require(proof.length <= MOST_HASHES, "proof");
    const hashes = proof.map((line) => base64(line, "proof"));
    require(hashes.every((hash) => hash.length === 32), "proof");
    return { extra: extra.slice(6), index: number(index.slice(6), "index"), proof: hashes };
  };

  // --- the checkpoint

  const readKey = async (text) => {
    const [name, id, ...rest] = text.split("+");
    const raw = base64(rest.join("+"), "given_keys");
    const known = (await sha256(join(utf8.encode(`${name}\n`), raw))).slice(0, 4);
    const hex = [...known].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    require(isName(name) && raw.length === 33 && raw[0] === 1 && id === hex, "given_keys");
    return { name, id: known, public: await crypto.subtle.importKey("raw", raw.slice(1), { name: "Ed25519" }, false, ["verify"]) };
  };

  const readSignature = (line) => {
    const [dash, name = "", ...rest] = line.split(" ");
    require(dash === "\u2014" && isName(name), "note");
    const raw = base64(rest.join(" "), "note");
    require(raw.length > 4, "note");
    return { name, id: raw.slice(0, 4), signature: raw.slice(4) };
  };

  const signers = async (text, lines, keys) => {
    require(lines.length <= MOST_SIGNATURES, "note");
    const found = [];
    for (const { name, id, signature } of lines.map(readSignature)) {
      const key = keys.find((each) => each.name === name && same(each.id, id));
      if (!key) continue;
      require(await crypto.subtle.verify("Ed25519", key.public, signature, utf8.encode(text)), "signature");
      found.push(key);
    }
    return found.length ? found : refuse("key");
  };

  const readCheckpoint = async (note, keys) => {
    const at = note.lastIndexOf("\n\n");
    require(at >= 0 && note.endsWith("\n") && at + 2 < note.length, "note");
    const found = await signers(note.slice(0, at + 1), note.slice(at + 2, -1).split("\n"), keys);
    const lines = note.slice(0, at).split("\n");
    require(lines.length >= 3 && lines.every(Boolean), "note");
    const head = { origin: lines[0], size: number(lines[1], "note"), root: base64(lines[2], "note") };
    require(head.root.length === 32, "note");
    require(found.some((key) => key.name === head.origin), "origin");
    return head;
  };

  // --- what was recorded, and the leaf

  // A name that stands twice is read as its last value, which hides the first: so names are counted in the text.
  const names = (text) => [...text.matchAll(/"(?:[^"\\]|\\.)*"\s*(:)?/gs)].filter((found) => found[1]).length;

  const readExtra = (text) => {
    const json = decoded(base64(text, "extra"), "extra");
    let found = null;
    require(json === json.trim(), "extra");
    try { found = JSON.parse(json); } catch { refuse("extra"); }
    const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
    require(isObject(found) && Object.keys(found).sort().join() === "entry,record,salt", "extra");
    require(isObject(found.record) && typeof found.entry === "string" && typeof found.salt === "string", "extra");
    require(names(json) === 3 + Object.keys(found.record).length || !isFlat(found.record), "extra");
    const salt = base64(found.salt, "extra");
    require(salt.length === 32, "extra");
    return { entry: base64(found.entry, "leaf"), record: found.record, salt, json };
  };
  const isFlat = (record) => Object.values(record).every((value) => typeof value !== "object");

  const readLeaf = (entry) => {
    const head = entry.slice(0, -32);
    require(head.every((byte) => byte < 0x80), "leaf");
    const [format, kind, day, end, ...more] = String.fromCharCode(...head).split("\n");
    require(format === "daylight/v1" && Object.hasOwn(TEXTS, kind) && end === "" && !more.length, "leaf");
    return { kind, day };
  };

  const checkRecord = ({ kind, day }, record, json) => {
    const texts = TEXTS[kind].split(" ");
    const wanted = kind === "decision" ? [...texts, "notice_version"] : texts;
    require(Object.keys(record).sort().join() === wanted.sort().join(), "record");
    require(texts.every((name) => typeof record[name] === "string" && record[name].isWellFormed()), "record");
    const version = record.notice_version;
    require(kind !== "decision" || (Number.isSafeInteger(version) && version >= 0), "record");
    // Whole numbers are written whole: what is left of the text without its strings has no point and no exponent.
    require(/^[\s{}:,0-9-]*$/.test(json.replace(/"(?:[^"\\]|\\.)*"/gs, "")), "record");
    const at = record.at;
    require(/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/.test(at), "record");
    require(!Number.isNaN(Date.parse(at)) && new Date(at).toISOString() === at, "record");
    require(at.slice(0, 10) === day, "day");
  };

  const committed = async (record, salt) => {
    const sorted = Object.fromEntries(Object.entries(record).sort(([one], [other]) => (one < other ? -1 : 1)));
    const key = await crypto.subtle.importKey("raw", salt, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
    return new Uint8Array(await crypto.subtle.sign("HMAC", key, utf8.encode(JSON.stringify(sorted))));
  };

  // --- the tree

  const leadsToRoot = async (index, size, entry, proof, root) => {
    if (index >= size) return false;
    let [at, last, joined] = [index, size - 1n, await sha256(join([0], entry))];
    for (const sibling of proof) {
      if (last === 0n) return false;
      if (at & 1n || at === last) {
        joined = await sha256(join([1], sibling, joined));
        while (!(at & 1n) && at !== 0n) [at, last] = [at >> 1n, last >> 1n];
      } else {
        joined = await sha256(join([1], joined, sibling));
      }
      [at, last] = [at >> 1n, last >> 1n];
    }
    return last === 0n && same(joined, root);
  };

  const verify = async (bytes, vkeys) => {
    require(bytes.length <= MOST_BYTES, "size");
    const text = decoded(bytes, "text");
    require(!/[\x00-\x09\x0b-\x1f]/.test(text), "text");
    const keys = await Promise.all(vkeys.map(readKey));
    const blank = text.indexOf("\n\n");
    const head = readHead(blank < 0 ? text : text.slice(0, blank));
    require(blank >= 0, "note");
    const checkpoint = await readCheckpoint(text.slice(blank + 2), keys);
    const { entry, record, salt, json } = readExtra(head.extra);
    const leaf = readLeaf(entry);
    checkRecord(leaf, record, json);
    require(same(await committed(record, salt), entry.slice(-32)), "commitment");
    require(await leadsToRoot(head.index, checkpoint.size, entry, head.proof, checkpoint.root), "inclusion");
    return { kind: leaf.kind, record, index: head.index, ...checkpoint, root: toBase64(checkpoint.root) };
  };

  // --- the page

  const words = JSON.parse(document.getElementById("verify-words").textContent);
  const vkeys = JSON.parse(document.getElementById("ledger-keys").textContent);
  const form = document.getElementById("verify");
  const input = document.getElementById("file");
  const place = document.getElementById("verdict");

  const make = (tag, className, ...children) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    made.append(...children);
    return made;
  };
  const list = (texts) => make("ul", "bullets", ...texts.map((text) => make("li", "", text)));
  const filled = (text, facts) => text.replace(/%\((\w+)\)[sd]/g, (_whole, name) => String(facts[name]));

  const show = (verdict, ...children) => {
    place.replaceChildren(...children);
    place.dataset.verdict = verdict;
    place.focus();
  };

  const showShown = (found) => {
    const facts = make("dl", "facts");
    for (const name of Object.keys(found.record).sort()) {
      if (found.record[name] !== "") facts.append(make("dt", "", words.labels[name]), make("dd", "", String(found.record[name])));
    }
    const shown = [words.shown[found.kind], words.unchanged, words.signed].map((text) => filled(text, found));
    show("shown", make("section", "card",
      make("header", "", make("h2", "", words.verifies)), make("p", "small soft", words.here),
      make("h3", "", words.says), facts, make("h3", "", words.was_shown), list(shown),
      make("h3", "", words.was_not_shown), list([...words.not_shown[found.kind], ...words.never_shown])));
  };

  const showRefused = (code) => show(code, make("section", "note stop",
    make("h2", "", words.refused), make("p", "", words.reasons[code]), make("p", "small", words.here)));

  const judge = async (file) => {
    if (!file) return;
    try {
      showShown(await verify(new Uint8Array(await file.slice(0, MOST_BYTES + 1).arrayBuffer()), vkeys));
    } catch (error) {
      if (error instanceof Refused) showRefused(error.message);
      else show("unable", make("p", "note off", words.unable));
    }
  };

  input.addEventListener("change", () => judge(input.files[0]));
  form.addEventListener("dragover", (event) => { event.preventDefault(); form.classList.add("over"); });
  form.addEventListener("dragleave", () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    input.files = event.dataTransfer.files;
    judge(input.files[0]);
  });
})();
