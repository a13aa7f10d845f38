//! `/setup`: the wizard of a box's first start.

import { Client } from "../api/client";
import { startLocale } from "../i18n";
import { Language } from "../screens/frame/Language";
import { Setup } from "../screens/setup/Setup";
import { BoxState } from "../state/box";
import { mount } from "../ui/mount";

const client = new Client();
const state = new BoxState(client);

function App() {
  return <Setup client={client} state={state} foot={<Language />} onDone={() => location.replace("/admin")} />;
}

void state.load();
void startLocale().then(() => mount(<App />));
