// Opens a group page in headless Chromium, filters and reviews with the keyboard, and prints what
// happened as JSON.  Usage: node group_page.mjs PAGE.html
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-sync',
    '--disable-component-update', '--no-first-run', '--disable-quic'],
});
const context = await browser.newContext({ acceptDownloads: true });
const page = await context.newPage();
const requests = [];
const problems = [];
page.on('request', (request) => requests.push(request.url()));
page.on('pageerror', (error) => problems.push(String(error)));
page.on('console', (message) => { if (message.type() === 'error') problems.push(message.text()); });

const found = {};
const start = performance.now();
await page.goto(pathToFileURL(process.argv[2]).href, { waitUntil: 'load' });
await page.waitForFunction(() => document.querySelectorAll('#table tbody tr').length > 0);
found.openedMs = performance.now() - start;
found.shownAtFirst = await page.textContent('#shown');
found.charts = await page.locator('#charts svg').count();
found.rows = await page.locator('#table tbody tr').count();
found.href = await page.getAttribute('#table tbody a', 'href');

// filter
const before = performance.now();
await page.fill('#filter input[name=text]', 'c0001');
await page.waitForFunction((old) => document.getElementById('shown').textContent !== old, found.shownAtFirst);
found.filterMs = performance.now() - before;
found.shownBySearch = await page.textContent('#shown');
await page.click('#filter button[type=reset]');
await page.waitForFunction((old) => document.getElementById('shown').textContent === old, found.shownAtFirst);
await page.selectOption('#filter select[name=status]', 'failed');
found.shownFailed = await page.textContent('#shown');
await page.selectOption('#filter select[name=status]', '');

// sort
await page.click('#table thead button:text-is("IFS right")');
const column = await page.locator('#table thead th').allTextContents();
const values = async () => (await page.locator(`#table tbody tr td:nth-child(${column.indexOf('IFS right') + 1})`).allTextContents()).map(Number);
found.ascending = await values();
await page.click('#table thead button:text-is("IFS right")');
found.descending = await values();
found.sorted = await page.getAttribute(`#table thead th:nth-child(${column.indexOf('IFS right') + 1})`, 'aria-sort');

// review with the keyboard: fail the first, comment on and fix the second, pass the third, go back
found.first = await page.textContent('#current h3');
await page.locator('body').click({ position: { x: 5, y: 5 } });
await page.keyboard.press('f');
found.second = await page.textContent('#current h3');
await page.keyboard.press('c');
await page.keyboard.type('=HYPERLINK("x"), look "again"\nplease');
await page.keyboard.press('Escape');
await page.keyboard.press('x');
await page.keyboard.press('p');
await page.keyboard.press('k');
await page.keyboard.press('u');
await page.keyboard.press('p');
found.progress = await page.textContent('#progress');
const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save')]);
const folder = mkdtempSync(join(tmpdir(), 'review-'));
await download.saveAs(join(folder, 'review.csv'));
found.review = readFileSync(join(folder, 'review.csv'), 'utf8');
found.name = download.suggestedFilename();

// kept in this browser, and read back from the file in another
await page.reload();
found.progressAfterReload = await page.textContent('#progress');
const other = await (await browser.newContext()).newPage();
await other.goto(pathToFileURL(process.argv[2]).href);
found.progressElsewhere = await other.textContent('#progress');
await other.setInputFiles('#load', join(folder, 'review.csv'));
await other.waitForFunction((old) => document.getElementById('progress').textContent !== old, found.progressElsewhere);
found.progressLoaded = await other.textContent('#progress');
found.reviewLoaded = await other.evaluate(() => globalThis.ifiReview.asCsv());
rmSync(folder, { recursive: true });

found.requests = requests.filter((url) => !url.startsWith('file:') && !url.startsWith('blob:'));
found.problems = problems;
console.log(JSON.stringify(found));
await browser.close();
