//! What a phone tells the box about its path.

import { expect, test } from "vitest";
import { PathSampler } from "../src/media/quality";

const path = (estimate: number | null, cap: number | null, downlinkMbps: number | null = null) => ({ estimate, cap, downlinkMbps });

test("the first seconds of an estimate are a guess and are not told", () => {
  const sampler = new PathSampler();
  expect(sampler.take(path(300, 400), 0)).toEqual({});
  expect(sampler.take(path(300, 400), 5_000)).toEqual({});
  expect(sampler.take(path(300, 400), 10_000)).toEqual({ availableOutgoingKbps: 300 });
});

test("an estimate as large as the browser dares to try does not hold the call down", () => {
  const sampler = new PathSampler();
  sampler.take(path(300, 400), 0);
  expect(sampler.take(path(930, 400), 10_000)).toEqual({});
  expect(sampler.take(path(2_500, 1_200), 20_000)).toEqual({});
});

test("a narrow path is told, and remembered for a minute after the level fell", () => {
  const sampler = new PathSampler();
  sampler.take(path(300, 1_200), 0);
  expect(sampler.take(path(1_000, 1_200), 10_000)).toEqual({ availableOutgoingKbps: 1_000 });
  expect(sampler.take(path(930, 400), 20_000)).toEqual({ availableOutgoingKbps: 1_000 });
  expect(sampler.take(path(930, 400), 69_000)).toEqual({ availableOutgoingKbps: 1_000 });
  expect(sampler.take(path(930, 400), 71_000)).toEqual({});
});

test("a wide network is told, a narrow guess about it is not", () => {
  const sampler = new PathSampler();
  expect(sampler.take(path(null, null, 10), 0)).toEqual({ downlinkMbps: 10 });
  expect(sampler.take(path(null, null, 1.35), 0)).toEqual({});
});
