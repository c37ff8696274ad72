// Cobalt Link as a page loads it: window.CobaltLink.init({ token, onSuccess }), and nothing more.
// It opens the hosted page over the page that calls it. Whoever closes it is not reported.
// Styles are set as properties, never as attributes, so that a page may forbid inline styles.
(() => {
  'use strict';
  const origin = new URL(document.currentScript.src).origin;
  let closeOpen = null;

  const make = (tag, style, properties) => {
    const element = document.createElement(tag);
    Object.assign(element.style, style);
    return Object.assign(element, properties);
  };

  const lightbox = address => {
    const dialog = make('dialog', {
      width: '28rem', maxWidth: '100vw', height: '36rem', maxHeight: '100dvh', padding: '0',
      border: '0', borderRadius: '0.75rem', overflow: 'hidden', boxShadow: '0 1rem 3rem #0008',
    });
    dialog.setAttribute('aria-label', 'Cobalt Link');
    const frame = make('iframe', {
      display: 'block', width: '100%', height: '100%', border: '0',
    }, { src: address, title: 'Cobalt Link', referrerPolicy: 'no-referrer' });
    const close = make('button', {
      position: 'absolute', top: '0.5rem', right: '0.5rem', width: '2.75rem', height: '2.75rem',
      border: '1px solid #8888', borderRadius: '50%', background: '#fff', color: '#222',
      font: '1.5rem/1 sans-serif', cursor: 'pointer',
    }, { type: 'button', textContent: '\u00d7' });
    close.setAttribute('aria-label', 'Close');
    dialog.append(frame, close);
    return { dialog, frame, close };
  };

  const init = ({ token, onSuccess } = {}) => {
    if (typeof token !== 'string' || !token || typeof onSuccess !== 'function') {
      throw new TypeError('CobaltLink.init needs a token and onSuccess');
    }
    if (closeOpen) closeOpen();
    const address = `${origin}/?token=${encodeURIComponent(token)}&frame=1`;
    const { dialog, frame, close } = lightbox(address);

    const remove = () => {
      window.removeEventListener('message', hear);
      dialog.remove();
      if (closeOpen === remove) closeOpen = null;
    };
    const hear = event => {
      if (event.origin !== origin || event.source !== frame.contentWindow || !event.data) return;
      if (event.data.cobaltLink === 'close') remove();
      if (event.data.cobaltLink === 'done' && typeof event.data.publicToken === 'string') {
        remove();
        onSuccess(event.data.publicToken);
      }
    };

    window.addEventListener('message', hear);
    // Each screen in the frame is a page of its own, and has to hear whom it may answer.
    frame.addEventListener('load', () => {
      if (!frame.contentWindow) return;
      frame.contentWindow.postMessage({ cobaltLink: 'hello' }, origin);
      frame.focus();
    });
    close.addEventListener('click', remove);
    dialog.addEventListener('close', remove);
    document.body.append(dialog);
    dialog.showModal();
    closeOpen = remove;
  };

  window.CobaltLink = Object.freeze({ init });
})();
