"""Groups and their members: making, listing and removing them."""

import datetime
import unittest

import harness
from harness import Client, Code, Group, Member


class GroupTest(harness.TestCase):

    def setUp(self):
        super().setUp()
        self.server = self.start_server()
        channel = self.server.connect()
        self.application = Client(channel)
        self.ann, self.bob = Client(channel, "ann"), Client(channel, "bob")

    def members(self, group="groups/g"):
        return [(member.id, member.role)
                for member in self.application.list_members(group).members]

    def test_a_group_comes_back_as_it_was_created(self):
        before = datetime.datetime.now(datetime.timezone.utc)
        created = self.application.create_group("Team.a_1~2-x", display_name="Team A \u00e9",
                                                mail="not an address", description="What it is for",
                                                mail_nickname="team-a")
        self.assertEqual(created, Group(
            name="groups/Team.a_1~2-x", id="Team.a_1~2-x", display_name="Team A \u00e9",
            mail="not an address", description="What it is for", mail_nickname="team-a",
            created_date_time=created.created_date_time))
        self.assertLessEqual(before, created.created_date_time.ToDatetime(datetime.timezone.utc))
        self.assertEqual(self.application.get_group(created.name), created)
        self.assertEqual(list(self.application.list_groups().groups), [created])

    def test_a_group_is_read_under_each_of_its_names(self):
        group = self.ann.create_group("g")
        for name in ("groups/g", "me/joinedGroups/g", "users/ann/joinedGroups/g"):
            self.assertEqual(self.ann.get_group(name), group)
        self.assertEqual(self.application.get_group("users/ann/joinedGroups/g"), group)

    def test_the_user_who_creates_a_group_becomes_its_owner(self):
        self.ann.create_group("g")
        self.assertEqual(self.members(), [("ann", Member.ROLE_OWNER)])

    def test_an_applications_group_begins_without_members(self):
        self.application.create_group("g")
        self.assertEqual(self.members(), [])

    def test_a_group_begins_with_the_members_given(self):
        given = [Member(id="bob", display_name="Bob"), Member(id="ann", mail="m"),
                 Member(id="cyd", role=Member.ROLE_OWNER)]
        request_id = "6f1c3bd6-7dd1-4f0c-9f0e-0d5c2ad3a7b1"
        group = self.ann.create_group("g", request_id, given)
        self.assertEqual(self.members(), [("ann", Member.ROLE_OWNER), ("bob", Member.ROLE_MEMBER),
                                          ("cyd", Member.ROLE_OWNER)])
        self.assertEqual(self.bob.get_member("groups/g/members/ann").mail, "m")
        self.assertEqual(self.ann.create_group("g", request_id, given), group)
        self.assert_refused(Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED",
                            self.ann.create_group, "g", request_id, given[:2])
        self.application.create_group("h", members=given[:1])
        self.assertEqual(self.members("groups/h"), [("bob", Member.ROLE_MEMBER)])

    def test_members_that_cannot_be_stored_leave_no_group(self):
        for members, field in (([Member(id="a/b")], "members[0].id"),
                               ([Member(id="ann"), Member(id="ann")], "members[1].id"),
                               ([Member(id=str(i)) for i in range(21)], "members")):
            self.assert_invalid([field], self.application.create_group, "g", members=members)
        self.assertEqual(list(self.application.list_groups().groups), [])

    def test_a_group_id_is_taken_once(self):
        first = self.application.create_group("g", display_name="First")
        for caller in (self.application, self.ann):
            refusal = self.assert_refused(Code.ALREADY_EXISTS, "RESOURCE_EXISTS",
                                          caller.create_group, "g", display_name="Second")
            self.assertEqual(refusal.resource, ("threadstore/Group", "groups/g"))
        self.assertEqual(self.application.get_group("groups/g"), first)
        self.assertEqual(self.members(), [])

    def test_group_ids_are_case_sensitive(self):
        for group in ("g", "G"):
            self.application.create_group(group, display_name=group)
        for group in ("g", "G"):
            self.assertEqual(self.application.get_group(f"groups/{group}").display_name, group)

    def test_lists_of_groups_are_by_id_and_per_caller(self):
        for group in ("b", "a", "C"):
            self.ann.create_group(group)
        self.application.create_group("d")
        self.application.add_member("groups/d", "bob")

        def ids(response):
            return [group.id for group in response.groups]
        self.assertEqual(ids(self.application.list_groups()), ["C", "a", "b", "d"])
        self.assertEqual(ids(self.ann.list_groups()), ["C", "a", "b"])
        self.assertEqual(ids(self.ann.list_joined_groups("me")), ["C", "a", "b"])
        self.assertEqual(ids(self.application.list_joined_groups("users/ann")), ["C", "a", "b"])
        self.assertEqual(ids(self.bob.list_joined_groups("users/bob")), ["d"])

    def test_groups_are_filtered(self):
        for group in ("a", "b", "c", "d"):
            self.application.create_group(group, display_name=f"Team {group}",
                                          members=[Member(id="ann")] if group < "c" else [])
        self.application.update_group(Group(name="groups/b", mail_nickname="sales"))
        unified = "groupTypes/any(c:c eq 'Unified')"

        def ids(response):
            return [group.id for group in response.groups]
        for text, expected in ((unified, "abcd"), (f"{unified} and displayName gt 'Team b'", "cd"),
                               ("mailNickname eq 'sales'", "b"), ("securityEnabled", ""),
                               ("mailEnabled eq true and id eq 'd'", "d")):
            with self.subTest(filter=text):
                self.assertEqual(ids(self.application.list_groups(filter=text)), list(expected))
        self.assertEqual(ids(self.ann.list_groups(filter="id ne 'a'")), ["b"])
        self.assertEqual(ids(self.ann.list_joined_groups("me", filter="id eq 'a'")), ["a"])
        page = self.application.list_groups(filter="id ne 'b'", page_size=2)
        self.assertEqual(ids(page), ["a", "c"])
        token = page.next_page_token
        self.assertEqual(ids(self.application.list_groups(filter="id ne 'b'", page_token=token)),
                         ["d"])
        for fields in ({}, {"filter": "id ne 'c'"}):
            self.assert_invalid(["page_token"], self.application.list_groups, page_token=token,
                                **fields)
        self.assert_invalid(["filter"], self.application.list_groups, filter="visibility eq 'x'")

    def test_an_empty_group_is_deleted_with_its_members(self):
        self.ann.create_group("g", display_name="Old")
        self.ann.add_member("groups/g", "bob")
        self.ann.delete_group("me/joinedGroups/g")
        self.assert_not_found(("Group", "groups/g"), self.application.get_group, "groups/g")
        self.assert_not_found(("Group", "groups/g"), self.application.delete_group, "groups/g")
        self.assert_refused(Code.PERMISSION_DENIED, "NOT_A_MEMBER",
                            self.bob.get_group, "groups/g")
        self.assertEqual(list(self.bob.list_groups().groups), [])
        self.assertEqual(list(self.application.list_groups().groups), [])

    def test_the_id_of_a_deleted_group_can_be_used_at_once(self):
        for round_number in range(5):
            self.ann.create_group("g", display_name=f"Round {round_number}")
            self.ann.add_member("groups/g", "bob")
            self.assertEqual(self.bob.get_group("groups/g").display_name, f"Round {round_number}")
            self.ann.delete_group("groups/g")
        self.bob.create_group("g")
        self.assertEqual(self.members(), [("bob", Member.ROLE_OWNER)])

    def test_a_group_with_threads_is_not_deleted(self):
        self.ann.create_group("g")
        thread = self.ann.create_thread("groups/g")
        for caller in (self.ann, self.application):
            refusal = self.assert_refused(Code.FAILED_PRECONDITION, "GROUP_NOT_EMPTY",
                                          caller.delete_group, "groups/g")
            self.assertEqual(refusal.resource, ("threadstore/Group", "groups/g"))
        self.assertEqual(self.ann.get_thread(thread.name), thread)


class MemberTest(harness.TestCase):

    def setUp(self):
        super().setUp()
        self.server = self.start_server()
        channel = self.server.connect()
        self.application = Client(channel)
        self.olga, self.mia = Client(channel, "olga"), Client(channel, "mia")
        self.olga.create_group("g")

    def member_ids(self):
        return [member.id for member in self.application.list_members("groups/g").members]

    def test_a_member_comes_back_as_it_was_added(self):
        added = self.olga.add_member("me/joinedGroups/g", "mia@example.com",
                                     display_name="Mia", mail="any text")
        self.assertEqual(added, Member(
            name="groups/g/members/mia@example.com", id="mia@example.com", display_name="Mia",
            mail="any text", role=Member.ROLE_MEMBER))
        self.assertIn(added, list(self.olga.list_members("groups/g").members))

    def test_a_member_without_role_is_a_member(self):
        self.assertEqual(self.olga.add_member("groups/g", "mia", Member.ROLE_UNSPECIFIED).role,
                         Member.ROLE_MEMBER)

    def test_members_are_listed_by_id_under_each_name_of_the_group(self):
        for user in ("zoe", "Ann", "\u00e9va", "mia"):
            self.olga.add_member("groups/g", user)
        self.assertEqual(self.member_ids(), ["Ann", "mia", "olga", "zoe", "\u00e9va"])
        for name in ("groups/g", "me/joinedGroups/g", "users/mia/joinedGroups/g"):
            self.assertEqual([member.id for member in self.mia.list_members(name).members],
                             self.member_ids())

    def test_a_user_is_added_once(self):
        self.olga.add_member("groups/g", "mia", display_name="Mia")
        for caller in (self.olga, self.application):
            for role in (Member.ROLE_MEMBER, Member.ROLE_OWNER):
                refusal = self.assert_refused(Code.ALREADY_EXISTS, "RESOURCE_EXISTS",
                                              caller.add_member, "groups/g", "mia", role)
                self.assertEqual(refusal.resource, ("threadstore/Member", "groups/g/members/mia"))
        self.assertEqual(
            list(self.application.list_members("groups/g").members)[0],
            Member(name="groups/g/members/mia", id="mia", display_name="Mia",
                   role=Member.ROLE_MEMBER))

    def test_an_application_manages_members_through_either_name(self):
        self.application.add_member("groups/g", "mia")
        self.application.remove_member("users/mia/joinedGroups/g/members/mia")
        self.assertEqual(self.member_ids(), ["olga"])

    def test_owners_remove_others(self):
        self.olga.add_member("groups/g", "mia")
        self.olga.remove_member("groups/g/members/mia")
        self.assertEqual(self.member_ids(), ["olga"])
        name = "groups/g/members/mia"
        self.assert_not_found(("Member", name), self.olga.remove_member, name)

    def test_a_member_may_leave(self):
        for name in ("groups/g/members/mia", "me/joinedGroups/g/members/mia",
                     "users/mia/joinedGroups/g/members/mia"):
            self.olga.add_member("groups/g", "mia")
            self.mia.remove_member(name)
            self.assertEqual(self.member_ids(), ["olga"])

    def test_the_last_owner_stays(self):
        self.olga.add_member("groups/g", "mia")
        for caller in (self.olga, self.application):
            refusal = self.assert_refused(Code.FAILED_PRECONDITION, "LAST_OWNER",
                                          caller.remove_member, "groups/g/members/olga")
            self.assertEqual(refusal.resource, ("threadstore/Member", "groups/g/members/olga"))
        self.assertEqual(self.member_ids(), ["mia", "olga"])

        self.olga.add_member("groups/g", "pia", Member.ROLE_OWNER)
        self.olga.remove_member("groups/g/members/olga")
        self.assertEqual(self.member_ids(), ["mia", "pia"])

    def test_of_two_owners_who_leave_at_once_one_stays(self):
        self.olga.add_member("groups/g", "pia", Member.ROLE_OWNER)
        request = harness.group_messages.RemoveMemberRequest
        leaving = []
        for user in ("olga", "pia"):
            client = self.server.client(user)
            leaving.append(client.start(client.groups.RemoveMember,
                                        request(name=f"groups/g/members/{user}")))
        codes = sorted(future.code().name for future in leaving)
        self.assertEqual(codes, ["FAILED_PRECONDITION", "OK"])
        self.assertEqual(len(self.member_ids()), 1)

    def test_a_member_reads_a_member(self):
        added = self.olga.add_member("groups/g", "mia", display_name="Mia")
        for name in ("groups/g/members/mia", "me/joinedGroups/g/members/mia",
                     "users/mia/joinedGroups/g/members/mia"):
            self.assertEqual(self.mia.get_member(name), added)
        self.assertEqual(self.mia.get_member("groups/g/owners/olga").id, "olga")
        for name in ("groups/g/members/nobody", "groups/g/owners/mia"):
            self.assert_not_found(("Member", name), self.mia.get_member, name)

    def test_owners_change_members(self):
        self.olga.add_member("groups/g", "mia", display_name="Mia", mail="m")
        changed = self.olga.update_member(
            Member(name="me/joinedGroups/g/members/mia", role=Member.ROLE_OWNER, mail="new"))
        self.assertEqual(changed, Member(name="groups/g/members/mia", id="mia", mail="new",
                                         display_name="Mia", role=Member.ROLE_OWNER))
        self.assertEqual(self.mia.get_member(changed.name), changed)
        changed = self.mia.update_member(
            Member(name=changed.name, role=Member.ROLE_MEMBER), "role", "display_name")
        self.assertEqual(changed, Member(name="groups/g/members/mia", id="mia", mail="new",
                                         role=Member.ROLE_MEMBER))
        self.assert_refused(Code.PERMISSION_DENIED, "NOT_AN_OWNER", self.mia.update_member,
                            Member(name=changed.name, display_name="Mine"))
        self.application.update_member(Member(name=changed.name, display_name="Anyone"))
        self.assertEqual(self.mia.get_member(changed.name).display_name, "Anyone")

    def test_a_role_to_change_to_is_given(self):
        for paths in (["role"], ["*"]):
            self.assert_invalid(["member.role"], self.olga.update_member,
                                Member(name="groups/g/members/olga"), *paths)
        self.assert_invalid(["update_mask"], self.olga.update_member,
                            Member(name="groups/g/members/olga", id="x"), "id")

    def test_the_last_owner_is_not_demoted(self):
        member = Member(name="groups/g/members/olga", role=Member.ROLE_MEMBER)
        refusal = self.assert_refused(Code.FAILED_PRECONDITION, "LAST_OWNER",
                                      self.olga.update_member, member)
        self.assertEqual(refusal.resource, ("threadstore/Member", member.name))
        self.assert_refused(Code.FAILED_PRECONDITION, "LAST_OWNER",
                            self.application.remove_member, "groups/g/owners/olga")
        self.assertEqual(self.olga.get_member(member.name).role, Member.ROLE_OWNER)

    def test_owners_are_a_collection_of_their_own(self):
        self.olga.add_member("groups/g", "mia", display_name="Mia")
        self.olga.add_member("groups/g", "pia")
        self.assertEqual(
            self.olga.add_member("groups/g/owners", "mia", Member.ROLE_UNSPECIFIED),
            Member(name="groups/g/members/mia", id="mia", display_name="Mia",
                   role=Member.ROLE_OWNER))
        self.assert_refused(Code.ALREADY_EXISTS, "RESOURCE_EXISTS", self.olga.add_member,
                            "groups/g/owners", "mia", Member.ROLE_OWNER)
        self.assertEqual(self.application.add_member(
            "groups/g/owners", "zoe", Member.ROLE_OWNER).role, Member.ROLE_OWNER)
        for listed in (self.mia.list_members("me/joinedGroups/g/owners"),
                       self.mia.list_members("groups/g", role=Member.ROLE_OWNER)):
            self.assertEqual([member.id for member in listed.members], ["mia", "olga", "zoe"])
        listed = self.mia.list_members("groups/g", role=Member.ROLE_MEMBER)
        self.assertEqual([member.id for member in listed.members], ["pia"])
        page = self.mia.list_members("groups/g/owners", page_size=2)
        self.assert_invalid(["page_token"], self.mia.list_members, "groups/g",
                            page_token=page.next_page_token)
        self.mia.remove_member("groups/g/owners/mia")
        self.assertEqual(self.mia.get_member("groups/g/members/mia").role, Member.ROLE_MEMBER)
        self.assert_refused(Code.PERMISSION_DENIED, "NOT_AN_OWNER", self.mia.remove_member,
                            "groups/g/owners/olga")
        name = "groups/g/owners/mia"
        self.assert_not_found(("Member", name), self.mia.remove_member, name)
        self.assertEqual(self.member_ids(), ["mia", "olga", "pia", "zoe"])

    def test_members_survive_a_restart(self):
        self.olga.add_member("groups/g", "mia", display_name="Mia", mail="m")
        before = self.application.list_members("groups/g")
        self.server.stop()
        self.assertEqual(self.start_server().client().list_members("groups/g"), before)


if __name__ == "__main__":
    unittest.main()
