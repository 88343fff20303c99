#include "server/store/sqlite/posting_rules.h"

#include <utility>

#include "server/base/errors.h"
#include "server/base/status_macros.h"
#include "server/domain/resource.h"
#include "server/domain/resource_name.h"
#include "server/store/sqlite/columns.h"

namespace threadstore::sqlite {
namespace {

// Whether what a caller says of somebody is so. What it leaves out says nothing.
bool IsSame(const v1::EmailAddress& said, const v1::EmailAddress& known) {
  return (said.name().empty() || said.name() == known.name()) &&
         (said.address().empty() || said.address() == known.address());
}

// What a post's sender is called: the store's texts count, as its owners chose them; the
// credentials' where it has none. Who may post is decided without the latter, which users may be
// able to choose.
void AddTextsOfCredentials(const RequiredMember& caller, v1::Member& member) {
  if (member.display_name().empty()) member.set_display_name(caller.display_name);
  if (member.mail().empty()) member.set_mail(caller.mail);
}

}  // namespace

absl::StatusOr<std::unique_ptr<PostingRules>> PostingRules::Prepare(Database& db,
                                                                    ReadQueries& reads,
                                                                    const Room& room) {
  std::unique_ptr<PostingRules> rules(new PostingRules(db, reads, room));
  RETURN_IF_ERROR(rules->PrepareAll());
  return rules;
}

absl::Status PostingRules::PrepareAll() {
  const std::pair<Statement*, absl::string_view> statements[] = {
      {&find_posting_rules_,
       "SELECT allow_external_senders,"
       " EXISTS (SELECT 1 FROM group_senders WHERE group_key = ?1 AND list = 0),"
       " EXISTS (SELECT 1 FROM group_senders WHERE group_key = ?1 AND list = 1)"
       " FROM groups WHERE key = ?1"},
      {&is_listed_,
       "SELECT EXISTS (SELECT 1 FROM group_senders"
       " WHERE group_key = ? AND list = ? AND sender = ?)"},
      {&insert_sender_, "INSERT INTO group_senders (group_key, list, sender) VALUES (?, ?, ?)"},
      {&delete_sender_,
       "DELETE FROM group_senders WHERE group_key = ? AND list = ? AND sender = ?"},
  };
  for (const auto& [statement, sql] : statements) {
    ASSIGN_OR_RETURN(*statement, db_.Prepare(sql));
  }
  return absl::OkStatus();
}

absl::StatusOr<PostingRules::Author> PostingRules::ResolveAuthor(const CallContext& context,
                                                                 int64_t group_key,
                                                                 absl::string_view group,
                                                                 const v1::Post& post,
                                                                 const std::string& field) {
  Author author;
  Identities identities;
  std::optional<v1::Member> member;
  const bool is_user = context.required_member.has_value() && context.required_member->is_caller;
  if (post.has_sender() && !is_user) {
    author.sender = post.sender();
    const std::string& address = post.sender().email_address().address();
    if (!address.empty()) {
      identities.ids.push_back(address);
      ASSIGN_OR_RETURN(member, reads_.FindMemberByAddress(group_key, group, address));
    }
  } else {
    if (!context.required_member.has_value())
      return absl::InternalError("a post to store has neither sender nor member");
    author.user = context.required_member->user;
    ASSIGN_OR_RETURN(member, reads_.FindMember(group_key, group, *author.user));
    if (!member.has_value() && context.required_member->is_vouched_for) {
      member.emplace().set_id(*author.user);
    }
    if (!member.has_value()) return absl::InternalError("the required member is none");
    v1::Member named = *member;
    AddTextsOfCredentials(*context.required_member, named);
    author.sender = SenderOf(named);
    if (post.has_sender() && !IsSame(post.sender().email_address(), author.sender.email_address()))
      return InvalidFieldError(field, "must be absent or the user who calls");
  }
  identities.is_member = member.has_value();
  if (member.has_value()) {
    identities.ids.push_back(member->id());
    if (!member->mail().empty()) identities.ids.push_back(member->mail());
  }
  RETURN_IF_ERROR(CheckMayPost(group_key, group, identities));
  return author;
}

absl::Status PostingRules::CheckMemberMayPost(const CallContext& context, int64_t group_key,
                                              absl::string_view group) {
  const bool by_user = context.required_member.has_value() && context.required_member->is_caller;
  if (!by_user) return absl::OkStatus();
  return ResolveAuthor(context, group_key, group, v1::Post(), "").status();
}

absl::Status PostingRules::CheckMayPost(int64_t group_key, absl::string_view group,
                                        const Identities& identities) {
  bool allows_external = false;
  bool has_accepted = false;
  bool has_rejected = false;
  {
    Query query(find_posting_rules_);
    query.Bind(group_key);
    ASSIGN_OR_RETURN(const bool found, query.Step());
    if (!found) return NotFoundError(kGroupType, MakeGroupName(group));
    allows_external = query.Boolean(0);
    has_accepted = query.Boolean(1);
    has_rejected = query.Boolean(2);
  }
  bool may_post = identities.is_member || allows_external;
  if (may_post && has_accepted) {
    ASSIGN_OR_RETURN(may_post, IsAnyListed(group_key, SenderList::kAccepted, identities));
  }
  if (may_post && has_rejected) {
    ASSIGN_OR_RETURN(const bool rejected,
                     IsAnyListed(group_key, SenderList::kRejected, identities));
    may_post = !rejected;
  }
  return may_post ? absl::OkStatus() : SenderNotAllowedError(MakeGroupName(group));
}

absl::StatusOr<bool> PostingRules::IsAnyListed(int64_t group_key, SenderList list,
                                               const Identities& identities) {
  for (const std::string& id : identities.ids) {
    ASSIGN_OR_RETURN(const bool is_listed, IsListed(group_key, list, id));
    if (is_listed) return true;
  }
  return false;
}

absl::StatusOr<bool> PostingRules::IsListed(int64_t group_key, SenderList list,
                                            absl::string_view sender) {
  Query query(is_listed_);
  query.Bind(group_key).Bind(ListColumn(list)).BindText(sender);
  ASSIGN_OR_RETURN([[maybe_unused]] const bool row, query.Step());
  return query.Boolean(0);
}

absl::Status PostingRules::AddSender(const CallContext& context, const SenderName& sender) {
  const std::string& group = sender.list.group.group;
  ASSIGN_OR_RETURN(const int64_t key, reads_.ResolveGroup(context.required_member, group));
  for (const SenderList list : {SenderList::kAccepted, SenderList::kRejected}) {
    ASSIGN_OR_RETURN(const bool is_listed, IsListed(key, list, sender.sender));
    if (!is_listed) continue;
    if (list == sender.list.list)
      return AlreadyExistsError(kSenderType, MakeSenderName(group, list, sender.sender));
    return InvalidFieldError("sender.id", "must not be on both lists of the group");
  }
  RETURN_IF_ERROR(room_.Check());
  return Query(insert_sender_)
      .Bind(key)
      .Bind(ListColumn(sender.list.list))
      .BindText(sender.sender)
      .Run();
}

absl::Status PostingRules::RemoveSender(const CallContext& context, const SenderName& sender) {
  const std::string& group = sender.list.group.group;
  ASSIGN_OR_RETURN(const int64_t key, reads_.ResolveGroup(context.required_member, group));
  const int64_t before = db_.total_changes();
  RETURN_IF_ERROR(Query(delete_sender_)
                      .Bind(key)
                      .Bind(ListColumn(sender.list.list))
                      .BindText(sender.sender)
                      .Run());
  if (db_.total_changes() > before) return absl::OkStatus();
  return NotFoundError(kSenderType, MakeSenderName(group, sender.list.list, sender.sender));
}

}  // namespace threadstore::sqlite
