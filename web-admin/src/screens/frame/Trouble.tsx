import { t } from "../../i18n";
import { problemText } from "../../i18n/problem";
import type { Problem } from "../../api/problem";
import { Button } from "../../ui/Button";
import { Alert } from "../../ui/Status";

/** A problem in the flow of a page, with the way to try again. */
export function Trouble({ problem, onRetry }: { problem: Problem; onRetry?: () => void }) {
  return (
    <Alert testid="problem">
      {problemText(problem)}
      {onRetry && (
        <div>
          <Button tone="danger-quiet" small onClick={onRetry}>{t("app.retry")}</Button>
        </div>
      )}
    </Alert>
  );
}
