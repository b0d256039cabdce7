// Runs axe-core over pages in headless Chromium, in a wide and in a narrow window, and prints what
// it found as JSON, an entry a page.  Usage: node axe.mjs PAGE.html ...
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run'],
});
const look = async (file, width, height) => {
  const page = await browser.newPage({ viewport: { width, height } });
  const problems = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  await page.goto(pathToFileURL(file).href, { waitUntil: 'load' });
  await page.evaluate(axe);
  const result = await page.evaluate(async () => globalThis.axe.run(document, {
    resultTypes: ['violations'],
  }));
  const sideways = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  await page.close();
  return {
    violations: result.violations.map(({ id, help, nodes }) => ({
      id, help, nodes: nodes.slice(0, 3).map((node) => node.html.slice(0, 200)),
    })),
    passes: result.passes.length,
    sideways,
    problems,
  };
};
const found = [];
for (const file of process.argv.slice(2)) {
  found.push({ wide: await look(file, 1400, 900), narrow: await look(file, 390, 844) });
}
await browser.close();
console.log(JSON.stringify(found));
