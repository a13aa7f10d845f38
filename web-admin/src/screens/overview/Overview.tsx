import { useEffect } from "preact/hooks";
import { plural, t, word } from "../../i18n";
import { duration, moment } from "../../i18n/format";
import type { BoxState } from "../../state/box";
import { otherParty, type History } from "../../state/history";
import type { Users } from "../../state/users";
import type { Call, Health } from "../../api/model";
import { ButtonLink } from "../../ui/Button";
import { Facts, Grid, List, ListRow, Panel, Row, Stack, Subtitle, Text, Title } from "../../ui/Layout";
import { Avatar, Badge, Empty, Status, type Tone, Waiting } from "../../ui/Status";
import { Trouble } from "../frame/Trouble";

const HEALTH_MS = 15_000;

/** The console's first page: what the box is called, how it is, who is here, the last calls. */
export function Overview({ box, users, history }: { box: BoxState; users: Users; history: History }) {
  useEffect(() => {
    void box.loadHealth();
    void users.directory.load();
    void history.load();
    const timer = setInterval(() => void box.loadHealth(), HEALTH_MS);
    return () => clearInterval(timer);
  }, []);
  const about = box.box.value;
  const people = users.directory.people.value;
  const alone = !users.directory.loading.value && people.length <= 1;
  return (
    <Stack gap="loose">
      <Title>{about?.name ?? t("app.name")}</Title>
      {box.problem.value && <Trouble problem={box.problem.value} onRetry={() => void box.loadHealth()} />}
      {alone && (
        <Panel>
          <Row align="between">
            <Stack gap="tight">
              <Subtitle>{t("console.firstUserTitle")}</Subtitle>
              <Text kind="quiet">{t("console.firstUserLead")}</Text>
            </Stack>
            <ButtonLink tone="primary" icon="plus" href="#/users">{t("users.add")}</ButtonLink>
          </Row>
        </Panel>
      )}
      <Grid>
        <Panel><HealthCard health={box.health.value} /></Panel>
        <Panel>
          <Stack gap="tight">
            <Text kind="overline">{t("console.people")}</Text>
            <Text kind="figure">{plural("console.people", people.length)}</Text>
            <Status tone="good">{plural("console.online", people.filter((one) => one.presence !== "offline").length)}</Status>
          </Stack>
        </Panel>
        <Panel>
          <Facts facts={[[t("console.version"), about?.version ?? ""], [t("console.boxId"), <Text key="id" kind="mono">{about?.boxId.slice(0, 16)}</Text>]]} />
        </Panel>
      </Grid>
      <Subtitle>{t("console.recentCalls")}</Subtitle>
      <Panel flush><RecentCalls history={history} /></Panel>
    </Stack>
  );
}

const HEALTH_TONE: Record<string, Tone> = { Normal: "good", Degraded: "warn", Recovery: "warn", Maintenance: "idle", Critical: "bad", Emergency: "bad" };

function HealthCard({ health }: { health: Health | null }) {
  if (health === null) return <Waiting>{t("console.health")}</Waiting>;
  const parts = health.parts ?? [];
  return (
    <Stack gap="tight">
      <Text kind="overline">{t("console.health")}</Text>
      <Text kind="figure">{word("health", health.state, "health.unknown", { state: health.state })}</Text>
      <Status tone={HEALTH_TONE[health.state] ?? "idle"} testid="health">{word("healthSub", health.substate ?? "", "health.unknown", { state: health.substate ?? health.state })}</Status>
      {parts.length > 0 && <Text kind="small quiet">{parts.map((part) => `${part.name}: ${part.state}`).join(" · ")}</Text>}
    </Stack>
  );
}

function RecentCalls({ history }: { history: History }) {
  const calls = history.calls.value.slice(0, 8);
  if (calls.length === 0) {
    return history.loading.value ? <Waiting>{t("app.loading")}</Waiting> : <Empty icon="clock" title={t("phone.noHistory")} />;
  }
  return <List label={t("console.recentCalls")}>{calls.map((call) => <RecentCall key={call.callId} call={call} />)}</List>;
}

function RecentCall({ call }: { call: Call }) {
  const party = otherParty(call);
  return (
    <ListRow
      lead={<Avatar name={party.displayName} />}
      title={party.displayName}
      detail={<><span>{moment(call.createdAt)}</span><span>{call.durationMs > 0 ? duration(call.durationMs) : ""}</span></>}
      actions={<Badge tone={call.outcome === "missed" ? "bad" : "info"}>{word("outcome", call.outcome ?? "live", "outcome.live")}</Badge>}
    />
  );
}
