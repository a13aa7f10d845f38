import { t } from "../../i18n";
import { problemText } from "../../i18n/problem";
import { notify } from "../../state/notice";
import type { Opened, Users } from "../../state/users";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Row, Stack, Text } from "../../ui/Layout";
import { Alert } from "../../ui/Status";

export function DeleteUser({ users, opened, onClose }: { users: Users; opened: Opened; onClose: () => void }) {
  const name = opened.user.displayName;
  const remove = async () => {
    if (!(await users.remove(opened))) return;
    notify("good", "users.deleted", { name });
    onClose();
  };
  const problem = users.problem.value;
  return (
    <Dialog title={t("users.deleteTitle", { name })} closeLabel={t("app.close")} onClose={onClose} testid="user-delete-dialog">
      <Stack>
        {problem && <Alert>{problemText(problem)}</Alert>}
        <Text kind="quiet">{t("users.deleteLead")}</Text>
        <Row align="end">
          <Button onClick={onClose}>{t("app.cancel")}</Button>
          <Button tone="danger" icon="trash" busy={users.busy.value} onClick={() => void remove()} testid="user-delete-confirm">{t("users.delete")}</Button>
        </Row>
      </Stack>
    </Dialog>
  );
}
