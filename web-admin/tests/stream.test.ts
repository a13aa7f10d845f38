import { expect, test, vi } from "vitest";
import { StreamPosition } from "../src/api/events";
import { faultOf } from "../src/media/capture";
import { networkType, scaleFor } from "../src/media/quality";
import { thisDevice } from "../src/state/session";

test("nothing to resume before the first session", () => {
  const position = new StreamPosition();
  position.note("presence", { seq: 4 });
  expect(position.resume).toBeNull();
});

test("the highest seq is remembered", () => {
  const position = new StreamPosition();
  position.note("session", { epoch: "e1", resumed: false, seq: 1 });
  position.note("presence", { seq: 2 });
  position.note("call-state", { seq: 5 });
  position.note("presence", { seq: 3 });
  expect(position.resume).toEqual({ epoch: "e1", seq: 5 });
});

test("a resumed session does not skip what is still to come", () => {
  const position = new StreamPosition();
  position.note("session", { epoch: "e1", resumed: false, seq: 1 });
  position.note("session", { epoch: "e1", resumed: true, seq: 9 });
  expect(position.resume).toEqual({ epoch: "e1", seq: 1 });
  position.note("call-ended", { seq: 7 });
  expect(position.resume).toEqual({ epoch: "e1", seq: 7 });
});

test("another epoch starts anew", () => {
  const position = new StreamPosition();
  position.note("session", { epoch: "e1", resumed: false, seq: 80 });
  position.note("session", { epoch: "e2", resumed: false, seq: 1 });
  expect(position.resume).toEqual({ epoch: "e2", seq: 1 });
});

test("events without a shape change nothing", () => {
  const position = new StreamPosition();
  for (const payload of [null, 3, "x", {}, { epoch: null, seq: "2" }]) position.note("session", payload);
  expect(position.resume).toBeNull();
});

test("networks in the protocol's words", () => {
  expect([undefined, {}, { type: "wifi" }, { type: "ethernet" }, { type: "cellular", effectiveType: "4g" }, { type: "cellular", effectiveType: "3g" }].map(networkType)).toEqual(["unknown", "unknown", "wifi", "ethernet", "4g", "3g"]);
});

test("pictures are made smaller, never larger", () => {
  expect([scaleFor(1080, 480), scaleFor(480, 1080), scaleFor(undefined, 720), scaleFor(720, 720)]).toEqual([2.25, 1, 1, 1]);
});

test("browser errors become the protocol's words", () => {
  const words = ["NotAllowedError", "NotFoundError", "NotReadableError"].map((name) => {
    const fault = faultOf(Object.assign(new Error(), { name }));
    return [fault.wire, fault.reason];
  });
  expect(words).toEqual([["PermissionError", "refused"], ["MediaError", "missing"], ["MediaError", "in_use"]]);
});

test("this device is a web phone with a name people recognise", () => {
  const agent = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36";
  expect(thisDevice(agent)).toEqual({ name: "Chrome, Android", platform: "web" });
});

test("the enrolment token is taken from the fragment of its own page only", async () => {
  vi.stubGlobal("location", { hash: "" });
  vi.stubGlobal("window", { addEventListener: () => {} });
  const { enrolmentToken } = await import("../src/state/route");
  expect(enrolmentToken("/phone/enrol", "#token=abc%2B1")).toBe("abc+1");
  expect(enrolmentToken("/phone/enrol/", "#token=")).toBeNull();
  expect(enrolmentToken("/phone", "#token=abc")).toBeNull();
});
