// What a phone lives through: a long loss of its network, a box that loses its power or is stopped, and a second
// window of the same phone. The tests are steps of one story and run in this order.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Box, PASSWORD } from "../js/box.mjs";
import { Browser, hasLine, iceFragment, iceFragmentChanged, received, receivesMore, screenshot, showsState } from "./browser.mjs";

const OUTAGE_MS = 10_000;
const BACK_WITHIN_MS = 30_000;

let box;
let browser;
let minsu;
let zoe;

before(async () => {
  box = await Box.start();
  browser = await Browser.start(box);
  const { accessToken } = await box.setUp();
  for (const [username, displayName] of [["minsu", "박민수"], ["zoe", "Zoë Ünal"]]) {
    await box.rest("POST", "/api/users", { token: accessToken, body: { username, displayName, password: PASSWORD } });
  }
  [minsu, zoe] = await Promise.all([browser.phone("minsu"), browser.phone("zoe")]);
});

after(async () => {
  await browser?.close();
  assert.equal(await box?.stop(), 0);
});

test("a phone without a network for ten seconds comes back into the same call", async () => {
  await call();
  const [{ callId }] = (await active()).items;
  const fragment = await iceFragment(zoe);
  await minsu.context().setOffline(true);
  await hasLine(minsu, "offline");
  // The outage itself: the phone must not believe in a connection during it.
  await minsu.evaluate(async (ms) => {
    const end = performance.now() + ms;
    while (performance.now() < end) {
      if (window.__callbox.line() === "online") throw new Error("online without a network");
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
  }, OUTAGE_MS);
  await screenshot(minsu, "20-without-a-network");
  await minsu.context().setOffline(false);
  await hasLine(minsu, "online", BACK_WITHIN_MS);
  await iceFragmentChanged(zoe, fragment);
  for (const page of [minsu, zoe]) {
    await showsState(page, "InCall", BACK_WITHIN_MS);
    await receivesMore(page, await received(page));
  }
  assert.deepEqual((await active()).items.map((call) => call.callId), [callId], "it is still the same call");
});

test("a call that the box lost by a power cut ends on both phones with a reason", async () => {
  const told = [minsu, zoe].map((page) => page.waitForFunction(endOfCall, null, { timeout: BACK_WITHIN_MS }));
  await box.restart("SIGKILL");
  for (const words of await Promise.all(told)) assert.match(await words.jsonValue(), /The call broke off/);
  const { items } = await box.rest("GET", "/api/calls", { token: await zoesToken() });
  assert.deepEqual([items[0].outcome, items[0].endReason], ["answered", "error"]);
});

for (const [signal, what] of [["SIGKILL", "lost its power"], ["SIGTERM", "was stopped"]]) {
  test(`phones come back by themselves after the box ${what}, and can call`, async () => {
    await box.restart(signal);
    for (const page of [minsu, zoe]) await hasLine(page, "online", BACK_WITHIN_MS);
    await minsu.locator('[data-testid="contact-zoe"][data-presence="online"]').waitFor();
    await call();
    await minsu.getByTestId("hang-up").click();
    await zoe.getByTestId("hang-up").waitFor({ state: "detached" });
  });
}

test("a second window takes the line, the first says so and can take it back", async () => {
  const second = await browser.window(zoe.context(), "second window", "/phone");
  await hasLine(second, "online");
  await hasLine(zoe, "replaced");
  await zoe.getByTestId("take-over").waitFor();
  await screenshot(zoe, "21-replaced");
  await zoe.getByTestId("take-over").click();
  await hasLine(zoe, "online");
  await hasLine(second, "replaced");
  // The box forgets everything that it told the two; the one without the line still leaves it alone.
  await box.restart("SIGKILL");
  await hasLine(zoe, "online", BACK_WITHIN_MS);
  assert.equal(await second.evaluate(() => window.__callbox.line()), "replaced");
  await second.close();
});

test("a session that was ended elsewhere sends its page to the sign-in", async () => {
  const token = await zoesToken();
  const { items } = await box.rest("GET", "/api/auth/sessions", { token });
  for (const session of items.filter((one) => one.device.platform === "web")) {
    await box.rest("DELETE", `/api/auth/sessions/${session.id}`, { token });
  }
  await zoe.getByTestId("sign-in-problem").waitFor();
});

test("no page had an error, broke its policy or asked another host", () => {
  assert.deepEqual(browser.faults, []);
});

/** Minsu calls Zoë, she answers, and both see and hear something. */
async function call() {
  await minsu.getByTestId("contact-zoe").getByTestId("call-video").click();
  await zoe.getByTestId("accept").click();
  for (const page of [minsu, zoe]) {
    await showsState(page, "InCall");
    await receivesMore(page);
  }
}

/** Runs in the page: what the screen says of a call that is over. A locator would take it off the screen. */
function endOfCall() {
  const over = document.querySelector('[data-testid="call-dismiss"]') !== null;
  return over && document.querySelector('[data-testid="call-state"]')?.textContent;
}

async function zoesToken() {
  const body = { username: "zoe", password: PASSWORD, device: { name: "watcher", platform: "test" } };
  return (await box.rest("POST", "/api/auth/login", { body })).accessToken;
}

async function active() {
  return box.rest("GET", "/api/calls/active", { token: await zoesToken() });
}
