import { useState } from "preact/hooks";
import type { Presence, User } from "../../api/model";
import { t } from "../../i18n";
import type { Calls } from "../../state/calls";
import { isLive } from "../../state/call-machine";
import type { Directory } from "../../state/directory";
import { Button } from "../../ui/Button";
import { SearchField } from "../../ui/Field";
import { List, ListRow, Panel, Stack, Text, Title } from "../../ui/Layout";
import { Avatar, Empty, Status, type Tone, Waiting } from "../../ui/Status";
import { Trouble } from "../frame/Trouble";

const TONE: Record<Presence, Tone> = { offline: "idle", online: "good", busy: "warn", in_call: "bad" };

/** Everybody one can call, and whether they are there. */
export function Contacts({ directory, calls, ownId }: { directory: Directory; calls: Calls; ownId: string }) {
  const [filter, setFilter] = useState("");
  const others = directory.people.value.filter((user) => user.id !== ownId);
  const wanted = filter.trim().toLowerCase();
  const shown = others.filter((user) => [user.displayName, user.username, user.extension ?? ""].some((text) => text.toLowerCase().includes(wanted)));
  return (
    <Stack>
      <Title hidden>{t("phone.contacts")}</Title>
      {others.length > 6 && <SearchField label={t("phone.find")} value={filter} onInput={setFilter} testid="contact-filter" />}
      {directory.problem.value && <Trouble problem={directory.problem.value} onRetry={() => void directory.load()} />}
      <Panel flush>
        {others.length === 0 && directory.loading.value && <Waiting>{t("app.loading")}</Waiting>}
        {others.length === 0 && !directory.loading.value && <Empty icon="users" title={t("phone.alone")}><Text kind="quiet">{t("phone.aloneLead")}</Text></Empty>}
        {others.length > 0 && shown.length === 0 && <Empty icon="search" title={t("users.noneFound")}><Text kind="quiet">{t("users.noneFoundLead")}</Text></Empty>}
        {shown.length > 0 && <List label={t("phone.contacts")}>{shown.map((user) => <Contact key={user.id} user={user} calls={calls} />)}</List>}
      </Panel>
    </Stack>
  );
}

function Contact({ user, calls }: { user: User; calls: Calls }) {
  const party = { id: user.id, displayName: user.displayName, extension: user.extension };
  const dial = (video: boolean) => void calls.dial(party, { audio: true, video });
  const occupied = isLive(calls.call.value);
  return (
    <ListRow
      testid={`contact-${user.username}`}
      data={{ "data-presence": user.presence }}
      lead={<Avatar name={user.displayName} />}
      title={user.displayName}
      detail={
        <>
          {user.doNotDisturb ? <Status tone="bad">{t("presence.dnd")}</Status> : <Status tone={TONE[user.presence]}>{t(`presence.${user.presence}`)}</Status>}
          {user.extension && <span>{t("phone.extension", { number: user.extension })}</span>}
        </>
      }
      actions={
        <>
          <Button tone="primary" icon="phone" shrink label={t("phone.callAudio", { name: user.displayName })} disabled={occupied} onClick={() => dial(false)} testid="call-audio">{t("phone.audio")}</Button>
          <Button icon="video" shrink label={t("phone.callVideo", { name: user.displayName })} disabled={occupied} onClick={() => dial(true)} testid="call-video">{t("phone.video")}</Button>
        </>
      }
    />
  );
}
