// Generated from openapi.json by scripts/generate-api.mjs. Do not edit: run `npm run generate:api`.

export interface Account {
  id: string;
  username: string;
  displayName: string;
  extension: string | null;
  role: Role;
}

export interface Box {
  name: string;
  boxId: string;
  version: string;
  setUp: boolean;
  features: string[];
}

export interface Call {
  callId: string;
  roomId: string;
  state: CallState;
  error?: CallError;
  caller: Party;
  callee: Party;
  media: Media;
  mediaState?: string;
  createdAt: string;
  answeredAt?: string;
  endedAt?: string;
  endReason?: EndReason;
  durationMs: number;
  recording?: boolean;
  quality?: Level;
  direction?: Direction;
  outcome?: Outcome;
}

export type CallError = "NetworkError" | "PermissionError" | "ServerError" | "MediaError";

export interface CallPage {
  items: Call[];
  nextCursor: string | null;
}

export type CallState = "Idle" | "Connecting" | "Connected" | "InCall" | "Reconnecting" | "Error" | "Timeout" | "Ended";

export interface CreateUser {
  username: string;
  password: string;
  displayName: string;
  extension?: string;
  role?: Role;
}

export interface Device {
  id: string;
  name: string;
}

export interface DeviceDescription {
  name?: string;
  platform?: string;
}

export type Direction = "incoming" | "outgoing";

export type EndReason = "hangup" | "cancelled" | "rejected" | "answered_elsewhere" | "timeout" | "error" | "box_shutdown";

export interface EnrolRequest {
  token: string;
  device?: DeviceDescription;
}

export interface Enrolment {
  token: string;
  url: string;
  qrSvg: string;
  expiresAt: string;
}

export interface FieldError {
  field: string;
  code: string;
}

export interface Health {
  state: string;
  substate?: string | null;
  parts: HealthPart[];
}

export interface HealthPart {
  name: string;
  state: string;
  detail?: string | null;
}

export interface IceServer {
  urls: string[];
  username?: string;
  credential?: string;
}

export interface IceServers {
  iceServers: IceServer[];
}

export interface InitiateCall {
  targetUserId: string;
  media: Media;
  e2ee?: boolean;
}

export interface InitiatedCall {
  callId: string;
  roomId: string;
  state: CallState;
  calleeStatus: "online" | "offline";
  iceServers: IceServer[];
  expiresAt: string;
}

export type Level = "high" | "medium" | "low";

export interface LoginRequest {
  username: string;
  password: string;
  device?: DeviceDescription;
}

export interface LoginResponse {
  accessToken: string;
  refreshToken?: string | null;
  tokenType: string;
  expiresIn: number;
  user: Account;
  device: Device;
}

export interface Media {
  audio: boolean;
  video: boolean;
}

export type Outcome = "answered" | "missed" | "rejected" | "cancelled" | "busy" | "failed";

export interface Party {
  id: string;
  displayName: string;
  extension: string | null;
}

export interface PatchMe {
  doNotDisturb?: boolean;
  callWaiting?: boolean;
}

export interface PatchUser {
  displayName?: string;
  password?: string;
  extension?: string;
  role?: Role;
}

export type Presence = "offline" | "online" | "busy" | "in_call";

export interface Problem {
  type?: string;
  title?: string;
  status: number;
  detail?: string;
  code: string;
  errors?: FieldError[];
  callId?: string;
}

export interface RefreshRequest {
  refreshToken?: string;
}

export type Role = "admin" | "user" | "guest" | "device";

export interface Session {
  id: string;
  device: SessionDevice;
  createdAt: string;
  lastSeenAt: string;
  current: boolean;
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

export interface SetupAdmin {
  username: string;
  password: string;
  displayName: string;
}

export interface SetupRequest {
  code: string;
  boxName: string;
  admin: SetupAdmin;
}

export interface User {
  id: string;
  username: string;
  displayName: string;
  extension: string | null;
  role: Role;
  presence: Presence;
  doNotDisturb: boolean;
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
  deleteSession: { input: { path: { id: string } }; result: undefined };
  deleteUser: { input: { path: { id: string } }; result: undefined };
  enrol: { input: { body: EnrolRequest }; result: LoginResponse };
  getCall: { input: { path: { id: string } }; result: Call };
  getUser: { input: { path: { id: string } }; result: User };
  health: { input: {  }; result: Health };
  iceServers: { input: {  }; result: IceServers };
  initiateCall: { input: { body: InitiateCall }; result: InitiatedCall };
  issueEnrolment: { input: { path: { id: string } }; result: Enrolment };
  listCalls: { input: { query?: { cursor?: string; limit?: number } }; result: CallPage };
  listSessions: { input: { query?: { cursor?: string; limit?: number } }; result: SessionPage };
  listUsers: { input: { query?: { cursor?: string; limit?: number } }; result: UserPage };
  login: { input: { body: LoginRequest }; result: LoginResponse };
  logout: { input: {  }; result: undefined };
  me: { input: {  }; result: User };
  patchMe: { input: { body: PatchMe }; result: User };
  patchUser: { input: { path: { id: string }; body: PatchUser }; result: User };
  refresh: { input: { body: RefreshRequest }; result: LoginResponse };
  setup: { input: { body: SetupRequest }; result: LoginResponse };
}

/** Where each operation lives. */
export const routes = {
  activeCalls: { method: "GET", path: "/api/calls/active" },
  box: { method: "GET", path: "/api/box" },
  createUser: { method: "POST", path: "/api/users" },
  deleteSession: { method: "DELETE", path: "/api/auth/sessions/{id}" },
  deleteUser: { method: "DELETE", path: "/api/users/{id}" },
  enrol: { method: "POST", path: "/api/auth/enrol" },
  getCall: { method: "GET", path: "/api/calls/{id}" },
  getUser: { method: "GET", path: "/api/users/{id}" },
  health: { method: "GET", path: "/api/health" },
  iceServers: { method: "GET", path: "/api/ice-servers" },
  initiateCall: { method: "POST", path: "/api/calls/initiate" },
  issueEnrolment: { method: "POST", path: "/api/users/{id}/enrolment" },
  listCalls: { method: "GET", path: "/api/calls" },
  listSessions: { method: "GET", path: "/api/auth/sessions" },
  listUsers: { method: "GET", path: "/api/users" },
  login: { method: "POST", path: "/api/auth/login" },
  logout: { method: "POST", path: "/api/auth/logout" },
  me: { method: "GET", path: "/api/users/me" },
  patchMe: { method: "PATCH", path: "/api/users/me" },
  patchUser: { method: "PATCH", path: "/api/users/{id}" },
  refresh: { method: "POST", path: "/api/auth/refresh" },
  setup: { method: "POST", path: "/api/setup" },
} as const satisfies Record<keyof Operations, { method: string; path: string }>;
