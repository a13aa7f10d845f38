import { useEffect, useState } from "preact/hooks";
import type { Enrolment, User } from "../../api/model";
import { t } from "../../i18n";
import { clockTime } from "../../i18n/format";
import { problemText } from "../../i18n/problem";
import type { Users } from "../../state/users";
import { Dialog, Qr } from "../../ui/Dialog";
import { Link, Stack, Text } from "../../ui/Layout";
import { Alert, Waiting } from "../../ui/Status";

/** The one-time QR code that connects a phone to a user. */
export function ConnectPhone({ users, user, onClose }: { users: Users; user: User; onClose: () => void }) {
  const [enrolment, setEnrolment] = useState<Enrolment | null>(null);
  useEffect(() => void users.enrolment(user).then(setEnrolment), [user.id]);
  const problem = users.problem.value;
  return (
    <Dialog title={t("enrol.title", { name: user.displayName })} closeLabel={t("app.close")} onClose={onClose} testid="user-qr-dialog">
      <Stack>
        {problem && <Alert>{problemText(problem)}</Alert>}
        {!problem && enrolment === null && <Waiting>{t("app.loading")}</Waiting>}
        {enrolment && (
          <>
            <Text kind="quiet">{t("enrol.lead", { time: clockTime(enrolment.expiresAt) })}</Text>
            <Qr svg={enrolment.qrSvg} alt={t("enrol.alt")} testid="user-qr" />
            <Stack gap="tight">
              <Text kind="overline">{t("enrol.link")}</Text>
              <Text kind="mono"><Link href={enrolment.url} testid="user-qr-link">{enrolment.url}</Link></Text>
            </Stack>
          </>
        )}
      </Stack>
    </Dialog>
  );
}
