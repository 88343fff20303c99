-- Where an SQLite store counts threads or bytes that are not there, or not all that are: a line for
-- each thread, conversation and group. Counts anew by server/domain/usage.h. Of what is deleted
-- nobody asks.
WITH
  texts (thread_key, text) AS (
    SELECT key, topic FROM threads
    UNION ALL SELECT key, preview FROM threads WHERE has_had_posts = 0
    UNION ALL SELECT thread_key, name FROM unique_senders JOIN threads ON threads.key = thread_key
      WHERE has_had_posts = 0
    UNION ALL SELECT thread_key, name FROM recipients
    UNION ALL SELECT thread_key, address FROM recipients
    UNION ALL SELECT thread_key, content FROM posts
    UNION ALL SELECT thread_key, name FROM posts JOIN post_categories ON post_key = posts.key
    UNION ALL SELECT thread_key, name FROM posts JOIN post_participants ON post_key = posts.key
    UNION ALL SELECT thread_key, address FROM posts JOIN post_participants ON post_key = posts.key
    UNION ALL SELECT thread_key, display_name FROM posts JOIN attachments ON post_key = posts.key
    UNION ALL SELECT thread_key, attachments.content_type
      FROM posts JOIN attachments ON post_key = posts.key
    UNION ALL SELECT thread_key, content_id FROM posts JOIN attachments ON post_key = posts.key
    UNION ALL SELECT thread_key, source_url FROM posts JOIN attachments ON post_key = posts.key
    UNION ALL SELECT thread_key, provider_type FROM posts JOIN attachments ON post_key = posts.key
    UNION ALL SELECT thread_key, permission FROM posts JOIN attachments ON post_key = posts.key
    UNION ALL SELECT thread_key, attachment_contents.content FROM posts
      JOIN attachments ON post_key = posts.key
      JOIN attachment_contents ON attachment_key = attachments.key
    UNION ALL SELECT thread_key, name FROM posts JOIN post_extensions ON post_key = posts.key
    UNION ALL SELECT thread_key, content_json FROM posts JOIN post_extensions ON post_key = posts.key
    UNION ALL SELECT thread_key, comment FROM posts JOIN forwards ON post_key = posts.key
    UNION ALL SELECT thread_key, name FROM posts JOIN forwards ON post_key = posts.key
      JOIN forward_recipients ON forward_key = forwards.key
    UNION ALL SELECT thread_key, address FROM posts JOIN forwards ON post_key = posts.key
      JOIN forward_recipients ON forward_key = forwards.key),
  counted (thread_key, bytes) AS (
    SELECT thread_key, sum(length(CAST(text AS BLOB))) FROM texts GROUP BY thread_key),
  there (group_key, conversation_key, key, bytes, counted) AS (
    SELECT threads.group_key, conversation_key, threads.key, threads.bytes, counted.bytes
    FROM threads JOIN counted ON thread_key = threads.key
      JOIN conversations ON conversations.key = conversation_key
      JOIN groups ON groups.key = threads.group_key
    WHERE threads.deleted = 0 AND conversations.deleted = 0 AND groups.deleted = 0),
  mismatches (line) AS (
    SELECT 'thread ' || key || ': ' || bytes || ' bytes, not ' || counted
    FROM there WHERE bytes <> counted
    UNION ALL
    SELECT 'conversation ' || conversations.key || ': ' || threads || ' threads and '
      || conversations.bytes || ' bytes, not ' || count(there.key) || ' and '
      || coalesce(sum(counted), 0)
    FROM conversations JOIN groups ON groups.key = conversations.group_key
      LEFT JOIN there ON conversation_key = conversations.key
    WHERE conversations.deleted <> 1 AND groups.deleted = 0
    GROUP BY conversations.key
    HAVING threads <> count(there.key) OR conversations.bytes <> coalesce(sum(counted), 0)
    UNION ALL
    SELECT 'group ' || groups.id || ': ' || coalesce(threads, 0) || ' threads and '
      || coalesce(group_usage.bytes, 0) || ' bytes, not ' || count(there.key) || ' and '
      || coalesce(sum(counted), 0)
    FROM groups LEFT JOIN group_usage ON group_usage.group_key = groups.key
      LEFT JOIN there ON there.group_key = groups.key
    WHERE groups.deleted = 0
    GROUP BY groups.key
    HAVING coalesce(threads, 0) <> count(there.key)
      OR coalesce(group_usage.bytes, 0) <> coalesce(sum(counted), 0))
SELECT coalesce(group_concat(line, x'0A'), '') FROM mismatches
