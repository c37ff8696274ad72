// What the page does beyond its forms, all of which work without it. Loads Link's script only
// after a press, tells which steps only a page can see, and never reads what Link hands out.
(() => {
  'use strict';
  const SCRIPT_MS = 6000, WAITS_S = [3, 5, 10, 15, 30, 30, 60, 60, 120, 120, 300];
  const page = document.body.dataset, root = page.root;
  let hand = false, busy = false, waiting = '', left = false, script = null;

  const at = (state) => document.querySelector('[data-state="' + state + '"]');
  const inLink = () => document.activeElement && document.activeElement.tagName === 'IFRAME';
  const ask = (what, more) => fetch(root + '/' + what, {
    method: 'POST', keepalive: true, cache: 'no-store', credentials: 'same-origin',
    headers: { 'Accept': 'application/json', 'Content-Type': 'application/json' },
    body: JSON.stringify(Object.assign({ hand }, more)),
  });
  const tell = (step, more) => { ask('seen', Object.assign({ steps: [step] }, more)).catch(() => {}); };

  function show(state, quietly) {
    const next = at(state);
    if (!next) { location.replace(root); return; }
    document.querySelectorAll('[data-state]').forEach((part) => { part.hidden = part !== next; });
    document.title = next.querySelector('h1').textContent;
    if (!quietly) next.querySelector('h1').focus();
  }
  function hold(on) {
    busy = on;
    document.querySelectorAll('button').forEach((button) => { button.disabled = on; });
  }

  // Answers whether Link can be opened on this page.
  function load() {
    const ready = () => Boolean(window.CobaltLink && window.CobaltLink.init);
    if (ready()) return Promise.resolve(true);
    script = script || new Promise((end) => {
      const tag = document.createElement('script');
      const over = () => { if (!ready()) { script = null; tag.remove(); } end(ready()); };
      tag.src = page.script;
      tag.onload = tag.onerror = over;
      setTimeout(over, SCRIPT_MS);
      document.head.append(tag);
    });
    return script;
  }

  async function link() {
    if (busy) return;
    hold(true);
    const loaded = load();
    try {
      const answer = await ask('link');
      const body = await answer.json();
      if (!body.token) { show(body.state); return; }
      if (await loaded) {
        try {
          window.CobaltLink.init({ token: body.token, onSuccess: () => { done(); } });
          waiting = 'link';
          tell('launched');
          return;
        } catch (_) { /* The other way is left. */ }
      }
      at('leaving').querySelector('[data-open]').href = page.link + '?token=' + encodeURIComponent(body.token);
      show('leaving');
    } catch (_) {
      show('trouble');
    } finally {
      hold(false);
    }
  }

  async function done() {
    waiting = '';
    show('checking');
    try {
      const answer = await ask('done');
      const state = (await answer.json()).state;
      if (state === 'checking') poll(0); else show(state);
    } catch (_) {
      show('trouble');
    }
  }

  function poll(turn) {
    if (turn >= WAITS_S.length) return;
    setTimeout(async () => {
      if (at('checking').hidden) return;
      try {
        const answer = await fetch(root, { headers: { 'Accept': 'application/json' }, cache: 'no-store' });
        const state = (await answer.json()).state;
        if (state === 'fixed') { show(state); return; }
        if (state === 'ended' || state === 'unknown') { location.replace(root); return; }
      } catch (_) { /* Asked again. */ }
      poll(turn + 1);
    }, WAITS_S[turn] * 1000);
  }

  // Link does not say that it was closed: whoever is on this page again has left it.
  function noticed() {
    if (!waiting || inLink() || document.hidden || !document.hasFocus()) return;
    if (waiting === 'link' && document.querySelector('iframe')) return;
    const quietly = waiting === 'link';
    waiting = '';
    show('half_way', quietly);
  }
  function away() {
    if (waiting && !left) { left = true; tell('left'); }
  }

  ['pointerdown', 'keydown', 'touchstart'].forEach((kind) => addEventListener(kind, (event) => {
    if (!event.isTrusted) return;
    if (!hand) { hand = true; tell('opened'); }
  }, { capture: true, passive: true }));
  addEventListener('submit', (event) => {
    const does = event.target.dataset.does;
    if (does !== 'link' && does !== 'done') return;
    event.preventDefault();
    if (does === 'link') link(); else done();
  });
  addEventListener('click', (event) => {
    if (!event.target.closest('[data-open]')) return;
    waiting = 'tab';
    tell('launched', { window: true });
  });
  addEventListener('pagehide', away);
  addEventListener('focus', noticed);
  addEventListener('visibilitychange', () => {
    if (document.hidden) { away(); return; }
    if (left) { left = false; tell('came_back'); }
    noticed();
  });
  setInterval(noticed, 5000);

  if (page.at === 'checking') poll(0);
  if (page.at === 'returned') { history.replaceState(null, '', location.pathname); done(); }
})();
