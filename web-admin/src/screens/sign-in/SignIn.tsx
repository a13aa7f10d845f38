import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { t, type MessageKey } from "../../i18n";
import { problemText } from "../../i18n/problem";
import type { Session } from "../../state/session";
import { Button } from "../../ui/Button";
import { Field } from "../../ui/Field";
import { Center, Form, Panel } from "../../ui/Layout";
import { Alert, Waiting } from "../../ui/Status";

/** Everything before somebody is signed in: waiting, no answer from the box, the form. */
export function SignIn({ session, title, lead, foot }: { session: Session; title: string; lead: Extract<MessageKey, `signIn.${string}`>; foot?: ComponentChildren }) {
  const state = session.state.value;
  if (state.status === "starting") return <Center title={title} foot={foot}><Waiting>{t("app.loading")}</Waiting></Center>;
  if (state.status === "unreachable") {
    return (
      <Center title={t("app.unreachableTitle")} foot={foot}>
        <Panel>
          <Form onSubmit={() => void session.restore()}>
            <Alert>{problemText(state.problem)}</Alert>
            <Button tone="primary" wide submit>{t("app.retry")}</Button>
          </Form>
        </Panel>
      </Center>
    );
  }
  return (
    <Center title={title} lead={t(lead)} foot={foot}>
      <SignInForm session={session} />
    </Center>
  );
}

function SignInForm({ session }: { session: Session }) {
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const state = session.state.value;
  const busy = state.status === "signing-in";
  const problem = state.status === "signed-out" ? state.problem : null;
  return (
    <Panel>
      <Form onSubmit={() => void session.signIn(username.trim(), password)}>
        {problem && <Alert testid="sign-in-problem">{problemText(problem)}</Alert>}
        <Field label={t("signIn.username")} value={username} onInput={setUsername} autoComplete="username" required autoFocus testid="sign-in-username" />
        <Field label={t("signIn.password")} value={password} onInput={setPassword} type="password" autoComplete="current-password" required testid="sign-in-password" />
        <Button tone="primary" wide submit busy={busy} testid="sign-in-submit">{busy ? t("signIn.busy") : t("signIn.submit")}</Button>
      </Form>
    </Panel>
  );
}
