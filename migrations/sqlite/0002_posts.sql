-- min_compatible_version: 2
--
-- Posts with what hangs on them, lists of senders, and deletion below the group. An older server
-- would show what is deleted, and leave posts behind.

ALTER TABLE groups ADD COLUMN allow_external_senders INTEGER NOT NULL DEFAULT 0;

-- Senders by their ids or addresses; they need not be members.
CREATE TABLE group_senders (
  group_key INTEGER NOT NULL REFERENCES groups (key),
  list INTEGER NOT NULL CHECK (list IN (0, 1)),  -- 0 accepted, 1 rejected
  sender TEXT NOT NULL,
  PRIMARY KEY (group_key, list, sender)
) STRICT, WITHOUT ROWID;

-- Finds the member that an application names as a sender.
CREATE INDEX members_by_mail ON members (group_key, mail, user_id) WHERE mail <> '';

-- As with groups, a deleted row stays, invisible, until all below it is gone.
ALTER TABLE conversations ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;
CREATE INDEX conversations_deleted ON conversations (key) WHERE deleted = 1;
ALTER TABLE threads ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;
CREATE INDEX threads_deleted ON threads (key) WHERE deleted = 1;

-- Tells whether any thread of a conversation has attachments.
CREATE INDEX threads_with_attachments ON threads (conversation_key) WHERE has_attachments = 1;

-- Finds a conversation of a group, and lists a group by creation.
DROP INDEX conversations_by_id;
CREATE UNIQUE INDEX conversations_by_id ON conversations (group_key, id);

-- From its first post on, what a thread says of itself comes from its posts alone.
ALTER TABLE threads ADD COLUMN has_had_posts INTEGER NOT NULL DEFAULT 0;

-- Ids hold the time to the microsecond, in which no two posts of a thread are equal: the order of
-- ids is the order of time. The content comes last, so that reading the rest does not touch it.
CREATE TABLE posts (
  key INTEGER PRIMARY KEY,
  thread_key INTEGER NOT NULL REFERENCES threads (key),
  id BLOB NOT NULL,
  created_us INTEGER NOT NULL,
  modified_us INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  author TEXT,  -- The user who posted; absent if an application did.
  sender_name TEXT,
  sender_address TEXT,
  sender_label TEXT NOT NULL,  -- What unique_senders says.
  has_attachments INTEGER NOT NULL,
  in_reply_to BLOB,
  preview TEXT NOT NULL,
  content_type TEXT,  -- Absent without a body.
  content TEXT
) STRICT;
CREATE UNIQUE INDEX posts_by_id ON posts (thread_key, id);
-- Finds a sender's first post, and whether any post has attachments, when one is deleted.
CREATE INDEX posts_by_sender ON posts (thread_key, sender_label, id);
CREATE INDEX posts_with_attachments ON posts (thread_key) WHERE has_attachments = 1;

CREATE TABLE post_categories (
  post_key INTEGER NOT NULL REFERENCES posts (key),
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY (post_key, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE post_participants (
  post_key INTEGER NOT NULL REFERENCES posts (key),
  position INTEGER NOT NULL,
  has_email_address INTEGER NOT NULL,
  name TEXT,
  address TEXT,
  PRIMARY KEY (post_key, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE attachments (
  key INTEGER PRIMARY KEY,
  post_key INTEGER NOT NULL REFERENCES posts (key),
  id BLOB NOT NULL,
  kind INTEGER NOT NULL CHECK (kind IN (0, 1, 2)),  -- 0 file, 1 item, 2 reference
  display_name TEXT NOT NULL,
  content_type TEXT NOT NULL,
  size INTEGER NOT NULL,
  is_inline INTEGER NOT NULL,
  attached_us INTEGER NOT NULL,
  content_id TEXT NOT NULL,
  source_url TEXT NOT NULL,
  provider_type TEXT NOT NULL,
  permission TEXT NOT NULL,
  is_folder INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX attachments_by_id ON attachments (post_key, id);

CREATE TABLE attachment_contents (
  attachment_key INTEGER PRIMARY KEY REFERENCES attachments (key),
  content BLOB NOT NULL
) STRICT;

-- The id tells an extension from one of the same name that was there before.
CREATE TABLE post_extensions (
  key INTEGER PRIMARY KEY,
  post_key INTEGER NOT NULL REFERENCES posts (key),
  id BLOB NOT NULL,
  name TEXT NOT NULL,
  content_json TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX post_extensions_by_name ON post_extensions (post_key, name);

CREATE TABLE forwards (
  key INTEGER PRIMARY KEY,
  post_key INTEGER NOT NULL REFERENCES posts (key),
  id BLOB NOT NULL,
  created_us INTEGER NOT NULL,
  comment TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX forwards_by_id ON forwards (post_key, id);

CREATE TABLE forward_recipients (
  forward_key INTEGER NOT NULL REFERENCES forwards (key),
  position INTEGER NOT NULL,
  has_email_address INTEGER NOT NULL,
  name TEXT,
  address TEXT,
  PRIMARY KEY (forward_key, position)
) STRICT, WITHOUT ROWID;
