// Generated from openapi.json by scripts/generate-api.mjs. Do not edit: run `npm run generate:api`.

export interface Account {
  displayName: string;
  extension: string | null;
  id: string;
  role: Role;
  username: string;
}

export interface Alive {
  status: string;
}

export interface AuditEntry {
  at: string;
  by?: string;
  callId?: string;
  seq: number;
  sessionId?: string;
  type: string;
  userId?: string;
}

export interface AuditEntryPage {
  items: AuditEntry[];
  nextCursor: string | null;
}

export interface Box {
  boxId: string;
  features: string[];
  name: string;
  setUp: boolean;
  version: string;
}

export interface Call {
  answeredAt?: string | null;
  callId: string;
  callee: Party;
  caller: Party;
  createdAt: string;
  direction?: Direction | null;
  durationMs: number;
  e2ee: boolean;
  endReason?: EndReason | null;
  endedAt?: string | null;
  error?: ErrorKind | null;
  media: Media;
  mediaState: MediaState;
  outcome?: Outcome | null;
  quality?: QualityView | null;
  recording: boolean;
  roomId: string;
  state: CallState;
}

export interface CallPage {
  items: Call[];
  nextCursor: string | null;
}

export type CallState = "Idle" | "Connecting" | "Connected" | "InCall" | "Reconnecting" | "Error" | "Timeout" | "Ended";

export type CalleeStatus = "offline" | "online";

export interface CreateUser {
  displayName: string;
  extension?: string | null;
  password: string;
  role?: Role | null;
  username: string;
}

export interface Device {
  id: string;
  name: string;
}

export interface DeviceDescription {
  name?: string | null;
  platform?: string | null;
}

export type Direction = "incoming" | "outgoing";

export type EndReason = "hangup" | "cancelled" | "rejected" | "answered_elsewhere" | "timeout" | "error" | "box_shutdown";

export interface EnrolRequest {
  device?: DeviceDescription | null;
  token: string;
}

export interface Enrolment {
  expiresAt: string;
  qrSvg: string;
  token: string;
  url: string;
}

export type ErrorKind = "NetworkError" | "PermissionError" | "ServerError" | "MediaError";

export interface FieldError {
  code: string;
  field: string;
}

export interface Health {
  parts: HealthPart[];
  state: HealthState;
  substate?: string;
}

export interface HealthPart {
  detail?: string;
  name: string;
  state: string;
}

export type HealthState = "Critical" | "Degraded" | "Emergency" | "Maintenance" | "Normal" | "Recovery" | "Start";

export interface IceServer {
  credential: string;
  urls: string[];
  username: string;
}

export interface IceServers {
  iceServers: IceServer[];
}

export interface InitiateCall {
  e2ee?: boolean | null;
  media?: {
    audio?: true;
    video?: false | true;
  } | {
    audio?: false | true;
    video: true;
  } | null;
  targetUserId: string;
}

export interface InitiatedCall {
  callId: string;
  calleeStatus: CalleeStatus;
  expiresAt: string;
  iceServers: IceServer[];
  roomId: string;
  state: CallState;
}

export type Level = "low" | "medium" | "high";

export interface LoginRequest {
  device?: DeviceDescription | null;
  password: string;
  username: string;
}

export interface LoginResponse {
  accessToken: string;
  device: Device;
  expiresIn: number;
  refreshToken?: string;
  tokenType: string;
  user: Account;
}

export interface Media {
  audio?: boolean;
  video?: boolean;
}

export type MediaState = "NoMedia" | "Connecting" | "Connected" | "Recording";

export type Outcome = "answered" | "missed" | "cancelled" | "rejected" | "failed" | "busy";

export interface Party {
  displayName: string;
  extension?: string | null;
  id: string;
}

export interface PatchMe {
  callWaiting?: boolean | null;
  currentPassword?: string | null;
  doNotDisturb?: boolean | null;
  password?: string | null;
}

export interface PatchUser {
  callWaiting?: boolean | null;
  disabled?: boolean | null;
  displayName?: string | null;
  doNotDisturb?: boolean | null;
  extension?: string | null;
  password?: string | null;
  role?: Role | null;
  username?: string | null;
}

export type Presence = "offline" | "online" | "busy" | "in_call";

export interface Problem {
  callId?: string;
  code: string;
  detail: string;
  errors?: FieldError[];
  status: number;
  title: string;
  type: string;
}

export interface QualityView {
  callee?: Level | null;
  caller?: Level | null;
}

export interface Recording {
  callId: string;
  recording: boolean;
}

export type RecordingAction = "start" | "stop";

export interface RefreshRequest {
  refreshToken?: string | null;
}

export type Role = "admin" | "user" | "guest" | "device";

export interface Session {
  createdAt: string;
  current: boolean;
  device: SessionDevice;
  id: string;
  lastSeenAt: string;
}

export interface SessionDevice {
  id: string;
  name: string;
  platform: string;
}

export interface SessionPage {
  items: Session[];
  nextCursor: string | null;
}

export interface SetRecording {
  action: RecordingAction;
}

export interface SetupAdmin {
  displayName: string;
  password: string;
  username: string;
}

export interface SetupRequest {
  admin: SetupAdmin;
  boxName: string;
  code: string;
  device?: DeviceDescription | null;
}

export interface User {
  callWaiting: boolean;
  disabled?: boolean;
  displayName: string;
  doNotDisturb: boolean;
  extension: string | null;
  id: string;
  presence: Presence;
  role: Role;
  username: string;
  version: number;
}

export interface UserPage {
  items: User[];
  nextCursor: string | null;
}

/** What each operation takes and gives. */
export interface Operations {
  activeCalls: { input: {  }; result: CallPage };
  box: { input: {  }; result: Box };
  createUser: { input: { body: CreateUser }; result: User };
  deleteUser: { input: { path: { id: string } }; result: undefined };
  enrol: { input: { body: EnrolRequest }; result: LoginResponse };
  getCall: { input: { path: { id: string } }; result: Call };
  getUser: { input: { path: { id: string } }; result: User };
  health: { input: {  }; result: Health };
  healthz: { input: {  }; result: Alive };
  iceServers: { input: {  }; result: IceServers };
  initiateCall: { input: { body: InitiateCall }; result: InitiatedCall };
  issueEnrolment: { input: { path: { id: string } }; result: Enrolment };
  listAudit: { input: { query?: { limit?: number; cursor?: string } }; result: AuditEntryPage };
  listCalls: { input: { query?: { limit?: number; cursor?: string } }; result: CallPage };
  listSessions: { input: { query?: { limit?: number; cursor?: string } }; result: SessionPage };
  listUserSessions: { input: { path: { id: string }; query?: { limit?: number; cursor?: string } }; result: SessionPage };
  listUsers: { input: { query?: { limit?: number; cursor?: string } }; result: UserPage };
  login: { input: { body: LoginRequest }; result: LoginResponse };
  logout: { input: {  }; result: undefined };
  me: { input: {  }; result: User };
  metrics: { input: {  }; result: undefined };
  patchMe: { input: { body: PatchMe }; result: User };
  patchUser: { input: { path: { id: string }; body: PatchUser }; result: User };
  readyz: { input: {  }; result: Alive };
  refresh: { input: { body?: RefreshRequest | null }; result: LoginResponse };
  revokeSession: { input: { path: { id: string } }; result: undefined };
  setRecording: { input: { path: { id: string }; body: SetRecording }; result: Recording };
  setup: { input: { body: SetupRequest }; result: LoginResponse };
}

/** Where each operation lives. */
export const routes = {
  activeCalls: { method: "GET", path: "/api/calls/active" },
  box: { method: "GET", path: "/api/box" },
  createUser: { method: "POST", path: "/api/users" },
  deleteUser: { method: "DELETE", path: "/api/users/{id}" },
  enrol: { method: "POST", path: "/api/auth/enrol" },
  getCall: { method: "GET", path: "/api/calls/{id}" },
  getUser: { method: "GET", path: "/api/users/{id}" },
  health: { method: "GET", path: "/api/health" },
  healthz: { method: "GET", path: "/healthz" },
  iceServers: { method: "GET", path: "/api/ice-servers" },
  initiateCall: { method: "POST", path: "/api/calls/initiate" },
  issueEnrolment: { method: "POST", path: "/api/users/{id}/enrolment" },
  listAudit: { method: "GET", path: "/api/audit" },
  listCalls: { method: "GET", path: "/api/calls" },
  listSessions: { method: "GET", path: "/api/auth/sessions" },
  listUserSessions: { method: "GET", path: "/api/users/{id}/sessions" },
  listUsers: { method: "GET", path: "/api/users" },
  login: { method: "POST", path: "/api/auth/login" },
  logout: { method: "POST", path: "/api/auth/logout" },
  me: { method: "GET", path: "/api/users/me" },
  metrics: { method: "GET", path: "/metrics" },
  patchMe: { method: "PATCH", path: "/api/users/me" },
  patchUser: { method: "PATCH", path: "/api/users/{id}" },
  readyz: { method: "GET", path: "/readyz" },
  refresh: { method: "POST", path: "/api/auth/refresh" },
  revokeSession: { method: "DELETE", path: "/api/auth/sessions/{id}" },
  setRecording: { method: "POST", path: "/api/calls/{id}/recording" },
  setup: { method: "POST", path: "/api/setup" },
} as const satisfies Record<keyof Operations, { method: string; path: string }>;
