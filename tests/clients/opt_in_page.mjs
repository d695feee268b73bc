// Drives the opt-in page in a real Chromium and prints what it saw as one line of JSON.
//
// PAGES is {"page": its address}; the rest is told in browser.mjs.

import { SMALL_PHONE, axeFinds, elsewhere, measured, page, pages, said, shot, tabTo, tell } from './browser.mjs';

/** With the keyboard alone and script disabled: a box ticked, a number typed, on to the link. */
async function keyboard() {
  const at = await page({ javaScriptEnabled: false });
  await at.goto(pages.page);
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

async function phone(locale, name) {
  const at = await page({
    javaScriptEnabled: false,
    ...SMALL_PHONE,
    locale,
    colorScheme: name === 'dark' ? 'dark' : 'light',
  });
  await at.goto(pages.page);
  await shot(at, `phone-${name}`);
  const first = await measured(at);
  await at.goto(`${pages.page}?next=offers+orders`);
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
    await at.goto(pages.page);
    await look('page');
    await at.locator('input[name=agree][value=orders]').check();
    await at.locator('input[name=phone]').fill('12');
    await at.locator('main button').click();
    await at.waitForSelector('[role=alert]');
    await look('problem');
    await at.goto(`${pages.page}?next=offers`);
    await look('next');
    await at.goto(`${pages.page.slice(0, -4)}none`);
    await look('none');
  }
  said.axe = found;
}

/** In a frame on a site that may show it, on one that may not, and reached from a form of the site's own. */
async function embedded() {
  const frame = `<iframe src="${pages.page}?lang=en" title="Messages" width="100%" height="720"></iframe>`;
  const shop = await elsewhere('https://shop.acme.example', frame);
  const framed = shop.frameLocator('iframe');
  await framed.locator('input[name=agree][value=offers]').check();
  await framed.locator('input[name=phone]').fill('+1 555 123 0002');
  await shot(shop, 'framed');
  await framed.locator('main button').click();
  const link = await framed.locator('main a.press').getAttribute('href');

  const other = await elsewhere('https://other.example', frame);
  const shown = await other.frameLocator('iframe').locator('input[name=phone]').count();

  const form = await elsewhere(
    'https://shop.acme.example',
    `<form action="${pages.page}" method="post" target="_blank">
      <input name="phone" type="tel" aria-label="Number"><button>Get messages</button></form>`,
  );
  await form.locator('input').fill('+1 555 123 0003');
  const [opened] = await Promise.all([form.waitForEvent('popup'), form.locator('button').click()]);
  said.embedded = {
    link,
    shown_elsewhere: shown,
    filled_in: await opened.locator('input[name=phone]').inputValue(),
    ticked: await opened.locator('input:checked').count(),
  };
}

await tell(async () => {
  await keyboard();
  await embedded();
  said.phone = {
    en: await phone('en-US', 'en'),
    ar: await phone('ar', 'ar'),
    hi: await phone('hi', 'hi'),
    pl: await phone('pl', 'pl'),
    dark: await phone('en-US', 'dark'),
  };
  await accessible();
});
