//! `/admin`: the console.

import { Client } from "../api/client";
import { startLocale, t } from "../i18n";
import { Language } from "../screens/frame/Language";
import { Notices } from "../screens/frame/Notices";
import { Overview } from "../screens/overview/Overview";
import { SignIn } from "../screens/sign-in/SignIn";
import { UsersScreen } from "../screens/users/UsersScreen";
import { BoxState } from "../state/box";
import { RecentCalls } from "../state/recent-calls";
import { route } from "../state/route";
import { Session } from "../state/session";
import { Users } from "../state/users";
import { Button, ButtonLink } from "../ui/Button";
import { Center, Frame, Stack } from "../ui/Layout";
import { mount } from "../ui/mount";

const client = new Client();
const session = new Session(client);
const box = new BoxState(client);
const users = new Users(client);
const recent = new RecentCalls(client);

function App() {
  const account = session.account;
  if (account === null) return <SignIn session={session} title={box.box.value?.name ?? t("console.title")} lead="signIn.consoleLead" foot={<Language />} />;
  if (account.role !== "admin") {
    return (
      <Center title={t("console.notAdminTitle")} lead={t("console.notAdminLead", { name: account.displayName })} foot={<Language />}>
        <Stack>
          <ButtonLink tone="primary" href="/phone">{t("console.toPhone")}</ButtonLink>
          <Button wide onClick={() => void session.signOut()}>{t("app.signOut")}</Button>
        </Stack>
      </Center>
    );
  }
  const page = route(["home", "users"]);
  const actions = (
    <>
      <Language />
      <Button tone="quiet" small icon="exit" shrink label={t("app.signOut")} onClick={() => void session.signOut()} testid="sign-out">{t("app.signOut")}</Button>
    </>
  );
  const tabs = [
    { href: "#/home", label: t("console.home"), icon: "home" as const, current: page === "home", testid: "tab-home" },
    { href: "#/users", label: t("console.users"), icon: "users" as const, current: page === "users", testid: "tab-users" },
  ];
  return (
    <Frame name={box.box.value?.name ?? t("app.name")} sub={account.displayName} actions={actions} tabs={tabs} tabsLabel={t("app.menu")}>
      {page === "home" && <Overview box={box} users={users} recent={recent} />}
      {page === "users" && <UsersScreen users={users} ownId={account.id} />}
    </Frame>
  );
}

async function start(): Promise<void> {
  await startLocale();
  mount(<><App /><Notices /></>);
  await box.load();
  // A new box has no account to sign in with.
  if (box.box.value?.setUp === false) location.replace("/setup");
  else await session.restore();
}

void start();
