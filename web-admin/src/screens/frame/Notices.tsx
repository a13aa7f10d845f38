import { say, t } from "../../i18n";
import { dismiss, notices } from "../../state/notice";
import { Toaster } from "../../ui/Toaster";

export function Notices() {
  const toasts = notices.value.map((one) => ({ id: one.id, tone: one.tone, text: say(one.key, one.values) }));
  return <Toaster toasts={toasts} onDismiss={dismiss} dismissLabel={t("app.dismiss")} />;
}
