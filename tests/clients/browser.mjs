// What drives a page in a real Chromium: shared by the programs that look at one.
//
// PAGES is a JSON object of addresses. SHOTS, if set, is a folder for screenshots. CHROMIUM names the browser if it is
// not `chromium` on the PATH.

import { createRequire } from 'node:module';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const packages = process.env.GREENLINE_CLIENTS_NODE_MODULES;

/** The addresses that the test hands in, by name. */
export const pages = JSON.parse(process.env.PAGES ?? 'null');
if (!packages || !pages) {
  console.error('GREENLINE_CLIENTS_NODE_MODULES and PAGES must be set');
  process.exit(2);
}
const load = createRequire(join(packages, 'x'));
const { chromium } = load('playwright-core');
const axe = readFileSync(load.resolve('axe-core/axe.min.js'), 'utf8');
const program = process.env.CHROMIUM ?? execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim();
const TIMEOUT_MS = 60_000;

const browser = await chromium.launch({
  executablePath: program,
  // Tests may run as root, in containers with little shared memory. A site that shows one of ours in a frame does so
  // over the internet; that it comes from this machine is the test's affair.
  args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-features=LocalNetworkAccessChecks'],
  timeout: TIMEOUT_MS,
});
const trouble = [];

/** What was seen, for the test to judge. */
export const said = {};

/** A new window that notes whatever goes wrong in it. */
export async function page(options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1200, height: 900 },
    locale: 'en-US',
    ...options,
  });
  context.setDefaultTimeout(TIMEOUT_MS);
  const page = await context.newPage();
  const home = new URL(Object.values(pages)[0]).origin;
  page.on('console', (message) => {
    if (message.type() === 'error' && !/the server responded with a status of/.test(message.text())) {
      trouble.push(message.text());
    }
  });
  page.on('pageerror', (error) => trouble.push(String(error)));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol !== 'data:' && url.origin !== home) trouble.push(`asked ${url.origin}`);
  });
  return page;
}

/** A new window for whoever has `pages.token`, where script is disabled unless it is asked for. */
export const adminPage = (options = {}) =>
  page({
    javaScriptEnabled: false,
    httpCredentials: { username: 'anyone', password: pages.token },
    ...options,
  });

/** A page of somebody else's site that holds what is given. What goes wrong in it is not noted. */
export async function elsewhere(origin, html) {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 }, locale: 'en-US' });
  context.setDefaultTimeout(TIMEOUT_MS);
  await context.route(`${origin}/**`, (route) => route.fulfill({ contentType: 'text/html', body: html }));
  const page = await context.newPage();
  await page.goto(`${origin}/`);
  return page;
}

/** A screenshot, if somebody wants to look. */
export async function shot(page, name) {
  if (process.env.SHOTS) {
    const path = join(process.env.SHOTS, `${basename(process.argv[1], '_page.mjs')}-${name}.png`);
    await page.screenshot({ path, fullPage: true });
  }
}

const focused = (page) =>
  page.evaluate(() => {
    const at = document.activeElement;
    const box = at.getBoundingClientRect();
    const ring = getComputedStyle(at);
    return {
      tag: at.tagName.toLowerCase(),
      name: at.getAttribute('name') ?? '',
      value: at.getAttribute('value') ?? '',
      text: at.textContent.trim(),
      seen: box.width > 0 && box.right > 0 && ring.outlineStyle !== 'none' && ring.outlineWidth !== '0px',
    };
  });

/** Presses Tab until something is focused; says what was passed on the way. */
export async function tabTo(page, wanted) {
  const passed = [];
  for (let steps = 0; steps < 60; steps += 1) {
    await page.keyboard.press('Tab');
    const at = await focused(page);
    passed.push(at);
    if (wanted(at)) return passed;
  }
  throw new Error(`never reached: ${JSON.stringify(passed)}`);
}

/** What is wrong with a page, in the words of axe-core. */
export async function axeFinds(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() =>
    globalThis.axe.run(document, { resultTypes: ['violations'] }),
  );
  return found.violations.map(
    (one) => `${one.impact} ${one.id}: ${one.nodes.map((node) => node.html).join(' | ').slice(0, 300)}`,
  );
}

/** How a page fits its window, and what in it is too small to be hit. */
export const measured = (at) =>
  at.evaluate(() => ({
    language: document.documentElement.lang,
    direction: getComputedStyle(document.body).direction,
    sideways: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    small: [...document.querySelectorAll('button, select, input:not([type=hidden]), a:not(.skip)')]
      .map((el) => ({ el: el.outerHTML.slice(0, 80), box: el.getBoundingClientRect() }))
      .filter(({ box }) => box.width < 24 || box.height < 24)
      .map(({ el }) => el),
  }));

/** Plays the scenarios, prints what was seen, and closes the browser whatever happens. */
export async function tell(scenarios) {
  try {
    await scenarios();
    said.trouble = trouble;
    console.log(JSON.stringify(said));
  } finally {
    await browser.close();
  }
}

/** A small phone. */
export const SMALL_PHONE = {
  viewport: { width: 320, height: 640 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
};

/** How pages fit a phone, by name. */
export async function fitting(at, addresses, name) {
  const seen = {};
  for (const [of, to] of Object.entries(addresses)) {
    await at.goto(to);
    await shot(at, `phone-${name}-${of}`);
    seen[of] = await measured(at);
    // A link within a sentence is as high as its line.
    seen[of].small = seen[of].small.filter((el) => !el.startsWith('<a href'));
  }
  return seen;
}

/** What axe-core finds in pages, by name. It is script itself, so the window must run script. */
export async function found(at, addresses, name) {
  const all = {};
  for (const [of, to] of Object.entries(addresses)) {
    await at.goto(to);
    await shot(at, `desktop-${name}-${of}`);
    all[of] = await axeFinds(at);
  }
  return all;
}
