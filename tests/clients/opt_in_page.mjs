// Drives the opt-in page in a real Chromium and prints what it saw as one line of JSON.
//
// PAGE is its address. SHOTS, if set, is a folder for screenshots. CHROMIUM names the browser if it is not `chromium`
// on the PATH.

import { createRequire } from 'node:module';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const packages = process.env.GREENLINE_CLIENTS_NODE_MODULES;
const address = process.env.PAGE;
if (!packages || !address) {
  console.error('GREENLINE_CLIENTS_NODE_MODULES and PAGE must be set');
  process.exit(2);
}
const load = createRequire(join(packages, 'x'));
const { chromium } = load('playwright-core');
const axe = readFileSync(load.resolve('axe-core/axe.min.js'), 'utf8');
const program = process.env.CHROMIUM ?? execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim();
const TIMEOUT_MS = 60_000;

const browser = await chromium.launch({
  executablePath: program,
  // Tests may run as root, in containers with little shared memory.
  args: ['--no-sandbox', '--disable-dev-shm-usage'],
  timeout: TIMEOUT_MS,
});
const said = {};
const trouble = [];

async function page(options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1200, height: 900 },
    locale: 'en-US',
    ...options,
  });
  context.setDefaultTimeout(TIMEOUT_MS);
  const page = await context.newPage();
  const home = new URL(address).origin;
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

async function shot(page, name) {
  if (process.env.SHOTS) {
    await page.screenshot({ path: join(process.env.SHOTS, `opt-in-${name}.png`), fullPage: true });
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
      seen: box.width > 0 && box.right > 0 && ring.outlineStyle !== 'none' && ring.outlineWidth !== '0px',
    };
  });

/** Presses Tab until something is focused; says what was passed on the way. */
async function tabTo(page, wanted) {
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
async function axeFinds(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() =>
    globalThis.axe.run(document, { resultTypes: ['violations'] }),
  );
  return found.violations.map(
    (one) => `${one.impact} ${one.id}: ${one.nodes.map((node) => node.html).join(' | ').slice(0, 300)}`,
  );
}

/** With the keyboard alone and script disabled: a box ticked, a number typed, on to the link. */
async function keyboard() {
  const at = await page({ javaScriptEnabled: false });
  await at.goto(address);
  await shot(at, 'desktop');
  const ticked = await at.locator('input:checked').count();
  const passed = await tabTo(at, (el) => el.name === 'agree' && el.value === 'offers');
  await at.keyboard.press('Space');
  const typing = await tabTo(at, (el) => el.name === 'phone');
  await at.keyboard.type('+1 555 123 0001');
  await at.keyboard.press('Enter');
  await at.waitForURL(/next=/);
  await shot(at, 'desktop-next');
  said.keyboard = {
    ticked_before: ticked,
    unseen: [...passed, ...typing].filter((el) => !el.seen),
    link: await at.locator('main a.press').getAttribute('href'),
  };
}

const measured = (at) =>
  at.evaluate(() => ({
    language: document.documentElement.lang,
    direction: getComputedStyle(document.body).direction,
    sideways: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    small: [...document.querySelectorAll('button, select, input:not([type=hidden]), a:not(.skip)')]
      .map((el) => ({ el: el.outerHTML.slice(0, 80), box: el.getBoundingClientRect() }))
      .filter(({ box }) => box.width < 24 || box.height < 24)
      .map(({ el }) => el),
  }));

async function phone(locale, name) {
  const at = await page({
    javaScriptEnabled: false,
    viewport: { width: 320, height: 640 },
    deviceScaleFactor: 2,
    isMobile: true,
    hasTouch: true,
    locale,
    colorScheme: name === 'dark' ? 'dark' : 'light',
  });
  await at.goto(address);
  await shot(at, `phone-${name}`);
  const first = await measured(at);
  await at.goto(`${address}?next=offers+orders`);
  await shot(at, `phone-${name}-next`);
  return { page: first, next: await measured(at) };
}

async function accessible() {
  const found = {};
  for (const [locale, colorScheme] of [['en-US', 'light'], ['ar', 'dark']]) {
    const at = await page({ locale, colorScheme, viewport: { width: 390, height: 844 } });
    const look = async (name) => {
      found[`${locale} ${colorScheme} ${name}`] = await axeFinds(at);
      await shot(at, `${locale}-${colorScheme}-${name}`);
    };
    await at.goto(address);
    await look('page');
    await at.locator('input[name=agree][value=orders]').check();
    await at.locator('input[name=phone]').fill('12');
    await at.locator('main button').click();
    await at.waitForSelector('[role=alert]');
    await look('problem');
    await at.goto(`${address}?next=offers`);
    await look('next');
    await at.goto(`${address.slice(0, -4)}none`);
    await look('none');
  }
  said.axe = found;
}

try {
  await keyboard();
  said.phone = {
    en: await phone('en-US', 'en'),
    ar: await phone('ar', 'ar'),
    hi: await phone('hi', 'hi'),
    pl: await phone('pl', 'pl'),
    dark: await phone('en-US', 'dark'),
  };
  await accessible();
  said.trouble = trouble;
  console.log(JSON.stringify(said));
} finally {
  await browser.close();
}
