// The hosted page inside the lightbox: it answers the page around it once that has said hello,
// and only that one. In a window of its own there is nobody to answer.
(() => {
  'use strict';
  const field = document.querySelector('input:not([type="hidden"])');
  if (window.parent === window) {
    if (field) field.focus();
    return;
  }
  const publicToken = document.body.dataset.publicToken;
  let host = null;
  const tell = message => {
    if (host) window.parent.postMessage(message, host);
  };
  window.addEventListener('message', event => {
    if (event.source !== window.parent || !event.data || event.data.cobaltLink !== 'hello') return;
    host = event.origin;
    if (publicToken) tell({ cobaltLink: 'done', publicToken });
    else if (field) field.focus();
  });
  document.addEventListener('keydown', event => {
    if (event.key === 'Escape') tell({ cobaltLink: 'close' });
  });
})();
