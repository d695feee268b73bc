// Drives the preference page in a real Chromium and prints what it saw as one line of JSON.
//
// LINKS is a JSON object of links, each of a person of its own: what one scenario does must not show in another.
// SHOTS, if set, is a folder for screenshots. CHROMIUM names the browser if it is not `chromium` on the PATH.

import { createRequire } from 'node:module';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const packages = process.env.GREENLINE_CLIENTS_NODE_MODULES;
const links = JSON.parse(process.env.LINKS ?? 'null');
if (!packages || !links) {
  console.error('GREENLINE_CLIENTS_NODE_MODULES and LINKS must be set');
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
  const home = new URL(Object.values(links)[0]).origin;
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
    await page.screenshot({ path: join(process.env.SHOTS, `pref-${name}.png`), fullPage: true });
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

/** With the keyboard alone and script disabled: off, undone. */
async function keyboard() {
  const at = await page({ javaScriptEnabled: false });
  await at.goto(links.keyboard);
  const passed = await tabTo(at, (el) => el.name === 'off' && el.value === 'marketing');
  await at.keyboard.press('Space');
  await at.waitForURL(/done=/);
  const off = await at.title();
  // The fragment leads to what was done: the next thing to press is the undo.
  const next = await tabTo(at, (el) => el.name === 'undo');
  await at.keyboard.press('Enter');
  await at.waitForFunction(() => document.title.includes('On again'));
  said.keyboard = {
    first: passed[0].tag,
    unseen: [...passed, ...next].filter((el) => !el.seen),
    off,
    steps_to_undo: next.length,
    on: await at.title(),
  };
}

/** With the pointer, without script: everything off, and the page says so. */
async function pointer() {
  const at = await page({ javaScriptEnabled: false });
  await at.goto(links.pointer);
  await shot(at, 'desktop');
  await at.locator('button[name=off][value=all]').dblclick();
  await at.waitForURL(/done=/);
  await shot(at, 'all-off');
  said.pointer = {
    notice: await at.locator('#done-title').innerText(),
    left: await at.locator('button[name=off]').count(),
    undo: await at.locator('button[name=undo]').count(),
  };
}

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
  await at.goto(links.phone);
  await shot(at, `phone-${name}`);
  return at.evaluate(() => {
    const small = [...document.querySelectorAll('button, select, a:not(.skip)')]
      .map((el) => ({ el: el.outerHTML.slice(0, 80), box: el.getBoundingClientRect() }))
      .filter(({ box }) => box.width < 24 || box.height < 24)
      .map(({ el }) => el);
    const toggle = document.querySelector('button[role=switch]').getBoundingClientRect();
    const text = document.querySelector('.what').getBoundingClientRect();
    return {
      language: document.documentElement.lang,
      direction: getComputedStyle(document.body).direction,
      sideways: document.documentElement.scrollWidth - document.documentElement.clientWidth,
      small,
      switch_left_of_text: toggle.left < text.left,
    };
  });
}

async function accessible() {
  const found = {};
  for (const [locale, colorScheme] of [['en-US', 'light'], ['ar', 'dark']]) {
    const at = await page({ locale, colorScheme, viewport: { width: 390, height: 844 } });
    const look = async (name) => {
      found[`${locale} ${colorScheme} ${name}`] = await axeFinds(at);
      await shot(at, `${locale}-${colorScheme}-${name}`);
    };
    await at.goto(links.axe);
    await look('page');
    await at.locator('button[name=off][value="utility"]').click();
    await at.waitForURL(/done=/);
    await look('off');
    await at.locator('button[name=undo]').click();
    await at.waitForFunction(() => !document.querySelector('button[name=undo]'));
    await look('undone');
    await at.evaluate(() => {
      document.querySelector('input[name=form]').value = 'spoilt';
    });
    await at.locator('button[name=off][value="utility"]').click();
    await at.waitForSelector('[role=alert]');
    await look('problem');
    await at.goto(`${links.axe.slice(0, -3)}aaa`);
    await look('bad-link');
  }
  said.axe = found;
}

try {
  await keyboard();
  await pointer();
  said.phone = {
    en: await phone('en-US', 'en'),
    ar: await phone('ar', 'ar'),
    he: await phone('he', 'he'),
    dark: await phone('en-US', 'dark'),
    de: await phone('de', 'de'),
  };
  await accessible();
  said.trouble = trouble;
  console.log(JSON.stringify(said));
} finally {
  await browser.close();
}
