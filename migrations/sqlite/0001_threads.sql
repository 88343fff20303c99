-- min_compatible_version: 1
--
-- Groups, members, conversations and threads.
--
-- Rows hang on integer row keys; the ids that callers see are 16-byte UUIDv7 blobs, so every
-- unique index on an id alone grows at its right edge. Times are microseconds since 1970, UTC.

-- store_id is 16 bytes that nobody can guess, since they make the seals of delta tokens.
CREATE TABLE store_metadata (
  singleton INTEGER NOT NULL PRIMARY KEY CHECK (singleton = 1),
  version INTEGER NOT NULL,
  min_compatible_version INTEGER NOT NULL,
  store_id BLOB NOT NULL
) STRICT;

-- A deleted group stays as a row, invisible, until its threads and members are gone.
-- AUTOINCREMENT, because a key must never come back: idempotency keys outlive their group.
CREATE TABLE groups (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL,
  display_name TEXT NOT NULL,
  mail TEXT NOT NULL,
  created_us INTEGER NOT NULL,
  deleted INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX groups_by_id ON groups (id) WHERE deleted = 0;
CREATE INDEX groups_deleted ON groups (key) WHERE deleted = 1;

CREATE TABLE members (
  group_key INTEGER NOT NULL REFERENCES groups (key),
  user_id TEXT NOT NULL,
  display_name TEXT NOT NULL,
  mail TEXT NOT NULL,
  is_owner INTEGER NOT NULL,
  group_id TEXT NOT NULL,  -- The group's, to list a user's groups in the order of their ids.
  PRIMARY KEY (group_key, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_by_user ON members (user_id, group_id);

CREATE TABLE conversations (
  key INTEGER PRIMARY KEY,
  group_key INTEGER NOT NULL REFERENCES groups (key),
  id BLOB NOT NULL,
  topic TEXT NOT NULL,
  created_us INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX conversations_by_id ON conversations (id);

CREATE TABLE threads (
  key INTEGER PRIMARY KEY,
  group_key INTEGER NOT NULL REFERENCES groups (key),
  conversation_key INTEGER NOT NULL REFERENCES conversations (key),
  id BLOB NOT NULL,
  topic TEXT NOT NULL,
  has_attachments INTEGER NOT NULL,
  last_delivered_us INTEGER NOT NULL,
  preview TEXT NOT NULL,
  is_locked INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  created_us INTEGER NOT NULL,
  modified_us INTEGER NOT NULL
) STRICT;
-- Finds a thread of a group, and lists a group by creation.
CREATE UNIQUE INDEX threads_by_id ON threads (group_key, id);
CREATE INDEX threads_by_activity ON threads (group_key, last_delivered_us, id);
CREATE INDEX threads_by_conversation_id ON threads (conversation_key, id);
CREATE INDEX threads_by_conversation_activity
  ON threads (conversation_key, last_delivered_us, id);

CREATE TABLE recipients (
  thread_key INTEGER NOT NULL REFERENCES threads (key),
  kind INTEGER NOT NULL CHECK (kind IN (0, 1)),  -- 0 To, 1 Cc
  position INTEGER NOT NULL,
  has_email_address INTEGER NOT NULL,
  name TEXT,
  address TEXT,
  PRIMARY KEY (thread_key, kind, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE unique_senders (
  thread_key INTEGER NOT NULL REFERENCES threads (key),
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY (thread_key, position)
) STRICT, WITHOUT ROWID;

-- What requests with a request_id have made. Row keys grow with time, so the oldest rows are
-- found without an index on created_us. resource_id is the thread's; absent if the request made
-- the group itself. group_key is no reference: a key outlives its group for the retention time.
CREATE TABLE idempotency_keys (
  key INTEGER PRIMARY KEY,
  group_key INTEGER NOT NULL,
  principal TEXT NOT NULL,
  request_id BLOB NOT NULL,
  request_hash BLOB NOT NULL,
  resource_id BLOB,
  created_us INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX idempotency_keys_by_request
  ON idempotency_keys (request_id, group_key, principal);
