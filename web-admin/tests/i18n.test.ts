import { afterEach, expect, test } from "vitest";
import { Problem } from "../src/api/problem";
import { pickLocale, plural, t, useLocale, type MessageKey } from "../src/i18n";
import { en } from "../src/i18n/en";
import { duration } from "../src/i18n/format";
import { ko } from "../src/i18n/ko";
import { fieldText, problemText } from "../src/i18n/problem";

/** Every code of the protocol's table, and those of the box beyond it. */
const CODES = `malformed_json unauthorized invalid_credentials token_expired session_revoked invalid_setup_code forbidden not_found
  callee_busy caller_busy do_not_disturb glare already_answered call_ended invalid_state consent_required e2ee already_set_up version_conflict
  payload_too_large invalid_input rate_limited box_full busy unknown_event internal method_not_allowed unsupported_media_type
  unreachable no_answer unexpected NetworkError PermissionError ServerError MediaError`.split(/\s+/);

const keys = Object.keys(en) as MessageKey[];
const placeholders = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();

globalThis.document ??= { documentElement: { lang: "" } } as unknown as Document;
afterEach(() => useLocale("en"));

test("both languages have the same keys, in the same order", () => {
  expect(Object.keys(ko)).toEqual(keys);
});

test.each(keys)("%s keeps its placeholders and is not empty", (key) => {
  expect(placeholders(ko[key])).toEqual(placeholders(en[key]));
  expect(ko[key].trim()).not.toBe("");
});

test("Korean sentences are Korean", () => {
  const foreign = keys.filter((key) => !/[가-힣]/.test(ko[key]));
  expect(foreign).toEqual(["app.name", "health.unknown"]);
});

test.each(CODES)("the code %s has a sentence of its own in both languages", (code) => {
  expect(en).toHaveProperty([`problem.${code}`]);
  expect(ko).toHaveProperty([`problem.${code}`]);
});

test("a code that is not known still gives a sentence with a remedy", () => {
  expect(problemText(new Problem("brand_new", 400))).toBe(en["problem.unexpected"]);
});

test("too many attempts says how long to wait", () => {
  expect(problemText(new Problem("rate_limited", 429, "", [], 30))).toContain("30 seconds");
});

test("a field's error finds its field, nested or not", () => {
  const problem = new Problem("invalid_input", 422, "", [{ field: "admin.username", code: "already_taken" }, { field: "password", code: "never_seen" }]);
  expect(fieldText(problem, "username")).toBe(en["invalid.already_taken"]);
  expect(fieldText(problem, "password")).toBe(en["invalid.other"]);
  expect(fieldText(problem, "displayName")).toBeUndefined();
});

test("numbers choose their form, and the language can change", async () => {
  expect([plural("console.people", 1), plural("console.people", 1200)]).toEqual(["1 user", "1,200 users"]);
  await useLocale("ko");
  expect(plural("console.people", 1)).toBe("사용자 1명");
  expect(t("call.incoming", { name: "Tom" })).toBe("Tom의 전화");
});

test("the remembered language wins, then the browser's, then English", () => {
  expect(pickLocale("ko", ["en-GB"])).toBe("ko");
  expect(pickLocale(null, ["de-DE", "ko-KR", "en"])).toBe("ko");
  expect(pickLocale("xx", ["de"])).toBe("en");
});

test("durations", () => {
  expect([duration(0), duration(42_900), duration(723_000), duration(3_723_000)]).toEqual(["0:00", "0:42", "12:03", "1:02:03"]);
});
