//! `/phone` and `/phone/enrol#token=…`: the web phone.

import { startLocale, t } from "../i18n";
import { CallScreen } from "../screens/call/CallScreen";
import { Contacts } from "../screens/contacts/Contacts";
import { Language } from "../screens/frame/Language";
import { Notices } from "../screens/frame/Notices";
import { HistoryScreen } from "../screens/history/HistoryScreen";
import { LineNotice, LineWord, Replaced } from "../screens/line/LineState";
import { SignIn } from "../screens/sign-in/SignIn";
import { Phone } from "../state/phone";
import { route, takeEnrolmentToken } from "../state/route";
import { Button } from "../ui/Button";
import { Switch } from "../ui/Field";
import { Frame, Stack } from "../ui/Layout";
import { mount } from "../ui/mount";

const phone = new Phone();

function App() {
  const account = phone.session.account;
  if (account === null) return <SignIn session={phone.session} title={t("phone.title")} lead="signIn.phoneLead" foot={<Language />} />;
  const page = route(["contacts", "history"]);
  const line = phone.line.value;
  const actions = (
    <>
      <Switch label={t("phone.dnd")} icon="moon" checked={phone.doNotDisturb.value} onChange={(on) => void phone.setDoNotDisturb(on)} testid="dnd" />
      <Language />
      <Button tone="quiet" small icon="exit" iconOnly label={t("app.signOut")} onClick={() => void phone.signOut()} testid="sign-out" />
    </>
  );
  const tabs = [
    { href: "#/contacts", label: t("phone.contacts"), icon: "users" as const, current: page === "contacts", testid: "tab-contacts" },
    { href: "#/history", label: t("phone.history"), icon: "clock" as const, current: page === "history", testid: "tab-history" },
  ];
  return (
    <>
      <Frame narrow name={account.displayName} sub={<LineWord line={line} />} actions={actions} tabs={tabs} tabsLabel={t("app.menu")}>
        <Stack>
          <LineNotice line={line} />
          {line === "replaced" && <Replaced onTakeOver={() => phone.takeOver()} />}
          {line !== "replaced" && page === "contacts" && <Contacts directory={phone.directory} calls={phone.calls} ownId={account.id} />}
          {line !== "replaced" && page === "history" && <HistoryScreen history={phone.history} calls={phone.calls} />}
        </Stack>
      </Frame>
      <CallScreen calls={phone.calls} line={line} />
    </>
  );
}

/** What tests from outside may look at. It shows nothing that the developer tools do not show anyway. */
export interface DebugHook {
  /** For getStats. */
  peerConnection(): RTCPeerConnection | null;
  /** Cuts the socket as a lost network would, and lets it come back after `ms`. */
  cutSocket(ms?: number): void;
  /** connecting, online, offline or replaced. */
  line(): string;
}

const hook: DebugHook = {
  peerConnection: () => phone.calls.connection,
  cutSocket: (ms = 0) => phone.socket.cut(ms),
  line: () => phone.line.value,
};
Object.assign(window, { __callbox: hook });

async function start(): Promise<void> {
  await startLocale();
  const token = takeEnrolmentToken();
  mount(<><App /><Notices /></>);
  if (token === null) await phone.session.restore();
  else await phone.session.enrol(token);
}

void start();
