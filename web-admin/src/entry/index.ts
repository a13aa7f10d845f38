//! `/`: to the set-up of a new box, else to the phone. The console has its own address, /admin.

import { Client } from "../api/client";

const RETRY_MS = 2_000;

async function choose(): Promise<void> {
  try {
    const box = await new Client().call("box", {});
    location.replace(box.setUp ? "/phone" : "/setup");
  } catch {
    setTimeout(() => void choose(), RETRY_MS);
  }
}

void choose();
