// Drives the guide in a real Chromium and prints what it saw as one line of JSON.
//
// PAGES is {"list": the address of the guide, "token": an admin's token}; the rest is told in browser.mjs.

import { SMALL_PHONE, adminPage, fitting, found, pages, said, tabTo, tell } from './browser.mjs';

const QUESTION = 'number is blocked, does the bot still run?';

const addresses = {
  list: pages.list,
  found: `${pages.list}?q=${encodeURIComponent(QUESTION)}`,
  nothing: `${pages.list}?q=zzqq`,
  article: `${pages.list}/blocked-number`,
  eras: `${pages.list}/limit-lowered`,
  rule: `${pages.list}/rules/ask.only_way_out`,
};

/** With the keyboard alone and script disabled: a question typed, the first answer opened, on to a rule. */
async function keyboard() {
  const at = await adminPage();
  await at.goto(pages.list);
  const passed = await tabTo(at, (el) => el.name === 'q');
  await at.keyboard.type(QUESTION);
  await at.keyboard.press('Enter');
  await at.waitForURL(/q=/);
  const first = await at.locator('ol a').first().textContent();
  passed.push(...(await tabTo(at, (el) => el.text === first)));
  await at.keyboard.press('Enter');
  await at.waitForURL(/\/guide\/blocked-number$/);
  const answer = await at.locator('h1').textContent();
  const rule = await at.locator('a[href^="/guide/rules/"]').first().textContent();
  passed.push(...(await tabTo(at, (el) => el.text === rule)));
  await at.keyboard.press('Enter');
  await at.waitForURL(/\/guide\/rules\//);
  said.keyboard = {
    first,
    answer,
    rule: await at.locator('h1').textContent(),
    unseen: passed.filter((el) => !el.seen),
  };
}

const phone = async (colorScheme) =>
  fitting(await adminPage({ ...SMALL_PHONE, colorScheme }), addresses, colorScheme);

const accessible = async (colorScheme) =>
  found(await adminPage({ colorScheme, javaScriptEnabled: true }), addresses, colorScheme);

await tell(async () => {
  await keyboard();
  said.phone = { light: await phone('light'), dark: await phone('dark') };
  said.axe = { light: await accessible('light'), dark: await accessible('dark') };
});
