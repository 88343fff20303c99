-- min_compatible_version: 6
--
-- What groups take up, for quotas. An older server would write without counting.

-- Of a thread that is there: the bytes of what callers wrote, as server/domain/usage.h counts them.
ALTER TABLE threads ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
UPDATE threads SET bytes =
  (SELECT sum(length(CAST(text AS BLOB))) FROM (
    SELECT threads.topic AS text
    UNION ALL SELECT threads.preview WHERE threads.has_had_posts = 0
    UNION ALL SELECT name FROM unique_senders
      WHERE thread_key = threads.key AND threads.has_had_posts = 0
    UNION ALL SELECT name FROM recipients WHERE thread_key = threads.key
    UNION ALL SELECT address FROM recipients WHERE thread_key = threads.key
    UNION ALL SELECT content FROM posts WHERE thread_key = threads.key
    UNION ALL SELECT name FROM posts JOIN post_categories ON post_key = posts.key
      WHERE thread_key = threads.key
    UNION ALL SELECT name FROM posts JOIN post_participants ON post_key = posts.key
      WHERE thread_key = threads.key
    UNION ALL SELECT address FROM posts JOIN post_participants ON post_key = posts.key
      WHERE thread_key = threads.key
    UNION ALL SELECT display_name || attachments.content_type || content_id || source_url
      || provider_type || permission FROM posts JOIN attachments ON post_key = posts.key
      WHERE thread_key = threads.key
    UNION ALL SELECT name || content_json FROM posts JOIN post_extensions ON post_key = posts.key
      WHERE thread_key = threads.key
    UNION ALL SELECT comment FROM posts JOIN forwards ON post_key = posts.key
      WHERE thread_key = threads.key
    UNION ALL SELECT name FROM posts JOIN forwards ON post_key = posts.key
      JOIN forward_recipients ON forward_key = forwards.key WHERE thread_key = threads.key
    UNION ALL SELECT address FROM posts JOIN forwards ON post_key = posts.key
      JOIN forward_recipients ON forward_key = forwards.key WHERE thread_key = threads.key))
  + (SELECT coalesce(sum(size), 0) FROM posts JOIN attachments ON post_key = posts.key
    WHERE thread_key = threads.key);

-- Of a conversation that is there: its threads that are, and their bytes.
ALTER TABLE conversations ADD COLUMN threads INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversations ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
UPDATE conversations SET (threads, bytes) =
  (SELECT count(*), coalesce(sum(threads.bytes), 0) FROM threads
    WHERE conversation_key = conversations.key AND deleted = 0);

-- The same of a group. A table of its own, whose rows lie close together: each write changes one. A
-- group without a row has nothing.
CREATE TABLE group_usage (
  group_key INTEGER PRIMARY KEY REFERENCES groups (key),
  threads INTEGER NOT NULL,
  bytes INTEGER NOT NULL
) STRICT;
INSERT INTO group_usage (group_key, threads, bytes)
  SELECT group_key, sum(threads), sum(bytes) FROM conversations WHERE deleted = 0
  GROUP BY group_key;
