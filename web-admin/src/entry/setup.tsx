//! `/setup`: the wizard of a box's first start.

import { Client } from "../api/client";
import { startLocale } from "../i18n";
import { Language } from "../screens/frame/Language";
import { SetupScreen } from "../screens/setup/SetupScreen";
import { BoxState } from "../state/box";
import { Setup } from "../state/setup";
import { mount } from "../ui/mount";

const client = new Client();
const state = new BoxState(client);
const setup = new Setup(client);

function App() {
  return <SetupScreen setup={setup} state={state} foot={<Language />} onDone={() => location.replace("/admin#/users")} />;
}

void state.load();
void startLocale().then(() => mount(<App />));
