// The little of a browser that Cornerstone looks for when it is loaded; nothing is drawn.
const element = () => ({ getContext: () => null, style: {}, setAttribute() {}, appendChild() {} });
const define = (name, value) => {
  if (!(name in globalThis)) {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
  }
};
define('window', globalThis);
define('self', globalThis);
define('document', {
  createElement: element,
  createElementNS: element,
  addEventListener() {},
  removeEventListener() {},
  getElementsByTagName: () => [element()],
  documentElement: element(),
  head: element(),
  body: element(),
});
define('navigator', { userAgent: 'node', hardwareConcurrency: 1 });
define('HTMLElement', class {});
define('HTMLCanvasElement', class {});
define('OffscreenCanvas', class {});
define('ImageData', class {});
define('Image', class {});
define('addEventListener', () => {});
define('removeEventListener', () => {});
define('requestAnimationFrame', () => 0);
define('location', { href: 'http://localhost/', search: '' });
