import { useEffect } from "preact/hooks";
import type { Call } from "../../api/model";
import { t, word } from "../../i18n";
import { duration, moment } from "../../i18n/format";
import { isLive } from "../../state/call-machine";
import type { Calls } from "../../state/calls";
import { otherParty, type History } from "../../state/history";
import { Button } from "../../ui/Button";
import { Icon } from "../../ui/Icon";
import { List, ListRow, Panel, Row, Stack, Text, Title } from "../../ui/Layout";
import { Avatar, Badge, Empty, Waiting } from "../../ui/Status";
import { Trouble } from "../frame/Trouble";

export function HistoryScreen({ history, calls }: { history: History; calls: Calls }) {
  useEffect(() => void history.load(), []);
  const items = history.calls.value;
  return (
    <Stack>
      <Title hidden>{t("phone.history")}</Title>
      {history.problem.value && <Trouble problem={history.problem.value} onRetry={() => void history.load()} />}
      <Panel flush>
        {items.length === 0 && history.loading.value && <Waiting>{t("app.loading")}</Waiting>}
        {items.length === 0 && !history.loading.value && <Empty icon="clock" title={t("phone.noHistory")}><Text kind="quiet">{t("phone.noHistoryLead")}</Text></Empty>}
        {items.length > 0 && <List label={t("phone.history")}>{items.map((call) => <Item key={call.callId} call={call} calls={calls} />)}</List>}
      </Panel>
      {history.next.value !== null && (
        <Row><Button busy={history.loading.value} onClick={() => void history.more()} testid="history-more">{t("app.more")}</Button></Row>
      )}
    </Stack>
  );
}

function Item({ call, calls }: { call: Call; calls: Calls }) {
  const party = otherParty(call);
  const outcome = call.outcome ?? "live";
  const missed = outcome === "missed" && call.direction === "incoming";
  return (
    <ListRow
      testid="history-item"
      data={{ "data-outcome": outcome, "data-direction": call.direction ?? "", "data-call": call.callId }}
      lead={<Avatar name={party.displayName} />}
      title={party.displayName}
      bad={missed}
      detail={
        <>
          <span>
            <Icon name={call.direction === "incoming" ? "incoming" : "outgoing"} /> {call.direction === "incoming" ? t("direction.incoming") : t("direction.outgoing")}
          </span>
          <span>{moment(call.createdAt)}</span>
          {call.durationMs > 0 && <span>{duration(call.durationMs)}</span>}
          {outcome !== "answered" && <Badge {...(missed ? { tone: "bad" as const } : {})}>{missed ? t("outcome.missed") : outcome === "missed" ? t("end.timeout") : word("outcome", outcome, "outcome.live")}</Badge>}
        </>
      }
      actions={
        <Button tone="quiet" icon={call.media.video ? "video" : "phone"} iconOnly label={t("phone.callAudio", { name: party.displayName })} disabled={isLive(calls.call.value)} onClick={() => void calls.dial(party, call.media)} />
      }
    />
  );
}
