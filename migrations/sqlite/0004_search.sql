-- min_compatible_version: 4
--
-- The index of words. An older server would remove posts and leave their words behind.

-- What is searched: a post with its thread's topic, or the topic of a thread without posts. Keys
-- are in the order of time: microseconds since 1970, times 32. Words have a space before each.
CREATE TABLE search_documents (
  key INTEGER PRIMARY KEY,
  group_key INTEGER NOT NULL,
  thread_key INTEGER NOT NULL REFERENCES threads (key),
  post_key INTEGER REFERENCES posts (key),
  topic TEXT NOT NULL,
  body TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX search_documents_by_post ON search_documents (post_key)
  WHERE post_key IS NOT NULL;
CREATE UNIQUE INDEX search_documents_of_topics ON search_documents (thread_key)
  WHERE post_key IS NULL;

-- Each word begins with its group, so that a search reads nothing of other groups; the thread is a
-- word of its own.
CREATE VIEW search_texts AS
  SELECT key, replace(topic, ' ', ' ' || group_key || 'g') AS topic,
    replace(body, ' ', ' ' || group_key || 'g') AS body, 't' || thread_key AS thread
  FROM search_documents;

-- The tokenizer takes our words as they are: it splits at what is ASCII and no letter or digit.
CREATE VIRTUAL TABLE search_index USING fts5 (
  topic, body, thread, content='search_texts', content_rowid='key', tokenize='ascii'
);
-- Twice as many as by default: merging costs a third of what indexing costs.
INSERT INTO search_index (search_index, rank) VALUES ('automerge', 8);

-- How far the index is: what words were, the last change that it has, and of the posts and threads
-- that are in no change the last that it has, absent when it has all of them.
CREATE TABLE search_state (
  singleton INTEGER NOT NULL PRIMARY KEY CHECK (singleton = 1),
  words_version INTEGER NOT NULL,
  last_sequence INTEGER NOT NULL,
  last_post_key INTEGER,
  last_thread_key INTEGER
) STRICT;
INSERT INTO search_state (singleton, words_version, last_sequence)
  SELECT 1, 0, coalesce(max(sequence), 0) FROM changes;
