// The whole first slice as a user sees it: the wizard, two users, two pages that see and hear each other, a cut
// that is survived, the history, and a missed call. The tests are steps of one story and run in this order.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Box, PASSWORD } from "../js/box.mjs";
import {
  Browser,
  fill,
  hasLine,
  iceFragment,
  iceFragmentChanged,
  isAccessible,
  received,
  receivesMore,
  screenshot,
  showsState,
} from "./browser.mjs";

const USERS = { minsu: "Minsu Park", zoe: "Zoë Ünal" };

let box;
let browser;
let adminPage;
let minsu;
let zoe;

before(async () => {
  box = await Box.start();
  browser = await Browser.start(box);
});

after(async () => {
  await browser?.close();
  assert.equal(await box?.stop(), 0);
});

test("the wizard sets the box up", async () => {
  adminPage = await browser.page("console", "/");
  await adminPage.getByTestId("setup-code").waitFor();
  await isAccessible(adminPage);
  await screenshot(adminPage, "1-wizard");
  await fill(adminPage, {
    "setup-code": box.setupCode,
    "setup-box-name": "Front office",
    "setup-username": "admin",
    "setup-display-name": "Admin",
    "setup-password": PASSWORD,
  });
  await adminPage.getByTestId("setup-submit").click();
  await adminPage.getByTestId("admin-add-user").waitFor();
  const told = await box.rest("GET", "/api/box");
  assert.deepEqual([told.setUp, told.name], [true, "Front office"]);
});

test("the admin adds two users", async () => {
  for (const [username, name] of Object.entries(USERS)) {
    await adminPage.getByTestId("admin-add-user").click();
    await fill(adminPage, { "user-username": username, "user-display-name": name, "user-password": PASSWORD });
    await adminPage.getByTestId("user-save").click();
    const row = adminPage.getByTestId(`user-row-${username}`);
    await row.waitFor();
    assert.ok((await row.innerText()).includes(name));
  }
  await isAccessible(adminPage);
  await screenshot(adminPage, "2-users");
});

test("two phones sign in", async () => {
  [minsu, zoe] = await Promise.all(Object.keys(USERS).map((username) => browser.phone(username)));
  await minsu.getByTestId("contact-zoe").waitFor();
  await zoe.getByTestId("contact-minsu").waitFor();
  assert.ok(await minsu.evaluate(() => window.isSecureContext));
  await isAccessible(minsu);
  await screenshot(minsu, "3-contacts");
});

test("a wrong password is told and lets one try again", async () => {
  const page = await browser.page("guess", "/phone", { viewport: { width: 420, height: 860 } });
  await fill(page, { "sign-in-username": "zoe", "sign-in-password": "not her password 1" });
  await page.getByTestId("sign-in-submit").click();
  await page.getByTestId("sign-in-problem").waitFor();
  await isAccessible(page);
  assert.ok(await page.getByTestId("sign-in-submit").isEnabled());
  await page.context().close();
});

test("they call, see and hear each other", async () => {
  await minsu.getByTestId("contact-zoe").getByTestId("call-video").click();
  await zoe.getByTestId("incoming").waitFor();
  await isAccessible(zoe);
  await isAccessible(minsu);
  await screenshot(zoe, "4-incoming");
  await zoe.getByTestId("accept").click();
  for (const page of [minsu, zoe]) await showsState(page, "InCall");
  for (const page of [minsu, zoe]) {
    const first = await receivesMore(page);
    await receivesMore(page, first);
    await page.waitForFunction(() => {
      const video = document.querySelector('[data-testid="remote-video"]');
      return video instanceof HTMLVideoElement && video.videoWidth > 0 && !video.paused;
    });
    await page.getByTestId("local-video").waitFor();
  }
  await isAccessible(minsu);
  await screenshot(minsu, "5-in-call-minsu");
  await screenshot(zoe, "5-in-call-zoe");
});

test("a cut connection comes back into the same call", async () => {
  const before = { minsu: await iceFragment(minsu), zoe: await iceFragment(zoe) };
  const active = () => box.rest("GET", "/api/calls/active", { token: signedIn.accessToken });
  const signedIn = await box.rest("POST", "/api/auth/login", {
    body: { username: "zoe", password: PASSWORD, device: { name: "watcher", platform: "test" } },
  });
  const [{ callId }] = (await active()).items;
  await minsu.evaluate(() => window.__callbox.cutSocket());
  await iceFragmentChanged(minsu, before.minsu);
  await iceFragmentChanged(zoe, before.zoe);
  for (const page of [minsu, zoe]) {
    await showsState(page, "InCall", 30_000);
    await receivesMore(page, await received(page));
  }
  assert.deepEqual((await active()).items.map((call) => call.callId), [callId], "it is still the same call");
  await screenshot(minsu, "6-after-the-cut");
});

test("hanging up ends it on both sides, and the history has it", async () => {
  await zoe.getByTestId("hang-up").click();
  for (const page of [minsu, zoe]) {
    await page.getByTestId("hang-up").waitFor({ state: "detached" });
    await newestInHistory(page, "answered");
  }
  await isAccessible(zoe);
  await screenshot(zoe, "7-history");
});

test("a call nobody answered is there as missed", async () => {
  await back(minsu);
  await minsu.getByTestId("contact-zoe").getByTestId("call-audio").click();
  await zoe.getByTestId("incoming").waitFor();
  await minsu.getByTestId("hang-up").click();
  await zoe.getByTestId("incoming").waitFor({ state: "detached" });
  await newestInHistory(zoe, "missed");
  await newestInHistory(minsu, "cancelled");
  await screenshot(zoe, "8-missed");
});

test("a rejected call is told as rejected", async () => {
  await back(minsu);
  await minsu.getByTestId("contact-zoe").getByTestId("call-audio").click();
  await zoe.getByTestId("reject").click();
  await minsu.getByTestId("hang-up").waitFor({ state: "detached" });
  await newestInHistory(minsu, "rejected");
});

test("do not disturb keeps the phone quiet", async () => {
  await back(zoe);
  await zoe.getByTestId("dnd").check();
  await back(minsu);
  await minsu.getByTestId("contact-zoe").getByTestId("call-audio").click();
  await newestInHistory(minsu, "busy");
  assert.equal(await zoe.getByTestId("incoming").count(), 0);
});

test("the console shows how the box is and the last calls", async () => {
  await adminPage.getByTestId("tab-home").click();
  await adminPage.getByTestId("health").waitFor();
  await adminPage.getByTestId("recent-call").first().waitFor();
  const calls = adminPage.getByTestId("recent-call");
  const outcomes = await calls.evaluateAll((rows) => rows.map((row) => row.dataset.outcome));
  assert.deepEqual(outcomes, ["busy", "rejected", "cancelled", "answered"], "newest first");
  assert.match(await calls.last().innerText(), /Minsu Park called Zoë Ünal/);
  await isAccessible(adminPage);
  await screenshot(adminPage, "9-console");
});

test("the QR code of the console signs a phone in", async () => {
  await adminPage.getByTestId("tab-users").click();
  await adminPage.getByTestId("user-qr-zoe").click();
  const link = adminPage.getByTestId("user-qr-link");
  await link.waitFor();
  await isAccessible(adminPage);
  await screenshot(adminPage, "10-connect-a-phone");
  const { pathname, hash } = new URL(await link.getAttribute("href"));
  const page = await browser.page("enrolled", pathname + hash, { viewport: { width: 420, height: 860 } });
  await hasLine(page, "online");
  assert.equal(new URL(page.url()).hash.includes("token"), false, "the token does not stay in the address");
  await page.context().close();
});

test("in the dark and in Korean", async () => {
  const page = await browser.phone("zoe", { locale: "ko-KR", colorScheme: "dark" });
  await page.getByTestId("contact-minsu").waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.lang), "ko");
  await isAccessible(page);
  await screenshot(page, "11-korean-contacts");
  await page.getByTestId("tab-history").click();
  await page.getByTestId("history-item").first().waitFor();
  await isAccessible(page);
  await screenshot(page, "11-korean-history");
  await page.context().close();
  const login = await browser.page("korean console", "/admin", { locale: "ko-KR", colorScheme: "dark" });
  await fill(login, { "sign-in-username": "admin", "sign-in-password": PASSWORD });
  await isAccessible(login);
  await login.getByTestId("sign-in-submit").click();
  await login.getByTestId("tab-users").click();
  await login.getByTestId("user-row-zoe").waitFor();
  await isAccessible(login);
  await screenshot(login, "11-korean-users");
  await login.context().close();
});

test("no page had an error, broke its policy or asked another host", () => {
  assert.deepEqual(browser.faults, []);
});

/** Opens the history and waits until its newest entry has this outcome. */
async function newestInHistory(page, outcome) {
  await page.getByTestId("tab-history").click();
  await page.waitForFunction(
    (outcome) => document.querySelector('[data-testid="history-item"]')?.getAttribute("data-outcome") === outcome,
    outcome,
  );
}

/** Back from the history to the contacts. */
function back(page) {
  return page.getByTestId("tab-contacts").click();
}
