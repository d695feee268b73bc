// Drives the pages of those who are told of events in a real Chromium and prints what it saw as one line of JSON.
//
// PAGES is {"list": the address of the list, "token": an admin's token}; the rest is told in browser.mjs.

import { SMALL_PHONE, adminPage, fitting, found, pages, said, shot, tabTo, tell } from './browser.mjs';

/** The address of the one in the list. */
async function one(at) {
  await at.goto(pages.list);
  const found = await at.locator('tbody th a').count();
  if (found !== 1) throw new Error(`${found} in the list: ${await at.locator('body').innerText()}`);
  return new URL(await at.locator('tbody th a').getAttribute('href'), pages.list).href;
}

/** The list, the one in it, and the question before its end. */
async function addresses(at) {
  const address = await one(at);
  return { list: pages.list, one: address, end: address.replace('?', '/end?') };
}

async function phone(colorScheme) {
  const at = await adminPage({ ...SMALL_PHONE, colorScheme });
  return fitting(at, await addresses(at), colorScheme);
}

async function accessible(colorScheme) {
  const at = await adminPage({ colorScheme, javaScriptEnabled: true });
  return found(at, await addresses(at), colorScheme);
}

/** With the keyboard alone and script disabled: from the list to one, a test, a pause, on again, another secret, the end. */
async function keyboard() {
  const at = await adminPage();
  await at.goto(pages.list);
  const passed = [];
  const press = async (text) => {
    passed.push(...(await tabTo(at, (el) => el.text === text)));
    await at.keyboard.press('Enter');
  };
  const told = () => at.locator('[role=status]').textContent();
  await press('CRM');
  await at.waitForURL(/\/sub_\w+\?/);
  await press('Send a test');
  await at.waitForURL(/done=pinged/);
  const steps = [await told()];
  await press('Pause');
  await at.waitForURL(/done=paused/);
  steps.push(await told());
  await shot(at, 'paused');
  await press('Set it going');
  await at.waitForURL(/done=active/);
  steps.push(await told());
  await press('Send again');
  await at.waitForURL(/done=replayed/);
  steps.push(await told());
  await press('Make a new secret');
  const secret = await at.locator('#secret').textContent();
  await shot(at, 'secret');
  await press('Back to CRM');
  await at.waitForURL(/\/sub_\w+\?/);
  await press('End this subscription…');
  await at.waitForURL(/\/end/);
  await press('End it');
  await at.waitForURL(/done=ended/);
  steps.push(await told());
  await shot(at, 'ended');
  said.keyboard = {
    steps,
    unseen: passed.filter((el) => !el.seen),
    secret: secret.startsWith('whsec_'),
    left: await at.locator('tbody tr').count(),
  };
}

await tell(async () => {
  said.phone = { light: await phone('light'), dark: await phone('dark') };
  said.axe = { light: await accessible('light'), dark: await accessible('dark') };
  await keyboard();
});
