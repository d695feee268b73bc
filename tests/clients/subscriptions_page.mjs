// Drives the pages of those who are told of events in a real Chromium and prints what it saw as one line of JSON.
//
// PAGES is {"list": the address of the list, "token": an admin's token}; the rest is told in browser.mjs.

import { axeFinds, measured, page, pages, said, shot, tabTo, tell } from './browser.mjs';

const open = (options = {}) =>
  page({
    javaScriptEnabled: false,
    httpCredentials: { username: 'anyone', password: pages.token },
    ...options,
  });

/** The address of the one in the list. */
async function one(at) {
  await at.goto(pages.list);
  const found = await at.locator('tbody th a').count();
  if (found !== 1) throw new Error(`${found} in the list: ${await at.locator('body').innerText()}`);
  return new URL(await at.locator('tbody th a').getAttribute('href'), pages.list).href;
}

const asking = (address) => address.replace('?', '/end?');

async function phone(colorScheme) {
  const at = await open({
    viewport: { width: 320, height: 640 },
    deviceScaleFactor: 2,
    isMobile: true,
    hasTouch: true,
    colorScheme,
  });
  const address = await one(at);
  const seen = {};
  for (const [name, to] of [['list', pages.list], ['one', address], ['end', asking(address)]]) {
    await at.goto(to);
    await shot(at, `phone-${colorScheme}-${name}`);
    seen[name] = await measured(at);
    // A link within a sentence is as high as its line.
    seen[name].small = seen[name].small.filter((el) => !el.startsWith('<a href'));
  }
  return seen;
}

async function accessible(colorScheme) {
  // axe-core is script, and nothing else here is.
  const at = await open({ colorScheme, javaScriptEnabled: true });
  const address = await one(at);
  const found = {};
  for (const [name, to] of [['list', pages.list], ['one', address], ['end', asking(address)]]) {
    await at.goto(to);
    await shot(at, `desktop-${colorScheme}-${name}`);
    found[`${colorScheme} ${name}`] = await axeFinds(at);
  }
  return found;
}

/** With the keyboard alone and script disabled: from the list to one, a test, a pause, on again, another secret, the end. */
async function keyboard() {
  const at = await open();
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
  said.axe = { ...(await accessible('light')), ...(await accessible('dark')) };
  await keyboard();
});
