//! The hash router: `#/users` is the route "users". A name that is not known shows the first one.

import { signal } from "@preact/signals";

const hash = signal(location.hash);
window.addEventListener("hashchange", () => {
  hash.value = location.hash;
});

export function route<T extends string>(known: readonly [T, ...T[]]): T {
  const name = hash.value.replace(/^#\/?/, "");
  return known.find((one) => one === name) ?? known[0];
}

/** Takes the enrolment token out of `/phone/enrol#token=…`, and out of the address and the history too. */
export function takeEnrolmentToken(): string | null {
  const token = enrolmentToken(location.pathname, location.hash);
  if (token !== null) {
    history.replaceState(null, "", "/phone");
    hash.value = "";
  }
  return token;
}

export function enrolmentToken(path: string, fragment: string): string | null {
  if (!/\/enrol\/?$/.test(path)) return null;
  return new URLSearchParams(fragment.replace(/^#/, "")).get("token") || null;
}
