// Chromium that trusts one box: a private home whose NSS database holds the box's CA, and no flag that ignores
// certificates. Camera and microphone are Chromium's own test devices (a moving picture and a beep).

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import axe from "axe-core";
import { chromium } from "playwright-core";
import { PASSWORD } from "../js/box.mjs";

const run = promisify(execFile);
const EXECUTABLE = process.env.CALLBOX_CHROMIUM ?? "/usr/bin/chromium";
const ARTEFACTS = process.env.CALLBOX_ARTEFACTS ?? new URL("../../artefacts", import.meta.url).pathname;
const SOON_MS = 15_000;
const PHONE = { width: 420, height: 860 };

const FLAGS = [
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
  "--autoplay-policy=no-user-gesture-required",
  // A machine without a network still has its loopback.
  "--allow-loopback-in-peer-connection",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export class Browser {
  /** Starts Chromium with the CA of `box` in its store. */
  static async start(box) {
    const browser = new Browser();
    browser.home = await mkdtemp(join(tmpdir(), "callbox-home-"));
    const database = join(browser.home, ".pki/nssdb");
    await mkdir(database, { recursive: true });
    await mkdir(ARTEFACTS, { recursive: true });
    await run("certutil", ["-N", "-d", `sql:${database}`, "--empty-password"]);
    await run("certutil", ["-A", "-d", `sql:${database}`, "-t", "C,,", "-n", "callbox", "-i", box.caFile]);
    browser.chromium = await chromium.launch({
      executablePath: EXECUTABLE,
      args: process.getuid() === 0 ? [...FLAGS, "--no-sandbox"] : FLAGS,
      env: { ...process.env, HOME: browser.home, XDG_CONFIG_HOME: join(browser.home, ".config") },
    });
    browser.box = box;
    browser.faults = [];
    return browser;
  }

  /** A page with storage of its own, as if on a device of its own. `look` is what Playwright calls context options. */
  async page(name, path, look = {}) {
    const options = { baseURL: this.box.https, locale: "en-GB", viewport: { width: 1280, height: 800 }, ...look };
    const context = await this.chromium.newContext(options);
    await context.grantPermissions(["camera", "microphone"], { origin: this.box.https });
    context.setDefaultTimeout(SOON_MS);
    // Before the page's own scripts, and not as one of them: the policy of the page allows no foreign script.
    await context.addInitScript({ content: axe.source });
    return this.window(context, name, path);
  }

  /** A phone with `username` signed in. */
  async phone(username, look = {}) {
    const page = await this.page(username, "/phone", { viewport: PHONE, ...look });
    await fill(page, { "sign-in-username": username, "sign-in-password": PASSWORD });
    await page.getByTestId("sign-in-submit").click();
    await hasLine(page, "online");
    return page;
  }

  /** One more window of the same device. */
  async window(context, name, path) {
    const page = await context.newPage();
    page.on("pageerror", (error) => this.faults.push(`${name}: ${error.message}`));
    page.on("console", (message) => {
      if (message.text().includes("Content Security Policy")) this.faults.push(`${name}: ${message.text()}`);
    });
    page.on("request", (request) => {
      const url = new URL(request.url());
      if (url.protocol.startsWith("http") && url.origin !== this.box.https) this.faults.push(`${name}: asked ${url.origin}`);
    });
    // A call that is over covers the page until somebody has read why, or the next one rings in its place.
    await page.addLocatorHandler(page.getByTestId("call-dismiss"), (button) => button.click({ timeout: 1_000 }).catch(() => {}), {
      noWaitAfter: true,
    });
    await page.goto(path);
    return page;
  }

  async close() {
    await this.chromium?.close();
    await rm(this.home, { recursive: true, force: true });
  }
}

/** Keeps a picture of the page for whoever looks at a run later. */
export function screenshot(page, name) {
  return page.screenshot({ path: join(ARTEFACTS, `${name}.png`) });
}

export async function fill(page, values) {
  for (const [testid, value] of Object.entries(values)) await page.getByTestId(testid).fill(value);
}

/** Waits until the phone says this of its connection to the box. */
export function hasLine(page, line, timeout = SOON_MS) {
  return page.waitForFunction((line) => window.__callbox.line() === line, line, { timeout });
}

/** Nothing on the page keeps somebody out who uses a screen reader, a keyboard or large contrast. */
export async function isAccessible(page) {
  // A part that is just fading in has the contrast of a ghost.
  await page.waitForFunction(() => document.getAnimations().every((one) => one.effect.getTiming().iterations === Infinity || one.playState === "finished"));
  const found = await page.evaluate(async () => (await window.axe.run(document)).violations);
  const told = found.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} (${node.failureSummary})`).join("; ")}`);
  assert.deepEqual(told, []);
}

/** Waits until the page shows this state of the protocol. */
export function showsState(page, state, timeout = SOON_MS) {
  return page.locator(`[data-testid="call-state"][data-state="${state}"]`).waitFor({ timeout });
}

/** What the page's peer connection has received so far. */
export function received(page) {
  return page.evaluate(async () => {
    const sums = { framesDecoded: 0, totalAudioEnergy: 0 };
    const report = await window.__callbox.peerConnection().getStats();
    for (const entry of report.values()) {
      if (entry.type !== "inbound-rtp") continue;
      sums.framesDecoded += entry.framesDecoded ?? 0;
      sums.totalAudioEnergy += entry.totalAudioEnergy ?? 0;
    }
    return sums;
  });
}

/** Waits until more picture and more sound than `before` has arrived. */
export async function receivesMore(page, before = { framesDecoded: 0, totalAudioEnergy: 0 }, timeoutMs = 20_000) {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const now = await received(page);
    if (now.framesDecoded > before.framesDecoded && now.totalAudioEnergy > before.totalAudioEnergy) return now;
    if (Date.now() > end) throw new Error(`no more media: ${JSON.stringify({ before, now })}`);
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
  }
}

/** The ICE user fragment of the page's own side: a restart changes it. */
export function iceFragment(page) {
  return page.evaluate(() => /a=ice-ufrag:(\S+)/.exec(window.__callbox.peerConnection()?.localDescription?.sdp ?? "")?.[1]);
}

export function iceFragmentChanged(page, old, timeout = 30_000) {
  return page.waitForFunction(
    (old) => {
      const sdp = window.__callbox.peerConnection()?.localDescription?.sdp ?? "";
      const now = /a=ice-ufrag:(\S+)/.exec(sdp)?.[1];
      return now !== undefined && now !== old;
    },
    old,
    { timeout },
  );
}
