import type { Line } from "../../api/socket";
import { t } from "../../i18n";
import { Button } from "../../ui/Button";
import { Empty, Alert, Status } from "../../ui/Status";
import { Panel, Stack, Text } from "../../ui/Layout";

/** The word beside the name: can this phone be called now? */
export function LineWord({ line }: { line: Line }) {
  if (line === "online") return <Status tone="good" testid="line">{t("phone.line.online")}</Status>;
  if (line === "connecting") return <Status tone="idle" testid="line">{t("phone.line.connecting")}</Status>;
  return <Status tone="bad" testid="line">{t("presence.offline")}</Status>;
}

export function LineNotice({ line }: { line: Line }) {
  return line === "offline" ? <Alert tone="warn" testid="line-offline">{t("phone.line.offline")}</Alert> : null;
}

/** Another window of this browser is the phone now. */
export function Replaced({ onTakeOver }: { onTakeOver: () => void }) {
  return (
    <Panel>
      <Empty icon="windows" title={t("phone.line.replaced")}>
        <Stack>
          <Text kind="quiet">{t("phone.replacedLead")}</Text>
          <Button tone="primary" wide onClick={onTakeOver} testid="take-over">{t("phone.takeOver")}</Button>
        </Stack>
      </Empty>
    </Panel>
  );
}
