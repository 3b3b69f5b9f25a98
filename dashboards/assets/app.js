// The log page: query, range, histogram, list, live tail, downloads. No build step, no dependency.
import { texts, fill } from '/assets/texts.js';

const $ = (selector, within = document) => within.querySelector(selector);
const BANDS = ['unset', 'trace', 'debug', 'info', 'warn', 'error', 'fatal'];
const PAGE_ROWS = 200;
const TAIL_ROWS_MAX = 2000;
const BODY_SHOWN = 4000;
const CONTROLS = 'NUL SOH STX ETX EOT ENQ ACK BEL BS TAB LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US'.split(' ');
const FIELDS_FIRST = ['host', 'service', 'layer', 'severity', 'file', 'unit'];

const state = { q: '', range: '1h', from: null, to: null, order: 'newest', wrap: true };
let run = null; // the AbortController of the search under way
let fixed = null; // the range of the last search in ns, so that "more" and zoom agree with what is shown
let cursor = null;
let shown = 0;
let socket = null;
let searched = null; // the query whose rows are shown
let buckets = null;
let drawAmounts = null; // says again how many lines there are and how many are shown

// --- small things

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const count = (n) => n.toLocaleString();
const bytes = (n) => {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) { n /= 1024; unit += 1; }
  return `${n < 10 && unit ? n.toFixed(1) : Math.round(n)} ${units[unit]}`;
};
const nsToDate = (ns) => new Date(Number(BigInt(ns) / 1000000n));
const two = (n, width = 2) => String(n).padStart(width, '0');
function localTime(date, withMs = true) {
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return withMs ? `${day} ${clock}.${two(date.getMilliseconds(), 3)}` : `${day} ${clock}`;
}

const isSameDay = (a, b) => a.getFullYear() === b.getFullYear() && a.getMonth() === b.getMonth() && a.getDate() === b.getDate();

// A row's time. The date is told only where the list has rows of other days, the year only where it is another one.
function rowTime(row) {
  const date = nsToDate(row.ts_ns);
  const [day, clock] = localTime(date).split(' ');
  const isOtherYear = date.getFullYear() !== new Date().getFullYear();
  const made = element('time', { dateTime: row.ts, title: `${day} ${clock} · ${row.ts}` },
    element('span', { className: 'date', textContent: `${isOtherYear ? day : day.slice(5)} ` }), clock);
  made.dataset.span = isOtherYear ? 'years' : isSameDay(date, new Date()) ? 'today' : 'days';
  return made;
}

// Makes room for the dates of a list.
function fitTimes(list) {
  const has = (span) => list.querySelector(`time[data-span="${span}"]`) !== null;
  list.dataset.span = has('years') ? 'years' : has('days') ? 'days' : 'today';
}

// Control characters become visible signs; they can neither move the cursor nor reverse the text.
function appendText(parent, text) {
  const unsafe = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
  let at = 0;
  for (const found of text.matchAll(unsafe)) {
    parent.append(text.slice(at, found.index));
    const code = found[0].charCodeAt(0);
    const sign = CONTROLS[code] ?? (code === 0x7f ? 'DEL' : `U+${two(code.toString(16).toUpperCase(), 4)}`);
    parent.append(element('span', { className: 'control', textContent: sign }));
    at = found.index + 1;
  }
  parent.append(text.slice(at));
}

function fillBody(parent, row, cut) {
  const text = cut ? row.body.slice(0, cut) : row.body;
  let at = 0;
  for (const [start, end] of row.highlights) {
    if (start >= text.length) break;
    appendText(parent, text.slice(at, start));
    const mark = element('mark');
    appendText(mark, text.slice(start, end));
    parent.append(mark);
    at = end;
  }
  appendText(parent, text.slice(at));
  if (text.length < row.body.length) {
    const rest = element('button', { type: 'button', textContent: fill(texts.bytesCut, { size: count(row.body.length - text.length) }) });
    rest.onclick = (event) => { event.stopPropagation(); parent.replaceChildren(); fillBody(parent, row, 0); };
    parent.append(' ', rest);
  }
}

// --- the state in the address

function readAddress() {
  const given = new URLSearchParams(location.search);
  state.q = given.get('q') ?? '';
  state.from = given.get('from');
  state.to = given.get('to');
  state.range = state.from ? null : given.get('since') ?? '1h';
  state.order = given.get('order') === 'oldest' ? 'oldest' : 'newest';
}

function writeAddress(replace) {
  const address = new URLSearchParams();
  if (state.q) address.set('q', state.q);
  if (state.range) address.set('since', state.range);
  else { address.set('from', state.from); if (state.to) address.set('to', state.to); }
  if (state.order !== 'newest') address.set('order', state.order);
  const url = `/?${address}`;
  if (url === location.pathname + location.search) return;
  if (replace) history.replaceState(null, '', url); else history.pushState(null, '', url);
}

// The range as parameters; relative ones are pinned for the whole search so that its parts agree.
function scopeParameters() {
  const parameters = new URLSearchParams({ q: state.q });
  if (fixed) { parameters.set('from', fixed.from); parameters.set('to', fixed.to); }
  return parameters;
}

function pinRange() {
  const units = { m: 60, h: 3600, d: 86400 };
  const now = BigInt(Date.now()) * 1000000n;
  if (state.range) {
    const seconds = parseInt(state.range, 10) * (units[state.range.slice(-1)] ?? 3600);
    fixed = { from: String(now - BigInt(seconds) * 1000000000n), to: String(now + 1000000000n) };
  } else {
    fixed = { from: state.from, to: state.to ?? String(now) };
  }
}

// --- asking the server

class Refused extends Error {
  constructor(status, answer) { super(answer?.message ?? fill(texts.failed, { status })); this.status = status; this.answer = answer; }
}

async function ask(path, parameters, signal) {
  let response;
  try {
    response = await fetch(`/app/v1/${path}?${parameters}`, { signal, headers: { accept: 'application/json' } });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Refused(0, { message: texts.unreachable });
  }
  const answer = await response.json().catch(() => null);
  if (response.status === 401) openLogin();
  if (!response.ok) throw new Refused(response.status, answer);
  return answer;
}

function showError(error) {
  if (error.name === 'AbortError') return;
  const box = $('#error');
  box.replaceChildren(error.message);
  const at = error.answer?.position;
  $('#q').classList.toggle('wrong', at !== undefined);
  if (at !== undefined) {
    const line = state.q.replace(/\s/g, ' ');
    const caret = `${' '.repeat(at)}^ ${fill(texts.expected, error.answer)}`;
    box.append(element('pre', { textContent: `${line}\n${caret}` }));
    const units = Array.from(state.q).slice(0, at).join('').length;
    $('#q').focus();
    $('#q').setSelectionRange(units, units);
  }
  box.hidden = error.status === 401;
  $('#status').textContent = shown ? texts.stale : '';
}

async function search({ replace = false } = {}) {
  stopTail();
  run?.abort();
  const own = new AbortController();
  run = own;
  pinRange();
  writeAddress(replace);
  drawControls();
  $('#error').hidden = true;
  $('#q').classList.remove('wrong');
  busy(true);
  enter('searching');
  const started = performance.now();
  const scope = scopeParameters();
  try {
    const rows = ask('search', pageParameters(null), own.signal);
    const histogram = ask('histogram', scope, own.signal);
    histogram.catch(() => {});
    const page = await rows;
    searched = state.q;
    scrollTo(0, 0);
    $('#rows').replaceChildren();
    shown = 0;
    addPage(page);
    const took = Math.round(performance.now() - started);
    const drawn = await histogram;
    buckets = drawn;
    drawHistogram();
    const total = drawn.buckets.reduce((sum, bucket) => sum + bucket.counts.reduce((a, b) => a + b, 0), 0);
    drawStatus(total, took, page, drawn);
    await drawFields(scope, own.signal);
    enter('ready');
  } catch (error) {
    if (own === run) {
      enter('error');
      showError(error);
    }
  } finally {
    if (own === run) busy(false);
  }
}

function pageParameters(after) {
  const parameters = scopeParameters();
  parameters.set('limit', PAGE_ROWS);
  parameters.set('order', state.order);
  if (after) parameters.set('cursor', after);
  return parameters;
}

function addPage(page) {
  $('#rows').append(...page.rows.map((row) => rowElement(row)));
  fitTimes($('#rows'));
  shown += page.rows.length;
  cursor = page.next;
  $('#more').hidden = !cursor;
  $('#end').replaceChildren(...(cursor ? [] : shown ? [texts.end] : nothing()));
}

// What is said where nothing is found, with the next wider range to try.
function nothing() {
  const ranges = Object.keys(texts.ranges);
  const wider = state.range && ranges[ranges.indexOf(state.range) + 1];
  if (!wider) return [`${texts.none} ${texts.noneHint}`];
  const widen = element('button', { type: 'button', textContent: fill(texts.widen, { range: texts.ranges[wider] }) });
  widen.onclick = () => { state.range = wider; search(); };
  return [`${texts.none} `, widen];
}

async function more() {
  if (!cursor) return;
  const own = new AbortController();
  run = own;
  busy(true);
  try {
    addPage(await ask('search', pageParameters(cursor), own.signal));
    drawAmounts?.();
  } catch (error) { showError(error); } finally { busy(false); }
}

// `data-state` of the body: searching, ready, error, tail.
function enter(name) {
  document.body.dataset.state = name;
}

function busy(is) {
  $('#progress').hidden = !is;
  $('#cancel').hidden = !is;
  if (is) $('#status').textContent = texts.searching;
  else if ($('#status').textContent === texts.searching) $('#status').textContent = '';
}

function drawStatus(total, took, page, histogram) {
  drawAmounts = () => drawStatus(total, took, page, histogram);
  const scanned = page.stats.bytes_scanned + histogram.stats.bytes_scanned;
  const amount = fill(histogram.partial ? texts.linesPartial : texts.lines, { count: count(total) });
  const facts = [fill(texts.shown, { shown: count(shown) }), fill(texts.took, { ms: count(took) })];
  if (scanned) facts.push(fill(texts.scanned, { bytes: bytes(scanned) }));
  $('#status').replaceChildren(element('strong', { textContent: amount }), ` · ${facts.join(' · ')}`);
  const reason = page.partial_reason ?? histogram.partial_reason;
  if (reason) $('#status').append(' ', element('span', { className: 'warning', textContent: texts.partial[reason] }));
}

// --- rows

function rowElement(row, is) {
  const body = element('span', { className: 'body' });
  fillBody(body, row, BODY_SHOWN);
  const level = row.level === 'unset' ? '' : row.level;
  const head = element('div', { className: 'head' },
    rowTime(row),
    element('span', { className: 'level', title: row.severity_text ?? '', textContent: level }),
    element('span', { className: 'host', title: row.stream.host ?? '', textContent: row.stream.host ?? '' }),
    element('span', { className: 'service', title: row.stream.service ?? '', textContent: row.stream.service ?? '' }),
    body);
  const made = element('li', { className: `row ${row.level}${is === 'here' ? ' here' : ''}` }, head);
  made.row = row;
  head.onclick = () => { if (!getSelection().toString()) { choose(made); toggle(made); } };
  return made;
}

function toggle(item) {
  const open = $('.detail', item);
  if (open) open.remove(); else item.append(detail(item.row));
}

function detail(row) {
  const contextButton = element('button', { type: 'button', textContent: texts.context });
  contextButton.onclick = () => openContext(row);
  const copyButton = element('button', { type: 'button', textContent: texts.copy });
  copyButton.onclick = async () => { await navigator.clipboard.writeText(row.body); copyButton.textContent = texts.copied; };
  const record = { [texts.timeLocal]: localTime(nsToDate(row.ts_ns)), [texts.timeUtc]: row.ts, severity: row.severity_text ?? row.level, kind: row.kind, trace_id: row.trace_id, span_id: row.span_id };
  return element('div', { className: 'detail' },
    element('div', { className: 'actions' }, contextButton, copyButton),
    table(texts.labels, row.stream, true),
    table(texts.attributes, row.attributes, true),
    table(texts.record, record, false));
}

function table(title, values, canFilter) {
  const names = Object.keys(values).filter((name) => values[name] !== undefined && values[name] !== null);
  if (!names.length) return null;
  const lines = names.map((name) => {
    const value = typeof values[name] === 'string' ? values[name] : JSON.stringify(values[name]);
    const cell = element('td');
    appendText(cell, value);
    const buttons = element('td');
    const filterable = canFilter || name === 'trace_id' || name === 'severity';
    if (filterable) {
      buttons.append(filterButton('+', texts.include, name, value, ''), filterButton('−', texts.exclude, name, value, '-'));
    }
    return element('tr', {}, element('td', { textContent: name }), buttons, cell);
  });
  return element('div', {}, element('h3', { textContent: title }), element('table', {}, element('tbody', {}, ...lines)));
}

function term(name, value) {
  const bare = /^[\p{L}\p{N}_.@/-]+$/u.test(value) && !/^[-/]/.test(value);
  return `${name}:${bare ? value : `"${value.replace(/[\\"]/g, '\\$&')}"`}`;
}

function filterButton(sign, title, name, value, prefix) {
  const button = element('button', { type: 'button', textContent: sign, title });
  button.onclick = () => addTerm(prefix + term(name, value));
  return button;
}

function addTerm(text) {
  state.q = `${$('#q').value} ${text}`.trim();
  search();
}

function choose(item) {
  $('#rows .chosen')?.classList.remove('chosen');
  item.classList.add('chosen');
}

function move(by) {
  const items = [...$('#rows').children];
  const at = items.indexOf($('#rows .chosen'));
  const next = items[Math.min(Math.max(at + by, 0), items.length - 1)];
  if (!next) return;
  choose(next);
  next.scrollIntoView({ block: 'nearest' });
  if (next === items.at(-1) && by > 0 && cursor) more();
}

async function openContext(row) {
  const parameters = new URLSearchParams({ q: state.q, ts: row.ts_ns, seq: row.seq, before: 20, after: 20 });
  try {
    const answer = await ask('context', parameters);
    const list = $('#context .rows');
    list.replaceChildren(
      ...answer.before.map((r) => rowElement(r)), rowElement(answer.row, 'here'), ...answer.after.map((r) => rowElement(r)));
    fitTimes(list);
    $('#context').showModal();
    $('.here', list).scrollIntoView({ block: 'center' });
  } catch (error) { showError(error); }
}

// --- fields and their values

async function drawFields(scope, signal) {
  const answer = await ask('fields', scope, signal);
  const rank = (name) => { const at = FIELDS_FIRST.indexOf(name); return at < 0 ? FIELDS_FIRST.length : at; };
  const fields = answer.fields.sort((a, b) => rank(a.name) - rank(b.name) || b.count - a.count).slice(0, 40);
  const open = new Set([...document.querySelectorAll('aside details[open]')].map((d) => d.dataset.name));
  const items = fields.map((field) => {
    const item = element('details', {}, element('summary', {}, element('span', { textContent: field.name }), element('small', { textContent: count(field.count) })));
    item.dataset.name = field.name;
    item.ontoggle = () => { if (item.open && item.children.length === 1) drawFacet(item, field.name, scope); };
    if (open.has(field.name) || (!open.size && rank(field.name) < 2)) item.open = true;
    return item;
  });
  $('#fields').replaceChildren(...severityFacet(), ...(items.length ? [element('h2', { textContent: texts.fields }), ...items] : []));
}

// The histogram's bands: its legend, and the shortest way to the errors.
function severityFacet() {
  const totals = BANDS.map((band, i) => [band, buckets.buckets.reduce((sum, bucket) => sum + bucket.counts[i], 0)]).filter(([, n]) => n);
  if (!totals.length) return [];
  const lines = totals.reverse().map(([band, n]) => {
    const line = element('button', { type: 'button', className: `facet band ${band}`, title: texts.include }, element('span', { textContent: band }), element('small', { textContent: count(n) }));
    line.onclick = () => addTerm(`severity:${band}`);
    return line;
  });
  return [element('h2', { textContent: texts.severity }), element('div', { className: 'bands' }, ...lines)];
}

async function drawFacet(item, name, scope) {
  const parameters = new URLSearchParams(scope);
  parameters.set('field', name);
  parameters.set('limit', 10);
  try {
    const top = await ask('facets', parameters);
    const most = top.values[0]?.count ?? 1;
    const lines = top.values.map(({ value, count: n }) => {
      const text = element('span');
      appendText(text, value);
      const line = element('button', { type: 'button', className: 'facet', title: value }, text, element('small', { textContent: count(n) }), element('progress', { max: most, value: n }));
      line.onclick = () => addTerm(term(name, value));
      return line;
    });
    for (const [label, n] of [[texts.other, top.other], [texts.missing, top.missing]]) {
      if (n) lines.push(element('div', { className: 'facet' }, element('small', { textContent: label }), element('small', { textContent: count(n) })));
    }
    item.append(...lines);
  } catch (error) { if (error.status !== 401) item.append(element('small', { textContent: error.message })); }
}

// --- histogram

function drawHistogram(hover) {
  const canvas = $('#histogram canvas');
  const scale = devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  canvas.width = width * scale;
  canvas.height = height * scale;
  const paint = canvas.getContext('2d');
  paint.scale(scale, scale);
  paint.clearRect(0, 0, width, height);
  if (!buckets) return;
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`);
  const { from, span, step } = axis();
  const plot = height - 16;
  const most = Math.max(1, ...buckets.buckets.map((b) => b.counts.reduce((x, y) => x + y, 0)));
  for (const bucket of buckets.buckets) {
    const start = (Number(BigInt(bucket.ts_ns) - from) / span) * width;
    const end = start + (step / span) * width;
    const x = Math.max(0, start);
    const w = Math.max(1, Math.min(width, end) - x - 1);
    let y = plot;
    BANDS.forEach((band, i) => {
      if (!bucket.counts[i]) return;
      const h = Math.max(1, (bucket.counts[i] / most) * (plot - 4));
      y -= h;
      paint.fillStyle = colour(band);
      paint.globalAlpha = hover && hover !== bucket ? 0.55 : 1;
      paint.fillRect(x, y, w, h);
    });
  }
  paint.globalAlpha = 1;
  paint.fillStyle = colour('line');
  paint.fillRect(0, plot, width, 1);
  paint.fillStyle = colour('dim');
  paint.font = '11px system-ui';
  const marks = Math.max(2, Math.floor(width / 170));
  for (let i = 0; i <= marks; i += 1) {
    const date = nsToDate(from + BigInt(Math.round((span * i) / marks)));
    const long = span > 86400e9;
    const text = long ? localTime(date, false).slice(5, 16) : localTime(date, false).slice(11);
    paint.textAlign = i === 0 ? 'left' : i === marks ? 'right' : 'center';
    paint.fillText(text, (width * i) / marks, height - 3);
  }
  paint.textAlign = 'left';
  if (buckets.buckets.length) paint.fillText(count(most), 2, 10);
}

function axis() {
  const from = BigInt(buckets.from_ns);
  return { from, span: Number(BigInt(buckets.to_ns) - from), step: Number(buckets.step_ns) };
}

function histogramMouse() {
  const area = $('#histogram');
  const brush = $('#brush');
  const tip = $('#tip');
  let begin = null;
  const x = (event) => Math.min(Math.max(event.clientX - area.getBoundingClientRect().left, 0), area.clientWidth);
  const timeAt = (at) => { const { from, span } = axis(); return from + BigInt(Math.round((at / area.clientWidth) * span)); };
  area.onpointerdown = (event) => { if (buckets && event.button === 0) { begin = x(event); area.setPointerCapture(event.pointerId); } };
  area.onpointermove = (event) => {
    if (!buckets) return;
    if (begin !== null) {
      const [left, right] = [begin, x(event)].sort((a, b) => a - b);
      brush.style.left = `${left}px`;
      brush.style.width = `${right - left}px`;
      brush.hidden = right - left < 4;
    }
    const at = timeAt(x(event));
    const step = BigInt(buckets.step_ns);
    const bucket = buckets.buckets.find((b) => BigInt(b.ts_ns) <= at && at < BigInt(b.ts_ns) + step);
    drawHistogram(bucket);
    tip.hidden = !bucket;
    if (!bucket) return;
    const parts = BANDS.map((band, i) => [band, bucket.counts[i]]).filter(([, n]) => n).reverse().map(([band, n]) => `${band} ${count(n)}`);
    const start = localTime(nsToDate(bucket.ts_ns), false);
    const end = localTime(nsToDate(BigInt(bucket.ts_ns) + step), false).slice(11);
    tip.textContent = fill(texts.bucket, { from: start, to: end, count: parts.join(' · ') });
    tip.style.left = `${Math.min(x(event) + 12, area.clientWidth - tip.offsetWidth)}px`;
  };
  area.onpointerleave = () => { tip.hidden = true; drawHistogram(); };
  area.onpointerup = (event) => {
    if (begin === null) return;
    const [left, right] = [begin, x(event)].sort((a, b) => a - b);
    begin = null;
    brush.hidden = true;
    if (right - left < 4) return;
    Object.assign(state, { range: null, from: String(timeAt(left)), to: String(timeAt(right)) });
    search();
  };
}

// --- live tail

function startTail() {
  run?.abort();
  busy(false);
  state.q = $('#q').value;
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  const own = new WebSocket(`${scheme}://${location.host}/app/v1/tail?${new URLSearchParams({ q: state.q })}`);
  socket = own;
  cursor = null;
  let arrived = 0;
  let dropped = 0;
  // Lines of another query, or in the other order, would be taken for what arrives.
  if (searched !== state.q || state.order !== 'newest') $('#rows').replaceChildren();
  searched = state.q;
  scrollTo(0, 0);
  $('#error').hidden = true;
  $('#tail').setAttribute('aria-pressed', 'true');
  $('#tail').textContent = texts.stopTail;
  $('#more').hidden = true;
  $('#end').textContent = '';
  const tell = () => {
    const said = arrived ? fill(texts.tailArrived, { count: count(arrived) }) : texts.tailWaiting;
    const left = dropped ? element('span', { className: 'warning', textContent: ` ${fill(texts.tailDropped, { count: count(dropped) })}` }) : null;
    $('#status').replaceChildren(...[said, left].filter(Boolean));
  };
  own.onmessage = (event) => {
    const message = JSON.parse(event.data);
    if (message.type === 'overload') {
      dropped += message.dropped;
      tell();
      return;
    }
    arrived += message.rows.length;
    $('#rows').prepend(...message.rows.slice(-TAIL_ROWS_MAX).reverse().map((row) => rowElement(row)));
    while ($('#rows').children.length > TAIL_ROWS_MAX) $('#rows').lastChild.remove();
    fitTimes($('#rows'));
    tell();
  };
  own.onopen = () => { if (socket === own) { enter('tail'); tell(); } };
  own.onclose = () => {
    if (socket !== own) return;
    $('#status').replaceChildren(element('span', { className: 'warning', textContent: texts.tailEnded }));
    setTimeout(() => { if (socket === own) startTail(); }, 2000);
  };
}

function stopTail() {
  if (document.body.dataset.state === 'tail') enter('ready');
  const open = socket;
  socket = null;
  open?.close();
  $('#tail').setAttribute('aria-pressed', 'false');
  $('#tail').textContent = texts.tail;
}

// --- login

function openLogin() {
  if (!$('#login').open) $('#login').showModal();
}

async function login(event) {
  event.preventDefault();
  const response = await fetch('/app/v1/login', {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ token: $('#token').value }),
  }).catch(() => null);
  if (!response?.ok) { $('#loginError').textContent = response ? texts.loginFailed : texts.unreachable; return; }
  $('#token').value = '';
  $('#loginError').textContent = '';
  $('#login').close();
  search({ replace: true });
}

// --- controls

function drawControls() {
  $('#q').value = state.q;
  $('#order').value = state.order;
  for (const button of $('#ranges').children) button.setAttribute('aria-pressed', String(button.value === state.range));
  const summary = $('#custom summary');
  const isCustom = !state.range && /^\d+$/.test(state.from ?? '');
  summary.textContent = isCustom
    ? `${localTime(nsToDate(state.from), false)} – ${state.to ? localTime(nsToDate(state.to), false) : ''}`
    : state.from ? `${state.from} – ${state.to ?? ''}` : texts.customRange;
  const scope = scopeParameters();
  scope.set('order', state.order);
  for (const [id, format] of [['#downloadText', 'text'], ['#downloadJson', 'ndjson']]) {
    scope.set('format', format);
    $(id).href = `/app/v1/export?${scope}`;
  }
  document.title = state.q ? `${state.q} · Őrszem` : texts.title;
}

function writeTexts() {
  const set = (selector, text) => { $(selector).textContent = text; };
  $('#q').placeholder = texts.searchPlaceholder;
  set('#run', texts.run); set('#cancel', texts.cancel); set('#wrap', texts.wrap); set('#tail', texts.tail);
  set('#download summary', texts.download); set('#downloadText', texts.downloadText); set('#downloadJson', texts.downloadJson);
  set('#customForm label:nth-of-type(1) span', texts.from); set('#customForm label:nth-of-type(2) span', texts.to); set('#customForm button', texts.apply);
  set('#more', texts.more); set('#context h2', texts.contextTitle); set('#context header button', texts.close);
  set('#login h2', texts.loginTitle); set('#login p', texts.loginText); set('#login label span', texts.token); set('#login button', texts.login);
  set('#hints', texts.hints);
  $('#histogram').title = '';
  $('#order').append(new Option(texts.newest, 'newest'), new Option(texts.oldest, 'oldest'));
  $('#ranges').append(...Object.entries(texts.ranges).map(([value, textContent]) => element('button', { type: 'button', value, textContent })));
}

function keyboard(event) {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  if (event.key === 'Escape' && typing) { event.target.blur(); return; }
  if (typing || event.ctrlKey || event.metaKey || event.altKey || $('dialog[open]')) return;
  const chosen = $('#rows .chosen');
  const actions = {
    '/': () => { $('#q').focus(); $('#q').select(); },
    j: () => move(1),
    k: () => move(-1),
    t: () => (socket ? stopTail() : startTail()),
    c: () => chosen && openContext(chosen.row),
    Enter: () => chosen && event.target.tagName !== 'BUTTON' && toggle(chosen),
    Escape: () => run?.abort(),
  };
  if (!actions[event.key]) return;
  if (event.key !== 'Enter' || (chosen && event.target.tagName !== 'BUTTON')) event.preventDefault();
  actions[event.key]();
}

function connect() {
  $('#search').onsubmit = (event) => { event.preventDefault(); state.q = $('#q').value.trim(); search(); };
  $('#cancel').onclick = () => run?.abort();
  $('#ranges').onclick = (event) => {
    if (!event.target.value) return;
    Object.assign(state, { range: event.target.value, from: null, to: null });
    search();
  };
  $('#customForm').onsubmit = (event) => {
    event.preventDefault();
    const ns = (input) => (input.value ? String(BigInt(new Date(input.value).getTime()) * 1000000n) : null);
    if (!ns($('#customFrom'))) return;
    Object.assign(state, { range: null, from: ns($('#customFrom')), to: ns($('#customTo')) });
    $('#custom').open = false;
    search();
  };
  $('#order').onchange = () => { state.order = $('#order').value; search(); };
  $('#wrap').onclick = () => {
    state.wrap = !state.wrap;
    $('#rows').classList.toggle('nowrap', !state.wrap);
    $('#wrap').setAttribute('aria-pressed', String(state.wrap));
  };
  $('#tail').onclick = () => (socket ? stopTail() : startTail());
  $('#more').onclick = more;
  $('#download .menu').onclick = () => { $('#download').open = false; };
  $('#context header button').onclick = () => $('#context').close();
  $('#loginForm').onsubmit = login;
  addEventListener('keydown', keyboard);
  addEventListener('popstate', () => { readAddress(); search({ replace: true }); });
  addEventListener('resize', () => drawHistogram());
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => drawHistogram());
  addEventListener('click', (event) => {
    for (const open of document.querySelectorAll('nav details[open]')) if (!open.contains(event.target)) open.open = false;
  });
  histogramMouse();
}

writeTexts();
readAddress();
connect();
search({ replace: true });
