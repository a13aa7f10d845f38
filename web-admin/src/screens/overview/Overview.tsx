import { useEffect } from "preact/hooks";
import { plural, t, word } from "../../i18n";
import { duration, moment } from "../../i18n/format";
import type { BoxState } from "../../state/box";
import { outcomeOf, type RecentCalls } from "../../state/recent-calls";
import type { Users } from "../../state/users";
import type { Call, Health } from "../../api/model";
import { ButtonLink } from "../../ui/Button";
import { Facts, Grid, List, ListRow, Panel, Row, Stack, Subtitle, Text, Title } from "../../ui/Layout";
import { Avatar, Badge, Empty, Status, type Tone, Waiting } from "../../ui/Status";
import { Trouble } from "../frame/Trouble";

const HEALTH_MS = 15_000;

/** The console's first page: what the box is called, how it is, who is here, the last calls. */
export function Overview({ box, users, recent }: { box: BoxState; users: Users; recent: RecentCalls }) {
  useEffect(() => {
    void box.loadHealth();
    void users.directory.load();
    void recent.load();
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
          <Facts facts={[[t("console.version"), about?.version ?? ""], [t("console.boxId"), <Text key="id" kind="mono">{shortId(about?.boxId ?? "")}</Text>]]} />
        </Panel>
      </Grid>
      <Subtitle>{t("console.recentCalls")}</Subtitle>
      <Panel flush><CallList recent={recent} /></Panel>
    </Stack>
  );
}

const HEALTH_TONE: Record<string, Tone> = { Normal: "good", Degraded: "warn", Recovery: "warn", Maintenance: "idle", Critical: "bad", Emergency: "bad" };

function HealthCard({ health }: { health: Health | null }) {
  if (health === null) return <Waiting>{t("console.health")}</Waiting>;
  const troubled = health.parts.filter((part) => part.state !== "up");
  const detail = health.substate ? word("healthSub", health.substate, "health.unknown", { state: health.substate }) : t("console.allParts");
  return (
    <Stack gap="tight">
      <Text kind="overline">{t("console.health")}</Text>
      <Text kind="figure">{word("health", health.state, "health.unknown", { state: health.state })}</Text>
      {(health.substate || troubled.length === 0) && <Status tone={HEALTH_TONE[health.state] ?? "idle"} testid="health">{detail}</Status>}
      {troubled.map((part) => <Status key={part.name} tone="bad">{`${part.name}: ${part.detail ?? part.state}`}</Status>)}
    </Stack>
  );
}

/** The first letters of the box's identity: enough to tell two boxes apart. */
function shortId(id: string): string {
  return id.split("-").slice(0, 2).join("-");
}

function CallList({ recent }: { recent: RecentCalls }) {
  const calls = recent.calls.value;
  if (recent.problem.value) return <Trouble problem={recent.problem.value} onRetry={() => void recent.load()} />;
  if (calls === null) return <Waiting>{t("app.loading")}</Waiting>;
  if (calls.length === 0) return <Empty icon="clock" title={t("phone.noHistory")} />;
  return <List label={t("console.recentCalls")}>{calls.map((call) => <RecentCall key={call.callId} call={call} />)}</List>;
}

const OUTCOME_TONE: Partial<Record<string, "good" | "bad" | "info">> = { answered: "good", missed: "bad", failed: "bad", live: "info" };

function RecentCall({ call }: { call: Call }) {
  const outcome = outcomeOf(call);
  return (
    <ListRow
      testid="recent-call"
      data={{ "data-outcome": outcome }}
      lead={<Avatar name={call.caller.displayName} />}
      title={t("console.callOf", { caller: call.caller.displayName, callee: call.callee.displayName })}
      detail={<><span>{moment(call.createdAt)}</span>{call.durationMs > 0 && <span>{duration(call.durationMs)}</span>}</>}
      actions={<Badge {...(OUTCOME_TONE[outcome] ? { tone: OUTCOME_TONE[outcome] } : {})}>{outcome === "missed" ? t("end.timeout") : word("outcome", outcome, "outcome.live")}</Badge>}
    />
  );
}
