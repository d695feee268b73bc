// Drives the preference page in a real Chromium and prints what it saw as one line of JSON.
//
// PAGES is a JSON object of links, each of a person of its own: what one scenario does must not show in another. The rest
// is told in browser.mjs.

import { SMALL_PHONE, axeFinds, measured, page, pages, said, shot, tabTo, tell } from './browser.mjs';

/** With the keyboard alone and script disabled: off, undone. */
async function keyboard() {
  const at = await page({ javaScriptEnabled: false });
  await at.goto(pages.keyboard);
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
  await at.goto(pages.pointer);
  await shot(at, 'desktop');
  await at.locator('button[name=off][value=all]').dblclick();
  // The second press breaks off the way to where the first one led, so that no single way can be waited for.
  await at.locator('#done-title').waitFor();
  await at.waitForLoadState();
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
    ...SMALL_PHONE,
    locale,
    colorScheme: name === 'dark' ? 'dark' : 'light',
  });
  await at.goto(pages.phone);
  await shot(at, `phone-${name}`);
  const switched = await at.evaluate(() => {
    const toggle = document.querySelector('button[role=switch]').getBoundingClientRect();
    const text = document.querySelector('.what').getBoundingClientRect();
    return { switch_left_of_text: toggle.left < text.left };
  });
  return { ...(await measured(at)), ...switched };
}

async function accessible() {
  const found = {};
  for (const [locale, colorScheme] of [['en-US', 'light'], ['ar', 'dark']]) {
    const at = await page({ locale, colorScheme, viewport: { width: 390, height: 844 } });
    const look = async (name) => {
      found[`${locale} ${colorScheme} ${name}`] = await axeFinds(at);
      await shot(at, `${locale}-${colorScheme}-${name}`);
    };
    await at.goto(pages.axe);
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
    await at.goto(`${pages.axe.slice(0, -3)}aaa`);
    await look('bad-link');
  }
  said.axe = found;
}

await tell(async () => {
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
});
