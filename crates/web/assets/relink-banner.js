// <relink-banner>: says in your app that a connected account needs its user, and opens Link in place.
// <relink-banner user="…" token="…" lang="en"></relink-banner>; all of it: docs/in-app.md.
(() => {
  "use strict";
  if (customElements.get("relink-banner")) return;
  const me = document.currentScript;
  const nonce = me?.nonce;
  const home = me?.src.replace(/\/relink-banner\.js.*$/, "");
  const WORDS = {
    en: {
      open: "Sign in again",
      wait: "One moment…",
      works: "Thank you. The account is connected again.",
      still_broken: "The account still needs you. Please try once more.",
      not_known: "Thank you. We are checking the connection.",
      later: "This does not work just now. Please try again in a minute.",
    },
    es: {
      open: "Iniciar sesión",
      wait: "Un momento…",
      works: "Gracias. La cuenta está conectada de nuevo.",
      still_broken: "La cuenta aún le necesita. Inténtelo una vez más.",
      not_known: "Gracias. Estamos comprobando la conexión.",
      later: "Ahora mismo no funciona. Inténtelo de nuevo en un minuto.",
    },
  };
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`
    :host{display:block}
    :host([hidden]),[hidden]{display:none!important}
    .box{--b:#eef3fb;--c:#1c2733;--e:#5b6f8a;--k:#1d4fb8;--l:#fff;
    display:flex;flex-wrap:wrap;gap:.75rem 1rem;align-items:center;padding:.75rem 1rem;
    font:var(--relink-font,1rem/1.4 system-ui,sans-serif);
    color:var(--relink-color,var(--c));background:var(--relink-background,var(--b));
    border:1px solid var(--relink-border,var(--e));border-radius:var(--relink-radius,.5rem)}
    p{margin:0;flex:1 1 16rem}
    button{font:inherit;font-weight:600;padding:.5rem 1rem;min-height:2.75rem;cursor:pointer;border:0;
    border-radius:inherit;color:var(--relink-button-color,var(--l));
    background:var(--relink-button-background,var(--k))}
    button:focus-visible{outline:3px solid var(--relink-color,var(--c));outline-offset:2px}
    @media(prefers-color-scheme:dark){
    .box{--b:#1d2733;--c:#f0f4fa;--e:#8ea3bd;--k:#a9c4ff;--l:#0f1720}}
    @media(prefers-reduced-motion:no-preference){
    .box{animation:in .25s}@keyframes in{from{opacity:0}}}`);

  const make = (tag, part) => {
    const node = document.createElement(tag);
    node.setAttribute("part", part);
    return node;
  };
  const pause = (ms, signal) => new Promise((done) => {
    setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
  let loading;
  const load = (url) => loading ??= window.CobaltLink ? 1 : new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = url;
    if (nonce) script.nonce = nonce;
    script.onload = done;
    script.onerror = () => {
      loading = null;
      script.remove();
      failed();
    };
    document.head.append(script);
  });

  customElements.define("relink-banner", class extends HTMLElement {
    static observedAttributes = ["user", "token", "src", "lang"];
    #changed;
    #ask;

    get getToken() {
      return this.#ask;
    }
    set getToken(ask) {
      this.#ask = ask;
      this.#changed("token");
    }
    attributeChangedCallback(name) {
      this.#changed(name);
    }
    connectedCallback() {
      // Set before this class was there.
      if (Object.hasOwn(this, "getToken")) {
        const ask = this.getToken;
        delete this.getToken;
        this.getToken = ask;
      }
      document.addEventListener("visibilitychange", this.turned);
      this.#changed();
    }
    disconnectedCallback() {
      document.removeEventListener("visibilitychange", this.turned);
      this.#changed();
    }

    constructor() {
      super();
      const attribute = (name) => this.getAttribute(name);
      const box = make("div", "banner");
      const text = make("p", "text");
      const button = make("button", "button");
      const status = make("div", "status");
      const opened = new Set();
      let current, said, thanks, busy, inLink, left, token, lastId, run;

      const root = this.attachShadow({ mode: "open" });
      root.adoptedStyleSheets = [sheet];
      status.setAttribute("role", "status");
      box.className = "box";
      box.hidden = true;
      button.type = "button";
      box.append(text, button);
      status.append(box);
      root.append(status);

      const lang = () => /^es\b/i.test(attribute("lang") || document.documentElement.lang) ? "es" : "en";
      const tell = (name, id) => this.dispatchEvent(
        new CustomEvent(`relink:${name}`, { bubbles: true, composed: true, detail: { case: id } }));

      const call = async (path, options, again = 1) => {
        token ??= this.#ask ? await this.#ask() : attribute("token");
        const base = (attribute("src") || home).replace(/\/+$/, "");
        const answer = await fetch(`${base}/v1/users/${encodeURIComponent(attribute("user"))}/cases/${path}`, {
          ...options,
          headers: { ...options.headers, authorization: `Bearer ${token}` },
          credentials: "omit",
          cache: "no-store",
        });
        if (answer.status !== 401 || !this.#ask || !again) return answer;
        token = null;
        return call(path, options, 0);
      };
      const post = (id, act, options) => call(`${id}/${act}`, { method: "POST", ...options });
      const seen = (id, step) => post(id, "seen", { body: JSON.stringify({ steps: [step] }), keepalive: true }).catch(() => {});

      const draw = () => {
        const words = WORDS[lang()];
        const now = said ? words[said] : current?.text || "";
        box.hidden = !current && !thanks;
        // The same text again would be read out again.
        if (text.textContent !== now) text.textContent = now;
        button.textContent = busy ? words.wait : words.open;
        // Not `disabled`: that would take the focus away.
        button.setAttribute("aria-disabled", !!busy);
        button.hidden = !current || said === "works";
      };
      const show = (next) => {
        const last = current;
        const other = last?.id !== next?.id;
        current = next;
        if (last && other) {
          inLink = null;
          if (next || !thanks) said = null;
          tell("closed", last.id);
        }
        draw();
        if (next && other) tell("shown", next.id);
      };

      const stream = async (stop) => {
        const own = new AbortController();
        const end = () => own.abort();
        stop.addEventListener("abort", end);
        // Three beats missed: the connection is dead, whatever the system thinks.
        let silence = setTimeout(end, 45e3);
        try {
          const headers = lastId ? { "last-event-id": lastId } : {};
          const answer = await call(`stream?lang=${lang()}`, { headers, signal: own.signal });
          if (!answer.ok) return;
          const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
          for (let rest = ""; ;) {
            const { value, done } = await reader.read();
            if (done || stop.aborted) return 1;
            clearTimeout(silence);
            silence = setTimeout(end, 45e3);
            const events = (rest + value).split("\n\n");
            rest = events.pop();
            for (const event of events) {
              const [, id, data] = /^id: (.*)\nevent: cases\ndata: (.*)/.exec(event) || [];
              if (!id) continue;
              lastId = id;
              show(JSON.parse(data).cases.find((one) => one.announce));
            }
          }
        } finally {
          clearTimeout(silence);
        }
      };
      const listen = async (stop) => {
        for (let wait = 1e3; !stop.aborted; wait = Math.min(wait * 2, 6e4)) {
          // What goes wrong is the network's affair: it is tried again.
          if (await stream(stop).catch(() => {})) {
            wait = 1e3;
            // A stream ends with its token: go on with a new one, where there is one to ask for.
            token = null;
          }
          if (!stop.aborted) await pause(wait * (0.5 + Math.random()), stop);
        }
      };
      this.#changed = (name) => {
        if (name === "token") token = null;
        if (name) lastId = null;
        if (name === "user") show();
        run?.abort();
        if (!this.isConnected || document.hidden || !attribute("user") || !(this.#ask || attribute("token"))) return;
        run = new AbortController();
        listen(run.signal);
      };
      this.turned = () => {
        if (inLink && left !== document.hidden && (left || document.hidden)) {
          left = document.hidden;
          seen(inLink, left ? "left" : "came_back");
          if (!left) inLink = null;
        }
        this.#changed();
      };

      const touched = () => {
        if (!current || opened.has(current.id)) return;
        opened.add(current.id);
        seen(current.id, "opened");
      };
      const finished = async (id) => {
        inLink = null;
        said = "not_known";
        thanks = true;
        draw();
        tell("done", id);
        try {
          const { standing } = await (await post(id, "done")).json();
          if (standing in WORDS.en) said = standing;
        } catch { /* Relink asks again by itself. */ }
        draw();
        setTimeout(() => {
          thanks = false;
          if (said === "works") said = null;
          draw();
        }, 4e3);
      };
      button.onclick = async () => {
        if (!current || busy) return;
        const { id } = current;
        busy = true;
        said = null;
        draw();
        try {
          await load(attribute("link-script") || "LINK_SCRIPT");
          const answer = await post(id, "link");
          const { token } = await answer.json();
          if (!answer.ok) throw 0;
          window.CobaltLink.init({ token, onSuccess: () => finished(id) });
          inLink = id;
          seen(id, "launched");
          tell("launched", id);
        } catch {
          said = "later";
        }
        busy = false;
        draw();
      };
      box.addEventListener("pointerenter", touched);
      box.addEventListener("focusin", touched);
    }
  });
})();
