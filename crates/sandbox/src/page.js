// What the demo's page does: it asks for the state, shows it, and presses its buttons. Everything
// is shown as text; only addresses in a message become links.
'use strict';
const $ = id => document.getElementById(id);
const el = (tag, text, cls) => {
  const element = document.createElement(tag);
  if (text != null) element.textContent = text;
  if (cls) element.className = cls;
  return element;
};
const clock = moment => new Date(moment).toLocaleTimeString();
const moment = at => Object.assign(el('time', clock(at)), { dateTime: at });

function show(into, list, build, none) {
  into.replaceChildren(...(list.length ? list.map(build) : [el('p', none, 'none')]));
}

function message(m) {
  const article = el('article'), head = el('header'), text = el('pre');
  head.append(el('span', m.channel + ' to ' + m.to), moment(m.at));
  article.append(head);
  if (m.subject) article.append(el('strong', m.subject));
  for (const part of m.text.trim().split(/(https?:\/\/\S+)/)) {
    if (!/^https?:/.test(part)) { text.append(part); continue; }
    text.append(Object.assign(el('a', part), { href: part, target: '_blank', rel: 'noopener' }));
  }
  article.append(text);
  return article;
}

// A row of a case's history in words. What is planned is no history; lists that are not here are
// told field by field, so that nothing on record is left out.
const words = {
  signals: r => [r.applied_at, `signal ${r.kind} (${r.source}): ${r.result}`],
  attempts: r => [r.started_at, `${r.channel} attempt ${r.number} to ${r.address}: ${r.outcome || 'under way'}` + (r.provider_code ? ` (${r.provider_code})` : '')],
  non_sends: r => [r.at, (r.step ? `step ${r.step}: ` : '') + `${r.decision}, ${r.reason}`],
  notifications: () => null,
};
const isMoment = (name, value) => /(^|_)at$/.test(name) && !Number.isNaN(Date.parse(value));
const plain = text => String(text).replaceAll('_', ' ');

function fieldByField(list, row) {
  const fields = Object.entries(row);
  const when = fields.find(([name]) => name === 'at') || fields.find(([name, value]) => isMoment(name, value));
  if (!when) return null;
  const told = fields
    .filter(([name, value]) => value !== null && value !== '' && typeof value !== 'object')
    .filter(([name, value]) => !isMoment(name, value) && !/(^|_)id$/.test(name))
    .map(([name, value]) => `${plain(name)} ${plain(value)}`);
  return [when[1], `${plain(list).replace(/s$/, '')}: ${told.join(', ')}`];
}

function happened(detail) {
  const { opened_at, closed_at, close_reason } = detail.case;
  const rows = opened_at ? [[opened_at, 'case opened']] : [];
  for (const [list, items] of Object.entries(detail)) {
    if (!Array.isArray(items)) continue;
    for (const item of items) rows.push((words[list] || (row => fieldByField(list, row)))(item));
  }
  if (closed_at) rows.push([closed_at, 'case closed: ' + plain(close_reason)]);
  return rows.filter(row => row && row[0]).sort((a, b) => new Date(a[0]) - new Date(b[0]));
}

function kase(detail) {
  const article = el('article'), head = el('header'), list = el('ol');
  const { account_ref, open, close_reason, hold } = detail.case;
  const state = open ? (hold ? 'held: ' + plain(hold) : 'open') : 'closed: ' + plain(close_reason);
  head.append(el('span', 'case of ' + account_ref), el('span', state, 'state'));
  for (const [at, what] of happened(detail)) {
    const item = el('li');
    item.append(moment(at), el('span', what));
    list.append(item);
  }
  article.append(head, list);
  for (const n of (detail.notifications || []).filter(n => n.state === 'planned'))
    article.append(el('p', `planned: ${n.step} by ${n.channel} at ${clock(n.due_at)}`, 'none'));
  return article;
}

function standing({ works, minted }) {
  $('works').textContent = works ? 'works' : 'needs its user again';
  $('works').className = works ? 'mark good' : 'mark bad';
  $('minted').textContent = minted === 1 ? '1 link token made so far' : `${minted} link tokens made so far`;
}

let shown = '';
async function look() {
  try {
    const text = await (await fetch('state')).text();
    // What is in a reader's hand, a selection or a focused link, is left alone while it lasts.
    if (text === shown) return;
    const state = JSON.parse(text), cases = state.cases.filter(detail => detail && detail.case);
    standing(state.cobalt);
    show($('messages'), state.messages.slice().reverse(), message, 'Nothing yet.');
    show($('cases'), cases, kase, 'No case yet.');
    $('fix').disabled = state.cobalt.works && !cases.some(detail => detail.case.open);
    $('repair').disabled = state.cobalt.works;
    shown = text;
  } catch {
    $('said').textContent = 'The demo has stopped.';
  }
}

async function press(path, doing, done) {
  $('said').textContent = doing;
  try {
    const answer = await (await fetch(path, { method: 'POST' })).json();
    $('said').textContent = answer.status ? `Relink answered the webhook with ${answer.status}.` : done;
  } catch {
    $('said').textContent = 'The demo has stopped.';
  }
  look();
}

$('break').addEventListener('submit', event => {
  event.preventDefault();
  press('break?asks=' + $('asks').value, 'Cobalt is posting its webhook…', 'Nobody answered the webhook.');
});
$('fix').addEventListener('click', () => press('fix', 'The app reports the account as linked again…', 'The app has told Relink that the account works again.'));
$('repair').addEventListener('click', () => press('repair', '', 'The login works again, and nobody was told.'));
look();
setInterval(look, 700);
