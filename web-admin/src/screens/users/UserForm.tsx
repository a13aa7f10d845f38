import { useState } from "preact/hooks";
import type { Problem } from "../../api/problem";
import type { PatchUser, Role } from "../../api/model";
import { t } from "../../i18n";
import { fieldText, problemText } from "../../i18n/problem";
import { notify } from "../../state/notice";
import type { Opened, Users } from "../../state/users";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Field, SelectField } from "../../ui/Field";
import { Form, Row } from "../../ui/Layout";
import { Alert } from "../../ui/Status";

const ROLES: Role[] = ["user", "admin", "guest", "device"];

interface UserFormProps {
  users: Users;
  /** null adds a user. */
  opened: Opened | null;
  onClose: () => void;
  /** Somebody else changed the user meanwhile: the form starts again from the present values. */
  onConflict: (present: Opened) => void;
}

export function UserForm({ users, opened, onClose, onConflict }: UserFormProps) {
  const [displayName, setDisplayName] = useState(opened?.user.displayName ?? "");
  const [username, setUsername] = useState(opened?.user.username ?? "");
  const [password, setPassword] = useState("");
  const [extension, setExtension] = useState(opened?.user.extension ?? "");
  const [role, setRole] = useState<Role>(opened?.user.role ?? "user");

  const save = async () => {
    const name = displayName.trim();
    if (opened === null) {
      const added = await users.add({ username: username.trim(), password, displayName: name, role, ...(extension.trim() && { extension: extension.trim() }) });
      if (added) done("users.added");
      return;
    }
    const patch: PatchUser = {};
    if (name !== opened.user.displayName) patch.displayName = name;
    if (extension.trim() !== (opened.user.extension ?? "")) patch.extension = extension.trim();
    if (role !== opened.user.role) patch.role = role;
    if (password !== "") patch.password = password;
    if (await users.change(opened, patch)) done("users.saved");
    else if (users.problem.value?.code === "version_conflict") await conflict(opened, users.problem.value);
  };
  const done = (key: "users.added" | "users.saved") => {
    notify("good", key, { name: displayName.trim() });
    onClose();
  };
  const conflict = async (stale: Opened, problem: Problem) => {
    const present = await users.open(stale.user.id);
    if (present === null) return;
    users.problem.value = problem;
    onConflict(present);
  };

  const problem = users.problem.value;
  const title = opened === null ? t("users.addTitle") : t("users.editTitle", { name: opened.user.displayName });
  return (
    <Dialog title={title} closeLabel={t("app.close")} onClose={onClose} testid="user-form">
      <Form onSubmit={() => void save()}>
        {problem && <Alert testid="user-problem">{problemText(problem)}</Alert>}
        <Field label={t("users.displayName")} hint={t("users.displayNameHint")} error={fieldText(problem, "displayName")} value={displayName} onInput={setDisplayName} required autoFocus autoComplete="off" testid="user-display-name" />
        <Field label={t("users.username")} hint={t("users.usernameHint")} error={fieldText(problem, "username")} value={username} onInput={setUsername} required readOnly={opened !== null} autoComplete="off" testid="user-username" />
        <Field
          label={opened === null ? t("users.password") : t("users.newPassword")}
          hint={opened === null ? t("setup.passwordHint") : t("users.newPasswordHint")}
          error={fieldText(problem, "password")}
          value={password}
          onInput={setPassword}
          type="password"
          required={opened === null}
          autoComplete="new-password"
          testid="user-password"
        />
        <Field label={t("users.extension")} hint={t("users.extensionHint")} error={fieldText(problem, "extension")} value={extension} onInput={setExtension} inputMode="numeric" autoComplete="off" testid="user-extension" />
        <SelectField label={t("users.role")} value={role} choices={ROLES.map((value) => ({ value, label: t(`role.${value}`) }))} onChange={setRole} testid="user-role" />
        <Row align="end">
          <Button onClick={onClose}>{t("app.cancel")}</Button>
          <Button tone="primary" submit busy={users.busy.value} testid="user-save">{t("app.save")}</Button>
        </Row>
      </Form>
    </Dialog>
  );
}
