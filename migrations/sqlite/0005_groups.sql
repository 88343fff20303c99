-- min_compatible_version: 4
--
-- Lists of owners, and what groups say of themselves. An older server leaves the new columns as they
-- are.

-- Lists the members of one role, and tells whether there is another owner.
CREATE INDEX members_by_role ON members (group_key, is_owner, user_id);

ALTER TABLE groups ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE groups ADD COLUMN mail_nickname TEXT NOT NULL DEFAULT '';
