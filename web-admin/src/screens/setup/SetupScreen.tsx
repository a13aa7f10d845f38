import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { t } from "../../i18n";
import { fieldText, problemText } from "../../i18n/problem";
import type { BoxState } from "../../state/box";
import type { Setup, SetupForm } from "../../state/setup";
import { Button, ButtonLink } from "../../ui/Button";
import { Field } from "../../ui/Field";
import { Center, Form, Panel, Stack, Subtitle, Text } from "../../ui/Layout";
import { Alert, Waiting } from "../../ui/Status";
import { Trouble } from "../frame/Trouble";

const BLANK: SetupForm = { code: "", boxName: "", username: "", password: "", displayName: "" };

/** First start: setup code, name of the box, account of its admin. One page, three groups, one button. */
export function SetupScreen({ setup, state, foot, onDone }: { setup: Setup; state: BoxState; foot: ComponentChildren; onDone: () => void }) {
  const box = state.box.value;
  const trouble = state.problem.value;
  if (box === null) {
    return (
      <Center title={t("setup.title")} foot={foot}>
        {trouble ? <Trouble problem={trouble} onRetry={() => void state.load()} /> : <Waiting>{t("app.loading")}</Waiting>}
      </Center>
    );
  }
  if (box.setUp) {
    return (
      <Center title={t("setup.doneTitle")} lead={t("setup.doneLead")} foot={foot}>
        <ButtonLink tone="primary" href="/admin">{t("setup.toConsole")}</ButtonLink>
      </Center>
    );
  }
  return (
    <Center title={t("setup.title")} lead={t("setup.lead")} foot={foot}>
      <SetupFormView setup={setup} onDone={onDone} />
    </Center>
  );
}

function SetupFormView({ setup, onDone }: { setup: Setup; onDone: () => void }) {
  const [form, setForm] = useState(BLANK);
  const busy = setup.busy.value;
  const problem = setup.problem.value;
  const set = (name: keyof SetupForm) => (value: string) => setForm({ ...form, [name]: value });
  const submit = async () => {
    if (await setup.submit(form)) onDone();
  };
  const codeWrong = problem?.code === "invalid_setup_code" ? problemText(problem) : undefined;
  return (
    <Form onSubmit={() => void submit()}>
      {problem && !codeWrong && <Alert testid="setup-problem">{problemText(problem)}</Alert>}
      <Group at={1} title={t("setup.codeTitle")} lead={t("setup.codeLead")}>
        <Field label={t("setup.code")} hint={t("setup.codeHint")} error={codeWrong ?? fieldText(problem, "code")} value={form.code} onInput={set("code")} code required autoFocus autoComplete="one-time-code" testid="setup-code" />
      </Group>
      <Group at={2} title={t("setup.nameTitle")} lead={t("setup.nameLead")}>
        <Field label={t("setup.boxName")} hint={t("setup.boxNameHint")} error={fieldText(problem, "boxName")} value={form.boxName} onInput={set("boxName")} required maxLength={64} autoComplete="organization" testid="setup-box-name" />
      </Group>
      <Group at={3} title={t("setup.adminTitle")} lead={t("setup.adminLead")}>
        <Field label={t("setup.displayName")} error={fieldText(problem, "displayName")} value={form.displayName} onInput={set("displayName")} required autoComplete="name" testid="setup-display-name" />
        <Field label={t("setup.username")} hint={t("setup.usernameHint")} error={fieldText(problem, "username")} value={form.username} onInput={set("username")} required autoComplete="username" testid="setup-username" />
        <Field label={t("setup.password")} hint={t("setup.passwordHint")} error={fieldText(problem, "password")} value={form.password} onInput={set("password")} type="password" required autoComplete="new-password" testid="setup-password" />
      </Group>
      <Button tone="primary" wide submit busy={busy} testid="setup-submit">{busy ? t("setup.busy") : t("setup.submit")}</Button>
    </Form>
  );
}

function Group({ at, title, lead, children }: { at: number; title: string; lead: string; children: ComponentChildren }) {
  return (
    <Panel>
      <Stack>
        <Stack gap="tight">
          <Text kind="overline">{t("setup.step", { at, all: 3 })}</Text>
          <Subtitle>{title}</Subtitle>
          <Text kind="small quiet">{lead}</Text>
        </Stack>
        {children}
      </Stack>
    </Panel>
  );
}
