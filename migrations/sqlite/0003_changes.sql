-- min_compatible_version: 3
--
-- What has changed, for delta, watch and the index of words. An older server would write without
-- noting it.

-- In the order of commits. group_key is no reference: the note of a group's deletion outlives it.
-- No index but the order itself: one that begins with the group would cost every write. The newest
-- row is never removed, so that sequences are not given twice.
CREATE TABLE changes (
  sequence INTEGER PRIMARY KEY,
  group_key INTEGER NOT NULL,
  event INTEGER NOT NULL,
  changed_us INTEGER NOT NULL,
  conversation_id BLOB,
  thread_id BLOB,
  post_id BLOB,
  forward_id BLOB,
  group_id TEXT  -- Of the deletion of a group, whose row may be gone when this is read.
) STRICT;
