// Drives the pages of screened lists and of held messages in a real Chromium and prints what it saw as one line of JSON.
//
// PAGES is {"home": the first page, "lists": the address of the lists, "held": that of the held messages, "token": an
// admin's token}; the rest is told in browser.mjs.

import { SMALL_PHONE, adminPage, fitting, found, pages, said, shot, tabTo, tell } from './browser.mjs';

/** Where a link of a page leads to. */
async function led(at, page, name) {
  await at.goto(page);
  return new URL(await at.getByRole('link', { name }).first().getAttribute('href'), page).href;
}

/** Both pages, and the question before each act. */
async function addresses(at) {
  return {
    lists: pages.lists,
    delete: await led(at, pages.lists, /^Delete /),
    held: pages.held,
    cancel: await led(at, pages.held, /^Cancel /),
  };
}

async function phone(colorScheme) {
  const at = await adminPage({ ...SMALL_PHONE, colorScheme });
  return fitting(at, await addresses(at), colorScheme);
}

async function accessible(colorScheme) {
  const at = await adminPage({ colorScheme, javaScriptEnabled: true });
  return found(at, await addresses(at), colorScheme);
}

/** With the keyboard alone and script disabled: from the first page to the lists, the report, a file and the end of one, then to
 * the held messages and the end of one. */
async function keyboard() {
  const at = await adminPage();
  await at.goto(pages.home);
  const passed = [];
  const press = async (text) => {
    passed.push(...(await tabTo(at, (el) => el.text === text)));
    await at.keyboard.press('Enter');
  };
  const told = () => at.locator('[role=status]').textContent();
  const steps = [];
  await press('Lists');
  await at.waitForURL(/\/screenings\?/);
  await press('spring.csv');
  await at.waitForURL(/\/report/);
  steps.push(await at.locator('h1').textContent());
  await shot(at, 'report');
  await at.goto(pages.lists);
  const coming = at.waitForEvent('download');
  await press('may be sent');
  const file = (await coming).suggestedFilename();
  await press('Delete');
  await at.waitForURL(/\/delete/);
  await press('Delete it');
  await at.waitForURL(/done=deleted/);
  steps.push(await told());
  const lists = await at.locator('tbody tr').count();
  await press('Held');
  await at.waitForURL(/\/held\?/);
  await press('Cancel');
  await at.waitForURL(/\/cancel/);
  await press('Cancel it');
  await at.waitForURL(/done=cancelled/);
  steps.push(await told());
  await shot(at, 'cancelled');
  const state = await at.locator('tbody .tag').first().textContent();
  said.keyboard = { steps, file, lists, state, unseen: passed.filter((el) => !el.seen) };
}

await tell(async () => {
  said.phone = { light: await phone('light'), dark: await phone('dark') };
  said.axe = { light: await accessible('light'), dark: await accessible('dark') };
  await keyboard();
});
