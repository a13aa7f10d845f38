import { useEffect, useState } from "preact/hooks";
import type { Presence, User } from "../../api/model";
import { t } from "../../i18n";
import type { Opened, Users } from "../../state/users";
import { Button } from "../../ui/Button";
import { SearchField } from "../../ui/Field";
import { Panel, Row, Stack, Title } from "../../ui/Layout";
import { Empty, Status, type Tone, Waiting } from "../../ui/Status";
import { Table, type Column } from "../../ui/Table";
import { Trouble } from "../frame/Trouble";
import { ConnectPhone } from "./ConnectPhone";
import { DeleteUser } from "./DeleteUser";
import { UserForm } from "./UserForm";

type Open = { kind: "add" } | { kind: "edit"; opened: Opened } | { kind: "delete"; opened: Opened } | { kind: "qr"; user: User } | null;

const TONE: Record<Presence, Tone> = { offline: "idle", online: "good", busy: "warn", in_call: "bad" };

export function UsersScreen({ users, ownId }: { users: Users; ownId: string }) {
  const [open, setOpen] = useState<Open>(null);
  const [filter, setFilter] = useState("");
  useEffect(() => void users.directory.load(), []);
  const close = () => {
    users.forgetProblem();
    setOpen(null);
  };
  const reopen = async (kind: "edit" | "delete", id: string) => {
    const opened = await users.open(id);
    if (opened) setOpen({ kind, opened });
  };
  const all = users.directory.people.value;
  const shown = all.filter((user) => matches(user, filter));
  const columns: Column<User>[] = [
    { key: "name", head: t("users.name"), lead: true, cell: (user) => user.displayName },
    { key: "username", head: t("users.username"), cell: (user) => user.username },
    { key: "extension", head: t("users.extension"), cell: (user) => user.extension ?? "" },
    { key: "role", head: t("users.role"), cell: (user) => t(`role.${user.role}`) },
    { key: "presence", head: t("users.presence"), cell: (user) => <Status tone={user.doNotDisturb ? "bad" : TONE[user.presence]}>{user.doNotDisturb ? t("presence.dnd") : t(`presence.${user.presence}`)}</Status> },
    {
      key: "actions",
      head: t("users.actions"),
      end: true,
      cell: (user) => (
        <Row>
          <Button tone="quiet" small icon="qr" onClick={() => setOpen({ kind: "qr", user })} testid={`user-qr-${user.username}`}>{t("users.qr")}</Button>
          <Button tone="quiet" small icon="edit" iconOnly label={`${t("users.edit")}: ${user.displayName}`} onClick={() => void reopen("edit", user.id)} testid={`user-edit-${user.username}`} />
          {user.id !== ownId && (
            <Button tone="danger-quiet" small icon="trash" iconOnly label={`${t("users.delete")}: ${user.displayName}`} onClick={() => void reopen("delete", user.id)} testid={`user-delete-${user.username}`} />
          )}
        </Row>
      ),
    },
  ];
  const trouble = users.directory.problem.value ?? (open === null ? users.problem.value : null);
  return (
    <Stack>
      <Row align="between">
        <Title>{t("users.title")}</Title>
        <Button tone="primary" icon="plus" onClick={() => setOpen({ kind: "add" })} testid="admin-add-user">{t("users.add")}</Button>
      </Row>
      {all.length > 8 && <SearchField label={t("users.filter")} value={filter} onInput={setFilter} testid="user-filter" />}
      {trouble && <Trouble problem={trouble} onRetry={() => void users.directory.load()} />}
      <Panel flush>
        {all.length === 0 && users.directory.loading.value && <Waiting>{t("app.loading")}</Waiting>}
        {all.length > 0 && shown.length === 0 && <Empty icon="search" title={t("users.noneFound")}>{t("users.noneFoundLead")}</Empty>}
        {shown.length > 0 && <Table caption={t("users.title")} columns={columns} rows={shown} rowKey={(user) => user.id} rowTestid={(user) => `user-row-${user.username}`} />}
      </Panel>
      {open?.kind === "add" && <UserForm users={users} opened={null} onClose={close} onConflict={close} />}
      {open?.kind === "edit" && <UserForm key={open.opened.etag} users={users} opened={open.opened} onClose={close} onConflict={(opened) => setOpen({ kind: "edit", opened })} />}
      {open?.kind === "delete" && <DeleteUser users={users} opened={open.opened} onClose={close} />}
      {open?.kind === "qr" && <ConnectPhone users={users} user={open.user} onClose={close} />}
    </Stack>
  );
}

function matches(user: User, filter: string): boolean {
  const wanted = filter.trim().toLowerCase();
  return [user.displayName, user.username, user.extension ?? ""].some((text) => text.toLowerCase().includes(wanted));
}
