-- min_compatible_version: 4
--
-- Lists of owners.

-- Lists the members of one role, and tells whether there is another owner.
CREATE INDEX members_by_role ON members (group_key, is_owner, user_id);
